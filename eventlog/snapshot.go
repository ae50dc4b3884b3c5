package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// ReadOptions of a snapshot; nil means the defaults.
type ReadOptions struct {
	FS vfs.FS // nil is the real disk
	// LockTimeout bounds the wait for a quiet moment; 0 is
	// DefaultLockTimeout. After it the snapshot is taken without one.
	LockTimeout time.Duration
	// Sent includes the segments kept in sent/.
	Sent bool
}

// Snapshot is a log as it was at one moment. It never changes anything on disk,
// and what others append, seal or compact meanwhile does not change it; what
// they remove is missing and reported. It may be read from one goroutine at a
// time, as often as wanted.
type Snapshot struct {
	dir      string
	fs       vfs.FS
	segments []Segment
	active   vfs.File // nil when there is none
	meta     *meta
	bytes    int64
	metaErr  error
	floor    uint64

	upload    *uploadState
	uploadErr error
	withSent  bool
}

// OpenSnapshot takes a snapshot of dir. A directory that does not exist is an
// empty log. Close it after use.
func OpenSnapshot(dir string, o *ReadOptions) (*Snapshot, error) {
	s := &Snapshot{dir: dir, fs: vfs.Disk}
	timeout := DefaultLockTimeout
	if o != nil && o.FS != nil {
		s.fs = o.FS
	}
	if o != nil && o.LockTimeout > 0 {
		timeout = o.LockTimeout
	}
	s.withSent = o != nil && o.Sent
	held, err := s.fs.Lock(filepath.Join(dir, lockName), vfs.LockOptions{Shared: true, Timeout: timeout})
	if err == nil {
		defer held.Close()
	}
	if err := s.take(err == nil); err != nil {
		return nil, errors.Join(fmt.Errorf("read the log: %w", err), s.Close())
	}
	return s, nil
}

// take lists the directory and opens the active segment. Without the lock it
// looks again until nothing was sealed in between.
func (s *Snapshot) take(locked bool) error {
	const attempts = 10
	for range attempts {
		before, err := list(s.fs, s.dir)
		if errors.Is(err, fs.ErrNotExist) {
			s.meta = newMeta(time.Time{})
			s.meta.LogID = ""
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.openActive(); err != nil {
			return err
		}
		quiet := locked
		if !locked {
			after, err := list(s.fs, s.dir)
			if err != nil {
				return err
			}
			quiet = slices.Equal(before.numbers(), after.numbers()) && slices.Equal(before.backups, after.backups)
		}
		if quiet {
			return s.describe(before)
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	return errors.New("the log is being sealed faster than it can be listed")
}

func (s *Snapshot) openActive() error {
	f, err := s.fs.Open(filepath.Join(s.dir, ActiveName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s.active = f
	return err
}

// describe turns a listing into segments, oldest first. A file that was rotated
// and not yet adopted reads as the sealed segment it will be.
func (s *Snapshot) describe(ls *listing) error {
	s.meta, s.metaErr = readMeta(s.fs, s.dir)
	if s.meta == nil {
		s.meta = newMeta(time.Time{})
		s.meta.LogID = ""
	}
	s.bytes = ls.bytes
	s.floor = s.meta.Floor
	if _, damaged := ls.sizes[badMetaName]; s.MetaError() != nil || damaged && s.metaErr != nil {
		s.floor = ls.newest()
	}
	s.readUpload()
	s.segments = nil
	for _, number := range ls.numbers() {
		if number <= s.meta.RemovedThrough {
			continue
		}
		name, state := ls.name(number)
		s.add(Segment{Number: number, State: state, Name: name, Bytes: ls.sizes[name]})
	}
	next := s.meta.next(ls, s.upload)
	for _, name := range ls.backups {
		s.add(Segment{Number: next, State: Sealed, Name: name, Bytes: ls.sizes[name]})
		next++
	}
	if s.withSent {
		if err := s.addSent(ls); err != nil {
			return err
		}
	}
	if s.active == nil {
		return nil
	}
	info, err := s.active.Stat()
	if err != nil {
		return err
	}
	s.add(Segment{Number: next, State: Active, Name: ActiveName, Bytes: info.Size()})
	return nil
}

func (s *Snapshot) add(seg Segment) {
	seg.Events = -1
	if t, ok := s.meta.tallyOf(seg.Number); ok && seg.State != Active {
		seg.Events, seg.First, seg.Last = t.Events, t.First, t.Last
	}
	s.segments = append(s.segments, seg)
}

// Close lets go of the active segment.
func (s *Snapshot) Close() error {
	if s.active == nil {
		return nil
	}
	err := s.active.Close()
	s.active = nil
	return err
}

// Segments lists the segments, oldest first, the active one last. Events is -1
// where nobody has counted yet; see Count.
func (s *Snapshot) Segments() []Segment { return slices.Clone(s.segments) }

// Losses returns the counters of the log. They are zero when meta.json is
// missing or damaged; MetaError tells which.
func (s *Snapshot) Losses() Losses { return s.meta.Losses }

// MetaError says why meta.json could not be used; nil also when there is none.
func (s *Snapshot) MetaError() error {
	if errors.Is(s.metaErr, fs.ErrNotExist) {
		return nil
	}
	return s.metaErr
}

// LogID names the series of counters Losses belongs to, "" when there is none.
func (s *Snapshot) LogID() string { return s.meta.LogID }

// Since is when that series began.
func (s *Snapshot) Since() time.Time { return s.meta.Since }

// Floor is the highest number recorded before the newest opt-out: what is in
// segments up to it is never uploaded. Where meta.json is damaged nobody knows
// when that was, and it is the highest number there is.
func (s *Snapshot) Floor() uint64 { return s.floor }

// Bytes is the size of all files of the directory.
func (s *Snapshot) Bytes() int64 { return s.bytes }

// Count returns the segment with Events, First and Last filled in, reading it
// when nobody has counted it before.
func (s *Snapshot) Count(seg Segment) (Segment, error) {
	if seg.Events >= 0 {
		return seg, nil
	}
	var t tally
	var damage error
	for e, err := range s.lines(seg, 0) {
		if err != nil {
			damage = errors.Join(damage, err)
			continue
		}
		t.add(e.Raw)
	}
	seg.Events, seg.First, seg.Last = t.Events, t.First, t.Last
	return seg, damage
}
