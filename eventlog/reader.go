package eventlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
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
}

// Entry is one line of the log as it stands there: whole, not blank and not
// checked. Whoever needs an event from it calls schema.Parse.
type Entry struct {
	Raw     []byte // without newline; valid until the next entry
	Segment uint64
	Name    string // the file's name
	Offset  int64  // of the line in the uncompressed segment, in bytes
}

// Position is a place in the log between two lines. It stays the same when a
// segment is sealed or compacted. The zero value is the beginning.
type Position struct {
	Segment uint64
	Offset  int64 // in the uncompressed segment, in bytes
}

// End is the position behind the entry.
func (e Entry) End() Position {
	return Position{Segment: e.Segment, Offset: e.Offset + int64(len(e.Raw)) + 1}
}

// DamageError says where a log cannot be read. The rest of it can.
type DamageError struct {
	Segment uint64
	Name    string // the file's name
	Offset  int64  // in the uncompressed segment, in bytes
	Err     error
}

// Error names the file, the byte and what is wrong.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s, byte %d: %v", e.Name, e.Offset, e.Err)
}

// Unwrap returns what is wrong.
func (e *DamageError) Unwrap() error { return e.Err }

// ErrGone means that a segment of a snapshot was removed before it was read.
var ErrGone = errors.New("removed since")

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
	s.segments = nil
	for _, number := range ls.numbers() {
		if number <= s.meta.RemovedThrough {
			continue
		}
		name, state := ls.name(number)
		s.add(Segment{Number: number, State: state, Name: name, Bytes: ls.sizes[name]})
	}
	next := max(s.meta.NextNumber, ls.newest()+1, s.meta.RemovedThrough+1)
	for _, name := range ls.backups {
		s.add(Segment{Number: next, State: Sealed, Name: name, Bytes: ls.sizes[name]})
		next++
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

// Lines goes through all lines, oldest first. An error entry is a
// *DamageError; the loop goes on behind it.
func (s *Snapshot) Lines() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, seg := range s.segments {
			for e, err := range s.lines(seg, 0) {
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// lines goes through one segment from a byte on.
func (s *Snapshot) lines(seg Segment, from int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		src, name, err := s.source(seg)
		if err != nil {
			yield(Entry{}, &DamageError{Segment: seg.Number, Name: seg.Name, Err: err})
			return
		}
		defer src.Close()
		if _, err := io.CopyN(io.Discard, src, from); err != nil {
			if !errors.Is(err, io.EOF) {
				yield(Entry{}, &DamageError{Segment: seg.Number, Name: name, Err: err})
			}
			return
		}
		r := newLineReader(src)
		r.offset = from
		for {
			raw, at, err := r.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				long := errors.Is(err, errLongLine)
				if !yield(Entry{}, &DamageError{Segment: seg.Number, Name: name, Offset: at, Err: err}) || !long {
					return
				}
				continue
			case r.unfinished():
				if seg.State == Active {
					return // somebody may be writing it
				}
			}
			if !yield(Entry{Raw: raw, Segment: seg.Number, Name: name, Offset: at}, nil) {
				return
			}
		}
	}
}

// source opens a segment from its start, wherever it has got to since the snapshot: a backup is
// found under its number, a plain file as its compacted form.
func (s *Snapshot) source(seg Segment) (src io.ReadCloser, name string, err error) {
	if seg.State == Active {
		return io.NopCloser(io.NewSectionReader(s.active, 0, seg.Bytes)), seg.Name, nil
	}
	src, err = openSegment(s.fs, filepath.Join(s.dir, seg.Name), seg.State)
	if !errors.Is(err, fs.ErrNotExist) {
		return src, seg.Name, err
	}
	ls, err := list(s.fs, s.dir)
	if err != nil {
		return nil, "", err
	}
	name, state := ls.name(seg.Number)
	if name == "" {
		return nil, "", ErrGone
	}
	src, err = openSegment(s.fs, filepath.Join(s.dir, name), state)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrGone
	}
	return src, name, err
}

// Backward goes through all lines, newest first. It holds one segment in memory
// at a time.
func (s *Snapshot) Backward() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, seg := range slices.Backward(s.segments) {
			if !s.backward(seg, yield) {
				return
			}
		}
	}
}

// backward collects where the lines of one segment begin, then returns to them.
func (s *Snapshot) backward(seg Segment, yield func(Entry, error) bool) bool {
	type kept struct {
		at   int64
		from int
		to   int
	}
	var content []byte
	var lines []kept
	for e, err := range s.lines(seg, 0) {
		if err != nil {
			if !yield(Entry{}, err) {
				return false
			}
			continue
		}
		lines = append(lines, kept{e.Offset, len(content), len(content) + len(e.Raw)})
		content = append(content, e.Raw...)
	}
	for _, k := range slices.Backward(lines) {
		if !yield(Entry{Raw: content[k.from:k.to], Segment: seg.Number, Name: seg.Name, Offset: k.at}, nil) {
			return false
		}
	}
	return true
}
