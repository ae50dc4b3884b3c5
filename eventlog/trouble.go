package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"caro.sh/telemetry/eventlog/vfs"
)

// leastFree is how little space on a disk counts as none.
const leastFree = 64 << 10

// Trouble says why a host could not append to the log in dir, for somebody who
// wonders: a host itself stays silent about it. It is nil when nothing speaks
// against it, and changes nothing.
func Trouble(dir string) error {
	err := trouble(dir)
	if err != nil {
		return fmt.Errorf("nothing can be recorded: %w", err)
	}
	return nil
}

func trouble(dir string) error {
	if err := checkParent(vfs.Disk, dir); err != nil {
		return err
	}
	there, err := nearest(dir)
	if err != nil {
		return err
	}
	if there == dir {
		if err := checkDir(vfs.Disk, dir); err != nil {
			return err
		}
		for _, name := range []string{lockName, ActiveName} {
			info, err := vfs.Disk.Lstat(filepath.Join(dir, name))
			if err == nil && !info.Mode().IsRegular() {
				return fmt.Errorf("%s: %w", filepath.Join(dir, name), vfs.ErrNotRegular)
			}
		}
	}
	if err := vfs.Writable(there); err != nil {
		return err
	}
	if free, err := vfs.Free(there); err == nil && free < leastFree {
		return fmt.Errorf("the disk of %s is full", there)
	}
	return nil
}

// nearest returns dir, or what is there of the directories above it.
func nearest(dir string) (string, error) {
	info, err := vfs.Disk.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
		if _, err := vfs.Disk.Lstat(dir); err == nil {
			return "", fmt.Errorf("%s is a link that leads nowhere", dir)
		}
		return nearest(filepath.Dir(dir))
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is no directory", dir)
	}
	return dir, nil
}
