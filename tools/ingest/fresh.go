package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// fresh is what was taken in and is not in the index's file yet. A process that
// dies with it finds the events in the log again. Batches that come again are then
// recognised by their events, and reports here say what the file knows already.
type fresh struct {
	events  map[id]struct{}
	batches map[id]*stored
	reports map[string]*report
}

// Either is written once there is so much of it, in the order of the ids, which is
// what makes writing them fast.
const (
	recentEvents  = 32 << 10
	recentBatches = 4 << 10
)

func newFresh() *fresh {
	return &fresh{map[id]struct{}{}, map[id]*stored{}, map[string]*report{}}
}

func (f *fresh) empty() bool { return len(f.events)+len(f.batches)+len(f.reports) == 0 }

func (f *fresh) full() bool { return len(f.events) >= recentEvents || len(f.batches) >= recentBatches }

// unlearn takes back events that did not get into the log.
func (x *index) unlearn(keys []id) {
	for i := range keys {
		delete(x.recent.events, keys[i])
	}
}

// remember notes batches and reports whose lines are in the log and synced. A
// report that says something new is written down, durably: it is nowhere else.
func (x *index) remember(batches map[id]*stored, reports, before map[string]*report) error {
	maps.Copy(x.recent.batches, batches)
	news := newFresh()
	for logID, r := range reports {
		x.recent.reports[logID] = r
		if known := before[logID]; known == nil || !bytes.Equal(known.Losses, r.Losses) {
			news.reports[logID] = r
		}
	}
	if news.empty() {
		return nil
	}
	if err := x.db.Update(news.putReports); err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	return nil
}

func (f *fresh) putReports(tx *bolt.Tx) error {
	for logID, r := range f.reports {
		if err := putJSON(tx.Bucket(logBucket), []byte(logID), r); err != nil {
			return err
		}
	}
	return nil
}

func (f *fresh) putBatches(tx *bolt.Tx) error {
	for key, s := range f.batches {
		if err := putJSON(tx.Bucket(batchBucket), key[:], s); err != nil {
			return err
		}
	}
	return nil
}

// put is for bolt's Update: everything, and that events of lower segments are all
// in the file then.
func (f *fresh) put(tx *bolt.Tx, now time.Time, segment uint64) error {
	if err := f.putReports(tx); err != nil {
		return err
	}
	if err := f.putBatches(tx); err != nil {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(f.events), func(a, b id) int { return bytes.Compare(a[:], b[:]) })
	day := dayNumber(now)
	events := tx.Bucket(eventBucket)
	for i := range keys {
		if err := events.Put(keys[i][:], day[:]); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(segmentKey, binary.BigEndian.AppendUint64(nil, segment))
}

// flush begins to put what is recent into the file; whoever calls it is not
// called back before write has returned, and ended was called with what it said.
func (x *index) flush(now time.Time, segment uint64) (write func() error) {
	x.flushing, x.recent = x.recent, newFresh()
	f := x.flushing
	return func() error {
		if err := x.db.Update(func(tx *bolt.Tx) error { return f.put(tx, now, segment) }); err != nil {
			return fmt.Errorf("write the index: %w", err)
		}
		return nil
	}
}

// ended takes back what could not be written.
func (x *index) ended(err error) {
	f := x.flushing
	if x.flushing = nil; err == nil {
		return
	}
	maps.Copy(f.events, x.recent.events)
	maps.Copy(f.batches, x.recent.batches)
	maps.Copy(f.reports, x.recent.reports)
	x.recent = f
}
