package vfs

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// Lock takes the lock by polling: a blocking call could not be given up when
// its holder is stopped. Polls are short and uneven, so that many waiters
// share out fairly.
func (disk) Lock(name string, o LockOptions) (io.Closer, error) {
	deadline := time.Now().Add(o.Timeout)
	pause := 50 * time.Microsecond
	for {
		f, err := tryLock(name, o.Shared)
		if err == nil || !errors.Is(err, errBusy) {
			return f, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, fmt.Errorf("%s: %w", name, ErrLocked)
		}
		pause = min(2*pause, time.Millisecond)
		time.Sleep(min(left, pause/2+rand.N(pause)))
	}
}

var errBusy = errors.New("busy")

// tryLock opens the lock file anew each time, and holds a lock only when the
// name still leads to the file it locked.
func tryLock(name string, shared bool) (io.Closer, error) {
	flag := os.O_RDWR | os.O_CREATE
	if shared {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(name, flag|openFlags, 0o600)
	if err != nil {
		if isLinkError(err) {
			return nil, fmt.Errorf("%s: %w", name, ErrNotRegular)
		}
		return nil, err
	}
	if err := lockOpen(f, name, shared); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func lockOpen(f *os.File, name string, shared bool) error {
	held, err := f.Stat()
	if err != nil {
		return err
	}
	if !held.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", name, ErrNotRegular)
	}
	if err := lockFile(f, shared); err != nil {
		return err
	}
	now, err := os.Lstat(name)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(held, now) {
		return errBusy
	}
	return err
}
