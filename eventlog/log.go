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
	"time"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/schema"
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
	// FS is the disk, nil the real one.
	FS vfs.FS
	// Now is the clock, nil the real one. It names files and dates meta.json.
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
	refuse      bool

	turn chan struct{} // holds a token while a goroutine works; guards what follows

	buf   []byte
	owed  Losses      // counted, and not yet written to meta.json
	seen  fs.FileInfo // the active file when room was worked out, nil: look again
	size  int64       // its size after our last append
	limit int64       // how far it may grow
}

// Open prepares dir, making it 0700 when it is missing. Nothing else is written
// until the first append. ErrForeign is returned for a directory of another
// user.
func Open(dir string, o *Options) (*Log, error) {
	if o == nil {
		o = &Options{}
	}
	l := &Log{
		dir: dir, fs: o.FS, now: o.Now, maxBytes: o.MaxBytes, lockTimeout: o.LockTimeout,
		refuse: o.Refuse, turn: make(chan struct{}, 1),
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
	if err := prepareDir(l.fs, dir); err != nil {
		return nil, err
	}
	return l, nil
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
	if errors.Is(err, fs.ErrNotExist) { // somebody removed the directory: begin a new one
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

// Append adds lines to the active segment and seals it first when they would
// not fit. The first n lines are kept: they survive this process, and after
// Sync or Seal a power cut too. The error is nil exactly when n is len(lines);
// of the lines after n none is in the log.
func (l *Log) Append(lines ...schema.Line) (n int, err error) {
	if len(lines) == 0 {
		return 0, nil
	}
	unlock, err := l.lock()
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", ActiveName, err)
	}
	defer unlock()
	for n < len(lines) {
		kept, err := l.appendLocked(lines[n:])
		n += kept
		if err != nil {
			return n, fmt.Errorf("append to %s: %w", ActiveName, err)
		}
	}
	return n, nil
}

// appendLocked appends at least one line, and as many as the segment takes.
func (l *Log) appendLocked(lines []schema.Line) (int, error) {
	t, err := l.openTail()
	if err != nil {
		return 0, err
	}
	defer func() { t.close() }()
	if l.replaced(t) {
		if err := l.settle(t); err != nil {
			return 0, err
		}
	}
	count := l.gather(t, lines, l.limit)
	if count == 0 {
		if t, count, err = l.makePlace(t, lines); err != nil {
			return 0, err
		}
	}
	return l.write(t, count)
}

// replaced reports whether the active file is not the one that room was worked
// out for: the first append, or somebody sealed.
func (l *Log) replaced(t *tail) bool {
	return l.seen == nil || t.info == nil || t.size < l.size || !sameFile(l.seen, t.info)
}

// gather fills the buffer with as many whole lines as keep the file within
// limit, and returns how many.
func (l *Log) gather(t *tail, lines []schema.Line, limit int64) (count int) {
	l.buf = l.buf[:0]
	if t.blank {
		l.buf = append(l.buf, '\n')
	}
	for _, line := range lines {
		if t.size+int64(len(l.buf)+line.Len()+1) > limit {
			break
		}
		l.buf = append(append(l.buf, line.Bytes()...), '\n')
		count++
	}
	return count
}

// makePlace seals the active segment and gathers for a new one. When sealing
// fails, the events go into the old one up to twice its size: better a long
// file than a lost event.
func (l *Log) makePlace(t *tail, lines []schema.Line) (*tail, int, error) {
	if t.size == 0 || l.refuse && l.limit < l.SegmentBytes() {
		l.seen = nil // somebody may make room: look again next time
		return t, 0, ErrFull
	}
	sealErr := l.sealLocked(t)
	t.close()
	again, err := l.openTail()
	if err != nil {
		return t, 0, err
	}
	limit := l.limit
	if sealErr != nil {
		limit = 2 * l.SegmentBytes()
		l.seen = nil
	}
	count := l.gather(again, lines, limit)
	switch {
	case count > 0:
		return again, count, nil
	case sealErr != nil:
		return again, 0, sealErr
	}
	l.seen = nil
	return again, 0, ErrFull
}

// write hands the buffer to lumberjack in one piece, and looks at what became
// of it when that fails.
func (l *Log) write(t *tail, count int) (int, error) {
	r := l.rotator()
	_, err := r.Write(l.buf)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		l.seen = nil
		return l.salvage(t), err
	}
	l.seen, l.size = t.info, t.size+int64(len(l.buf))
	return count, nil
}

func (l *Log) rotator() vfs.Rotator {
	guard := (2*l.SegmentBytes() + MB - 1) / MB
	return l.fs.Rotator(l.path(ActiveName), int(guard))
}

// Count adds to the losses of the log, in meta.json.
func (l *Log) Count(more Losses) error {
	unlock, err := l.lock()
	if err != nil {
		return fmt.Errorf("count losses: %w", err)
	}
	defer unlock()
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
	if err != nil {
		return fmt.Errorf("sync %s: %w", ActiveName, err)
	}
	if err := errors.Join(f.Sync(), f.Close(), l.fs.SyncDir(l.dir)); err != nil {
		return fmt.Errorf("sync %s: %w", ActiveName, err)
	}
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
