package export

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// scanner finds the events in a document, or in lines, however it is spelled
// and however long it is, and keeps the rest of it. It judges neither.
type scanner struct {
	r        *bufio.Reader
	at       int64 // bytes of the document behind us
	number   int64 // of events
	envelope []byte
	event    func(raw []byte) error // its error is what is wrong with it
	seen     bool                   // there were events
}

const (
	// maxElement bounds an event as it stands in a file: far above the longest
	// one there can be.
	maxElement = 64 << 10
	// maxEnvelope bounds the rest of a document.
	maxEnvelope = 64 << 10
)

func (s *scanner) scan(f Format) error {
	if f == Lines {
		return s.lines()
	}
	return s.document()
}

// document reads everything but the elements of the events into the envelope.
func (s *scanner) document() error {
	var inString, escaped bool
	depth, from, to := 0, 0, 0 // of the last string in the envelope
	for {
		c, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.unreadable(err)
		}
		s.at++
		if s.envelope = append(s.envelope, c); len(s.envelope) > maxEnvelope {
			return bad(s.where(), "more than %d bytes beside the events", maxEnvelope)
		}
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"' && inString:
			inString, to = false, len(s.envelope)
		case c == '"':
			inString, from = true, len(s.envelope)-1
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 1 && from < to && string(s.envelope[from:to]) == `"events"`:
			if err := s.events(); err != nil {
				return err
			}
		}
	}
}

// events goes through the array that follows; in the envelope it is empty.
func (s *scanner) events() error {
	if c, err := s.next(); err != nil || c != '[' {
		return err // what is no array is the schema's to refuse
	}
	if s.seen {
		return bad(s.where(), `"events" is there twice`)
	}
	s.seen = true
	s.envelope = append(s.envelope, '[', ']')
	s.skip(1)
	c, err := s.next()
	for c != ']' && err == nil {
		if err = s.element(c); err != nil {
			return err
		}
		if c, err = s.next(); c == ',' {
			s.skip(1)
			if c, err = s.next(); c == ']' {
				return bad(s.where(), "an event is missing behind a comma")
			}
		} else if c != ']' && err == nil {
			return bad(s.where(), "no comma behind an event")
		}
	}
	if err == nil {
		s.skip(1)
	}
	return err
}

// next is the next byte that is no white space; it is not taken.
func (s *scanner) next() (byte, error) {
	for {
		b, err := s.r.Peek(1)
		if len(b) == 0 {
			if errors.Is(err, io.EOF) {
				return 0, bad(s.where(), "the document ends too early")
			}
			return 0, s.unreadable(err)
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n':
			s.skip(1)
		default:
			return b[0], nil
		}
	}
}

// skip takes bytes that were looked at before.
func (s *scanner) skip(n int) {
	n, _ = s.r.Discard(n)
	s.at += int64(n)
}

// element takes an event that begins with c.
func (s *scanner) element(c byte) error {
	if c != '{' {
		return bad(s.where(), "not an event")
	}
	window, err := s.r.Peek(maxElement)
	n := objectEnd(window)
	switch {
	case n == 0 && len(window) == maxElement:
		return bad(s.eventWhere(), "longer than any event")
	case n == 0 && errors.Is(err, io.EOF):
		return bad(s.eventWhere(), "the document ends too early")
	case n == 0:
		return s.unreadable(err)
	}
	return s.take(window[:n], n)
}

// take judges an event and goes on behind it.
func (s *scanner) take(event []byte, n int) error {
	s.number++
	if err := s.event(event); err != nil {
		return &BadFileError{fmt.Sprintf("event %d, byte %d of the document", s.number, s.at), err}
	}
	s.skip(n)
	return nil
}

// objectEnd is the length of the object text begins with, 0 when its end is not there.
func objectEnd(text []byte) int {
	depth := 0
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// lines takes one event from each line.
func (s *scanner) lines() error {
	for {
		line, err := s.r.Peek(1)
		if len(line) == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		window, err := s.r.Peek(maxElement)
		n := bytes.IndexByte(window, '\n')
		switch {
		case n < 0 && len(window) == maxElement:
			return bad(s.eventWhere(), "longer than any event")
		case n < 0 && errors.Is(err, io.EOF):
			return bad(s.eventWhere(), "the last line has no newline")
		case n < 0:
			return s.unreadable(err)
		}
		if err := s.take(window[:n], n+1); err != nil {
			return err
		}
	}
}

// unreadable says that the compressed data is damaged; a decoder's error
// repeats nothing of it.
func (s *scanner) unreadable(err error) error {
	return bad(s.where(), "the gzip data is damaged: %w", err)
}

func (s *scanner) where() string { return fmt.Sprintf("byte %d of the document", s.at) }

func (s *scanner) eventWhere() string {
	return fmt.Sprintf("event %d, byte %d of the document", s.number+1, s.at)
}
