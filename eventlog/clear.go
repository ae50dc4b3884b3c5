package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"caro.sh/telemetry/eventlog/vfs"
)

// ClearOptions says what to remove.
type ClearOptions struct {
	// Through is the highest segment number to remove. 0 is everything, the
	// active segment included.
	Through uint64
	// Copies removes the kept copies in sent/ and refused/ as well.
	Copies bool
}

// Cleared is what was removed: events nobody had sent yet, their segments, and
// the size of all files removed, kept copies included.
type Cleared struct {
	Events   int64
	Bytes    int64
	Segments int
}

// Clear removes segments for good and counts the events in them that were not
// sent as cleared, before the first of them goes. It needs no maintenance lock: a compactor or reader
// that is busy with one of them finds it gone. After a nil error what was removed
// stays removed, a power cut included; after an error the rest of it may go with
// the next append. A directory that does not exist is cleared already.
func (l *Log) Clear(o ClearOptions) (Cleared, error) {
	c, err := l.clear(o)
	if err != nil {
		return c, fmt.Errorf("clear the log: %w", err)
	}
	return c, nil
}

func (l *Log) clear(o ClearOptions) (Cleared, error) {
	var c Cleared
	unlock, err := l.lockPresent()
	if err != nil || unlock == nil {
		return c, err
	}
	defer unlock()
	if o.Copies {
		if err := l.removeCopies(&c); err != nil {
			return c, err
		}
	}
	m, ls, err := l.sealForClear(o.Through)
	if err != nil {
		return c, err
	}
	l.seen = nil // there is room now
	victims := l.condemn(m, ls, o.Through, &c)
	if len(victims) > 0 {
		err := l.saveCounted(m)
		if vfs.IsFull(err) { // to go matters more than to be counted, should this be the end
			if err = l.removeSegments(victims, ls); err == nil {
				err = l.saveCounted(m)
			}
		}
		if err != nil {
			return Cleared{}, err
		}
	}
	if err := l.removeSegments(victims, ls); err != nil {
		return c, err
	}
	if err := l.sweepIfIdle(ls); err != nil {
		return c, err
	}
	return c, l.fs.SyncDir(l.dir)
}

// lockPresent is lock for whoever has nothing to do where there is no log: then
// unlock is nil.
func (l *Log) lockPresent() (unlock func(), err error) {
	_, err = l.fs.Stat(l.dir)
	if err == nil {
		unlock, err = l.lock()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return unlock, err
}

// sealForClear rotates the active segment when it is to go too, without making
// room: what is about to be cleared must not be counted as evicted.
func (l *Log) sealForClear(through uint64) (*meta, *listing, error) {
	if through > 0 {
		return l.recoverLocked()
	}
	t, err := l.openTail()
	if err != nil {
		return nil, nil, err
	}
	defer t.close()
	if t.size == 0 {
		return l.recoverLocked()
	}
	return l.rotateLocked(t)
}

// condemn counts the segments up to a number, 0 for all of them, in m and in c.
func (l *Log) condemn(m *meta, ls *listing, through uint64, c *Cleared) []uint64 {
	var victims []uint64
	for _, number := range ls.numbers() {
		if through > 0 && number > through {
			break
		}
		c.Bytes += ls.sizes[ls.plain[number]] + ls.sizes[ls.lz4[number]]
		c.Events += l.condemnOne(m, ls, number, &m.Losses.Cleared)
		c.Segments++
		victims = append(victims, number)
	}
	return victims
}

// condemnOne says in m that a segment and all before it are given up. Events
// nobody has sent are added to the counter, those of a batch in flight to the
// ones of unknown fate; it returns both.
func (l *Log) condemnOne(m *meta, ls *listing, number uint64, counter *int64) int64 {
	m.RemovedThrough = max(m.RemovedThrough, number)
	defer m.forget(number)
	if m.upload.sentWhole(number, m.Floor) {
		return 0
	}
	t, err := l.tally(m, ls, number)
	if err != nil {
		m.Losses.Unreadable++
	}
	unsent, unknown := m.upload.fate(number, t.Events, m.Floor)
	*counter += unsent
	m.Losses.Unknown += unknown
	return unsent + unknown
}

// removeCopies unlinks what is kept of events that were counted before.
func (l *Log) removeCopies(c *Cleared) error {
	for _, sub := range []string{sentDir, refusedDir} {
		copies, err := l.copies(sub)
		if err != nil {
			return err
		}
		for _, k := range copies {
			if err := l.fs.Remove(l.path(k.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove a kept copy: %w", err)
			}
			c.Bytes += k.size
		}
		if len(copies) == 0 {
			continue
		}
		if err := l.fs.SyncDir(l.path(sub)); err != nil {
			return fmt.Errorf("sync %s: %w", sub, err)
		}
	}
	return nil
}

// sweepIfIdle removes copies of segments that a dead compactor left. Where a
// compactor lives it finds its segments gone and removes them itself.
func (l *Log) sweepIfIdle(ls *listing) error {
	if len(leftovers(ls)) == 0 {
		return nil
	}
	held, err := l.fs.Lock(l.path(maintName), vfs.LockOptions{})
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(l.removeLeftovers(ls), held.Close())
}

// RaiseFloor says that whoever this log is about has opted out: nothing that was
// recorded so far is ever uploaded. It may still be shown, exported and cleared.
// What was sent by now is put with the other sent segments first: below the floor
// everything counts as not sent.
// A directory that does not exist is left alone.
func (l *Log) RaiseFloor() error {
	if err := l.raiseFloor(); err != nil {
		return fmt.Errorf("keep the log from being uploaded: %w", err)
	}
	return nil
}

func (l *Log) raiseFloor() error {
	unlock, err := l.lockPresent()
	if err != nil || unlock == nil {
		return err
	}
	defer unlock()
	t, err := l.openTail()
	if err != nil {
		return err
	}
	defer t.close()
	if t.size > 0 {
		m, ls, err := l.rotateLocked(t)
		if err != nil {
			return err
		}
		if err := l.shelve(m, ls); err != nil {
			return err
		}
		m.Floor = m.NextNumber - 1
		return l.retainLocked(m, ls)
	}
	m, ls, err := l.recoverLocked()
	if err != nil || m.Floor >= m.NextNumber-1 {
		return err
	}
	if err := l.shelve(m, ls); err != nil {
		return err
	}
	m.Floor = m.NextNumber - 1
	return l.saveCounted(m)
}

// kept is a copy of events that were sent or refused.
type kept struct {
	name string // with its subdirectory
	size int64
	info fs.FileInfo
}

// copies lists the files of sent/ or refused/ that are a log's own. What else is
// there is somebody's, and so is all of it behind a link.
func (l *Log) copies(sub string) ([]kept, error) {
	entries, err := l.subdirectory(sub)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", sub, err)
	}
	var all []kept
	for _, e := range entries {
		if !isCopy(sub, e.Name()) {
			continue
		}
		name := filepath.Join(sub, e.Name())
		info, err := l.fs.Lstat(l.path(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("list %s: %w", sub, err)
		case info.Mode().IsRegular():
			all = append(all, kept{name, info.Size(), info})
		}
	}
	return all, nil
}

// subdirectory lists a directory of the log's; one that is missing, or a link to
// another, has nothing in it.
func (l *Log) subdirectory(sub string) ([]fs.DirEntry, error) {
	info, err := l.fs.Lstat(l.path(sub))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return l.fs.ReadDir(l.path(sub))
}

func isCopy(sub, name string) bool {
	if sub == refusedDir {
		return strings.HasSuffix(name, plainSuffix)
	}
	_, _, ok := parseSegment(name)
	return ok
}

// makeSubdirectory makes a directory of the log's for copies. A link to another is
// not one.
func (l *Log) makeSubdirectory(sub string) error {
	if err := l.fs.MkdirAll(l.path(sub)); err != nil {
		return err
	}
	info, err := l.fs.Lstat(l.path(sub))
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s: %w (it is a link)", sub, ErrForeign)
	}
	return err
}
