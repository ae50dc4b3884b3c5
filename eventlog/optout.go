package eventlog

import (
	"errors"
	"fmt"
	"io/fs"

	"caro.sh/telemetry/eventlog/vfs"
)

// OptIn is what comes before an answer that gives consent is stored: what the log
// in dir holds from before, when there was none, is never uploaded. It may come
// from a time before an opt-out that nobody but its user knows of: one written into
// the settings by hand, or one that a full disk did not let through.
func OptIn(dir string, o *Options) error {
	if _, err := OptOut(dir, o, true); err != nil {
		return fmt.Errorf("opt in: %w", errors.Unwrap(err))
	}
	return nil
}

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
	err = l.RaiseFloor()
	if vfs.IsFull(err) && !keepPending {
		err = nil // clearing makes room, and leaves nothing that a floor would keep
	}
	var cleared Cleared
	if err == nil && !keepPending {
		cleared, err = l.Clear(ClearOptions{})
	}
	if err != nil {
		return cleared, fmt.Errorf("opt out: %w", err)
	}
	return cleared, nil
}
