//go:build unix

package session

import (
	"os"

	"golang.org/x/sys/unix"
)

// inForeground reports whether this process may read from its terminal: one in
// the background would be stopped for it. Without a terminal of its own to ask
// it may.
func inForeground() bool {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}
