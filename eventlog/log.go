// Package eventlog keeps checked event lines in a directory: an active NDJSON
// file that people can follow with tail -F, sealed segments, and segments a
// tool compacted. Any number of processes and goroutines may append to one
// directory and read it at the same time.
//
// The files and the protocol between processes are described in docs/format.md.
package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// Sizes of a log. A segment is a sixteenth of the whole within these bounds.
const (
	MB               = 1 << 20
	DefaultMaxBytes  = 10 * MB
	MinMaxBytes      = 2 * MB
	minSegmentBytes  = 512 << 10
	maxSegmentBytes  = 16 * MB
	metaReserveBytes = 64 << 10 // room for meta.json while it is replaced
)

// DefaultLockTimeout is how long a host may wait for the log's lock.
const DefaultLockTimeout = 200 * time.Millisecond

var (
	// ErrLocked means that another process held the lock for the whole time
	// allowed: try again later.
	ErrLocked = vfs.ErrLocked
	// ErrFull means that the size cap leaves no room for the event.
	ErrFull = errors.New("the log is full")
	// ErrOff means that consent was withdrawn: nothing was written.
	ErrOff = errors.New("recording is switched off")
)

// Options of a log; the zero value and nil mean the defaults.
type Options struct {
	// MaxBytes caps all files of the directory together; 0 is
	// DefaultMaxBytes, less than MinMaxBytes is raised to it.
	MaxBytes int64
	// LockTimeout bounds every wait for the lock; 0 is DefaultLockTimeout.
	LockTimeout time.Duration
	// Refuse makes a full log answer ErrFull instead of removing its oldest
	// segments.
	Refuse bool
	// KeepUnsent is how old an unsent segment may become; 0 is
	// DefaultKeepUnsent, less than 0 is no limit (a site without a network).
	KeepUnsent time.Duration
	// Consent is asked before every append, under the lock, so that nothing is
	// written once an opt-out has cleared the log; nil always agrees.
	Consent func() bool
	// FS is the disk, nil the real one.
	FS vfs.FS
	// Now is the clock, nil the real one. It names files, dates meta.json and
	// tells how old things are.
	Now func() time.Time
}

// Log appends to one directory. Its methods may be called from several
// goroutines; several Logs, in one process or many, may share a directory.
type Log struct {
	dir         string
	fs          vfs.FS
	now         func() time.Time
	maxBytes    int64
	lockTimeout time.Duration
	keepUnsent  time.Duration
	refuse      bool
	consent     func() bool
	existing    bool // never make the directory

	maintaining atomic.Bool // this Log holds .maint.lock
	swapping    sync.Mutex  // one file at a time is built beside its segment

	turn chan struct{} // holds a token while a goroutine works; guards what follows

	buf   []byte
	owed  Losses      // counted, and not yet written to meta.json
	seen  fs.FileInfo // the active file when room was worked out, nil: look again
	size  int64       // its size after our last append
	limit int64       // how far it may grow
	named fs.FileInfo // the active file when its name was last synced, nil: sync it again
}

// Open prepares dir, making it 0700 when it is missing. Nothing else is written
// until the first append. ErrForeign is returned for a directory of another
// user.
func Open(dir string, o *Options) (*Log, error) {
	l := newLog(dir, o)
	if err := prepareDir(l.fs, dir); err != nil {
		return nil, err
	}
	return l, nil
}

// OpenExisting is Open for whoever looks after a log and has nothing to add: a
// directory that is missing is fs.ErrNotExist, and is not made later either.
func OpenExisting(dir string, o *Options) (*Log, error) {
	l := newLog(dir, o)
	l.existing = true
	if err := checkDir(l.fs, dir); err != nil {
		return nil, err
	}
	return l, nil
}

func newLog(dir string, o *Options) *Log {
	if o == nil {
		o = &Options{}
	}
	l := &Log{
		dir: dir, fs: o.FS, now: o.Now, maxBytes: o.MaxBytes, lockTimeout: o.LockTimeout,
		keepUnsent: o.KeepUnsent, refuse: o.Refuse, consent: o.Consent, turn: make(chan struct{}, 1),
	}
	if l.fs == nil {
		l.fs = vfs.Disk
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.maxBytes == 0 {
		l.maxBytes = DefaultMaxBytes
	}
	l.maxBytes = max(l.maxBytes, MinMaxBytes)
	if l.lockTimeout == 0 {
		l.lockTimeout = DefaultLockTimeout
	}
	if l.keepUnsent == 0 {
		l.keepUnsent = DefaultKeepUnsent
	}
	return l
}

func (l *Log) path(name string) string { return filepath.Join(l.dir, name) }

// SegmentBytes is the size a segment is sealed at: no event file grows past it.
func (l *Log) SegmentBytes() int64 {
	return min(max(l.maxBytes/16, minSegmentBytes), maxSegmentBytes)
}

// lock waits for this process's turn and for the directory's lock, both within
// one LockTimeout.
func (l *Log) lock() (unlock func(), err error) {
	start := time.Now()
	select {
	case l.turn <- struct{}{}:
	default:
		timer := time.NewTimer(l.lockTimeout)
		defer timer.Stop()
		select {
		case l.turn <- struct{}{}:
		case <-timer.C:
			return nil, fmt.Errorf("wait for a turn: %w", ErrLocked)
		}
	}
	o := vfs.LockOptions{Timeout: l.lockTimeout - time.Since(start)}
	held, err := l.fs.Lock(l.path(lockName), o)
	if errors.Is(err, fs.ErrNotExist) && !l.existing { // somebody removed the directory: begin a new one
		if err = prepareDir(l.fs, l.dir); err == nil {
			held, err = l.fs.Lock(l.path(lockName), o)
		}
	}
	if err != nil {
		<-l.turn
		return nil, fmt.Errorf("lock the log: %w", err)
	}
	return func() {
		_ = held.Close() // a lock that cannot be released goes with the file
		<-l.turn
	}, nil
}

// Count adds to the losses of the log, in meta.json. Without consent nothing is
// written, and nothing owed.
func (l *Log) Count(more Losses) error {
	unlock, err := l.lock()
	if err != nil {
		return fmt.Errorf("count losses: %w", err)
	}
	defer unlock()
	if l.consent != nil && !l.consent() {
		l.owed = Losses{}
		return nil
	}
	l.owed = l.owed.Add(more)
	return l.payLocked()
}

// payLocked writes down what is owed.
func (l *Log) payLocked() error {
	if l.owed.Total() == 0 {
		return nil
	}
	m, err := l.loadMeta()
	if err != nil {
		return err
	}
	return l.saveCounted(m)
}

// saveCounted saves m with what is owed added to its losses.
func (l *Log) saveCounted(m *meta) error {
	m.Losses = m.Losses.Add(l.owed)
	if err := l.saveMeta(m); err != nil {
		return err
	}
	l.owed = Losses{}
	return nil
}

// Seal makes what is in the active segment immutable and durable. An empty log
// stays as it is.
func (l *Log) Seal() error {
	unlock, err := l.lock()
	if err != nil {
		return fmt.Errorf("seal %s: %w", ActiveName, err)
	}
	defer unlock()
	t, err := l.openTail()
	if err != nil {
		return fmt.Errorf("seal %s: %w", ActiveName, err)
	}
	defer t.close()
	if t.size == 0 {
		return nil
	}
	if err := l.sealLocked(t); err != nil {
		return fmt.Errorf("seal %s: %w", ActiveName, err)
	}
	return nil
}

// Sync makes everything appended so far survive a power cut.
func (l *Log) Sync() error {
	unlock, err := l.lock()
	if err != nil {
		return fmt.Errorf("sync %s: %w", ActiveName, err)
	}
	defer unlock()
	f, err := l.fs.OpenRW(l.path(ActiveName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(l.syncFile(f), f.Close())
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", ActiveName, err)
	}
	return nil
}

// syncFile syncs the active file, and its name in the directory once.
func (l *Log) syncFile(f vfs.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && l.named != nil && sameFile(l.named, info) && info.Size() >= l.named.Size() {
		return nil
	}
	l.named = nil
	if err := errors.Join(err, l.fs.SyncDir(l.dir)); err != nil {
		return err
	}
	l.named = info
	return nil
}

// Close writes down losses that are still owed. The log holds nothing open
// between calls.
func (l *Log) Close() error {
	l.turn <- struct{}{}
	owing := l.owed.Total() > 0
	<-l.turn
	if !owing {
		return nil
	}
	return l.Count(Losses{})
}
