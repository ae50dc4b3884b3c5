package export

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// asidePrefix begins the names of files in progress.
const asidePrefix = ".tmp-caro-export-"

// aside is a file that is being written, 0600 and under a name nobody else
// uses. Its maker holds the kernel's lock on it, so that one without is known
// to be a dead exporter's.
type aside struct {
	disk vfs.FS
	path string
	file vfs.File
	lock io.Closer
}

func (e *exporter) aside(dir, name string) (*aside, error) {
	e.sweep(dir)
	a := &aside{disk: e.Log.FS, path: filepath.Join(dir, asidePrefix+e.ID+"-"+name)}
	lock, err := a.disk.Lock(a.path, vfs.LockOptions{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoOutput, err)
	}
	a.lock = lock
	if a.file, err = a.disk.OpenRW(a.path); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrNoOutput, err), a.disk.Remove(a.path), lock.Close())
	}
	return a, nil
}

// close removes the file, unless it was renamed, and lets go of it.
func (a *aside) close() {
	if a.file != nil {
		_ = a.file.Close() // what had to be kept was synced before
		a.file = nil
	}
	if a.path != "" {
		_ = a.disk.Remove(a.path) // else the next export does
	}
	if a.lock != nil {
		_ = a.lock.Close()
		a.lock = nil
	}
}

// rename gives a finished file its name; without force, a name that is taken is
// fs.ErrExist.
func (a *aside) rename(name string, force bool) error {
	if runtime.GOOS == "windows" && a.lock != nil { // there a locked file cannot be renamed
		_ = a.lock.Close()
		a.lock = nil
	}
	rename := a.disk.RenameNew
	if force {
		rename = a.disk.Rename
	}
	if err := rename(a.path, name); err != nil {
		return err
	}
	a.path = ""
	return nil
}

// finish makes what was written durable, under its name for now.
func (a *aside) finish() error {
	err := errors.Join(a.file.Sync(), a.file.Close())
	a.file = nil
	return err
}

// sweep removes what exporters left that did not live to finish. It is no
// reason to fail.
func (e *exporter) sweep(dir string) {
	entries, err := e.Log.FS.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), asidePrefix) || strings.HasPrefix(entry.Name(), asidePrefix+e.ID) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		lock, err := e.Log.FS.Lock(path, vfs.LockOptions{Shared: true})
		if err != nil {
			continue // its maker lives, or it is somebody else's
		}
		_ = e.Log.FS.Remove(path)
		_ = lock.Close()
	}
}
