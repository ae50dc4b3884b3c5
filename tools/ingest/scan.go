package ingest

import (
	"bytes"
	"errors"
	"io"

	"caro.sh/telemetry/schema"
)

// The names of rules that documents are refused by, beside the keywords of their
// schemas and the rules of events.
const (
	ruleJSON      = "json"
	ruleDuplicate = "duplicate-key"
	ruleTrailing  = "trailing-data"
	ruleDepth     = "depth"
	ruleUTF8      = "utf8"
	ruleValueSize = "value-bytes"
	ruleGzip      = "gzip"
)

// malformed is the refusal of a document that cannot be read.
func malformed(pointer, rule string) *schema.Violation {
	return &schema.Violation{Category: schema.Malformed, Pointer: pointer, Rule: rule}
}

// A scanner cuts a JSON document into the raw text of its members and of its
// events without decoding them: whoever gets a piece judges it. It holds one
// piece at a time, and goes into no depth but counts it.
type scanner struct {
	src io.Reader // nil: the buffer is the whole document
	buf []byte    // bounds a piece when there is a source
	at  int       // the next byte
	end int       // behind the last byte that was read

	// ready takes the event that a text begins with where it knows at once how long
	// that is, and returns its length, else 0. nil never does.
	ready func(text []byte) (n int, err error)
}

// scanBytes scans a document in memory; the pieces are parts of it.
func scanBytes(doc []byte) *scanner { return &scanner{buf: doc, end: len(doc)} }

// scanReader scans a document of any size whose pieces have up to most bytes.
func scanReader(src io.Reader, most int) *scanner { return &scanner{src: src, buf: make([]byte, most)} }

// need makes the i-th byte from here available. At the end it is io.EOF.
func (s *scanner) need(i int) error {
	for s.at+i >= s.end {
		if s.src == nil {
			return io.EOF
		}
		copy(s.buf, s.buf[s.at:s.end])
		s.at, s.end = 0, s.end-s.at
		if s.end == len(s.buf) {
			return malformed("", ruleValueSize)
		}
		n, err := s.src.Read(s.buf[s.end:])
		s.end += n
		if n == 0 && err != nil {
			return err
		}
	}
	return nil
}

// inside is need where the document cannot end.
func (s *scanner) inside(i int) error {
	err := s.need(i)
	if errors.Is(err, io.EOF) {
		return malformed("", ruleJSON)
	}
	return err
}

// peek skips white space and returns the byte behind it.
func (s *scanner) peek() (byte, error) {
	for {
		if err := s.need(0); err != nil {
			return 0, err
		}
		switch c := s.buf[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c, nil
		}
	}
}

// take is peek that goes on behind the byte, and wants it to be one of these.
func (s *scanner) take(these string) (byte, error) {
	c, err := s.peek()
	if errors.Is(err, io.EOF) || err == nil && bytes.IndexByte([]byte(these), c) < 0 {
		return 0, malformed("", ruleJSON)
	}
	s.at++
	return c, err
}

// value returns the text of the next value, valid until the next call.
func (s *scanner) value() ([]byte, error) {
	c, err := s.peek()
	if errors.Is(err, io.EOF) {
		return nil, malformed("", ruleJSON)
	}
	if err != nil {
		return nil, err
	}
	var length int
	switch c {
	case '"':
		length, err = s.afterString(1)
	case '{', '[':
		length, err = s.afterNested(1)
	default:
		length, err = s.afterLiteral()
	}
	if err != nil {
		return nil, err
	}
	text := s.buf[s.at : s.at+length]
	s.at += length
	return text, nil
}

// afterString returns where a string ends whose text begins at i.
func (s *scanner) afterString(i int) (int, error) {
	for {
		if err := s.inside(i); err != nil {
			return 0, err
		}
		rest := s.buf[s.at+i : s.end]
		quote := bytes.IndexByte(rest, '"')
		if quote < 0 {
			i += len(rest)
			continue
		}
		i += quote + 1
		escapes := 0
		for s.buf[s.at+i-2-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i, nil
		}
	}
}

// afterNested returns where an object or array ends whose first member is at i.
// Whether its brackets match is for whoever decodes it.
func (s *scanner) afterNested(i int) (int, error) {
	for depth := 1; ; {
		if err := s.inside(i); err != nil {
			return 0, err
		}
		rest := s.buf[s.at+i : s.end]
		at := 0
		for at < len(rest) && rest[at] != '"' {
			switch rest[at] {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + at + 1, nil
				}
			}
			at++
		}
		if i += at; at == len(rest) {
			continue
		}
		var err error
		if i, err = s.afterString(i + 1); err != nil {
			return 0, err
		}
	}
}

// afterLiteral returns where a number or a word ends.
func (s *scanner) afterLiteral() (int, error) {
	for i := 0; ; i++ {
		switch err := s.need(i); {
		case errors.Is(err, io.EOF) && i > 0:
			return i, nil
		case errors.Is(err, io.EOF):
			return 0, malformed("", ruleJSON)
		case err != nil:
			return 0, err
		}
		switch s.buf[s.at+i] {
		case ',', ']', '}', ':', ' ', '\t', '\r', '\n':
			if i == 0 {
				return 0, malformed("", ruleJSON)
			}
			return i, nil
		}
	}
}

// limitedReader refuses to read on where a document is too large.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
