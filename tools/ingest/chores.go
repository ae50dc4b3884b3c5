package ingest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	// tendEvery is how often a receiver looks after its directory.
	tendEvery = time.Hour
	// spare is how much longer than an event everything is remembered that it is
	// recognised by.
	spare = 48 * time.Hour
	// sweepKeys is how many keys are looked at between two groups of batches.
	sweepKeys = 50_000
)

// Tend applies the retention, seals once a day so that no event waits for that in
// the active segment, forgets what nobody can send any more, and carries out what
// is left of requests for deletion. Serve calls it every hour.
func (s *Store) Tend(ctx context.Context) error {
	err := errors.Join(s.log.Expire(), s.sealDaily(), s.forgetDaily(ctx), s.finishErasures(ctx))
	if err != nil {
		return fmt.Errorf("tend the receiver: %w", err)
	}
	return nil
}

func (s *Store) sealDaily() error {
	now := s.o.Now()
	if now.Sub(s.sealed) < 24*time.Hour {
		return nil
	}
	if err := s.log.Seal(); err != nil {
		return err
	}
	s.sealed = now
	return nil
}

func (s *Store) finishErasures(ctx context.Context) error {
	end := make(chan error, 1)
	select {
	case s.erasures <- end:
	case <-s.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forgetDaily removes what is older than the retention from the index and the
// records, in pieces, so that batches need not wait.
func (s *Store) forgetDaily(ctx context.Context) error {
	if s.o.Retention < 0 {
		return nil
	}
	now, err := s.log.Believed() // a clock that is ahead for an hour must not cost what events are recognised by
	if err != nil || now.Sub(s.forgot) < 24*time.Hour {
		return err
	}
	// What is still in memory gets the day of now, not of when it happens to be written.
	if _, err := s.submit(ctx, job{do: s.flush}); err != nil {
		return err
	}
	before := now.Add(-s.o.Retention - spare)
	day := dayNumber(before)
	for _, sweep := range []struct {
		bucket []byte
		old    func(value []byte) bool
	}{
		{eventBucket, func(v []byte) bool {
			return len(v) == 2 && binary.BigEndian.Uint16(v) < binary.BigEndian.Uint16(day[:])
		}},
		{batchBucket, func(v []byte) bool {
			var b stored
			return json.Unmarshal(v, &b) == nil && b.At < before.Unix()
		}},
		{logBucket, func(v []byte) bool {
			var r report
			if json.Unmarshal(v, &r) != nil || r.Seen >= before.Unix() {
				return false
			}
			s.o.Metrics.addLosses(r.Losses, -1)
			return true
		}},
	} {
		if err := s.sweep(ctx, sweep.bucket, sweep.old); err != nil {
			return err
		}
	}
	_, err = s.submit(ctx, job{do: func() error { return s.forgetRecords(now) }})
	if err == nil {
		s.forgot = now
	}
	return err
}

// sweep removes the old keys of a bucket of the index.
func (s *Store) sweep(ctx context.Context, bucket []byte, old func([]byte) bool) error {
	var from []byte
	for {
		_, err := s.submit(ctx, job{do: func() (err error) {
			from, err = s.index.sweep(bucket, from, old)
			return err
		}})
		if err != nil || from == nil {
			return err
		}
	}
}

// sweep looks at some keys from one on, removes the old ones, and returns where to
// go on, nil at the end.
func (x *index) sweep(bucket, from []byte, old func([]byte) bool) (next []byte, err error) {
	var goes [][]byte
	err = x.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		key, value := c.Seek(from)
		for n := 0; key != nil; key, value = c.Next() {
			if n++; n > sweepKeys {
				next = append([]byte(nil), key...)
				return nil
			}
			if old(value) {
				goes = append(goes, append([]byte(nil), key...))
			}
		}
		return nil
	})
	if err != nil || len(goes) == 0 {
		return next, err
	}
	return next, remove(x.db, bucket, goes)
}

// remove deletes keys of a bucket.
func remove(db *bolt.DB, bucket []byte, keys [][]byte) error {
	return db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket)
		for _, key := range keys {
			if err := b.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetRecords removes requests that were carried out and exports, long after:
// exports twice as long as events, for the chain they are links of.
func (s *Store) forgetRecords(now time.Time) error {
	for day, until := range s.dropped {
		if now.After(until.Add(spare)) {
			delete(s.dropped, day)
		}
	}
	deletions, err := s.records.deletions()
	if err != nil {
		return err
	}
	var goes [][]byte
	for _, d := range deletions {
		if !d.ErasedAt.IsZero() && now.Sub(d.ReceivedAt) > s.o.Retention+spare {
			goes = append(goes, []byte(d.RequestID))
		}
	}
	if err := remove(s.records.db, deletionBucket, goes); err != nil {
		return err
	}
	exports, err := s.records.exports()
	if err != nil {
		return err
	}
	goes = nil
	for _, e := range exports {
		if now.Sub(e.ReceivedAt) > 2*s.o.Retention+spare {
			goes = append(goes, e.key())
		}
	}
	return remove(s.records.db, exportBucket, goes)
}
