package settings

import (
	"io/fs"
	"os"
	"sync"
	"time"
)

// Watch is the settings of one process: the flag and environment it was started
// with, and a file that may change while it runs.
type Watch struct {
	noTelemetry bool
	getenv      func(string) string
	path        string

	mu      sync.Mutex
	seen    fs.FileInfo // the file when it was read, nil when it was not there
	readAt  time.Time
	current Settings
}

// NewWatch reads the settings at path for the first time.
func NewWatch(path string, noTelemetry bool, getenv func(string) string) *Watch {
	w := &Watch{noTelemetry: noTelemetry, getenv: getenv, path: path}
	w.read()
	return w
}

// Settings returns what holds now. While the file stays as it is that costs one
// system call. It may be called from several goroutines.
func (w *Watch) Settings() Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed() {
		w.read()
	}
	return w.current
}

// changed reports whether the file is not what was read, or may have been
// written in the same tick of its clock as it was read.
func (w *Watch) changed() bool {
	if w.path == "" {
		return false
	}
	info, err := os.Stat(w.path)
	if err != nil || w.seen == nil {
		return w.seen != nil || err == nil || !os.IsNotExist(err)
	}
	const tick = 2 * time.Second // the coarsest file systems
	return !os.SameFile(info, w.seen) || info.Size() != w.seen.Size() || !info.ModTime().Equal(w.seen.ModTime()) ||
		w.readAt.Sub(info.ModTime()) < tick
}

func (w *Watch) read() {
	w.seen, _ = os.Stat(w.path) // before reading: a change in between is seen next time
	w.readAt = time.Now()
	w.current = Resolve(Input{NoTelemetry: w.noTelemetry, Getenv: w.getenv, File: Read(w.path)})
}
