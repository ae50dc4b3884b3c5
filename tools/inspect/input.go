// Package inspect looks into a log, or into files that came from one, and
// changes nothing: what segments there are, which events they hold, whether all
// of it is sound, and the numbers a team steers by.
package inspect

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"caro.sh/telemetry/eventlog"
)

// Input is what is looked into: files if there are any, else the log in Dir. A
// directory that does not exist is an empty log.
type Input struct {
	Dir   string
	Log   eventlog.ReadOptions
	Files []File
	// Workers is how many lines are judged at once; 0 is one for every core.
	Workers int
	// Progress is told how many bytes on disk of how many have been read, often;
	// nil is nobody. The total is 0 where nobody knows.
	Progress func(done, total int64)
}

// File is a file in a log's place: NDJSON, plain or as LZ4 or gzip, or an export.
// What it is, its first bytes tell.
type File struct {
	Name string // for messages
	Size int64  // in bytes, 0 where nobody knows
	Open func() (io.ReadCloser, error)
}

// FileAt is the file with that name on disk.
func FileAt(name string) File {
	f := File{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		f.Size = info.Size()
	}
	return f
}

// snapshot opens the log; with files it is nil.
func (in *Input) snapshot() (*eventlog.Snapshot, error) {
	if len(in.Files) > 0 {
		return nil, nil
	}
	return eventlog.OpenSnapshot(in.Dir, &in.Log)
}

// lines goes through all lines in order. An error entry is a *DamageError of
// eventlog, and the loop goes on; any other error ends it.
func (in *Input) lines(ctx context.Context, s *eventlog.Snapshot) iter.Seq2[eventlog.Entry, error] {
	if s == nil {
		return in.fileLines(ctx)
	}
	return in.logLines(s)
}

// logLines says how far it is as it goes from segment to segment.
func (in *Input) logLines(s *eventlog.Snapshot) iter.Seq2[eventlog.Entry, error] {
	segments := s.Segments()
	before, total := map[uint64]int64{}, int64(0)
	for _, seg := range segments {
		before[seg.Number] = total
		total += in.sizeOf(seg)
	}
	return func(yield func(eventlog.Entry, error) bool) {
		segment, steps := uint64(0), 0
		for e, err := range s.Lines() {
			if steps++; err == nil && (e.Segment != segment || steps%progressLines == 0) {
				segment = e.Segment
				in.progress(min(before[segment]+e.Offset, total), total)
			}
			if !yield(e, err) {
				return
			}
		}
		in.progress(total, total)
	}
}

// What an event takes on disk, about, and how much smaller compression makes it.
const (
	eventBytes = 400
	packed     = 4
)

// expected is how many events there are, about, so that memory can be set aside; 0
// where nobody knows.
func (in *Input) expected() int64 {
	var bytes int64
	for _, f := range in.Files {
		size := f.Size
		if ext := filepath.Ext(f.Name); ext == ".gz" || ext == ".lz4" {
			size *= packed
		}
		bytes += size
	}
	if len(in.Files) > 0 {
		return bytes / eventBytes
	}
	entries, err := in.disk().ReadDir(in.Dir)
	if err != nil {
		return 0 // opening the log says it
	}
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case filepath.Ext(e.Name()) == ".lz4":
			bytes += info.Size() * packed
		case filepath.Ext(e.Name()) == ".ndjson":
			bytes += info.Size()
		}
	}
	return bytes / eventBytes
}

// progressLines is after how many lines somebody is told.
const progressLines = 4096

func (in *Input) progress(done, total int64) {
	if in.Progress != nil {
		in.Progress(done, total)
	}
}

// sizeOf is a segment's size on disk. Kept copies of sent segments come without.
func (in *Input) sizeOf(seg eventlog.Segment) int64 {
	if seg.Bytes > 0 {
		return seg.Bytes
	}
	info, err := in.disk().Lstat(filepath.Join(in.Dir, seg.Name))
	if err != nil {
		return 0
	}
	return info.Size()
}

// fileLines goes through the files one after the other.
func (in *Input) fileLines(ctx context.Context) iter.Seq2[eventlog.Entry, error] {
	return func(yield func(eventlog.Entry, error) bool) {
		var done, total int64
		for _, f := range in.Files {
			if f.Size == 0 {
				total = 0
				break
			}
			total += f.Size
		}
		for _, f := range in.Files {
			src, err := f.Open()
			if err != nil {
				yield(eventlog.Entry{}, fmt.Errorf("read a file: %w", err))
				return
			}
			counted := &countingReader{r: src, ctx: ctx, read: func(n int64) { in.progress(done+n, total) }}
			more := linesOf(f.Name, counted, yield)
			done += counted.n
			if err := src.Close(); err != nil && more {
				more = yield(eventlog.Entry{}, fmt.Errorf("read %s: %w", f.Name, err))
			}
			if !more {
				return
			}
		}
	}
}

// countingReader counts what is read, and stops when its context ends.
type countingReader struct {
	r    io.Reader
	ctx  context.Context
	n    int64
	read func(n int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.read(c.n)
	return n, err
}
