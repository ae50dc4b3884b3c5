package vfs

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

const openFlags = 0

func isLinkError(error) bool { return false }

func linkCount(fs.FileInfo) uint64 { return 1 }

// Foreign reports whether a file belongs to another user; Windows leaves that
// to the directory's access list.
func Foreign(fs.FileInfo) bool { return false }

// IsFull reports whether a write failed for want of space.
func IsFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// Writable leaves the question to the first write: a directory's access list
// cannot be foreseen.
func Writable(string) error { return nil }

// Free is how many bytes a user may still write to the disk that holds dir.
func Free(dir string) (free uint64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	}
	return free, err
}
