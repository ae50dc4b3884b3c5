package inspect

import (
	"bytes"
	"errors"
	"io"

	"caro.sh/telemetry/eventlog"
)

// documentLines finds the events in an export, whatever white space it is written
// with: they are the objects in the array called "events" of the outermost one.
// The rest of the document is not judged here; export --verify does.
func documentLines(name string, t text, yield func(eventlog.Entry, error) bool) bool {
	d := &documentReader{text: t}
	ended := func(err error) bool {
		if errors.Is(err, errDocument) || errors.Is(err, io.EOF) {
			err = errDocument
		} else if !errors.Is(err, errLongLine) {
			err = t.why(err)
		}
		return yield(eventlog.Entry{}, damage(name, d.at, err))
	}
	if err := d.findEvents(); err != nil {
		return ended(err)
	}
	for {
		begin, event, err := d.nextEvent()
		if err != nil {
			return ended(err)
		}
		if event == nil {
			break
		}
		if !yield(eventlog.Entry{Raw: event, Name: name, Offset: begin}, nil) {
			return false
		}
	}
	if err := d.rest(); err != nil {
		return ended(err)
	}
	return true
}

// documentReader reads a document byte by byte and keeps what a value holds.
type documentReader struct {
	text
	at  int64
	buf []byte
}

func (d *documentReader) next() (byte, error) {
	b, err := d.ReadByte()
	if err == nil {
		d.at++
	}
	return b, err
}

// nonSpace is the next byte that is no white space.
func (d *documentReader) nonSpace() (byte, error) {
	for {
		b, err := d.next()
		if err != nil || b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, err
		}
	}
}

// findEvents reads up to and with the bracket that opens the array of events.
func (d *documentReader) findEvents() error {
	if b, err := d.nonSpace(); err != nil || b != '{' {
		return or(err, errDocument)
	}
	for {
		b, err := d.nonSpace()
		if err != nil || b != '"' {
			return or(err, errDocument)
		}
		key, err := d.value(b)
		if err != nil {
			return err
		}
		found := string(key) == `"events"`
		if b, err = d.nonSpace(); err != nil || b != ':' {
			return or(err, errDocument)
		}
		if b, err = d.nonSpace(); err != nil {
			return err
		}
		if found {
			if b != '[' {
				return errDocument
			}
			return nil
		}
		if _, err = d.value(b); err != nil {
			return err
		}
		if b, err = d.nonSpace(); err != nil || b != ',' {
			return or(err, errDocument)
		}
	}
}

// nextEvent is the next element of the array and where it begins, nil at its end.
func (d *documentReader) nextEvent() (begin int64, event []byte, err error) {
	b, err := d.nonSpace()
	if err == nil && b == ',' {
		b, err = d.nonSpace()
	}
	switch {
	case err != nil:
		return 0, nil, err
	case b == ']':
		return 0, nil, nil
	}
	begin = d.at - 1
	event, err = d.value(b)
	return begin, event, err
}

// value reads a value that begins with b: its bytes, valid until the next call. A
// number or word ends before the comma or bracket behind it.
func (d *documentReader) value(b byte) ([]byte, error) {
	d.buf = append(d.buf[:0], b)
	switch b {
	case '"':
		return d.buf, d.string()
	case '{', '[':
		return d.buf, d.nested()
	}
	for {
		peek, err := d.Peek(1)
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte([]byte(",]} \t\r\n"), peek[0]) >= 0 {
			return d.buf, nil
		}
		if err := d.keep(); err != nil {
			return nil, err
		}
	}
}

// keep reads one byte into the value.
func (d *documentReader) keep() error {
	b, err := d.next()
	if err != nil {
		return err
	}
	if len(d.buf) >= maxLine {
		return errLongLine
	}
	d.buf = append(d.buf, b)
	return nil
}

// string reads the rest of a string.
func (d *documentReader) string() error {
	for {
		if err := d.keep(); err != nil {
			return err
		}
		switch d.buf[len(d.buf)-1] {
		case '"':
			return nil
		case '\\':
			if err := d.keep(); err != nil {
				return err
			}
		}
	}
}

// nested reads the rest of an object or array.
func (d *documentReader) nested() error {
	for depth := 1; depth > 0; {
		if err := d.keep(); err != nil {
			return err
		}
		switch d.buf[len(d.buf)-1] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			if err := d.string(); err != nil {
				return err
			}
		}
	}
	return nil
}

// rest reads what follows the events, to its last byte: a file that was cut off
// shows there, and so does a wrong checksum of its compression.
func (d *documentReader) rest() error {
	last := byte(0)
	for {
		b, err := d.nonSpace()
		switch {
		case errors.Is(err, io.EOF) && last == '}':
			return nil
		case err != nil:
			return err
		}
		last = b
	}
}

// or is err, or otherwise where there is none.
func or(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
