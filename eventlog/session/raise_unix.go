//go:build unix

package session

import (
	"os"
	"syscall"
)

// raise sends this process the signal it got, now without a handler of ours.
func raise(sig os.Signal) {
	if s, ok := sig.(syscall.Signal); ok {
		_ = syscall.Kill(os.Getpid(), s)
	}
}
