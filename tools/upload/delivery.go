package upload

import (
	"context"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// delivery is one batch on its way, in as many parts as it takes.
type delivery struct {
	r         *runner
	b         *eventlog.Batch
	sent      <-chan posted // of the whole batch, where it is on its way already
	first     answer        // to the whole batch
	asked     bool
	bytes     int
	accepted  int64
	rejected  int64
	refused   []eventlog.Refusal
	alone     int64   // events refused one by one
	stopped   *answer // that ends the run
	forbidden Reason
}

// part sends some of the events, and halves what is too large or holds an event
// that is not wanted, until that is alone.
func (d *delivery) part(ctx context.Context, from, to int) {
	if d.stopped != nil || d.forbidden != "" {
		return
	}
	lines := d.b.Lines[from:to]
	a, ok := d.ask(ctx, lines)
	if !ok {
		return
	}
	switch {
	case a.kind == taken:
		d.accepted += a.accepted
		d.rejected += a.rejected
		for _, refusal := range a.refused {
			refusal.Event += from
			d.refused = append(d.refused, refusal)
		}
	case a.kind == split && len(lines) == 1:
		d.rejected++
		d.alone++
		d.refused = append(d.refused, eventlog.Refusal{Event: from, Status: a.status})
	case a.kind == split:
		middle := from + len(lines)/2
		d.part(ctx, from, middle)
		d.part(ctx, middle, to)
	default:
		d.stopped = &a
	}
}

// ask sends some of the events, unless they are on their way already, and reports
// whether that is allowed.
func (d *delivery) ask(ctx context.Context, lines []schema.Line) (a answer, ok bool) {
	var p posted
	if sent := d.sent; sent != nil {
		d.sent = nil
		p = <-sent
	} else {
		if d.forbidden = d.r.allowed(); d.forbidden != "" {
			return a, false
		}
		p = d.r.send(ctx, d.b, lines)
	}
	if !d.asked {
		d.first, d.bytes, d.asked = p.answer, p.bytes, true
	}
	return p.answer, true
}

// whole reports whether every event was refused, one by one.
func (d *delivery) whole() bool { return d.alone == int64(len(d.b.Lines)) }

func (d *delivery) outcome() string {
	switch {
	case d.forbidden != "":
		return string(d.forbidden)
	case d.stopped != nil && d.stopped.kind == refuse:
		return string(Refused)
	case d.stopped != nil:
		return string(Deferred)
	case d.whole():
		return "refused_whole"
	}
	return string(Done)
}
