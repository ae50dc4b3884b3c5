package ingest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// An index says which batches and events were taken in before. It is a cache of
// the log, always behind it and never ahead: what it does not know yet is read
// from the log at the next start, so it may be removed while nobody serves. It
// then no longer knows batches, whose events are duplicates one by one.
type index struct {
	db   *bolt.DB
	path string
	// recent is what is not in the file yet, and flushing what is being written
	// to it; nil while nothing is.
	recent   *fresh
	flushing *fresh
}

// The buckets of index.db.
var (
	eventBucket = []byte("events")  // event id → day it came, in days since 1970
	batchBucket = []byte("batches") // batch id → stored, as JSON
	logBucket   = []byte("logs")    // log id → the newest report, as JSON
	metaBucket  = []byte("meta")
	segmentKey  = []byte("segment") // all events of lower segments are in the index
)

// stored is what is remembered of a batch.
type stored struct {
	At       int64     `json:"at"` // seconds since 1970
	Digest   []byte    `json:"digest"`
	Accepted int       `json:"accepted"`
	Rejected int       `json:"rejected"`
	Refusals []Refusal `json:"refusals,omitempty"`
}

// openIndex opens the index. One that is damaged is set aside, which is logged.
func openIndex(path string, wait time.Duration, log *slog.Logger) (*index, error) {
	db, err := openDB(path, wait, eventBucket, batchBucket, logBucket, metaBucket)
	if errors.Is(err, ErrDamaged) {
		if err := setAside(path); err != nil {
			return nil, err
		}
		log.Warn("the index was damaged and is set aside; a new one is made from the log", "file", path+".bad")
		db, err = openDB(path, wait, eventBucket, batchBucket, logBucket, metaBucket)
	}
	if err != nil {
		return nil, fmt.Errorf("open the index: %w", err)
	}
	return &index{db: db, path: path, recent: newFresh()}, nil
}

// setAside keeps a damaged index for whoever wants to know, and makes room for one
// that is made from the log.
func setAside(path string) error {
	if err := os.Rename(path, path+".bad"); err != nil {
		return fmt.Errorf("set the damaged index aside: %w", err)
	}
	return nil
}

// A look is the index as it is at one moment.
type look struct {
	*index
	tx     *bolt.Tx
	events *bolt.Bucket
}

func (x *index) look() (*look, error) {
	tx, err := x.db.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	l := &look{index: x, tx: tx}
	defer func() {
		if l.events == nil { // bolt panics on damage; what is begun must end all the same
			l.close()
		}
	}()
	l.events = tx.Bucket(eventBucket)
	return l, nil
}

func (l *look) close() { _ = l.tx.Rollback() } // of a transaction that only reads

// hasEvent reports whether an event was taken in before.
func (l *look) hasEvent(key id) bool {
	for _, f := range []*fresh{l.recent, l.flushing} {
		if f == nil {
			continue
		}
		if _, ok := f.events[key]; ok {
			return true
		}
	}
	return l.events.Get(key[:]) != nil
}

// batch returns what is remembered of a batch, nil for nothing.
func (l *look) batch(key id) (*stored, error) {
	for _, f := range []*fresh{l.recent, l.flushing} {
		if f != nil && f.batches[key] != nil {
			return f.batches[key], nil
		}
	}
	raw := l.tx.Bucket(batchBucket).Get(key[:])
	if raw == nil {
		return nil, nil
	}
	var s stored
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, errors.New("read the index: a batch in it is damaged")
	}
	return &s, nil
}

// newest returns the newest report of a log, nil when there is none.
func (l *look) newest(logID string) (*report, error) {
	for _, f := range []*fresh{l.recent, l.flushing} {
		if f != nil && f.reports[logID] != nil {
			return f.reports[logID], nil
		}
	}
	raw := l.tx.Bucket(logBucket).Get([]byte(logID))
	if raw == nil {
		return nil, nil
	}
	r := &report{LogID: logID}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, errors.New("read the index: a report in it is damaged")
	}
	return r, nil
}

// remapBytes is how large a file may be before its mapping is let go of after each
// flush: pages that were looked at count as memory of this process until then.
const remapBytes = 8 << 20

// remap lets go of the pages that were looked at. Nobody else can get hold of the
// file meanwhile: the records are locked first, and stay so.
func (x *index) remap(wait time.Duration) error {
	if info, err := os.Stat(x.path); err != nil || info.Size() < remapBytes {
		return err
	}
	if err := x.db.Close(); err != nil {
		return fmt.Errorf("close the index: %w", err)
	}
	db, err := reopenDB(x.path, wait)
	if err != nil {
		return fmt.Errorf("open the index again: %w", err)
	}
	x.db = db
	return nil
}

// behind is the first segment that may hold events the index does not know.
func (x *index) behind() (number uint64, err error) {
	err = x.db.View(func(tx *bolt.Tx) error {
		if raw := tx.Bucket(metaBucket).Get(segmentKey); len(raw) == 8 {
			number = binary.BigEndian.Uint64(raw)
		}
		return nil
	})
	return number, err
}

// forget removes events that were erased.
func (x *index) forget(keys []id) error {
	x.unlearn(keys)
	return x.db.Update(func(tx *bolt.Tx) error {
		events := tx.Bucket(eventBucket)
		for i := range keys {
			if err := events.Delete(keys[i][:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// dayNumber is a day since 1970 as it is written.
func dayNumber(t time.Time) (raw [2]byte) {
	binary.BigEndian.PutUint16(raw[:], uint16(max(0, t.Unix()/86400)))
	return raw
}

func putJSON(b *bolt.Bucket, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, raw)
}

func (x *index) close() error { return x.db.Close() }

// eachReport goes through the newest report of every log.
func (x *index) eachReport(do func(raw []byte) error) error {
	return x.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(logBucket).ForEach(func(_, raw []byte) error { return do(raw) })
	})
}
