package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"
)

// Disk is the real file system.
var Disk FS = disk{}

type disk struct{}

func (disk) Open(name string) (File, error) {
	return openRegular(name, os.O_RDONLY, false)
}

func (disk) OpenRW(name string) (File, error) {
	return openRegular(name, os.O_RDWR, true)
}

// openRegular opens without following a last link and without waiting for a
// FIFO's other end, and looks at what it got before anybody reads it.
func openRegular(name string, flag int, single bool) (File, error) {
	f, err := os.OpenFile(name, flag|openFlags, 0)
	if err != nil {
		if isLinkError(err) {
			return nil, fmt.Errorf("%s: %w", name, ErrNotRegular)
		}
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || single && linkCount(info) > 1) {
		err = fmt.Errorf("%s: %w", name, ErrNotRegular)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func (disk) Create(name string) (File, error) {
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|openFlags, 0o600)
}

func (disk) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (disk) Lstat(name string) (fs.FileInfo, error)     { return os.Lstat(name) }
func (disk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (disk) MkdirAll(name string) error                 { return os.MkdirAll(name, 0o700) }
func (disk) Rename(oldName, newName string) error       { return os.Rename(oldName, newName) }
func (disk) RenameNew(oldName, newName string) error    { return renameNew(oldName, newName) }
func (disk) SetTime(name string, at time.Time) error    { return os.Chtimes(name, time.Time{}, at) }
func (disk) Remove(name string) error                   { return os.Remove(name) }
func (disk) Rotator(name string, maxMiB int) Rotator    { return rotators.get(name, maxMiB) }

// SyncDir does nothing on Windows, where a directory cannot be flushed.
func (disk) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// linkUnlink is renameNew for systems without a rename that refuses to replace.
// A crash between its steps leaves one file under two names, which the log's
// recovery recognises.
func linkUnlink(oldName, newName string) error {
	if err := os.Link(oldName, newName); err != nil {
		return err
	}
	return os.Remove(oldName)
}
