// Package ingest is the receiving end of telemetry: it checks what is uploaded or
// carried in by hand, keeps each event once, and deletes what people ask to have
// deleted.
//
// The events are in an eventlog like any other; beside it, in receiver/, is what
// was taken in before and who asked for deletion. docs/upload.md has the protocol.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
)

// Defaults of a receiver.
const (
	DefaultRetention      = 90 * 24 * time.Hour
	DefaultMaxBytes       = 10 << 30
	DefaultMaxExportBytes = 4 << 30
	lockTimeout           = 10 * time.Second
)

// The receiver's own files, in a directory of the log's.
const (
	stateDir   = "receiver"
	indexName  = "index.db"
	stateName  = "state.db"
	spoolStart = "export-" // an upload on its way, followed by anything
)

// ErrHost means that the directory is the log of a host: what was received does
// not belong among a person's own events.
var ErrHost = errors.New("this is the log of a host, not a receiver's")

// Options of a Store; the zero value means the defaults.
type Options struct {
	// MaxBytes caps the directory, all of its files together. A receiver that
	// has reached it takes nothing and removes nothing.
	MaxBytes int64
	// Retention is how long events, and what they are recognised by, are kept; less
	// than 0 keeps all, for whoever only adds some.
	Retention time.Duration
	// MaxExportBytes bounds an export, uncompressed; 0 is 4 GiB.
	MaxExportBytes int64
	// NoSync acknowledges events that a power cut may still take.
	NoSync bool
	// EraseWait is how long a request for deletion waits for its end before it
	// is answered; 0 is 5 seconds.
	EraseWait time.Duration
	// EraseAgain is how long after an erasure that failed the next one is tried; 0
	// is 30 seconds.
	EraseAgain time.Duration
	// LockTimeout bounds the wait for other programs; 0 is 10 seconds.
	LockTimeout time.Duration
	// Now is the clock, nil the real one.
	Now func() time.Time
	// FS is the disk the log is on, nil the real one.
	FS vfs.FS
	// Log says what happened, without addresses and without a part of any event;
	// nil is silent.
	Log *slog.Logger
	// Metrics counts; nil counts for nobody.
	Metrics *Metrics
}

func (o Options) withDefaults() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.MaxExportBytes == 0 {
		o.MaxExportBytes = DefaultMaxExportBytes
	}
	if o.EraseWait == 0 {
		o.EraseWait = 5 * time.Second
	}
	if o.EraseAgain == 0 {
		o.EraseAgain = 30 * time.Second
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = lockTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	return o
}

// Store takes in events. Its methods may be called from several goroutines; one
// Store at a time works on a directory.
type Store struct {
	dir     string
	o       Options
	log     *eventlog.Log
	records *records

	jobs     chan job   // to the committer, who owns the next four
	flushed  chan error // the end of writing the index, from whoever does it for the committer
	index    *index
	dropped  map[uint32]time.Time // day ids whose events are not wanted, and until when
	unsynced bool                 // something was appended since the last sync
	broken   error                // a sync failed: nothing is acknowledged any more

	erasures chan chan error // to the eraser: somebody waits for the next pass
	failure  atomic.Pointer[failure]
	failed   chan error // the reason to end
	sealed   time.Time  // when Tend last sealed, and when it last forgot
	forgot   time.Time
	stopped  chan struct{}
	working  sync.WaitGroup
	closing  sync.Once
}

// Open prepares dir, takes what the log holds beyond the index into the index,
// and begins to work.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{dir: dir, o: o.withDefaults(), jobs: make(chan job), flushed: make(chan error, 1), erasures: make(chan chan error),
		failed: make(chan error, 1), stopped: make(chan struct{}), dropped: map[uint32]time.Time{}}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open the receiver in %s: %w", dir, err)
	}
	s.working.Go(s.commitAll)
	s.working.Go(s.eraseAll)
	return s, nil
}

func (s *Store) open() (err error) {
	if isHost(s.dir) {
		return ErrHost
	}
	s.log, err = eventlog.Open(s.dir, &eventlog.Options{
		MaxBytes: s.o.MaxBytes, LockTimeout: s.o.LockTimeout, Refuse: true, KeepUnsent: s.o.Retention, Now: s.o.Now, FS: s.o.FS,
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.path(""), 0o700); err != nil {
		return err
	}
	if err := s.knowsRecords(); err != nil {
		return err
	}
	if s.records, err = openRecords(s.path(stateName), s.o.LockTimeout); err != nil {
		return err
	}
	if s.index, err = openIndex(s.path(indexName), s.o.LockTimeout, s.o.Log); err != nil {
		return errors.Join(err, s.records.close())
	}
	for _, step := range []func() error{s.sweepSpool, s.loadDropped, s.loadReports, s.catchUp} {
		if err := guard(step); err != nil {
			return errors.Join(err, guard(s.index.close), guard(s.records.close))
		}
	}
	return nil
}

// IsStore reports whether dir is a receiver's: then how much is kept there, and
// for how long, is the receiver's business alone.
func IsStore(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, stateDir))
	return err == nil && info.IsDir()
}

// isHost reports whether dir holds a log and is no receiver's. What cannot be
// listed is left to whoever opens the log.
func isHost(dir string) bool {
	if IsStore(dir) {
		return false
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if segment, _ := filepath.Match("events*.ndjson*", e.Name()); segment || e.Name() == "meta.json" {
			return true
		}
	}
	return false
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, stateDir, name) }

// sweepSpool removes uploads that a dead receiver left.
func (s *Store) sweepSpool() error {
	left, err := filepath.Glob(s.path(spoolStart + "*"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// catchUp reads the log from where the index ends. Events of a batch that was
// written and never answered are in it: the batch will come again.
func (s *Store) catchUp() error {
	// What is in the index must not be lost by the log, so the log is synced first.
	if err := s.log.Sync(); err != nil {
		return err
	}
	from, err := s.index.behind()
	if err != nil {
		return err
	}
	// A follower that is told to stop before it starts reads once to the end.
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range eventlog.Follow(done, s.dir, eventlog.Position{Segment: from}, &eventlog.ReadOptions{LockTimeout: s.o.LockTimeout}) {
		var damage *eventlog.DamageError
		switch {
		case errors.As(err, &damage):
			s.o.Log.Warn("a part of the log cannot be read", "segment", damage.Segment, "byte", damage.Offset)
		case err != nil:
			return err
		default:
			if err := s.recognise(e.Raw, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// recognise takes one line of the log into the index, which is not complete yet
// beyond a segment.
func (s *Store) recognise(line []byte, from uint64) error {
	key, _, ok := idsOf(line)
	if !ok {
		return nil
	}
	s.index.recent.events[key] = struct{}{}
	if !s.index.recent.full() {
		return nil
	}
	return s.flushIndex(from)
}

// active is the number of the segment that is being written.
func (s *Store) active() (uint64, error) {
	snap, err := eventlog.OpenSnapshot(s.dir, &eventlog.ReadOptions{LockTimeout: s.o.LockTimeout})
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	segments := snap.Segments()
	if len(segments) == 0 {
		return 0, nil
	}
	return segments[len(segments)-1].Number, nil
}

// Failed receives the reason why nothing is acknowledged any more: a disk that
// failed to sync may have lost anything, so whoever serves ends and somebody looks.
func (s *Store) Failed() <-chan error { return s.failed }

// Close finishes what was begun and writes the index down. No other method may be
// running or called afterwards.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		close(s.stopped)
		s.working.Wait()
		if s.waitForFlush(); s.broken == nil {
			err = s.flush()
		}
		err = errors.Join(err, s.index.close(), s.records.close(), s.log.Close())
	})
	if err != nil {
		return fmt.Errorf("close the receiver: %w", err)
	}
	return nil
}
