package command

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"

	"caro.sh/telemetry/schema"
)

// line is one non-blank line of input, valid until the next is read.
type line struct {
	number int
	text   []byte // without newline and trailing CR; one byte over the limit is enough to refuse it
	length int    // of the whole line
}

// lineReader reads lines in bounded memory, however long they are.
type lineReader struct {
	r      *bufio.Reader
	number int
	buf    []byte
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, batchBytes)}
}

// next returns the next line that is not blank; at the end io.EOF.
func (l *lineReader) next() (line, error) {
	for {
		text, length, err := l.read()
		if err != nil && (!errors.Is(err, io.EOF) || length == 0) {
			return line{}, err
		}
		l.number++
		if len(bytes.Trim(text, " \t\r\n")) > 0 || length > schema.MaxLineBytes {
			return line{l.number, text, length}, nil
		}
	}
}

// read takes one line off the input and keeps what fits of it.
func (l *lineReader) read() (text []byte, length int, err error) {
	l.buf = l.buf[:0]
	var last, beforeLast byte
	for {
		var part []byte
		part, err = l.r.ReadSlice('\n')
		length += len(part)
		l.buf = append(l.buf, part[:min(len(part), schema.MaxLineBytes+2-len(l.buf))]...)
		last, beforeLast = lastTwo(part, last)
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	if length > 0 && last == '\n' {
		length--
		last = beforeLast
	}
	if length > 0 && last == '\r' {
		length--
	}
	return l.buf[:min(length, schema.MaxLineBytes+1)], length, err
}

// lastTwo returns the last two bytes read when part follows a byte.
func lastTwo(part []byte, before byte) (last, beforeLast byte) {
	switch n := len(part); n {
	case 0:
		return before, 0
	case 1:
		return part[0], before
	default:
		return part[n-1], part[n-2]
	}
}

// waiting reports that the next line has not arrived whole, so that reading it
// may take time.
func (l *lineReader) waiting() bool {
	have, _ := l.r.Peek(l.r.Buffered())
	return bytes.IndexByte(have, '\n') < 0
}

// violation is the reason err refused a line of length bytes.
func violation(err error, length int) *schema.Violation {
	var v *schema.Violation
	if !errors.As(err, &v) {
		return &schema.Violation{Category: schema.Malformed, Length: length, Rule: "internal"}
	}
	if length > schema.MaxLineBytes && v.Category == schema.TooLong && v.Pointer == "" {
		whole := *v
		whole.Length = length // only its beginning was looked at
		return &whole
	}
	return v
}

// orStdin is files, or standard input when there are none.
func orStdin(files []string) []string {
	if len(files) == 0 {
		return []string{"-"}
	}
	return files
}

// isStdin knows "-" and the empty string that the parser makes of it.
func isStdin(name string) bool { return name == "" || name == "-" }

// eachInput calls do with each file in turn.
func (c *cli) eachInput(files []string, do func(name string, r io.Reader) error) error {
	for _, name := range orStdin(files) {
		if err := c.input(name, do); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) input(name string, do func(string, io.Reader) error) error {
	if isStdin(name) {
		return do("-", c.Stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return &exitError{exitIO, "cannot read the input: " + err.Error(), "give the name of an NDJSON file, or - for standard input"}
	}
	defer f.Close()
	return do(name, f)
}
