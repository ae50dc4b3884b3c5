package eventlog

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Claim is what the one uploader of a log works with: batches from the place it
// got to, and what became of them. What is appended meanwhile is taken up once
// it is sealed, what is removed meanwhile is not. It is used by one goroutine.
//
// Batches are taken with Next and ended with Finish, Hold or Later, one after
// the other; the next one may be sent before, once it is announced. A process may
// die anywhere: the next one's first batches are then those that were in flight,
// byte for byte. The end of one batch may be written down together with the
// beginning of the next.
type Claim struct {
	log     *Log
	lock    io.Closer
	state   *uploadState
	damage  []error
	current segmentContent
	unsaved bool // the state is ahead of upload.json
}

// segmentContent is the segment that batches are being taken from.
type segmentContent struct {
	number uint64
	bytes  []byte
}

// Claim makes this Log the one that uploads; while another tool maintains the log
// it returns ErrLocked at once. A damaged upload.json is set aside, and the upload
// begins again where losses were last counted: the receiver knows what it has by
// the ids of the events.
func (l *Log) Claim() (*Claim, error) {
	held, err := l.maintain(0)
	if err != nil {
		return nil, err
	}
	c := &Claim{log: l, lock: held}
	if err := c.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("claim the log for upload: %w", err), c.Close())
	}
	return c, nil
}

// Close writes down what Finish has left to be, and lets the next uploader in.
func (c *Claim) Close() error {
	var err error
	if c.unsaved {
		err = c.change(func(*uploadState) {})
	}
	return errors.Join(err, c.lock.Close())
}

// Schedule is when uploads went and may go.
func (c *Claim) Schedule() Schedule { return c.state.Schedule }

// Problems are what could not be read so far, without any of its content.
func (c *Claim) Problems() []error { return c.damage }

// open reads the state, and puts away what a dead uploader had sent.
func (c *Claim) open() error {
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
	c.state, err = readUpload(l.fs, l.dir, m.Counted)
	if errors.Is(err, errBadUpload) {
		c.damage = append(c.damage, fmt.Errorf("%w: it is kept as %s, and the upload begins again; what was sent before is recognised by its event ids", err, badUpload))
		err = l.fs.Rename(l.path(uploadName), l.path(badUpload))
	}
	if err != nil {
		return err
	}
	c.reportBelowFloor(m, ls)
	m.upload = c.state
	c.state.prune(ls)
	return l.shelveCounted(m, ls)
}

// reportBelowFloor says what is never uploaded because meta.json was damaged. Nobody
// knows whether an opt-out was in it.
func (c *Claim) reportBelowFloor(m *meta, ls *listing) {
	if _, damaged := ls.sizes[badMetaName]; !damaged {
		return
	}
	below := 0
	for _, number := range ls.numbers() {
		if number <= m.Floor {
			below++
		}
	}
	if below > 0 {
		c.damage = append(c.damage, fmt.Errorf("meta.json was damaged and is kept as %s: %d segments from before are not uploaded; caro-telemetry-export --clear takes them", badMetaName, below))
	}
}

// Next returns the batch that was in flight, or the next one, nil at the end of
// what is sealed. It is on disk as in flight before it is returned. Whatever is
// below the floor by then is left out. A segment that is damaged is reported, left
// where it is and passed over. Where the batch is the one that Ahead has cut
// already, that one is returned; without any, ahead is nil.
func (c *Claim) Next(most Limits, ahead *Batch) (*Batch, error) {
	if c.announced(ahead) {
		return ahead, nil
	}
	for {
		b, err := c.peek(most, ahead)
		if err == nil && b != nil {
			err = c.begin(b)
		}
		if errors.Is(err, ErrGone) {
			ahead = nil
			continue // removed, or fenced off, while it was read: look again
		}
		if err != nil {
			return nil, fmt.Errorf("take a batch from the log: %w", err)
		}
		return b, nil
	}
}

// peek cuts the next batch without changing anything but what it found damaged.
func (c *Claim) peek(most Limits, ahead *Batch) (*Batch, error) {
	if f := c.state.InFlight; f != nil {
		content, err := c.read(f.From.Segment)
		if err == nil {
			if b := f.again(content); b != nil {
				return b, nil
			}
		} else if !errors.Is(err, ErrGone) && !errors.Is(err, errDamaged) {
			return nil, err
		}
		// It is not there any more as it was.
		if err := c.change(func(u *uploadState) { u.InFlight, u.Ahead = nil, nil }); err != nil {
			return nil, err
		}
	}
	for {
		at, ok, err := c.start()
		if err != nil || !ok {
			return nil, err
		}
		content, err := c.read(at.Segment)
		if errors.Is(err, errDamaged) {
			if err = c.pass(at, err); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		if ahead != nil && ahead.from == at {
			return ahead, nil
		}
		if at.Offset > int64(len(content)) {
			at.Offset = int64(len(content)) // somebody rewrote the segment
		}
		return cut(content, at, int64(len(content)), most), nil
	}
}

// begin writes down that a batch is about to be sent, unless it may not be any
// more. A batch that has nothing to send is not in flight.
func (c *Claim) begin(b *Batch) error {
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
	if c.stale(b, m, ls) {
		c.current = segmentContent{}
		if err := c.save(); err != nil {
			return err
		}
		return ErrGone
	}
	if c.state.InFlight != nil || len(b.Lines) == 0 {
		return nil
	}
	if _, there := ls.sizes[metaName]; !there { // so that the series has a name that stays
		if err := l.saveCounted(m); err != nil {
			return err
		}
	}
	if err := b.stamp(m, l.now()); err != nil {
		return err
	}
	c.state.InFlight = b.flight()
	return c.save()
}

// save writes the state down.
func (c *Claim) save() error {
	err := c.log.saveUpload(c.state)
	c.unsaved = c.unsaved && err != nil
	return err
}

// stale reports whether a batch may not be sent any more, and takes that into
// the state.
func (c *Claim) stale(b *Batch, m *meta, ls *listing) bool {
	if c.state.fence(m.Floor) {
		return true
	}
	name, _ := ls.name(b.from.Segment)
	if name != "" {
		return false
	}
	c.state.InFlight, c.state.Ahead = nil, nil
	if h := c.state.Held; h != nil && h.From.Segment <= m.RemovedThrough {
		c.state.Held = nil
	}
	return true
}

// Hold puts a batch aside of which the receiver refused every event, until
// another one shows whether it refuses everything: Next goes on behind it, and
// the place of the upload stays before it.
func (c *Claim) Hold(b *Batch) error {
	return c.change(func(u *uploadState) {
		u.Held = b.flight()
		u.landed()
	})
}

// Held returns the batch that was put aside, nil when there is none any more.
func (c *Claim) Held() (*Batch, error) {
	if c.state.Held == nil {
		return nil, nil
	}
	content, err := c.read(c.state.Held.From.Segment)
	switch {
	case err == nil:
		if b := c.state.Held.again(content); b != nil {
			return b, nil
		}
	case !errors.Is(err, ErrGone) && !errors.Is(err, errDamaged):
		return nil, fmt.Errorf("look at the batch put aside: %w", err)
	}
	return nil, c.change(func(u *uploadState) { u.Held = nil })
}

// GiveBack makes everything since the last Finish pending again, the batch in
// flight included: the receiver has said that it holds none of it.
func (c *Claim) GiveBack() error {
	return c.change(func(u *uploadState) { u.Held, u.InFlight, u.Ahead = nil, nil, nil })
}

// Later remembers when the next attempt may be made, and whether the server
// asked for it. The batch in flight stays so.
func (c *Claim) Later(next time.Time, serverAsked bool) error {
	return c.change(func(u *uploadState) {
		u.NextAttempt, u.ServerAsked = next.UTC(), serverAsked
		u.Failures++
	})
}

// change saves what edit makes of the state.
func (c *Claim) change(edit func(*uploadState)) error {
	unlock, err := c.log.lock()
	if err == nil {
		defer unlock()
		edit(c.state)
		err = c.save()
	}
	if err != nil {
		return fmt.Errorf("remember the upload: %w", err)
	}
	return nil
}
