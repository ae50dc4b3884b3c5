package eventlog

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"time"
)

// Unsent returns how many events of a counted segment are pending, and the bytes
// they take on disk. A batch in flight is pending.
func (s *Snapshot) Unsent(seg Segment) (events, bytes int64) {
	total := max(seg.Events, 0)
	unsent, unknown := s.upload.fate(seg.Number, total, s.floor)
	switch events = unsent + unknown; {
	case events == total && !s.upload.sentWhole(seg.Number, s.floor):
		return events, seg.Bytes
	case total == 0:
		return 0, 0
	case seg.State == Compacted:
		return events, seg.Bytes * events / total
	}
	return events, max(seg.Bytes-s.upload.sentUpTo(seg.Number).Offset, 0)
}

// Pending goes through the lines that are not sent, oldest first, like Lines.
func (s *Snapshot) Pending() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, seg := range s.segments {
			if s.upload.sentWhole(seg.Number, s.floor) {
				continue
			}
			for e, err := range s.lines(seg, s.upload.sentUpTo(seg.Number).Offset) {
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// Schedule is when uploads went and may go.
func (s *Snapshot) Schedule() Schedule {
	if s.upload == nil {
		return Schedule{}
	}
	return s.upload.Schedule
}

// InFlight names the batch of which nobody knows yet whether it arrived, ""
// for none.
func (s *Snapshot) InFlight() string {
	if s.upload == nil || s.upload.InFlight == nil {
		return ""
	}
	return s.upload.InFlight.BatchID
}

// UploadError says why upload.json could not be used; nil also when there is none.
func (s *Snapshot) UploadError() error { return s.uploadErr }

// readUpload takes what is known of uploads into the snapshot.
func (s *Snapshot) readUpload() {
	s.upload, s.uploadErr = readUpload(s.fs, s.dir, s.meta.Counted)
}

// Batches are what an upload would send now, the active segment included. now
// is the time the new ones say.
func (s *Snapshot) Batches(most Limits, now time.Time) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		u := uploadState{}
		if s.upload != nil {
			u = *s.upload
			u.Skipped = slices.Clone(u.Skipped)
		}
		u.fence(s.floor)
		at := u.Position
		if u.Held != nil {
			at = u.Held.To
		}
		for _, seg := range s.segments {
			if _, skipped := u.skipOf(seg.Number); skipped || seg.Number < at.Segment || seg.Number <= s.floor {
				continue
			}
			if seg.Number > at.Segment {
				at = place{Segment: seg.Number}
			}
			var more bool
			if at, more = s.batchesOf(seg, at, u, most, now, yield); !more {
				return
			}
		}
	}
}

// batchesOf cuts one segment from a place on, and returns the place behind it.
func (s *Snapshot) batchesOf(seg Segment, at place, u uploadState, most Limits, now time.Time, yield func(*Batch, error) bool) (place, bool) {
	content, err := s.content(seg)
	if err != nil {
		return place{Segment: seg.Number + 1}, yield(nil, err)
	}
	for at.Segment == seg.Number {
		var b *Batch
		for _, f := range u.onTheWay() {
			if f.From == at {
				b = f.again(content)
			}
		}
		if b == nil {
			b = cut(content, at, int64(len(content)), most)
			if err := b.stamp(s.meta, now); err != nil {
				return at, yield(nil, err)
			}
		}
		if at = b.to; (len(b.rows) > 0) && !yield(b, nil) {
			return at, false
		}
	}
	return at, true
}

// content is a whole segment, without the line that is being written.
func (s *Snapshot) content(seg Segment) ([]byte, error) {
	src, name, err := s.source(seg)
	if err != nil {
		return nil, &DamageError{Segment: seg.Number, Name: seg.Name, Err: err}
	}
	content, err := io.ReadAll(io.LimitReader(src, maxSegment+1))
	if err = errors.Join(err, src.Close()); err != nil {
		return nil, &DamageError{Segment: seg.Number, Name: name, Err: err}
	}
	if seg.State == Active {
		whole := len(content)
		for whole > 0 && content[whole-1] != '\n' {
			whole--
		}
		content = content[:whole]
	}
	return content, nil
}

// addSent puts the segments kept in sent/ before those that are not sent.
func (s *Snapshot) addSent(ls *listing) error {
	sent, err := sentSegments(s.fs, s.dir)
	if err != nil {
		return err
	}
	var kept []Segment
	for number, name := range sent {
		if here, _ := ls.name(number); here != "" {
			continue
		}
		_, state, _ := parseSegment(name)
		kept = append(kept, Segment{Number: number, State: state, Name: filepath.Join(sentDir, name), Events: -1})
	}
	s.segments = append(s.segments, kept...)
	slices.SortFunc(s.segments, func(a, b Segment) int { return int(int64(a.Number) - int64(b.Number)) })
	return nil
}

// sourceSent opens a segment that was put into sent/ since the snapshot.
func (s *Snapshot) sourceSent(number uint64) (io.ReadCloser, string, error) {
	sent, err := sentSegments(s.fs, s.dir)
	if err != nil {
		return nil, "", err
	}
	name, kept := sent[number]
	if !kept {
		return nil, "", ErrGone
	}
	_, state, _ := parseSegment(name)
	name = filepath.Join(sentDir, name)
	src, err := openSegment(s.fs, filepath.Join(s.dir, name), state)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrGone
	}
	return src, name, err
}
