package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// How long events are kept.
const (
	day = 24 * time.Hour
	// DefaultKeepUnsent is the age limit of events nobody could send.
	DefaultKeepUnsent = 30 * day
	keepSent          = 7 * day
	keepRefused       = 14 * day
)

// A clock that is ahead makes everything look old. So time is believed to pass
// up to maxGap between two looks at it; a longer gap only when the clock still
// stands by it after probation.
const (
	maxGap    = 2 * day
	probation = day
)

// clock is what a log remembers of the time.
type clock struct {
	// Seen is the time that is believed: ages are judged by it.
	Seen time.Time `json:"seen,omitzero"`
	// Doubt is the first time met that lies too far behind Seen.
	Doubt time.Time `json:"doubt,omitzero"`
}

// look takes in what the system's clock says.
func (c *clock) look(now time.Time) {
	now = now.UTC().Truncate(time.Second)
	switch {
	case c.Seen.IsZero() || now.Before(c.Seen.Add(maxGap)): // or set back: then nothing grows older
		c.Seen, c.Doubt = now, time.Time{}
	case c.Doubt.IsZero() || now.Before(c.Doubt):
		c.Doubt = now
	case now.Sub(c.Doubt) >= probation:
		c.Seen, c.Doubt = now, time.Time{}
	}
}

// Believed returns the time that ages are judged by: what the clock says, or an
// earlier one while it has jumped ahead and not stood by it for a day.
func (l *Log) Believed() (time.Time, error) {
	var c clock
	unlock, err := l.lockPresent()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the log for the time: %w", err)
	}
	if unlock != nil {
		defer unlock()
		m, err := l.loadMeta()
		if err != nil {
			return time.Time{}, fmt.Errorf("ask the log for the time: %w", err)
		}
		c = m.Clock
	}
	c.look(l.now())
	return c.Seen, nil
}

// Expire removes what is older than its age limit: kept copies of sent and of
// refused events, and unsent segments, whose events are counted as expired.
// Every seal does the same. A directory that does not exist is left alone.
func (l *Log) Expire() error {
	if err := l.expire(); err != nil {
		return fmt.Errorf("apply age limits: %w", err)
	}
	return nil
}

func (l *Log) expire() error {
	unlock, err := l.lockPresent()
	if err != nil || unlock == nil {
		return err
	}
	defer unlock()
	m, ls, err := l.recoverLocked()
	if err != nil {
		return err
	}
	was := m.Clock
	if err := l.expireLocked(m, ls); err != nil {
		return err
	}
	if m.Clock == was || was.Seen.IsZero() && len(ls.numbers()) == 0 {
		return nil
	}
	return l.saveCounted(m)
}

// expireLocked removes what is too old, after it has saved m.
func (l *Log) expireLocked(m *meta, ls *listing) error {
	m.Clock.look(l.now())
	now := m.Clock.Seen
	for sub, keep := range map[string]time.Duration{sentDir: keepSent, refusedDir: keepRefused} {
		if err := l.expireCopies(sub, now.Add(-keep), ls); err != nil {
			return err
		}
	}
	if l.keepUnsent < 0 {
		return nil
	}
	victims := ls.expired(now, l.keepUnsent)
	if len(victims) == 0 {
		return nil
	}
	l.seen = nil
	for _, number := range victims {
		l.condemnOne(m, ls, number, &m.Losses.Expired)
	}
	if err := l.saveCounted(m); err != nil {
		return err
	}
	return l.removeSegments(victims, ls)
}

// expired returns the oldest segments up to the newest that is too old. One that
// claims to be from the future was sealed under a wrong clock: it goes when one
// behind it does.
func (ls *listing) expired(now time.Time, keep time.Duration) []uint64 {
	numbers := ls.numbers()
	old := 0
	for i, number := range numbers {
		name, _ := ls.name(number)
		at := changed(name, ls.times[name])
		switch {
		case at.After(now):
			continue
		case now.Sub(at) <= keep:
			return numbers[:old]
		}
		old = i + 1
	}
	return numbers[:old]
}

// changed is when a file was made: the later of the time in its name and of its
// last change, so that neither a copied file nor a renamed one looks old.
func changed(name string, modified time.Time) time.Time {
	if stamp, ok := stampOf(name); ok && stamp.After(modified) {
		return stamp
	}
	return modified
}

// expireCopies removes what came to a subdirectory before the deadline. It was
// counted then.
func (l *Log) expireCopies(sub string, deadline time.Time, ls *listing) error {
	copies, err := l.copies(sub)
	if err != nil {
		return err
	}
	for _, k := range copies {
		if !changed(k.info.Name(), k.info.ModTime()).Before(deadline) {
			continue
		}
		if err := l.fs.Remove(l.path(k.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old copy: %w", err)
		}
		ls.bytes -= k.size
	}
	return nil
}
