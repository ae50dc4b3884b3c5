// Package faultfs is a file system that fails on purpose. It does its work on a
// real directory and asks before each call whether that one shall fail, break
// off half-way or be the last thing its process does.
package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// Op is one call, as a fault sees it.
type Op struct {
	N    int    // the how-many-th call, from 1
	Kind string // open, openrw, create, stat, lstat, readdir, mkdir, rename, renamenew, remove, settime, syncdir, lock, read, write, writeat, fstat, sync, close, append, rotate
	Name string // the file's base name
}

// Outcome is what becomes of a call. The zero value lets it through.
type Outcome struct {
	// Err is returned; without After, the call is not made.
	Err error
	// After makes the call first, and then returns Err.
	After bool
	// Partial lets this many bytes of a write through before Err.
	Partial int
	// Crash ends the process: this call and all later ones return ErrCrashed,
	// with After only the later ones have no effect.
	Crash bool
	// Truncate makes a rotation behave as lumberjack does when a stat fails:
	// the live file is emptied in place, and no error is returned.
	Truncate bool
}

// ErrCrashed is what a process that no longer exists would get.
var ErrCrashed = errors.New("crashed")

// FS injects faults into an inner file system. It may be used from several
// goroutines.
type FS struct {
	inner vfs.FS
	plan  func(Op) Outcome

	mu      sync.Mutex
	n       int
	crashed bool
}

// New wraps inner; plan is asked about every call, in order.
func New(inner vfs.FS, plan func(Op) Outcome) *FS { return &FS{inner: inner, plan: plan} }

// Calls is how many calls were made so far.
func (f *FS) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Crashed reports whether the process is dead.
func (f *FS) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crashed
}

func (f *FS) ask(kind, name string) Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return Outcome{Err: ErrCrashed}
	}
	f.n++
	o := f.plan(Op{N: f.n, Kind: kind, Name: filepath.Base(name)})
	if o.Crash {
		f.crashed = true
		o.Err = ErrCrashed
	}
	return o
}

// do makes the call unless its outcome says otherwise.
func (f *FS) do(kind, name string, call func() error) error {
	o := f.ask(kind, name)
	if o.Err != nil && !o.After {
		return o.Err
	}
	if err := call(); err != nil {
		return err
	}
	return o.Err
}

func (f *FS) file(kind, name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	var inner vfs.File
	err := f.do(kind, name, func() (err error) {
		inner, err = open(name)
		return err
	})
	if err != nil {
		if inner != nil {
			_ = inner.Close()
		}
		return nil, err
	}
	return &file{File: inner, fs: f, name: name}, nil
}

func (f *FS) Open(name string) (vfs.File, error)   { return f.file("open", name, f.inner.Open) }
func (f *FS) OpenRW(name string) (vfs.File, error) { return f.file("openrw", name, f.inner.OpenRW) }
func (f *FS) Create(name string) (vfs.File, error) { return f.file("create", name, f.inner.Create) }

func (f *FS) Stat(name string) (info fs.FileInfo, err error) {
	err = f.do("stat", name, func() (err error) { info, err = f.inner.Stat(name); return err })
	return info, err
}

func (f *FS) Lstat(name string) (info fs.FileInfo, err error) {
	err = f.do("lstat", name, func() (err error) { info, err = f.inner.Lstat(name); return err })
	return info, err
}

func (f *FS) ReadDir(name string) (entries []fs.DirEntry, err error) {
	err = f.do("readdir", name, func() (err error) { entries, err = f.inner.ReadDir(name); return err })
	return entries, err
}

func (f *FS) MkdirAll(name string) error {
	return f.do("mkdir", name, func() error { return f.inner.MkdirAll(name) })
}

func (f *FS) Rename(oldName, newName string) error {
	return f.do("rename", newName, func() error { return f.inner.Rename(oldName, newName) })
}

func (f *FS) RenameNew(oldName, newName string) error {
	return f.do("renamenew", newName, func() error { return f.inner.RenameNew(oldName, newName) })
}

func (f *FS) Remove(name string) error {
	return f.do("remove", name, func() error { return f.inner.Remove(name) })
}

func (f *FS) SyncDir(name string) error {
	return f.do("syncdir", name, func() error { return f.inner.SyncDir(name) })
}

func (f *FS) SetTime(name string, at time.Time) error {
	return f.do("settime", name, func() error { return f.inner.SetTime(name, at) })
}

// Lock is released even by a crashed process: the kernel does that.
func (f *FS) Lock(name string, o vfs.LockOptions) (held io.Closer, err error) {
	err = f.do("lock", name, func() (err error) { held, err = f.inner.Lock(name, o); return err })
	if err != nil && held != nil {
		_ = held.Close()
		held = nil
	}
	return held, err
}

func (f *FS) Rotator(name string, maxMiB int) vfs.Rotator {
	return &rotator{inner: f.inner.Rotator(name, maxMiB), fs: f, name: name}
}

type file struct {
	vfs.File
	fs   *FS
	name string
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.fs.do("read", f.name, func() (err error) { n, err = f.File.ReadAt(p, off); return err })
	return n, err
}

func (f *file) Read(p []byte) (n int, err error) {
	err = f.fs.do("read", f.name, func() (err error) { n, err = f.File.Read(p); return err })
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	return f.fs.write("write", f.name, p, f.File.Write)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	return f.fs.write("writeat", f.name, p, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

func (f *file) Stat() (info fs.FileInfo, err error) {
	err = f.fs.do("fstat", f.name, func() (err error) { info, err = f.File.Stat(); return err })
	return info, err
}

func (f *file) Sync() error { return f.fs.do("sync", f.name, f.File.Sync) }

// Close always closes: a dead process holds nothing open.
func (f *file) Close() error {
	o := f.fs.ask("close", f.name)
	return errors.Join(f.File.Close(), o.Err)
}

// write lets the first Partial bytes of a failing write through.
func (f *FS) write(kind, name string, p []byte, write func([]byte) (int, error)) (int, error) {
	o := f.ask(kind, name)
	if o.Err == nil {
		return write(p)
	}
	let := p[:min(o.Partial, len(p))]
	if o.After {
		let = p
	}
	n := 0
	if len(let) > 0 {
		var err error
		if n, err = write(let); err != nil {
			return n, err
		}
	}
	return n, o.Err
}

type rotator struct {
	inner vfs.Rotator
	fs    *FS
	name  string
}

func (r *rotator) Write(p []byte) (int, error) { return r.fs.write("append", r.name, p, r.inner.Write) }

// Close always closes, as of a file.
func (r *rotator) Close() error {
	o := r.fs.ask("close", r.name)
	return errors.Join(r.inner.Close(), o.Err)
}

// Rotate has the three faces of lumberjack's: a failure before anything
// happened, one between the rename and the new file (After), and the truncation.
func (r *rotator) Rotate() error {
	o := r.fs.ask("rotate", r.name)
	switch {
	case o.Truncate:
		return errors.Join(r.inner.Close(), os.Truncate(r.name, 0))
	case o.Err != nil && o.After:
		stamp := time.Now().UTC().Format("2006-01-02T15-04-05.000")
		backup := filepath.Join(filepath.Dir(r.name), "events-"+stamp+".ndjson")
		return errors.Join(r.inner.Close(), r.fs.inner.Rename(r.name, backup), o.Err)
	case o.Err != nil:
		return o.Err
	}
	return r.inner.Rotate()
}
