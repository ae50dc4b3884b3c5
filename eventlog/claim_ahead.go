package eventlog

import (
	"errors"
	"fmt"
)

// Ahead cuts what will be the next batch if this one ends with a Finish, nil where
// its segment has no more. It may be called in another goroutine, as long as that
// is over before any other method is called.
func (c *Claim) Ahead(b *Batch, most Limits) *Batch {
	if b.to.Segment != c.current.number || b.to.Offset >= int64(len(c.current.bytes)) {
		return nil
	}
	return cut(c.current.bytes, b.to, int64(len(c.current.bytes)), most)
}

// Announce writes down that the batch that Ahead has cut behind the one in flight
// is about to be sent as well, before anybody knows what became of the other.
// ErrGone means that it may not be sent. It may be called where Ahead may.
func (c *Claim) Announce(next *Batch) error {
	if err := c.announce(next); err != nil {
		return fmt.Errorf("announce a batch: %w", err)
	}
	return nil
}

func (c *Claim) announce(next *Batch) error {
	l := c.log
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	m, ls, err := l.recoverLocked()
	if err != nil {
		return err
	}
	// What follows from that is for Next to find out, when the other batch has ended.
	if name, _ := ls.name(next.from.Segment); name == "" || next.from.Segment <= m.Floor {
		return ErrGone
	}
	if f := c.state.InFlight; f == nil || f.To != next.from {
		return errors.New("it does not follow the batch in flight")
	}
	if err := next.stamp(m, l.now()); err != nil {
		return err
	}
	c.state.Ahead = next.flight()
	if err := c.save(); err != nil {
		c.state.Ahead = nil
		return err
	}
	next.announced = true
	return nil
}

// announced reports whether a batch was announced and is now the one in flight.
func (c *Claim) announced(b *Batch) bool {
	f := c.state.InFlight
	return b != nil && b.announced && f != nil && f.From == b.from && f.BatchID == b.ID
}
