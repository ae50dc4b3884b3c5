package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
)

// OptOut is what withdrawing consent does to the log in dir, once the
// withdrawal is stored: what was recorded so far is never uploaded, and the
// pending events are removed unless keepPending. Where there is no log, nothing
// is made.
func OptOut(dir string, o *Options, keepPending bool) (Cleared, error) {
	l, err := OpenExisting(dir, o)
	if errors.Is(err, fs.ErrNotExist) {
		return Cleared{}, nil
	}
	if err != nil {
		return Cleared{}, fmt.Errorf("opt out: %w", err)
	}
	if err := l.RaiseFloor(); err != nil {
		return Cleared{}, fmt.Errorf("opt out: %w", err)
	}
	if keepPending {
		return Cleared{}, nil
	}
	cleared, err := l.Clear(ClearOptions{})
	if err != nil {
		return cleared, fmt.Errorf("opt out: %w", err)
	}
	return cleared, nil
}
