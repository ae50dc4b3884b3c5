package eventlog

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"math"
	"slices"

	"caro.sh/telemetry/eventlog/vfs"
)

// Backward goes through all lines, newest first, as Lines does forward. It reads
// from the end and no further than it is asked to, about a block at a time; a
// compacted segment has to be unpacked from its beginning for each.
func (s *Snapshot) Backward() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, seg := range slices.Backward(s.segments) {
			if !s.backward(seg, yield) {
				return
			}
		}
	}
}

// What is read at once. Unpacking takes its time each time.
const (
	backwardBytes  = 256 << 10
	backwardPacked = 4 << 20
)

// backward goes through one segment.
func (s *Snapshot) backward(seg Segment, yield func(Entry, error) bool) bool {
	block := int64(backwardBytes)
	if seg.State == Compacted {
		block = backwardPacked
	}
	end, err := s.sizeOf(seg)
	if err != nil {
		return yield(Entry{}, &DamageError{Segment: seg.Number, Name: seg.Name, Err: err})
	}
	for size := block; end > 0; {
		from, err := s.lineAfter(seg, max(end-size, 0))
		if err != nil {
			return yield(Entry{}, &DamageError{Segment: seg.Number, Name: seg.Name, Offset: max(end-size, 0), Err: err})
		}
		if from >= end { // in the middle of a long line
			size *= 2
			continue
		}
		if !s.between(seg, from, end, yield) {
			return false
		}
		end, size = from, block
	}
	return true
}

// sizeOf is how many bytes of lines a segment has.
func (s *Snapshot) sizeOf(seg Segment) (int64, error) {
	if seg.State == Active {
		return seg.Bytes, nil
	}
	src, _, err := s.source(seg)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	if f, plain := src.(vfs.File); plain {
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	return io.Copy(io.Discard, src)
}

// from opens a segment at a byte of its lines; behind the last there is nothing.
func (s *Snapshot) from(seg Segment, at int64) (src io.ReadCloser, name string, err error) {
	if seg.State == Active {
		return io.NopCloser(io.NewSectionReader(s.active, at, max(seg.Bytes-at, 0))), seg.Name, nil
	}
	if src, name, err = s.source(seg); err != nil {
		return nil, name, err
	}
	if f, plain := src.(vfs.File); plain {
		return struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(f, at, math.MaxInt64-at), f}, name, nil
	}
	if _, err = io.CopyN(io.Discard, src, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, name, errors.Join(err, src.Close())
	}
	return src, name, nil
}

// lineAfter is where the first line begins that does so at a byte or behind it.
func (s *Snapshot) lineAfter(seg Segment, at int64) (int64, error) {
	if at == 0 {
		return 0, nil
	}
	src, _, err := s.from(seg, at-1)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	r := bufio.NewReader(src)
	for at--; ; {
		part, err := r.ReadSlice('\n')
		at += int64(len(part))
		switch {
		case errors.Is(err, io.EOF):
			return math.MaxInt64, nil
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			return at, err
		}
	}
}

// between goes backward through the lines of a segment from one byte to another.
func (s *Snapshot) between(seg Segment, from, end int64, yield func(Entry, error) bool) bool {
	type kept struct {
		at       int64
		from, to int
		err      error
	}
	var content []byte
	var lines []kept
	for e, err := range s.lines(seg, from) {
		k := kept{at: e.Offset, from: len(content), err: err}
		var damage *DamageError
		if errors.As(err, &damage) {
			k.at = damage.Offset
		}
		if k.at >= end {
			break
		}
		content = append(content, e.Raw...)
		k.to = len(content)
		lines = append(lines, k)
	}
	for _, k := range slices.Backward(lines) {
		e := Entry{Raw: content[k.from:k.to], Segment: seg.Number, Name: seg.Name, Offset: k.at}
		if k.err != nil {
			e = Entry{}
		}
		if !yield(e, k.err) {
			return false
		}
	}
	return true
}
