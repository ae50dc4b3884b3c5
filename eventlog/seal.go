package eventlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// sealLocked turns the active file into the next numbered segment, writes down
// what is in it, removes what is too old and makes room for the next one.
func (l *Log) sealLocked(t *tail) error {
	m, ls, err := l.rotateLocked(t)
	if err != nil {
		return err
	}
	return l.retainLocked(m, ls)
}

// rotateLocked turns the active file into the next numbered segment: sync,
// rotate, make sure that the backup is the file we had, adopt it under its
// number. What is in it is noted in m, which the caller saves.
func (l *Log) rotateLocked(t *tail) (*meta, *listing, error) {
	l.seen, l.named = nil, nil
	m, ls, err := l.recoverLocked()
	if err != nil {
		return nil, nil, err
	}
	content, release, err := t.whole()
	if err != nil {
		return nil, nil, err
	}
	defer release()
	synced := make(chan error, 1)
	go func() { synced <- t.f.Sync() }()
	counted, err := t.tally(l, content)
	if err := errors.Join(<-synced, err); err != nil {
		return nil, nil, fmt.Errorf("sync: %w", err) // the file stays active; nothing is retried on this handle
	}
	r := l.rotator()
	rotateErr := errors.Join(r.Rotate(), r.Close())
	number := m.NextNumber
	if err := l.adoptRotated(t, content, number, ls); err != nil {
		return nil, nil, errors.Join(err, rotateErr)
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return nil, nil, fmt.Errorf("sync the directory: %w", err)
	}
	m.NextNumber = number + 1
	m.remember(number, counted)
	return m, ls, nil
}

// retainLocked applies age limits and the size cap after a rotation, and saves m.
func (l *Log) retainLocked(m *meta, ls *listing) error {
	if err := l.expireLocked(m, ls); err != nil {
		return err
	}
	victims, err := l.makeRoom(m, ls, 0)
	if err != nil {
		return err
	}
	if err := l.saveCounted(m); err != nil {
		return err
	}
	if err := l.removeSegments(victims, ls); err != nil {
		return err
	}
	l.limit = l.limitFor(ls, 0)
	return nil
}

// wholes are what segments were read into. A process that seals one after the
// other uses the same memory; one that does so now and then does not keep it.
var wholes = sync.Pool{New: func() any { return new([]byte) }}

// huge reports whether a file is larger than anything of ours: somebody else wrote it.
func (t *tail) huge() bool { return t.size > maxSegment }

// tally counts the file, from memory if it is there.
func (t *tail) tally(l *Log, content []byte) (tally, error) {
	if t.huge() {
		return tallyFile(l.fs, l.path(ActiveName), Active)
	}
	return tallyOf(content), nil
}

// whole ends the file with a newline and reads it into memory, the last resort
// should the rotation harm it. A segment is at most 32 MiB; of a huge file nothing is
// read, whatever the rotation may do to it: a host has not the memory. The content is
// valid until release.
func (t *tail) whole() (content []byte, release func(), err error) {
	if err := t.end(); err != nil {
		return nil, nil, err
	}
	if t.huge() {
		return nil, func() {}, nil
	}
	memory := wholes.Get().(*[]byte)
	release = func() { wholes.Put(memory) }
	if int64(cap(*memory)) < t.size {
		*memory = make([]byte, (t.size+MB)/MB*MB) // segments are not all of one size
	}
	*memory = (*memory)[:t.size]
	if _, err := t.f.ReadAt(*memory, 0); err != nil && !errors.Is(err, io.EOF) {
		release()
		return nil, nil, fmt.Errorf("read before rotation: %w", err)
	}
	return *memory, release, nil
}

// adoptRotated finds the file that was active among the backups and gives it its
// number. Lumberjack truncates the active file in place when a stat fails; then
// the segment is written again from memory.
func (l *Log) adoptRotated(t *tail, content []byte, number uint64, ls *listing) error {
	backup, err := l.findBackup(t.info)
	if err != nil {
		return err // not verified: the backup stays as it is for the next holder of the lock
	}
	now, err := t.f.Stat()
	if err != nil {
		return fmt.Errorf("look at the rotated file: %w", err)
	}
	intact := now.Size() == t.size
	switch {
	case backup == "" && intact:
		return errors.New("rotate: the file was not renamed")
	case !intact && t.huge():
		return errors.New("rotate: the file was truncated, and was too large to be kept in memory")
	case !intact:
		return l.restore(backup, content, number, ls)
	}
	stamp, _ := parseBackup(backup)
	name := segmentName(number, stamp)
	if err := l.fs.RenameNew(l.path(backup), l.path(name)); err != nil {
		return fmt.Errorf("adopt the rotated file: %w", err)
	}
	ls.adopt(ActiveName, name, number, t.size)
	return nil
}

// findBackup returns the name of the backup that is the given file, "" if none.
func (l *Log) findBackup(active fs.FileInfo) (string, error) {
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return "", err
	}
	for _, name := range ls.backups {
		info, err := l.fs.Lstat(l.path(name))
		if err != nil {
			return "", fmt.Errorf("look at the rotated file: %w", err)
		}
		if sameFile(info, active) {
			return name, nil
		}
	}
	return "", nil
}

// restore writes a segment from memory whose file the rotation truncated.
func (l *Log) restore(backup string, content []byte, number uint64, ls *listing) error {
	name := segmentName(number, l.now().UTC().Format(timeLayout))
	tmp := l.path(tmpRestore)
	if err := l.writeAside(tmp, content); err != nil {
		return fmt.Errorf("restore the rotated file: %w", err)
	}
	if err := l.fs.RenameNew(tmp, l.path(name)); err != nil {
		return fmt.Errorf("restore the rotated file: %w", err)
	}
	ls.adopt(ActiveName, name, number, int64(len(content)))
	if backup == "" {
		return nil
	}
	if err := l.fs.Remove(l.path(backup)); err != nil {
		return fmt.Errorf("remove the truncated file: %w", err)
	}
	return nil
}

// settle finishes what a dead process left, enforces the cap and works out how
// far the active file may grow.
func (l *Log) settle(t *tail) error {
	m, ls, err := l.recoverLocked()
	if err != nil {
		return err
	}
	victims, err := l.makeRoom(m, ls, t.size)
	if err != nil {
		return err
	}
	if len(victims) > 0 {
		if err := l.saveCounted(m); err != nil {
			return err
		}
		if err := l.removeSegments(victims, ls); err != nil {
			return err
		}
	}
	l.limit = l.limitFor(ls, t.size)
	return nil
}
