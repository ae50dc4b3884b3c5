package inspect

import (
	"context"
	"errors"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/tools/inorder"
)

// A batch is some lines of one file, copied, to be judged together.
type batch struct {
	name    string
	segment uint64
	text    []byte
	lines   []place
	damage  []error // met behind the lines
}

// place is where a line is in the batch's text and in its file.
type place struct {
	from, to int32
	offset   int64
}

func (b *batch) line(i int) []byte { return b.text[b.lines[i].from:b.lines[i].to] }

// each batch holds as much as a core judges in less than a millisecond.
const batchBytes = 128 << 10

func (b *batch) full(e eventlog.Entry) bool {
	return len(b.lines) > 0 && (b.name != e.Name || b.segment != e.Segment || len(b.text)+len(e.Raw) > batchBytes)
}

func (b *batch) add(e eventlog.Entry) {
	b.name, b.segment = e.Name, e.Segment
	from := int32(len(b.text))
	b.text = append(b.text, e.Raw...)
	b.lines = append(b.lines, place{from, int32(len(b.text)), e.Offset})
}

func (b *batch) reset() {
	b.text, b.lines, b.damage = b.text[:0], b.lines[:0], nil
}

// A job is a batch and what was found in it.
type job[R any] struct {
	batch
	found R
}

// What judge finds in a batch take gets. judge is called from several goroutines,
// take from one, in the order of the lines; what judge left in R from another
// batch is still there.
type stages[R any] struct {
	judge func(*batch, *R)
	take  func(*batch, *R) error
}

// run goes through the input in order on every core. Damage is in the batches;
// any other error, and the first one of take, ends it.
func run[R any](ctx context.Context, in Input, s stages[R]) error {
	snapshot, err := in.snapshot()
	if err != nil {
		return err
	}
	if snapshot != nil {
		defer snapshot.Close()
	}
	return inorder.Run(ctx, in.Workers, inorder.Stages[job[R]]{
		Read: func(next func() *job[R], send func()) error {
			return readBatches(ctx, &in, snapshot, next, send)
		},
		Judge: func(j *job[R]) { s.judge(&j.batch, &j.found) },
		Take:  func(j *job[R]) error { return s.take(&j.batch, &j.found) },
	})
}

// readBatches cuts the input into jobs until it or ctx ends.
func readBatches[R any](ctx context.Context, in *Input, s *eventlog.Snapshot, next func() *job[R], send func()) error {
	fresh := func() *job[R] {
		j := next()
		if j != nil {
			j.reset()
		}
		return j
	}
	j := fresh()
	for e, err := range in.lines(ctx, s) {
		switch {
		case j == nil || ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !isDamage(err):
			return err
		case err != nil:
			j.damage = append(j.damage, err)
			continue
		}
		if j.full(e) || len(j.damage) > 0 {
			send()
			if j = fresh(); j == nil {
				return ctx.Err()
			}
		}
		j.add(e)
	}
	if j != nil {
		send()
	}
	return ctx.Err()
}

func isDamage(err error) bool {
	var damaged *eventlog.DamageError
	return errors.As(err, &damaged)
}
