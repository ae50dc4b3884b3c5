package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

var (
	// ErrFull means that the directory or its disk takes no more: try again
	// when somebody has made room.
	ErrFull = errors.New("the receiver's log is full")
	// ErrOtherContent means that an id came again with something else under it.
	ErrOtherContent = errors.New("this id was used for something else")
	// ErrBroken means that the disk failed in a way that leaves nothing certain:
	// nothing is taken until somebody has looked at it and restarted the receiver.
	ErrBroken = errors.New("nothing is taken any more: look at the disk and restart")
	// ErrClosed means that the receiver is ending.
	ErrClosed = errors.New("the receiver is ending")
)

// A job is a batch to be taken in, or something to be done between batches.
type job struct {
	batch *batch
	do    func() error
	done  chan taken // room for one
}

// taken is what became of a job.
type taken struct {
	answer *stored
	again  bool // the batch was stored before
	fresh  int  // how many of its events were new
	err    error
}

// maxGroup bounds how many batches share one sync.
const maxGroup = 64

// submit hands a job to the committer and waits for its end. Without a nil error
// the job may still be done later.
func (s *Store) submit(ctx context.Context, j job) (taken, error) {
	j.done = make(chan taken, 1)
	select {
	case s.jobs <- j:
	case <-s.stopped:
		return taken{}, ErrClosed
	case <-ctx.Done():
		return taken{}, ctx.Err()
	}
	select {
	case t := <-j.done:
		return t, t.err
	case <-ctx.Done():
		return taken{}, ctx.Err()
	}
}

// commitAll takes jobs until there are no more, and batches that came meanwhile
// together, so that they share a sync.
func (s *Store) commitAll() {
	for {
		select {
		case j := <-s.jobs:
			group := s.gather(j)
			if err := guard(func() error { s.work(group); return nil }); err != nil {
				s.damaged(group, err)
			}
		case err := <-s.flushed:
			s.flushEnded(err)
		case <-s.stopped:
			return
		}
	}
}

// gather adds the jobs that are waiting, up to one that is no batch.
func (s *Store) gather(first job) []job {
	group := []job{first}
	for len(group) < maxGroup && group[len(group)-1].do == nil {
		select {
		case more := <-s.jobs:
			group = append(group, more)
		default:
			return group
		}
	}
	return group
}

func (s *Store) work(group []job) {
	last := group[len(group)-1]
	if last.do == nil {
		s.commit(group)
		return
	}
	s.commit(group[:len(group)-1])
	s.waitForFlush()
	last.done <- taken{err: last.do()}
}

// commit takes in a group of batches. The order makes a death at any point
// harmless: lines into the log, synced; then the index, synced; then the answer.
// Lines whose index was not written are found in the log at the next start, and a
// batch that comes again is then a batch of duplicates.
func (s *Store) commit(group []job) {
	if len(group) == 0 {
		return
	}
	start := time.Now()
	answers, err := s.commitGroup(group)
	s.note(err)
	for i, j := range group {
		if err != nil {
			answers[i] = taken{err: err}
		}
		j.done <- answers[i]
	}
	s.o.Metrics.commits.Observe(time.Since(start).Seconds())
	s.o.Metrics.grouped.Observe(float64(len(group)))
}

func (s *Store) commitGroup(group []job) ([]taken, error) {
	answers := make([]taken, len(group))
	if s.broken != nil {
		return answers, s.broken
	}
	g := &gathered{batches: map[id]*stored{}, reports: map[string]*report{}, before: map[string]*report{}, refused: map[schema.Category]int{}}
	if err := s.sort(g, group, answers); err != nil {
		s.index.unlearn(g.keys)
		return answers, err
	}
	if err := s.keep(g); err != nil {
		return answers, err
	}
	if err := s.index.remember(g.batches, g.reports, g.before); err != nil {
		s.o.Log.Error("cannot write the index", "error", err.Error())
		return answers, fmt.Errorf("%w: %w", ErrFull, err)
	}
	s.startFlush()
	g.count(s.o.Metrics)
	return answers, nil
}

// keep appends what is new and makes it durable. After an error the whole group
// is answered with it: what was written meanwhile is recognised when it comes again.
func (s *Store) keep(g *gathered) error {
	n, err := s.log.Append(g.lines...)
	s.index.unlearn(g.keys[n:])
	s.unsynced = s.unsynced || n > 0
	if s.unsynced && !s.o.NoSync {
		syncErr := s.log.Sync()
		switch {
		case errors.Is(syncErr, eventlog.ErrLocked):
			return syncErr // next time, before anybody is answered
		case syncErr != nil:
			return s.breakDown(syncErr)
		}
		s.unsynced = false
	}
	if err == nil {
		return nil
	}
	s.o.Log.Error("cannot write the log", "error", err.Error())
	if errors.Is(err, eventlog.ErrLocked) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFull, err)
}

// breakDown stops everything: after a failed sync nobody knows what is on the
// disk, and asking again would get a yes that means nothing; without an index
// nobody knows what came before.
func (s *Store) breakDown(err error) error {
	s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	s.o.Log.Error("the disk does not work", "error", err.Error())
	select {
	case s.failed <- s.broken:
	default:
	}
	return s.broken
}

// damaged ends everything because a database could not be read, and tells those who
// wait. An index is set aside, so that the next start makes a new one.
func (s *Store) damaged(group []job, err error) {
	err = s.breakDown(fmt.Errorf("read the index or the records: %w", err))
	if asideErr := setAside(s.index.path); asideErr != nil {
		s.o.Log.Error("cannot set the index aside", "error", asideErr.Error())
	}
	for _, j := range group {
		select {
		case j.done <- taken{err: err}:
		default: // was answered before
		}
	}
}

// loadReports adds up what all logs say they lost.
func (s *Store) loadReports() error {
	return s.index.eachReport(func(raw []byte) error {
		var r report
		if err := json.Unmarshal(raw, &r); err != nil {
			return errors.New("read the index: a report in it is damaged")
		}
		s.o.Metrics.addLosses(r.Losses, 1)
		return nil
	})
}

// startFlush begins to write what is recent into the index, if that is much by
// now. Batches go on meanwhile, until as much again is waiting.
func (s *Store) startFlush() {
	if !s.index.recent.full() {
		return
	}
	s.waitForFlush()
	segment, err := s.active()
	if err != nil {
		s.o.Log.Error("cannot write the index", "error", err.Error())
		return
	}
	write := s.index.flush(s.o.Now(), segment)
	s.working.Go(func() { s.flushed <- guard(write) })
}

// waitForFlush waits until nothing is being written to the index.
func (s *Store) waitForFlush() {
	if s.index.flushing != nil {
		s.flushEnded(<-s.flushed)
	}
}

func (s *Store) flushEnded(err error) {
	s.index.ended(err)
	if errors.Is(err, ErrDamaged) {
		s.damaged(nil, err)
		return
	}
	if err != nil {
		s.o.Log.Error("cannot write the index", "error", err.Error())
		return
	}
	if err := s.index.remap(s.o.LockTimeout); err != nil {
		_ = s.breakDown(err) // it is said there, and to whoever comes next
	}
}

// flush writes all that is recent into the index, and waits for it.
func (s *Store) flush() error {
	s.waitForFlush()
	if s.index.recent.empty() {
		return nil
	}
	segment, err := s.active()
	if err != nil {
		return err
	}
	return s.flushIndex(segment)
}

func (s *Store) flushIndex(segment uint64) error {
	err := s.index.flush(s.o.Now(), segment)()
	s.index.ended(err)
	if err != nil {
		return err
	}
	if err := s.index.remap(s.o.LockTimeout); err != nil {
		return s.breakDown(err)
	}
	return nil
}
