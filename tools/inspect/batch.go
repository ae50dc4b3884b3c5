package inspect

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"caro.sh/telemetry/eventlog"
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

// A job is a batch on its way, and what was found in it.
type job[R any] struct {
	batch
	found R
	done  chan struct{} // holds one entry once it has been judged
}

// A line is what judge finds in a batch and take does with it. judge is called
// from several goroutines, take from one, in the order of the lines; what judge
// left in R from another batch is still there.
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
	ctx, cancel := context.WithCancel(ctx)
	workers := in.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	flight := 2*workers + 1
	p := &pipeline[R]{free: make(chan *job[R], flight), work: make(chan *job[R], flight), order: make(chan *job[R], flight)}
	for range flight {
		p.free <- &job[R]{done: make(chan struct{}, 1)}
	}
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() { p.judge(s.judge) })
	}
	var readErr error
	wait.Go(func() { readErr = p.read(ctx, &in, snapshot) })
	err = p.take(s.take)
	cancel()
	for range p.order { // what was on its way when take had enough
	}
	wait.Wait()
	if err != nil {
		return err
	}
	return readErr
}

// pipeline is where jobs are: free, waiting for a judge, and in order for take.
type pipeline[R any] struct {
	free, work, order chan *job[R]
}

// read cuts the input into jobs until it or ctx ends.
func (p *pipeline[R]) read(ctx context.Context, in *Input, s *eventlog.Snapshot) error {
	defer close(p.order)
	defer close(p.work)
	j, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	for e, err := range in.lines(ctx, s) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !isDamage(err):
			return err
		case err != nil:
			j.damage = append(j.damage, err)
			continue
		}
		if j.full(e) || len(j.damage) > 0 {
			p.send(j)
			if j, err = p.fresh(ctx); err != nil {
				return err
			}
		}
		j.add(e)
	}
	p.send(j)
	return ctx.Err()
}

func isDamage(err error) bool {
	var damaged *eventlog.DamageError
	return errors.As(err, &damaged)
}

// fresh waits for a job that nobody needs any more.
func (p *pipeline[R]) fresh(ctx context.Context) (*job[R], error) {
	select {
	case j := <-p.free:
		j.reset()
		return j, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send never waits: there is room for every job there is.
func (p *pipeline[R]) send(j *job[R]) {
	p.order <- j
	p.work <- j
}

func (p *pipeline[R]) judge(judge func(*batch, *R)) {
	for j := range p.work {
		judge(&j.batch, &j.found)
		j.done <- struct{}{}
	}
}

func (p *pipeline[R]) take(take func(*batch, *R) error) error {
	for j := range p.order {
		<-j.done
		if err := take(&j.batch, &j.found); err != nil {
			return err
		}
		p.free <- j
	}
	return nil
}
