package eventlog

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// errNotMaintaining is for whoever forgot to ask first.
var errNotMaintaining = errors.New("the maintenance lock is not held: call Maintain first")

// Maintain makes this Log the one that uploads, compacts, erases or exports to
// clear; everybody else who asks gets ErrLocked after LockTimeout, until the
// result is closed or its process ends. Appending, sealing and clearing go on
// without it. Whoever needs both locks takes this one first. What a compactor
// left behind that did not live to finish is removed.
func (l *Log) Maintain() (io.Closer, error) { return l.maintain(l.lockTimeout) }

func (l *Log) maintain(wait time.Duration) (io.Closer, error) {
	held, err := l.fs.Lock(l.path(maintName), vfs.LockOptions{Timeout: wait})
	if err != nil {
		return nil, fmt.Errorf("lock the log for maintenance: %w", err)
	}
	if err := l.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("maintain the log: %w", err), held.Close())
	}
	l.maintaining.Store(true)
	return &maintenance{l, held}, nil
}

type maintenance struct {
	log  *Log
	lock io.Closer
}

// Close lets the next one maintain.
func (m *maintenance) Close() error {
	m.log.maintaining.Store(false)
	return m.lock.Close()
}

// sweep removes what dead compactors left. Only the holder of .maint.lock makes
// such files, so only that holder knows that nobody is still at it.
func (l *Log) sweep() error {
	ls, err := list(l.fs, l.dir)
	if err != nil || len(leftovers(ls)) == 0 {
		return err
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return l.removeLeftovers(ls)
}

func (l *Log) removeLeftovers(ls *listing) error {
	for _, name := range leftovers(ls) {
		if err := l.unlink(name, ls); err != nil {
			return err
		}
	}
	return nil
}

func leftovers(ls *listing) []string {
	var all []string
	for name := range ls.sizes {
		if strings.HasPrefix(name, tmpSwap) {
			all = append(all, name)
		}
	}
	return all
}
