package eventlog

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// pollInterval is how often a follower looks for something new: often enough
// for eyes, seldom enough for a laptop's battery.
const pollInterval = 200 * time.Millisecond

// Follow goes through all lines behind a position and then waits for more,
// across sealing, compaction and eviction: each line once, and none missed that
// was still on disk when its turn came. What was not is reported as a
// *DamageError with ErrGone. It ends with ctx, or with an error that is not a
// *DamageError when the directory cannot be read.
func Follow(ctx context.Context, dir string, from Position, o *ReadOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		f := follower{dir: dir, at: from, disk: vfs.Disk}
		if o != nil {
			f.options = *o
		}
		if f.options.FS != nil {
			f.disk = f.options.FS
		}
		tick := time.NewTicker(pollInterval)
		defer tick.Stop()
		for {
			if f.changed() && !f.catchUp(yield) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

type follower struct {
	dir     string
	disk    vfs.FS
	options ReadOptions
	at      Position
	done    bool        // the segment we are in was read to an end that stays
	seen    fs.FileInfo // the active file when we last caught up
}

// changed reports whether the active file is not what it was.
func (f *follower) changed() bool {
	info, err := f.disk.Lstat(filepath.Join(f.dir, ActiveName))
	if err != nil {
		f.seen = nil
		return true
	}
	same := f.seen != nil && sameFile(info, f.seen) && info.Size() == f.seen.Size()
	f.seen = info
	return !same
}

// catchUp reads to the end of a snapshot. It reports false when the loop is over.
func (f *follower) catchUp(yield func(Entry, error) bool) bool {
	f.options.Sent = f.at.Segment > 0 // what was sent while we were behind; not what was before us
	s, err := OpenSnapshot(f.dir, &f.options)
	if err != nil {
		yield(Entry{}, err)
		return false
	}
	defer s.Close()
	for _, seg := range f.remaining(s.segments) {
		if seg.Number > f.at.Segment {
			if f.missed(seg) && !yield(Entry{}, &DamageError{Segment: f.at.Segment, Offset: f.at.Offset, Name: fmt.Sprintf("segment %d", f.at.Segment), Err: ErrGone}) {
				return false
			}
			f.at = Position{Segment: seg.Number}
		}
		for e, err := range s.lines(seg, f.at.Offset) {
			if err == nil {
				f.at = e.End()
			}
			if !yield(e, err) {
				return false
			}
		}
		f.done = seg.State != Active
	}
	return true
}

// missed reports whether something between our place and the next segment was
// removed before we came by.
func (f *follower) missed(next Segment) bool {
	return f.at.Segment > 0 && (next.Number > f.at.Segment+1 || !f.done)
}

// remaining drops the segments that are behind us. Numbers that start again
// from below are a new log in the old place.
func (f *follower) remaining(segments []Segment) []Segment {
	if n := len(segments); n > 0 && segments[n-1].Number < f.at.Segment {
		f.at = Position{}
	}
	for i, seg := range segments {
		if seg.Number >= f.at.Segment {
			return segments[i:]
		}
	}
	return nil
}
