// Package powerfs is a file system that can lose its power. It does its work on a
// real directory and remembers what of it is durable: the content of a file as of its
// last Sync, the names in a directory as of its last SyncDir. A cut then leaves what a
// disk may leave: all of that, and of what came after it some of the changed names, and of
// each file some of the bytes. Only a rename is whole or not at all.
package powerfs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// FS is a disk with some files on it, which are durable as they are when it is made. It
// may be used from several goroutines, and by one process at a time.
type FS struct {
	vfs.FS
	root string

	mu      sync.Mutex
	live    map[string]*node // by path
	durable map[string]*node
	pending []change // of names, since they were durable, in order
}

// node is a file, whatever it is called.
type node struct {
	synced   []byte // what is durable
	content  []byte // what was in it when it lost its last name
	modified time.Time
}

// change is one step of a directory: names that come with a node, or go without.
type change map[string]*node

// New is the disk under a directory; inner does the work.
func New(inner vfs.FS, root string) (*FS, error) {
	f := &FS{FS: inner, root: root, live: map[string]*node{}, durable: map[string]*node{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n := &node{}
		if n.synced, n.modified, err = contentOf(path); err != nil {
			return err
		}
		f.live[path], f.durable[path] = n, n
		return nil
	})
	if os.IsNotExist(err) {
		err = nil
	}
	return f, err
}

func contentOf(path string) ([]byte, time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	content, err := os.ReadFile(path)
	return content, info.ModTime(), err
}

// do makes a change of names together with the call that makes it on the disk.
func (f *FS) do(call func() error, changes func() []change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.contents()
	if err := call(); err != nil {
		return err
	}
	for _, c := range changes() {
		for path, n := range c {
			if was := f.live[path]; was != nil && was != n {
				was.content = before[was]
			}
			if n == nil {
				delete(f.live, path)
			} else {
				f.live[path] = n
			}
		}
		f.pending = append(f.pending, c)
	}
	return nil
}

// contents is what is in all files that have a name.
func (f *FS) contents() map[*node][]byte {
	all := map[*node][]byte{}
	for path, n := range f.live {
		if content, modified, err := contentOf(path); err == nil {
			all[n], n.modified = content, modified
		}
	}
	return all
}

func (f *FS) Create(name string) (file vfs.File, err error) {
	err = f.do(func() error { file, err = f.FS.Create(name); return err },
		func() []change { return []change{{name: &node{}}} })
	return f.wrap(name, file, err)
}

func (f *FS) OpenRW(name string) (vfs.File, error) {
	file, err := f.FS.OpenRW(name)
	return f.wrap(name, file, err)
}

func (f *FS) Open(name string) (vfs.File, error) {
	file, err := f.FS.Open(name)
	return f.wrap(name, file, err)
}

func (f *FS) wrap(name string, inner vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &file{inner, f, f.live[name]}, nil
}

func (f *FS) Rename(oldName, newName string) error {
	return f.do(func() error { return f.FS.Rename(oldName, newName) }, f.moved(oldName, newName))
}

func (f *FS) RenameNew(oldName, newName string) error {
	return f.do(func() error { return f.FS.RenameNew(oldName, newName) }, f.moved(oldName, newName))
}

func (f *FS) moved(oldName, newName string) func() []change {
	return func() []change { return []change{{oldName: nil, newName: f.live[oldName]}} }
}

func (f *FS) Remove(name string) error {
	return f.do(func() error { return f.FS.Remove(name) }, func() []change { return []change{{name: nil}} })
}

// Lock makes the lock's file, of which nothing matters.
func (f *FS) Lock(name string, o vfs.LockOptions) (held io.Closer, err error) {
	err = f.do(func() error { held, err = f.FS.Lock(name, o); return err }, func() []change { return f.appeared(name) })
	return held, err
}

// appeared is a name that is on the disk and was not.
func (f *FS) appeared(name string) []change {
	if _, err := os.Lstat(name); err != nil || f.live[name] != nil {
		return nil
	}
	return []change{{name: &node{}}}
}

// SyncDir makes the names in a directory durable, and whatever was changed before the
// last change there: a journal is written in order.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.FS.SyncDir(name); err != nil {
		return err
	}
	last := 0
	for i, c := range f.pending {
		for path := range c {
			if filepath.Dir(path) == filepath.Clean(name) {
				last = i + 1
			}
		}
	}
	apply(f.durable, f.pending[:last])
	f.pending = slices.Clone(f.pending[last:])
	return nil
}

func apply(names map[string]*node, changes []change) {
	for _, c := range changes {
		for path, n := range c {
			if n == nil {
				delete(names, path)
			} else {
				names[path] = n
			}
		}
	}
}

// file is an open file, whatever it is called.
type file struct {
	vfs.File
	fs   *FS
	node *node
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.File.Sync(); err != nil {
		return err
	}
	if content, named := f.fs.contents()[f.node]; named {
		f.node.synced = content
	}
	return nil
}

func (f *FS) Rotator(name string, maxMiB int) vfs.Rotator {
	return &rotator{f.FS.Rotator(name, maxMiB), f, name}
}

type rotator struct {
	inner vfs.Rotator
	fs    *FS
	name  string
}

func (r *rotator) Write(p []byte) (n int, err error) {
	err = r.fs.do(func() error { n, err = r.inner.Write(p); return err }, func() []change { return r.fs.appeared(r.name) })
	return n, err
}

func (r *rotator) Close() error { return r.inner.Close() }

// Rotate is a rename to a name that only lumberjack knows, and a new file.
func (r *rotator) Rotate() error {
	return r.fs.do(r.inner.Rotate, func() []change {
		var changes []change
		was := r.fs.live[r.name]
		entries, _ := os.ReadDir(filepath.Dir(r.name)) // what it does not list is not there after a cut
		for _, e := range entries {
			path := filepath.Join(filepath.Dir(r.name), e.Name())
			if was != nil && e.Type().IsRegular() && r.fs.live[path] == nil {
				changes = append(changes, change{r.name: nil, path: was})
			}
		}
		return append(changes, change{r.name: &node{}})
	})
}

// Cut takes the power away: the directory is left as a disk may find it afterwards. What
// is lost of all that is not durable, r decides; nil loses everything.
func (f *FS) Cut(r *rand.Rand) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	contents := f.contents()
	apply(f.durable, f.survive(r))
	for path := range f.live {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for path, n := range f.durable {
		content, named := contents[n]
		if !named {
			content = n.content
		}
		if err := os.WriteFile(path, left(r, n.synced, content), 0o600); err != nil {
			return err
		}
		if err := os.Chtimes(path, n.modified, n.modified); err != nil {
			return err
		}
	}
	return nil
}

// survive are the changes that were made just so: all up to some moment, as a journal
// leaves them, or any, as a disk without one may. What happens to a name happens in order.
func (f *FS) survive(r *rand.Rand) []change {
	switch {
	case r == nil:
		return nil
	case r.IntN(2) == 0:
		return f.pending[:r.IntN(len(f.pending)+1)]
	}
	lost := map[string]bool{} // names of which something is lost
	return slices.DeleteFunc(slices.Clone(f.pending), func(c change) bool {
		gone := r.IntN(4) == 0
		for path := range c {
			gone = gone || lost[path]
		}
		for path := range c {
			lost[path] = lost[path] || gone
		}
		return gone
	})
}

// left is what a cut leaves of a file: its first bytes as they were written, from
// somewhere on those that were durable, and behind them nothing or zeros.
func left(r *rand.Rand, synced, content []byte) []byte {
	if r == nil {
		return synced
	}
	switch r.IntN(4) {
	case 0:
		return synced
	case 1:
		return content
	}
	cut := r.IntN(len(content) + 1)
	rest := synced[min(cut, len(synced)):]
	result := append(append([]byte(nil), content[:cut]...), rest...)
	if len(result) < len(content) && r.IntN(2) == 0 {
		result = append(result, make([]byte, len(content)-len(result))...)
	}
	return result
}
