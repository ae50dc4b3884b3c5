package eventlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
)

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
		src, name, err := s.from(seg, from)
		if err != nil {
			yield(Entry{}, &DamageError{Segment: seg.Number, Name: seg.Name, Err: err})
			return
		}
		defer src.Close()
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
// found under its number, a plain file as its compacted form, one that was sent in
// sent/.
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
		return s.sourceSent(seg.Number)
	}
	src, err = openSegment(s.fs, filepath.Join(s.dir, name), state)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrGone
	}
	return src, name, err
}
