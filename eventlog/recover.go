package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
)

// recoverLocked finishes what a dead process left. It may be repeated at will;
// an error leaves the directory for the next holder of the lock.
func (l *Log) recoverLocked() (*meta, *listing, error) {
	m, err := l.loadMeta()
	if err != nil {
		return nil, nil, err
	}
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return nil, nil, err
	}
	if err := l.loadUpload(m, ls); err != nil {
		return nil, nil, err
	}
	// Only the holder of the lock makes these; whoever left them is dead.
	for _, name := range []string{tmpPrefix + metaName, tmpRestore, tmpPrefix + uploadName, tmpPrefix + ledgerName, tmpPrefix + requestName, tmpRefused} {
		if _, left := ls.sizes[name]; left {
			if err := l.unlink(name, ls); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := l.redoRemovals(m, ls); err != nil {
		return nil, nil, err
	}
	m.NextNumber = m.next(ls, m.upload)
	if len(ls.backups) == 0 {
		return m, ls, nil
	}
	for _, backup := range append([]string(nil), ls.backups...) {
		if err := l.adoptBackup(backup, m, ls); err != nil {
			return nil, nil, fmt.Errorf("adopt a rotated file: %w", err)
		}
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return nil, nil, fmt.Errorf("sync the directory: %w", err)
	}
	return m, ls, l.saveCounted(m)
}

// redoRemovals unlinks what was given up before its remover died, and the
// compacted copy of a segment that is still there in plain.
func (l *Log) redoRemovals(m *meta, ls *listing) error {
	for _, number := range ls.numbers() {
		plain, compacted := ls.plain[number], ls.lz4[number]
		var goes []string
		switch {
		case number <= m.RemovedThrough:
			goes = []string{plain, compacted}
		case plain != "" && compacted != "":
			goes = []string{compacted}
		}
		for _, name := range goes {
			if err := l.unlink(name, ls); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlink removes one file of the directory; "" and a file already gone are fine.
func (l *Log) unlink(name string, ls *listing) error {
	if name == "" {
		return nil
	}
	if err := l.fs.Remove(l.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a file: %w", err)
	}
	ls.drop(name)
	return nil
}

// adoptBackup numbers a file that its rotator did not live to number.
func (l *Log) adoptBackup(backup string, m *meta, ls *listing) error {
	t, err := l.openTailOf(backup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return l.dropSecondName(backup, ls, err)
	}
	defer t.close()
	if t.size == 0 {
		return l.unlink(backup, ls)
	}
	if err := t.end(); err != nil {
		return err
	}
	if err := t.f.Sync(); err != nil {
		return err
	}
	stamp, _ := parseBackup(backup)
	name := segmentName(m.NextNumber, stamp)
	if err := l.fs.RenameNew(l.path(backup), l.path(name)); err != nil {
		return err
	}
	ls.adopt(backup, name, m.NextNumber, t.size)
	m.NextNumber++
	return nil
}

// dropSecondName removes a backup that is the newest segment under another
// name, which a crash leaves where renaming takes two steps. Any other trouble
// is returned as it was.
func (l *Log) dropSecondName(backup string, ls *listing, trouble error) error {
	newest, ok := ls.plain[ls.newest()]
	if !ok {
		return trouble
	}
	a, errA := l.fs.Lstat(l.path(backup))
	b, errB := l.fs.Lstat(l.path(newest))
	if errA != nil || errB != nil || !sameFile(a, b) {
		return trouble
	}
	return l.unlink(backup, ls)
}
