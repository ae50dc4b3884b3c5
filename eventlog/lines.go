package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/pierrec/lz4/v4"

	"caro.sh/telemetry/eventlog/vfs"
)

// maxLine is the longest line a reader takes in: far above an event's 4,096
// bytes, far below what would hurt.
const maxLine = 64 << 10

// maxSegment bounds what a compacted segment may expand to in memory: twice the
// largest segment that is ever sealed.
const maxSegment = 2*maxSegmentBytes + MB

// errLongLine is returned with the beginning of a line longer than maxLine; the
// rest of it is skipped.
var errLongLine = errors.New("a line longer than 64 KiB")

// openSegment opens a segment for reading its lines from the start. A compacted
// one is expanded and verified as a whole first: its checksum stands at the end,
// and nothing may come out of a frame that is not intact.
func openSegment(disk vfs.FS, name string, state State) (io.ReadCloser, error) {
	f, err := disk.Open(name)
	if err != nil {
		return nil, err
	}
	if state != Compacted {
		return f, nil
	}
	src, _, err := expand(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{src, f}, nil
}

// expand reads one or more LZ4 frames twice: once to their checksums, and again
// for whoever wants the content, of so many bytes, so that no line comes out of a
// damaged frame and none of it is held in memory. The library takes an empty file
// for a valid stream; here it is a truncated one.
func expand(f io.ReaderAt) (content io.Reader, size int64, err error) {
	again := func() io.Reader { return lz4.NewReader(io.NewSectionReader(f, 0, math.MaxInt64)) }
	n, err := io.Copy(io.Discard, io.LimitReader(again(), maxSegment+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("damaged LZ4 frame: %w", err)
	case n == 0:
		return nil, 0, errors.New("damaged LZ4 frame: empty")
	case n > maxSegment:
		return nil, 0, fmt.Errorf("LZ4 frame expands to more than %d bytes", maxSegment)
	}
	return again(), n, nil
}

// lineReader cuts a stream into lines in one fixed buffer.
type lineReader struct {
	src    io.Reader
	buf    []byte
	start  int   // of what is not yet returned
	end    int   // of what is read
	offset int64 // of buf[start] in the stream
	eof    bool
}

func newLineReader(src io.Reader) *lineReader {
	return &lineReader{src: src, buf: make([]byte, 2*maxLine)}
}

// next returns the next line that holds something, without its newline, and
// where it begins. The bytes are valid until the following call. A last line
// without a newline is returned too: only the caller knows whether somebody is
// still writing it.
func (r *lineReader) next() (line []byte, offset int64, err error) {
	for {
		line, offset, err = r.raw()
		if err != nil || !isBlank(line) {
			return line, offset, err
		}
	}
}

func (r *lineReader) raw() ([]byte, int64, error) {
	searched := 0
	for {
		if i := bytes.IndexByte(r.buf[r.start+searched:r.end], '\n'); i >= 0 && searched+i <= maxLine {
			return r.take(searched+i, 1)
		} else if i >= 0 {
			return r.skip()
		}
		searched = r.end - r.start
		if r.eof {
			if searched == 0 {
				return nil, r.offset, io.EOF
			}
			return r.take(searched, 0)
		}
		if searched > maxLine {
			return r.skip()
		}
		if err := r.fill(); err != nil {
			return nil, r.offset, err
		}
	}
}

func (r *lineReader) take(n, newline int) ([]byte, int64, error) {
	line, at := r.buf[r.start:r.start+n], r.offset
	r.start += n + newline
	r.offset += int64(n + newline)
	return line, at, nil
}

// skip throws away a line that is too long, up to its newline. One that is
// nothing but blanks is no trouble: a long fragment was there.
func (r *lineReader) skip() ([]byte, int64, error) {
	at := r.offset
	blank := true
	for {
		n := bytes.IndexByte(r.buf[r.start:r.end], '\n')
		ended := n >= 0
		if !ended {
			n = r.end - r.start
		}
		blank = blank && isBlank(r.buf[r.start:r.start+n])
		if ended {
			n++
		}
		r.start += n
		r.offset += int64(n)
		switch {
		case (ended || r.eof) && blank:
			return nil, at, nil
		case ended || r.eof:
			return nil, at, errLongLine
		}
		if err := r.fill(); err != nil {
			return nil, at, err
		}
	}
}

func (r *lineReader) fill() error {
	copy(r.buf, r.buf[r.start:r.end])
	r.end -= r.start
	r.start = 0
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if errors.Is(err, io.EOF) {
		r.eof, err = true, nil
	}
	return err
}

// unfinished reports whether the line last returned had no newline.
func (r *lineReader) unfinished() bool {
	return r.eof && r.start == r.end && r.buf[max(r.end-1, 0)] != '\n'
}
