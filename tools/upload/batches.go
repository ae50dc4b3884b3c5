package upload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"caro.sh/telemetry/eventlog"
)

// firstBackOff is the pause after a first failure; each further one doubles it.
const firstBackOff = time.Minute

// waiting says why a run has nothing to do yet.
func (r *runner) waiting() Reason {
	s := r.claim.Schedule()
	now := r.o.Now()
	if r.mustWait(s.NextAttempt, s.ServerAsked) {
		r.result.NextAttempt, r.result.ServerAsked = s.NextAttempt, s.ServerAsked
		why := "earlier attempts failed"
		if s.ServerAsked {
			why = "the server asked for it"
		}
		r.o.Say("waiting until %s: %s", s.NextAttempt.UTC().Format(time.RFC3339), why)
		return BackOff
	}
	// A cron job is never quite on time, so a little early is on time too.
	due := s.LastSuccess.Add(r.o.Interval - r.o.Interval/20)
	if r.o.Force || s.LastSuccess.IsZero() || s.LastSuccess.After(now) || !now.Before(due) {
		return ""
	}
	r.result.NextAttempt = s.LastSuccess.Add(r.o.Interval)
	r.o.Say("the last upload was at %s, the next is due at %s", s.LastSuccess.UTC().Format(time.RFC3339), r.result.NextAttempt.UTC().Format(time.RFC3339))
	return NotDue
}

// mustWait reports whether a back-off is not over. A time further off than
// anybody may set was written under a wrong clock.
func (r *runner) mustWait(until time.Time, serverAsked bool) bool {
	left := until.Sub(r.o.Now())
	return left > 0 && left <= maxWait && (serverAsked || !r.o.Force)
}

// batches sends until nothing is left or something stops it.
func (r *runner) batches(ctx context.Context) error {
	var next aheads
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); next.drop() }()
	for r.o.MaxBatches == 0 || r.result.Batches < r.o.MaxBatches {
		if err := ctx.Err(); err != nil {
			return err
		}
		ready, sent := next.first()
		if !sent { // else it is too late to ask
			if why := r.allowed(); why != "" {
				r.result.Reason = why
				return nil
			}
		}
		b, err := r.claim.Next(r.o.limits(), ready)
		if err != nil {
			return err
		}
		if b == nil {
			return r.finished()
		}
		if stop, err := r.batch(ctx, b, &next); stop || err != nil {
			return err
		}
	}
	r.result.Reason = Limit
	return nil
}

// finished ends a run that has sent everything.
func (r *runner) finished() error {
	r.result.Reason = Done
	if r.result.Batches == 0 {
		r.result.Reason = Nothing
	}
	return r.letGo()
}

// letGo gives up a batch that was put aside: nothing came after it that would
// have shown whether the receiver refuses everything.
func (r *runner) letGo() error {
	held, err := r.claim.Held()
	if err != nil || held == nil {
		return err
	}
	rejected, broken := int64(len(held.Lines)), int64(held.Bad())
	if err := r.claim.Finish(held, wholeRefusal(held, 0)); err != nil {
		return err
	}
	r.result.Rejected += rejected
	r.result.Broken += broken
	return nil
}

func wholeRefusal(b *eventlog.Batch, status int) eventlog.Verdict {
	v := eventlog.Verdict{Whole: true}
	for i := range b.Lines {
		v.Refused = append(v.Refused, eventlog.Refusal{Event: i, Status: status})
	}
	return v
}

// batch sends one batch and writes down what became of it. In next are the ones that
// were made ready, it among them, and then those behind it.
func (r *runner) batch(ctx context.Context, b *eventlog.Batch, next *aheads) (stop bool, err error) {
	d := delivery{r: r, b: b, sent: next.take(b).answer}
	if len(b.Lines) == 0 {
		r.result.Broken += int64(b.Bad())
		return false, r.claim.Finish(b, eventlog.Verdict{})
	}
	wait := r.lookAhead(ctx, b, next)
	d.part(ctx, 0, len(b.Lines))
	wait()
	r.note(b, &d)
	switch {
	case d.forbidden != "":
		r.result.Reason = d.forbidden
		return true, nil
	case ctx.Err() != nil:
		return true, ctx.Err() // nobody's failure
	case d.stopped != nil:
		return true, r.stop(*d.stopped)
	case d.whole():
		return r.wholeRefused(b, &d)
	}
	return false, r.done(b, &d)
}

// done takes a batch that the receiver has decided about off the log.
func (r *runner) done(b *eventlog.Batch, d *delivery) error {
	if err := r.letGo(); err != nil {
		return err
	}
	v := eventlog.Verdict{Accepted: d.accepted, Refused: d.refused, Rejected: d.rejected}
	if r.taken++; d.rejected > 0 {
		r.taken = 0
	}
	broken := int64(b.Bad())
	if err := r.claim.Finish(b, v); err != nil {
		return err
	}
	r.result.Batches++
	r.result.Sent += d.accepted
	r.result.Rejected += d.rejected
	r.result.Broken += broken
	r.o.Say("sent batch %s: %d accepted, %d rejected", b.ID, d.accepted, d.rejected)
	return nil
}

// wholeRefused puts a batch aside of which every event was refused. The second
// in a row means that the receiver takes none, and nothing is given up.
func (r *runner) wholeRefused(b *eventlog.Batch, d *delivery) (stop bool, err error) {
	r.result.Batches++
	r.taken = 0
	held, err := r.claim.Held()
	if err != nil {
		return true, err
	}
	if held == nil && r.claim.Schedule().WholeRefusals == 0 {
		r.o.Say("batch %s was refused to the last event; it is put aside until another one is taken", b.ID)
		return false, r.claim.Hold(b)
	}
	if err := r.claim.GiveBack(); err != nil {
		return true, err
	}
	r.result.Reason = Refused
	err = &RefusedError{d.first.status, "the server refused two whole batches in a row, to the last event; everything is kept"}
	return true, errors.Join(err, r.wait(0))
}

// stop ends a run after an answer that leaves the batch in flight.
func (r *runner) stop(a answer) error {
	if a.kind == refuse {
		r.result.Reason = Refused
		return &RefusedError{a.status, a.what + "; everything is kept"}
	}
	if err := r.wait(a.wait); err != nil {
		return err
	}
	r.result.Reason = Deferred
	return &DeferredError{errors.New(a.what), r.result.NextAttempt}
}

// wait sets the time of the next attempt: the server's, or our own back-off.
func (r *runner) wait(asked time.Duration) error {
	r.result.NextAttempt, r.result.ServerAsked = r.next(asked, r.claim.Schedule().Failures), asked > 0
	return r.claim.Later(r.result.NextAttempt, asked > 0)
}

// next is when to try again after so many failures.
func (r *runner) next(asked time.Duration, failures int) time.Time {
	pause := asked
	if asked == 0 {
		pause = r.backOff(failures)
	}
	return r.o.Now().Add(pause).UTC().Truncate(time.Millisecond)
}

// backOff doubles with every failure up to a day, less up to a half by chance,
// so that a fleet that failed together does not come back together.
func (r *runner) backOff(failures int) time.Duration {
	pause := maxWait
	if failures < 11 {
		pause = firstBackOff << failures
	}
	pause = min(pause, maxWait)
	return pause - time.Duration(r.o.Random()*float64(pause/2))
}

// note writes the ledger. It is for people: that it cannot be written stops
// nothing.
func (r *runner) note(b *eventlog.Batch, d *delivery) {
	e := eventlog.LedgerEntry{
		Time: r.o.Now().UTC().Truncate(time.Millisecond), BatchID: b.ID, Events: len(b.Lines), Bytes: d.bytes,
		Status: d.first.status, Accepted: d.accepted, Rejected: d.rejected, Outcome: d.outcome(), Receipt: d.first.receipt,
	}
	if err := r.claim.Note(e); err != nil {
		r.problem(fmt.Errorf("the ledger of uploads is incomplete: %w", err))
	}
}
