//go:build unix

package eventlog

import (
	"os"
	"path/filepath"
	"syscall"
)

func intruders() map[string]func(victim, at string) error {
	return map[string]func(victim, at string) error{
		"link":      os.Symlink,
		"hard link": os.Link,
		"dangling": func(victim, at string) error {
			return os.Symlink(filepath.Join(filepath.Dir(victim), "dangling"), at)
		},
		"FIFO":      func(_, at string) error { return syscall.Mkfifo(at, 0o600) },
		"directory": func(_, at string) error { return os.Mkdir(at, 0o700) },
	}
}
