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

// Announce writes down that batches are about to be sent as well, before anybody
// knows what became of those on their way: what Ahead has cut behind these, one
// behind the other. ErrGone means that they may not be sent. It may be called where
// Ahead may.
func (c *Claim) Announce(next ...*Batch) error {
	if err := c.announce(next); err != nil {
		return fmt.Errorf("announce a batch: %w", err)
	}
	return nil
}

func (c *Claim) announce(next []*Batch) error {
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
	flights := c.state.onTheWay()
	for _, b := range next {
		// What follows from that is for Next to find out, when the others have ended.
		if name, _ := ls.name(b.from.Segment); name == "" || b.from.Segment <= m.Floor {
			return ErrGone
		}
		if len(flights) == 0 || flights[len(flights)-1].To != b.from {
			return errors.New("it does not follow those on their way")
		}
		if err := b.stamp(m, l.now()); err != nil {
			return err
		}
		flights = append(flights, b.flight())
	}
	before := c.state.Ahead
	c.state.Ahead = flights[1:]
	if err := c.save(); err != nil {
		c.state.Ahead = before
		return err
	}
	for _, b := range next {
		b.announced = true
	}
	return nil
}

// announced reports whether a batch was announced and is now the one in flight.
func (c *Claim) announced(b *Batch) bool {
	f := c.state.InFlight
	return b != nil && b.announced && f != nil && f.From == b.from && f.BatchID == b.ID
}

// onTheWay are the batches that were sent, or about to be, in their order.
func (u *uploadState) onTheWay() []*flight {
	if u.InFlight == nil {
		return nil
	}
	return append([]*flight{u.InFlight}, u.Ahead...)
}

// unanswered is how many events of a segment were sent without anybody knowing yet
// whether they arrived.
func (u *uploadState) unanswered(number uint64) (events int64) {
	for _, f := range u.onTheWay() {
		if f.From.Segment == number {
			events += f.Events
		}
	}
	return events
}

// landed takes away the batch in flight. The next one may be on its way already.
func (u *uploadState) landed() {
	u.InFlight = nil
	if len(u.Ahead) > 0 {
		u.InFlight, u.Ahead = u.Ahead[0], u.Ahead[1:]
	}
}
