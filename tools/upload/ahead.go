package upload

import (
	"context"
	"sync"

	"caro.sh/telemetry/eventlog"
)

// ahead is the batch that will probably be next, and its events packed. It may be
// on its way already.
type ahead struct {
	batch  *eventlog.Batch
	parcel *parcel
	answer <-chan answer // nil as long as nothing was sent
}

// lookAhead makes the next batch ready while this one is on its way, and sends it
// as well where the receiver has been taking everything: one that does not has to
// deal with one batch at a time. The claim may not be used before wait has been
// called.
func (r *runner) lookAhead(ctx context.Context, b *eventlog.Batch, next *ahead) (wait func()) {
	early := r.flowing && (r.o.MaxBatches == 0 || r.result.Batches+1 < r.o.MaxBatches)
	var ready sync.WaitGroup
	ready.Go(func() {
		next.batch = r.claim.Ahead(b, r.o.limits())
		if next.batch == nil || len(next.batch.Lines) == 0 {
			return
		}
		next.parcel = wrap(next.batch.Lines)
		if early {
			r.sendAhead(ctx, next)
		}
	})
	return ready.Wait
}

// sendAhead sends a batch before the one before it has been answered. What keeps it
// from that shows again when it is its turn.
func (r *runner) sendAhead(ctx context.Context, next *ahead) {
	if c := r.o.Consent(); c.OptedOut || r.forbidden(c) != "" {
		return
	}
	if err := r.claim.Announce(next.batch); err != nil {
		return
	}
	b, p := next.batch, next.parcel
	p.seal(rest(b, b.Lines))
	answered := make(chan answer, 1)
	next.answer = answered
	go func() { answered <- r.post(ctx, r.o.Endpoint, b.ID, p, len(b.Lines)) }()
}

// drop waits for the end of a request that nobody cares for any more.
func (a *ahead) drop() {
	if a.answer != nil {
		<-a.answer
	}
}
