package upload

import (
	"context"
	"sync"

	"caro.sh/telemetry/eventlog"
)

// maxAhead is how many batches may be on their way behind the one whose answer is
// awaited. With two of them neither end waits for the other's disk.
const maxAhead = 2

// ahead is a batch that will probably be one of the next.
type ahead struct {
	batch *eventlog.Batch
	// announced says that it is on disk as on its way; answer is nil until it is.
	announced bool
	answer    <-chan posted
}

// aheads are the batches behind the one whose answer is awaited, in their order.
type aheads []ahead

// take returns what is there for a batch, and forgets what is not behind it.
func (a *aheads) take(b *eventlog.Batch) (mine ahead) {
	if len(*a) == 0 || (*a)[0].batch != b {
		*a = nil
		return ahead{}
	}
	mine, *a = (*a)[0], (*a)[1:]
	return mine
}

// first is the batch that comes next, nil if nobody knows.
func (a aheads) first() (b *eventlog.Batch, sent bool) {
	if len(a) == 0 {
		return nil, false
	}
	return a[0].batch, a[0].answer != nil
}

// drop waits for the end of requests that nobody cares for any more.
func (a aheads) drop() {
	for _, next := range a {
		if next.answer != nil {
			<-next.answer
		}
	}
}

// window is how many batches may be on their way behind the one that is being sent:
// one more for each in a row that the receiver took, and none where it does not
// take everything. Such a receiver has to deal with one batch at a time. room is how
// many may be announced by then: two are written down at once where they can be.
func (r *runner) window() (window, room int) {
	window = min(r.taken, maxAhead)
	if room = window; window > 0 {
		room++
	}
	if r.o.MaxBatches > 0 {
		left := r.o.MaxBatches - r.result.Batches - 1
		return min(window, left), min(room, left)
	}
	return window, room
}

// lookAhead makes the next batches ready while this one is on its way, and sends as
// many as the window lets it. The claim may not be used before wait has been called.
func (r *runner) lookAhead(ctx context.Context, b *eventlog.Batch, next *aheads) (wait func()) {
	window, room := r.window()
	var ready sync.WaitGroup
	ready.Go(func() {
		r.sendAhead(ctx, next.upTo(window))
		for len(*next) <= room && r.prepare(b, next) {
		}
		if r.announce(next.upTo(window), next.upTo(room)) {
			r.sendAhead(ctx, next.upTo(window))
		}
	})
	return ready.Wait
}

// upTo are the first n, or all there are.
func (a aheads) upTo(n int) aheads { return a[:min(n, len(a))] }

// prepare adds the batch behind the last one, or behind b, if its segment has one.
func (r *runner) prepare(b *eventlog.Batch, next *aheads) bool {
	if n := len(*next); n > 0 {
		b = (*next)[n-1].batch
	}
	batch := r.claim.Ahead(b, r.o.limits())
	if batch == nil || len(batch.Lines) == 0 {
		return false
	}
	*next = append(*next, ahead{batch: batch})
	return true
}

// announce writes down that batches are about to be sent, where one of those to be
// sent now is not yet, and reports whether it did. What keeps it from that shows
// again when it is the batch's turn.
func (r *runner) announce(now, all aheads) bool {
	if len(now) == 0 || now[len(now)-1].announced {
		return false
	}
	var batches []*eventlog.Batch
	for _, a := range all {
		if !a.announced {
			batches = append(batches, a.batch)
		}
	}
	if r.mayNotSend() || r.claim.Announce(batches...) != nil {
		return false
	}
	for i := range all {
		all[i].announced = true
	}
	return true
}

// sendAhead sends batches that are announced before those before them have been
// answered.
func (r *runner) sendAhead(ctx context.Context, next aheads) {
	for i := range next {
		a := &next[i]
		if a.answer != nil {
			continue
		}
		if !a.announced || r.mayNotSend() {
			return
		}
		b, answered := a.batch, make(chan posted, 1)
		a.answer = answered
		go func() { answered <- r.send(ctx, b, b.Lines) }()
	}
}

// mayNotSend asks the user's settings, and leaves what follows from them to whoever
// asks when it is the batch's turn.
func (r *runner) mayNotSend() bool {
	c := r.o.Consent()
	return c.OptedOut || r.forbidden(c) != ""
}
