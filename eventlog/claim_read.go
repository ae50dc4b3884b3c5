package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// start is where the next batch begins.
func (c *Claim) start() (place, bool, error) {
	at := c.state.Position
	if c.state.Held != nil {
		at = c.state.Held.To
	}
	if _, skipped := c.state.skipOf(at.Segment); !skipped && at.Segment == c.current.number && at.Offset < int64(len(c.current.bytes)) {
		return at, true, nil // whether it is still there shows when the batch begins
	}
	ls, err := list(c.log.fs, c.log.dir)
	if err != nil {
		return place{}, false, err
	}
	for _, number := range ls.numbers() {
		if _, skipped := c.state.skipOf(number); skipped || number < at.Segment {
			continue
		}
		if number > at.Segment {
			at = place{Segment: number}
		}
		return at, true, nil
	}
	return at, false, nil
}

var errDamaged = errors.New("the segment is damaged")

// read returns a whole segment, at most 33 MiB.
func (c *Claim) read(number uint64) ([]byte, error) {
	if c.current.number == number {
		return c.current.bytes, nil
	}
	c.current = segmentContent{} // two at a time would be much memory
	l := c.log
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return nil, err
	}
	name, state := ls.name(number)
	if name == "" {
		return nil, ErrGone
	}
	raw, err := readSmall(l.fs, l.path(name), maxSegment+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrGone // compacted or removed since it was listed
	}
	if err != nil {
		return nil, err
	}
	content := raw
	if state == Compacted {
		content, err = expanded(raw)
	} else if len(raw) > maxSegment {
		err = fmt.Errorf("it has more than %d bytes", maxSegment)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, &DamageError{Segment: number, Name: name, Err: err})
	}
	c.current = segmentContent{number, content}
	return content, nil
}

// expanded is the content of a compacted segment, in no more memory than it takes.
func expanded(raw []byte) ([]byte, error) {
	src, size, err := expand(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	content := make([]byte, size)
	_, err = io.ReadFull(src, content)
	return content, err
}

// pass goes on behind a segment that cannot be read. It stays where it is and
// counts as not sent.
func (c *Claim) pass(at place, damage error) error {
	c.damage = append(c.damage, fmt.Errorf("left out of the upload: %w", damage))
	unlock, err := c.log.lock()
	if err != nil {
		return err
	}
	defer unlock()
	c.state.Skipped = append(c.state.Skipped, skip{place: at})
	return c.save()
}
