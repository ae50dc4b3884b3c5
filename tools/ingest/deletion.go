package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"caro.sh/telemetry/eventlog"
)

// Receipt is the answer to a request for deletion.
type Receipt struct {
	RequestID string `json:"request_id"`
	ReceiptID string `json:"receipt_id"`
	// Erased is true when nothing of the events is left on this receiver's disk;
	// else they will be erased within 72 hours, and nobody gets them meanwhile
	// but by looking at the disk.
	Erased bool `json:"erased"`
}

// maxDropped bounds the day ids in memory. A receiver that has so many of them
// has been given random ones.
const maxDropped = 4 << 20

// Delete takes a request for deletion, as schema/v1/deletion-request has it. When
// it returns, the request survives a power cut, no event of the day ids is taken
// any more, and what is on disk of them is being erased. The same request again
// gets the same receipt.
func (s *Store) Delete(ctx context.Context, document []byte) (Receipt, error) {
	e := newEnvelope(deletionSchema())
	if err := scanBytes(document).walk(e.field, nil); err != nil {
		return Receipt{}, err
	}
	if err := e.finish(); err != nil {
		return Receipt{}, err
	}
	d := deletion{RequestID: e.text("request_id"), RequestedAt: e.text("requested_at"), ReceivedAt: s.o.Now().UTC()}
	for _, day := range e.values["day_ids"].([]any) {
		d.DayIDs = append(d.DayIDs, fmt.Sprint(day))
	}
	slices.Sort(d.DayIDs)
	if _, err := s.submit(ctx, job{do: func() error { return s.drop(&d) }}); err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{RequestID: d.RequestID, ReceiptID: d.ReceiptID, Erased: !d.ErasedAt.IsZero()}
	if !receipt.Erased {
		receipt.Erased = s.awaitErasure(ctx)
	}
	return receipt, nil
}

// drop writes a request down and stops taking in its events. One that is known
// becomes what it was. Only the committer calls it.
func (s *Store) drop(d *deletion) error {
	var before deletion
	found, err := s.records.get(deletionBucket, []byte(d.RequestID), &before)
	switch {
	case err != nil:
		return err
	case found && !slices.Equal(before.DayIDs, d.DayIDs):
		return ErrOtherContent
	case found:
		*d = before
		return nil
	case len(s.dropped)+len(d.DayIDs) > maxDropped:
		return fmt.Errorf("%w: more day ids to be deleted than it can remember", ErrFull)
	}
	receipt, err := uuid.NewRandom()
	if err != nil {
		return err
	}
	d.ReceiptID = receipt.String()
	if err := s.records.put(deletionBucket, []byte(d.RequestID), d); err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	s.dropDays(d)
	s.o.Metrics.deletions.Inc()
	return nil
}

// dropDays makes the committer leave out the events of a request.
func (s *Store) dropDays(d *deletion) {
	until := d.ReceivedAt.Add(s.o.Retention)
	for _, text := range d.DayIDs {
		if day, ok := dayOf([]byte(text)); ok && s.dropped[day].Before(until) {
			s.dropped[day] = until
		}
	}
}

// loadDropped recalls the requests there were.
func (s *Store) loadDropped() error {
	all, err := s.records.deletions()
	for i := range all {
		s.dropDays(&all[i])
	}
	return err
}

// awaitErasure has the eraser begin, and reports whether it came to its end in
// the time that somebody can be made to wait.
func (s *Store) awaitErasure(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, s.o.EraseWait)
	defer cancel()
	end := make(chan error, 1)
	select {
	case s.erasures <- end:
	case <-ctx.Done():
		s.o.Log.Info("a request for deletion waits for another one's end")
		return false
	}
	select {
	case err := <-end:
		return err == nil
	case <-ctx.Done():
		return false
	}
}

// eraseAll carries out requests for deletion, all that there are at once. What
// could not be erased, because another tool works on the log, is tried again soon.
func (s *Store) eraseAll() {
	var again <-chan time.Time
	for {
		var waiting []chan error
		select {
		case end := <-s.erasures:
			waiting = s.gatherErasures(end)
		case <-again:
		case <-s.stopped:
			return
		}
		again = nil
		err := s.erase()
		if err != nil {
			s.o.Log.Error("events could not be erased, which will be tried again", "error", err.Error())
			again = time.After(s.o.EraseAgain)
		}
		for _, end := range waiting {
			end <- err
		}
	}
}

// gatherErasures adds those who wait already.
func (s *Store) gatherErasures(first chan error) []chan error {
	waiting := []chan error{first}
	for {
		select {
		case end := <-s.erasures:
			waiting = append(waiting, end)
		default:
			return waiting
		}
	}
}

// erase removes the events of all requests that are not done from the disk.
func (s *Store) erase() error {
	all, err := s.records.deletions()
	if err != nil {
		return err
	}
	pending := slices.DeleteFunc(all, func(d deletion) bool { return !d.ErasedAt.IsZero() })
	s.o.Metrics.pending.Set(float64(len(pending)))
	if len(pending) == 0 {
		return nil
	}
	days := map[uint32]bool{}
	for _, d := range pending {
		for _, text := range d.DayIDs {
			day, _ := dayOf([]byte(text))
			days[day] = true
		}
	}
	erased, err := s.eraseDays(days)
	s.o.Metrics.erased.Add(float64(erased))
	if err != nil {
		return err
	}
	now := s.o.Now().UTC()
	for i := range pending {
		pending[i].ErasedAt = now
		if err := s.records.put(deletionBucket, []byte(pending[i].RequestID), &pending[i]); err != nil {
			return err
		}
	}
	s.o.Metrics.pending.Set(0)
	s.o.Log.Info("erased events of requests for deletion", "requests", len(pending), "events", erased)
	return nil
}

// eraseDays rewrites every segment that has events of these days. No new ones
// come: the committer leaves them out by now.
func (s *Store) eraseDays(days map[uint32]bool) (erased int64, err error) {
	maintenance, err := s.log.Maintain()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, maintenance.Close()) }()
	if err := s.log.Seal(); err != nil {
		return 0, err
	}
	snap, err := eventlog.OpenSnapshot(s.dir, &eventlog.ReadOptions{LockTimeout: s.o.LockTimeout})
	if err != nil {
		return 0, err
	}
	segments := snap.Segments()
	if err := snap.Close(); err != nil {
		return 0, err
	}
	var problems error
	for _, seg := range segments {
		if seg.State == eventlog.Active {
			continue
		}
		n, err := s.eraseSegment(seg.Number, days)
		erased += n
		problems = errors.Join(problems, err)
		if s.isStopped() {
			return erased, errors.Join(problems, ErrClosed)
		}
	}
	return erased, problems
}

// eraseSegment rewrites one segment and lets the index forget what was in it.
func (s *Store) eraseSegment(number uint64, days map[uint32]bool) (int64, error) {
	var keys []id
	n, err := s.log.Erase(number, func(line []byte) bool {
		key, day, ok := idsOf(line)
		if !days[day] {
			return false
		}
		if ok {
			keys = append(keys, key)
		}
		return true
	})
	if errors.Is(err, eventlog.ErrGone) {
		return 0, nil
	}
	if err != nil || len(keys) == 0 {
		return n, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = s.submit(ctx, job{do: func() error { return s.index.forget(keys) }})
	return n, err
}

func (s *Store) isStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}
