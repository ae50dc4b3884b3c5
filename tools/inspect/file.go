package inspect

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"

	"caro.sh/telemetry/eventlog"
)

// maxLine is the longest line that is taken in, as in the log.
const maxLine = 64 << 10

// Why a file cannot be read further. Errors of the libraries are not passed on
// where they could say what a file holds.
var (
	errLongLine = errors.New("a line longer than 64 KiB")
	errGzip     = errors.New("damaged gzip file")
	errLZ4      = errors.New("damaged LZ4 frame")
	errDocument = errors.New("the document ends early, or is no export")
)

// linesOf hands the lines of one file to yield, and reports whether more are wanted.
func linesOf(name string, src io.Reader, yield func(eventlog.Entry, error) bool) bool {
	r, err := expanded(src)
	if err != nil {
		return yield(eventlog.Entry{}, damage(name, 0, err))
	}
	if r.isDocument() {
		return documentLines(name, r, yield)
	}
	return plainLines(name, r, yield)
}

func damage(name string, offset int64, err error) error {
	return &eventlog.DamageError{Name: name, Offset: offset, Err: err}
}

// text is a file without its compression.
type text struct {
	*bufio.Reader
	broken error // what an error of reading means, nil: what it says
}

// expanded looks at the first bytes of a file to know how it is compressed.
func expanded(src io.Reader) (text, error) {
	file := bufio.NewReaderSize(src, maxLine)
	start, err := file.Peek(4)
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(file)
		if err != nil {
			return text{}, errGzip
		}
		return text{bufio.NewReaderSize(z, 2*maxLine), errGzip}, nil
	case bytes.Equal(start, frameMagic):
		return text{bufio.NewReaderSize(lz4.NewReader(file), 2*maxLine), errLZ4}, nil
	case err != nil && !errors.Is(err, io.EOF):
		return text{}, err
	}
	return text{bufio.NewReaderSize(file, 2*maxLine), nil}, nil
}

// why is what an error of reading is called.
func (t text) why(err error) error {
	if t.broken != nil {
		return t.broken
	}
	return err
}

// isDocument reports whether the file is one JSON document with events in it, an
// export or a batch, and not a line for each event.
func (t text) isDocument() bool {
	start, _ := t.Peek(4096)
	start = bytes.TrimLeft(start, " \t\r\n")
	if len(start) == 0 || start[0] != '{' {
		return false
	}
	key, _, _ := bytes.Cut(bytes.TrimLeft(start[1:], " \t\r\n"), []byte(":"))
	key = bytes.TrimRight(key, " \t\r\n")
	return string(key) == `"export_version"` || string(key) == `"events"`
}

// plainLines cuts NDJSON into lines that hold something.
func plainLines(name string, t text, yield func(eventlog.Entry, error) bool) bool {
	var at int64
	for {
		line, err := t.ReadSlice('\n')
		begin := at
		at += int64(len(line))
		if errors.Is(err, bufio.ErrBufferFull) || err == nil && len(line) > maxLine+1 {
			n, err := t.skipLine(err == nil)
			at += n
			switch {
			case !yield(eventlog.Entry{}, damage(name, begin, errLongLine)):
				return false
			case errors.Is(err, io.EOF):
				return true
			case err != nil:
				return yield(eventlog.Entry{}, damage(name, at, t.why(err)))
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return yield(eventlog.Entry{}, damage(name, begin, t.why(err)))
		}
		line = bytes.TrimSuffix(line, []byte{'\n'})
		if len(bytes.TrimLeft(line, " \t\r")) > 0 && !yield(eventlog.Entry{Raw: line, Name: name, Offset: begin}, nil) {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// skipLine reads to the end of a line that is too long.
func (t text) skipLine(ended bool) (n int64, err error) {
	for !ended {
		var part []byte
		part, err = t.ReadSlice('\n')
		n += int64(len(part))
		if ended = !errors.Is(err, bufio.ErrBufferFull); !ended {
			err = nil
		}
	}
	return n, err
}
