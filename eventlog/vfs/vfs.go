// Package vfs is the few disk calls the event log makes, as an interface: the
// real disk here, a twin that injects faults in faultfs.
//
// What it opens is always a regular file: a symbolic link, FIFO, device or
// directory where a file should be is an error at once, never followed and
// never waited for.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// ErrNotRegular is returned for a name that is a link, FIFO, device or
// directory, or a file with more than one name, where the log keeps a file.
var ErrNotRegular = errors.New("not a regular file of its own")

// ErrLocked is returned by Lock when somebody else held the lock for the whole
// time allowed.
var ErrLocked = errors.New("the lock is held by another process")

// FS is a file system as the log uses it. Names are paths. Files are made 0600
// and directories 0700.
type FS interface {
	// Open opens an existing regular file for reading.
	Open(name string) (File, error)
	// OpenRW opens an existing regular file, one that has no second name, for
	// reading and for writing in place.
	OpenRW(name string) (File, error)
	// Create makes a new file for writing; a name that exists is fs.ErrExist.
	Create(name string) (File, error)
	// Stat describes what the name leads to.
	Stat(name string) (fs.FileInfo, error)
	// Lstat describes the name itself, a link as a link.
	Lstat(name string) (fs.FileInfo, error)
	// ReadDir lists a directory by name. A listing that fails half-way is an
	// error, never a shorter list.
	ReadDir(name string) ([]fs.DirEntry, error)
	// MkdirAll makes a directory and its missing parents.
	MkdirAll(name string) error
	// Rename replaces newName.
	Rename(oldName, newName string) error
	// RenameNew renames without replacing: fs.ErrExist when newName exists.
	RenameNew(oldName, newName string) error
	// SetTime sets when a file was last modified.
	SetTime(name string, modified time.Time) error
	// Remove unlinks one file.
	Remove(name string) error
	// SyncDir makes a directory's entries durable.
	SyncDir(name string) error
	// Lock takes a lock the kernel drops with its holder's process.
	Lock(name string, o LockOptions) (io.Closer, error)
	// Rotator returns the one writer of the named active file.
	Rotator(name string, maxMiB int) Rotator
}

// File is an open regular file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
}

// LockOptions says how a lock is taken.
type LockOptions struct {
	// Shared readers exclude writers and not each other. A shared lock is
	// taken on an existing file only, opened read-only: readers create nothing.
	Shared bool
	// Timeout bounds the wait. Zero tries once.
	Timeout time.Duration
}

// Rotator appends to the active file and moves it out of the way. It is only
// safe while the log's lock is held, and must be closed before that is
// released, so that the next use looks at the disk again.
type Rotator interface {
	// Write appends p with one system call where the system allows it.
	Write(p []byte) (int, error)
	// Rotate renames the active file to <base>-<UTC time><ext> and makes a new one.
	Rotate() error
	Close() error
}
