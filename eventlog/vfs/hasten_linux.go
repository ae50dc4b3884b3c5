package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// Hasten tells the disk to begin writing what a file holds, and waits for nothing.
// It promises nothing either: only a sync does.
func Hasten(f File) {
	if file, ok := f.(*os.File); ok {
		_ = unix.SyncFileRange(int(file.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	}
}
