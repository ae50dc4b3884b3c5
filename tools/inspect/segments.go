package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
)

// Segment is a file of the log, and how large it is without compression.
type Segment struct {
	eventlog.Segment
	Uncompressed int64 `json:"uncompressed_bytes"`
	// Err says why what is in it is not known, or not all of it; nil if it is.
	Err error `json:"-"`
}

// Ratio is how many times smaller the file is than what it holds, 0 where that is
// not known.
func (s Segment) Ratio() float64 {
	if s.Bytes == 0 {
		return 0
	}
	return float64(s.Uncompressed) / float64(s.Bytes)
}

// Segments lists the segments of a log, oldest first, the active one last. What the
// log has not counted itself is counted by reading it.
func Segments(ctx context.Context, in Input) ([]Segment, error) {
	s, err := eventlog.OpenSnapshot(in.Dir, &in.Log)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var list []Segment
	var done, total int64
	for _, seg := range s.Segments() {
		seg.Bytes = in.sizeOf(seg)
		total += seg.Bytes
		list = append(list, Segment{Segment: seg})
	}
	for i := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in.progress(done, total)
		done += list[i].Bytes
		list[i].complete(&in, s)
	}
	in.progress(done, total)
	return list, nil
}

// complete fills in what a snapshot does not say.
func (s *Segment) complete(in *Input, snapshot *eventlog.Snapshot) {
	counted, err := snapshot.Count(s.Segment)
	s.Events, s.First, s.Last = counted.Events, counted.First, counted.Last
	s.Uncompressed = s.Bytes
	if s.State == eventlog.Compacted {
		var sizeErr error
		s.Uncompressed, sizeErr = in.contentSize(s.Name)
		if errors.Is(sizeErr, fs.ErrNotExist) {
			sizeErr = eventlog.ErrGone
		}
		if err == nil && sizeErr != nil {
			err = &eventlog.DamageError{Segment: s.Number, Name: s.Name, Err: sizeErr}
		}
	}
	if err != nil {
		s.Err = fmt.Errorf("count a segment: %w", err)
	}
}

// contentSize is what a compacted segment says of its size.
func (in *Input) contentSize(name string) (int64, error) {
	file, err := in.disk().Open(filepath.Join(in.Dir, name))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	header, err := readHeader(file)
	if err != nil || header.sized {
		return int64(header.contentSize), err
	}
	return expandedSize(file)
}

func (in *Input) disk() vfs.FS {
	if in.Log.FS != nil {
		return in.Log.FS
	}
	return vfs.Disk
}
