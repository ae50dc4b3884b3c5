// Package compact makes the sealed segments of a log smaller while others go on
// appending, reading and removing.
package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"time"

	"caro.sh/telemetry/eventlog"
)

// sealAfter is how old the first event of the active segment may be.
const sealAfter = 24 * time.Hour

// Options of a run; the zero value compacts with the defaults of everything.
type Options struct {
	// Log is how the log is opened; its cap holds for the second form of a
	// segment as well.
	Log eventlog.Options
	// Level is how hard to try.
	Level eventlog.Level
	// Workers is how many segments are compressed at once; 0 is one for every core.
	Workers int
	// DryRun says what would be saved, and changes nothing.
	DryRun bool
	// OptedOut says that the user's settings file says off: what is there so
	// far is never uploaded.
	OptedOut bool
	// Progress is called with each segment that was looked at, one at a time;
	// nil is nobody.
	Progress func(Segment)
}

// Segment is what became of one segment.
type Segment struct {
	Number uint64
	Name   string
	// Before and After are its size on disk. They are the same where nothing
	// was done.
	Before, After int64
	// Err says why it was left as it is; nil where there was no reason.
	Err error
}

// Result is what a run did, or would do.
type Result struct {
	Segments      int   // made smaller
	Before, After int64 // size of those on disk
	// Damaged are compacted segments that cannot be read. They are left where
	// they are: what is in them may be worth a repair.
	Damaged []Segment
	// Failed are segments that could not be compacted, and are as they were.
	Failed []Segment
}

// Saved is how many bytes fewer there are on disk.
func (r Result) Saved() int64 { return r.Before - r.After }

// Run applies the age limits of the log in dir, seals an active segment whose
// first event is older than a day, compacts every sealed segment but the newest,
// and reads what is compacted already. A segment that cannot be read, or not be
// compacted, keeps nobody else from it. ErrLocked means that another tool is at
// work. With an error, or when ctx ends, the result is what was done until then.
// A directory that does not exist is an empty log.
func Run(ctx context.Context, dir string, o Options) (Result, error) {
	r, err := run(ctx, dir, o)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return r, fmt.Errorf("compact the log: %w", err)
	}
	return r, nil
}

func run(ctx context.Context, dir string, o Options) (Result, error) {
	if o.DryRun {
		return each(ctx, dir, o, estimate)
	}
	log, err := eventlog.OpenExisting(dir, &o.Log)
	if err != nil {
		return Result{}, err
	}
	held, err := log.Maintain()
	if err != nil {
		return Result{}, err
	}
	if err := prepare(log, dir, o); err != nil {
		return Result{}, errors.Join(err, held.Close())
	}
	r, err := each(ctx, dir, o, func(_ *eventlog.Snapshot, seg eventlog.Segment, level eventlog.Level) (eventlog.Compaction, error) {
		return log.Compact(seg.Number, level)
	})
	return r, errors.Join(err, held.Close())
}

// prepare does what is due before the segments are listed.
func prepare(log *eventlog.Log, dir string, o Options) error {
	if o.OptedOut {
		if err := log.RaiseFloor(); err != nil {
			return err
		}
	}
	old, err := activeIsOld(dir, o)
	if err != nil {
		return err
	}
	if old {
		if err := log.Seal(); err != nil {
			return err
		}
	}
	return log.Expire()
}

// activeIsOld reports whether the first event that nobody has sealed is older
// than a day.
func activeIsOld(dir string, o Options) (bool, error) {
	s, err := snapshot(dir, o)
	if err != nil {
		return false, err
	}
	defer s.Close()
	segments := s.Segments()
	if len(segments) == 0 || segments[len(segments)-1].State != eventlog.Active {
		return false, nil
	}
	active, _ := s.Count(segments[len(segments)-1]) // a line too long to be an event ages nothing
	now := time.Now
	if o.Log.Now != nil {
		now = o.Log.Now
	}
	return !active.First.IsZero() && now().Sub(active.First) > sealAfter, nil
}

func snapshot(dir string, o Options) (*eventlog.Snapshot, error) {
	return eventlog.OpenSnapshot(dir, &eventlog.ReadOptions{FS: o.Log.FS, LockTimeout: o.Log.LockTimeout})
}

// step compacts one segment, or says what that would do.
type step func(*eventlog.Snapshot, eventlog.Segment, eventlog.Level) (eventlog.Compaction, error)

// estimate compresses a segment to nowhere.
func estimate(s *eventlog.Snapshot, seg eventlog.Segment, level eventlog.Level) (eventlog.Compaction, error) {
	after, err := s.CompactedSize(seg, level)
	if err != nil {
		after = seg.Bytes
	}
	return eventlog.Compaction{Before: seg.Bytes, After: min(after, seg.Bytes)}, err
}

// each takes every segment that is due through compact, several at once, and
// verifies the ones that are compacted.
func each(ctx context.Context, dir string, o Options, compact step) (Result, error) {
	var r Result
	s, err := snapshot(dir, o)
	if err != nil {
		return r, err
	}
	defer s.Close()
	due, done := make(chan eventlog.Segment), make(chan outcome)
	var workers sync.WaitGroup
	n := o.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for range n {
		workers.Go(func() {
			for seg := range due {
				done <- handle(s, seg, o.Level, compact)
			}
		})
	}
	go func() {
		feed(ctx, work(s.Segments()), due)
		workers.Wait()
		close(done)
	}()
	for out := range done {
		r.add(out)
		if o.Progress != nil {
			o.Progress(out.Segment)
		}
	}
	byNumber := func(a, b Segment) int { return cmp.Compare(a.Number, b.Number) }
	slices.SortFunc(r.Damaged, byNumber)
	slices.SortFunc(r.Failed, byNumber)
	return r, ctx.Err()
}

// feed hands out segments until ctx ends.
func feed(ctx context.Context, segments []eventlog.Segment, due chan<- eventlog.Segment) {
	defer close(due)
	for _, seg := range segments {
		select {
		case <-ctx.Done():
			return
		case due <- seg:
		}
	}
}

// work leaves out the active segment and, where it is plain, the newest before it.
func work(segments []eventlog.Segment) []eventlog.Segment {
	if n := len(segments); n > 0 && segments[n-1].State == eventlog.Active {
		segments = segments[:n-1]
	}
	if n := len(segments); n > 0 && segments[n-1].State == eventlog.Sealed {
		segments = segments[:n-1]
	}
	return segments
}

// outcome is a segment and whether it had been compacted before.
type outcome struct {
	Segment
	was eventlog.State
}

func handle(s *eventlog.Snapshot, seg eventlog.Segment, level eventlog.Level, compact step) outcome {
	out := outcome{Segment{Number: seg.Number, Name: seg.Name, Before: seg.Bytes, After: seg.Bytes}, seg.State}
	if seg.State == eventlog.Compacted {
		out.Err = s.Verify(seg)
	} else {
		var c eventlog.Compaction
		c, out.Err = compact(s, seg, level)
		if out.Err == nil {
			out.Before, out.After = c.Before, c.After
		}
	}
	if errors.Is(out.Err, eventlog.ErrGone) { // evicted or cleared: not ours to care for
		out.Err = nil
	}
	return out
}

func (r *Result) add(out outcome) {
	switch {
	case out.Err != nil && out.was == eventlog.Compacted:
		r.Damaged = append(r.Damaged, out.Segment)
	case out.Err != nil:
		r.Failed = append(r.Failed, out.Segment)
	case out.After < out.Before:
		r.Segments++
		r.Before += out.Before
		r.After += out.After
	}
}
