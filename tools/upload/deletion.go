package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/google/uuid"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/session"
)

// ErrNoIDs means that the install has no id, so that nothing it sent could be named.
var ErrNoIDs = errors.New("this install never had an id: there is nothing to delete")

// RequestOptions say how a deletion is asked for.
type RequestOptions struct {
	// DayIDs are what the user was shown and agreed to.
	DayIDs []string
	// KeepLocal leaves what is pending on disk. It is never sent.
	KeepLocal bool
	// Carry writes the request where somebody can take it, and returns where that
	// is. nil queues it for Run instead.
	Carry func(id string, body []byte) (where string, err error)
}

// Request asks for the deletion of what the install has sent. When it returns,
// the request is on disk and survives a power cut; what was recorded by then is
// never uploaded, and cleared unless it is to be kept; the ids of later runs come
// from a new key. Run delivers the request.
func Request(dir string, o Options, want RequestOptions) (eventlog.Deletion, eventlog.Cleared, error) {
	d, cleared, err := ask(dir, o, want)
	if err != nil {
		return d, cleared, fmt.Errorf("ask for deletion: %w", err)
	}
	return d, cleared, nil
}

func ask(dir string, o Options, want RequestOptions) (d eventlog.Deletion, c eventlog.Cleared, err error) {
	if len(want.DayIDs) == 0 {
		return d, c, ErrNoIDs
	}
	o.Log.Now = o.Now
	l, err := eventlog.OpenExisting(dir, &o.Log)
	if errors.Is(err, fs.ErrNotExist) {
		return d, c, ErrNoIDs
	}
	if err != nil {
		return d, c, err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return d, c, err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(want.DayIDs)))
	d = eventlog.Deletion{RequestID: id.String(), DayIDs: ids, RequestedAt: o.Now().UTC(), KeepLocal: want.KeepLocal}
	if err := carry(&d, want.Carry); err != nil {
		return d, c, err
	}
	if d.Through, err = fenceOff(l, dir, o); err != nil {
		return d, c, err
	}
	if err := l.SaveDeletion(d); err != nil {
		return d, c, err
	}
	c, err = prepare(l, dir, &d)
	return d, c, err
}

func carry(d *eventlog.Deletion, to func(string, []byte) (string, error)) error {
	if to == nil {
		return nil
	}
	body, err := DeletionBody(*d)
	if err == nil {
		d.File, err = to(d.RequestID, body)
	}
	return err
}

// fenceOff keeps everything recorded so far from being uploaded and returns the
// highest number of it.
func fenceOff(l *eventlog.Log, dir string, o Options) (uint64, error) {
	if err := l.RaiseFloor(); err != nil {
		return 0, err
	}
	s, err := eventlog.OpenSnapshot(dir, &eventlog.ReadOptions{FS: o.Log.FS, LockTimeout: o.Log.LockTimeout})
	if err != nil {
		return 0, err
	}
	return s.Floor(), s.Close()
}

// prepare does what follows from a request. It may be cut short and done again.
func prepare(l *eventlog.Log, dir string, d *eventlog.Deletion) (c eventlog.Cleared, err error) {
	if err := session.RotateKey(dir, d.RequestID); err != nil {
		return c, err
	}
	if d.Through > 0 && !d.KeepLocal {
		if c, err = l.Clear(eventlog.ClearOptions{Through: d.Through, Copies: true}); err != nil {
			return c, err
		}
	}
	d.Prepared = true
	return c, l.SaveDeletion(*d)
}

// queued are the requests that still have something to be done.
func (r *runner) queued() ([]eventlog.Deletion, error) {
	all, err := r.log.Deletions()
	return slices.DeleteFunc(all, func(d eventlog.Deletion) bool { return d.Prepared && !d.Queued() }), err
}

// prepareAll finishes what somebody did not live to do who asked for deletion.
func (r *runner) prepareAll(requests []eventlog.Deletion) error {
	for i := range requests {
		if requests[i].Prepared {
			continue
		}
		if _, err := prepare(r.log, r.dir, &requests[i]); err != nil {
			return err
		}
	}
	return nil
}

// deleteRemote delivers requests for deletion. One that cannot be delivered keeps
// no other from it, and no upload either.
func (r *runner) deleteRemote(ctx context.Context, requests []eventlog.Deletion) error {
	var problems error
	for _, d := range requests {
		if !d.Queued() {
			continue
		}
		if r.mustWait(d.NextAttempt, d.ServerAsked) {
			r.o.Say("the request for deletion %s waits until %s", d.RequestID, d.NextAttempt.UTC().Format("2006-01-02T15:04:05Z"))
			continue
		}
		problems = errors.Join(problems, r.deliver(ctx, d))
	}
	return problems
}

// deliver sends one request and writes down what came of it.
func (r *runner) deliver(ctx context.Context, d eventlog.Deletion) error {
	if r.o.Consent().AirGapped {
		return nil
	}
	to, err := deletionEndpoint(r.o.Endpoint)
	if err != nil {
		return err
	}
	body, err := DeletionBody(d)
	if err != nil {
		return err
	}
	p := pack(func(w io.Writer) error { _, err := w.Write(body); return err })
	a := r.post(ctx, to, d.RequestID, p, -1)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.kind == taken {
		d.DeliveredAt, d.Receipt = r.o.Now().UTC(), a.receipt
		d.NextAttempt, d.ServerAsked, d.Failures = d.DeliveredAt, false, 0
		r.result.Deletions++
		r.o.Say("delivered the request for deletion %s, receipt %s", d.RequestID, d.Receipt)
		return errors.Join(r.log.SaveDeletion(d), session.DropKey(r.dir, d.RequestID))
	}
	what := "the request for deletion was not delivered and stays queued: " + a.what
	d.NextAttempt, d.ServerAsked = r.next(a.wait, d.Failures), a.wait > 0
	d.Failures++
	if err := r.log.SaveDeletion(d); err != nil {
		return err
	}
	if a.kind == refuse {
		return &RefusedError{a.status, what}
	}
	return &DeferredError{errors.New(what), d.NextAttempt}
}
