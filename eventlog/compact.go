package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/pierrec/lz4/v4"

	"caro.sh/telemetry/eventlog/vfs"
)

// ErrNewest means that a segment is the newest sealed one. It stays plain, for
// readers that are slower than writers.
var ErrNewest = errors.New("the newest sealed segment stays plain")

// Compaction is what became of a segment: its size on disk before and after.
type Compaction struct {
	Before, After int64
}

// Compact replaces a sealed segment by its compacted form: built aside, synced,
// read back and compared, renamed, and only then is the plain file unlinked. One
// that is compacted already, or would not become smaller, is left alone. The
// caller holds Maintain, and may compact several segments at the same time;
// others append, seal, evict and clear meanwhile. A segment that was removed
// before its turn is ErrGone and does not come back; ErrFull means that there is
// no room under the size cap for the second form.
func (l *Log) Compact(number uint64, level Level) (Compaction, error) {
	c, err := l.compact(number, level)
	if err != nil {
		return c, fmt.Errorf("compact segment %d: %w", number, err)
	}
	return c, nil
}

func (l *Log) compact(number uint64, level Level) (Compaction, error) {
	var c Compaction
	if !l.maintaining.Load() {
		return c, errNotMaintaining
	}
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return c, err
	}
	name, state := ls.name(number)
	c.Before = ls.sizes[name]
	c.After = c.Before
	switch {
	case name == "":
		return c, ErrGone
	case state == Compacted:
		return c, nil
	case number == ls.newest():
		return c, ErrNewest
	case c.Before > maxSegment:
		return c, fmt.Errorf("%d bytes are more than a reader takes in", c.Before)
	}
	plain := func() (io.ReadCloser, error) { return openSegment(l.fs, l.path(name), Sealed) }
	frame, err := packFrom(plain, c.Before, level)
	if errors.Is(err, fs.ErrNotExist) {
		return c, ErrGone
	}
	if err != nil || int64(len(frame)) >= c.Before {
		return c, err
	}
	if err := l.swap(replacement{number, name, ls.times[name], frame, plain, nil}); err != nil {
		return c, err
	}
	c.After = int64(len(frame))
	return c, nil
}

func packFrom(open func() (io.ReadCloser, error), size int64, level Level) ([]byte, error) {
	src, err := open()
	if err != nil {
		return nil, err
	}
	// Enough for most: growing on the way costs as much as the compression.
	frame := bytes.NewBuffer(make([]byte, 0, size/3))
	err = pack(frame, src, size, level)
	return frame.Bytes(), errors.Join(err, src.Close())
}

// replacement is a compacted file to be put in the place of a segment's file.
type replacement struct {
	number   uint64
	from     string    // the file it replaces
	modified time.Time // the file's, kept for the age limit
	frame    []byte
	content  func() (io.ReadCloser, error) // what has to come out of frame
	tally    *tally                        // of the content, nil where it is the old one's
}

// to is the name of the compacted form.
func (r replacement) to() string {
	return strings.TrimSuffix(strings.TrimSuffix(r.from, lz4Suffix), plainSuffix) + lz4Suffix
}

// present reports whether the segment is still the one that was read.
func (r replacement) present(ls *listing) bool {
	name, _ := ls.name(r.number)
	return name == r.from
}

// swap puts a replacement in its place. Whatever goes wrong, the old file stays
// and the new one goes.
func (l *Log) swap(r replacement) error {
	l.swapping.Lock()
	defer l.swapping.Unlock()
	tmp := l.path(tmpSwap + strconv.FormatUint(r.number, 10))
	f, err := l.stage(tmp, r)
	if err == nil {
		err = l.prove(f, tmp, r)
	}
	if err == nil {
		err = l.install(tmp, r)
	}
	if err == nil {
		return nil
	}
	if rmErr := l.fs.Remove(tmp); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return err
}

// stage writes the new file aside. It does so under the lock, without waiting
// for the disk, so that whoever makes room next sees its full size.
func (l *Log) stage(tmp string, r replacement) (vfs.File, error) {
	unlock, err := l.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return nil, err
	}
	if !r.present(ls) {
		return nil, ErrGone
	}
	// What is to be erased goes, cap or no cap: for a moment both forms are there.
	if r.tally == nil && int64(len(r.frame)) > l.swapRoom(ls) {
		return nil, fmt.Errorf("no room for another %d bytes: %w", len(r.frame), ErrFull)
	}
	f, err := l.fs.Create(tmp)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(r.frame); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// prove makes the new file durable and reads it back.
func (l *Log) prove(f vfs.File, tmp string, r replacement) error {
	// Where a time cannot be set the segment looks younger than it is, and
	// stays a little longer.
	_ = l.fs.SetTime(tmp, r.modified)
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	got, err := l.fs.Open(tmp)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	want, err := r.content()
	if errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ErrGone, got.Close())
	}
	if err != nil {
		return errors.Join(err, got.Close())
	}
	return errors.Join(same(frameReader{lz4.NewReader(got)}, want), got.Close(), want.Close())
}

// install gives the new file its name and removes the old one, if that is still
// there: somebody may have evicted or cleared it.
func (l *Log) install(tmp string, r replacement) error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	m, ls, err := l.recoverLocked()
	if err != nil {
		return err
	}
	if !r.present(ls) {
		return ErrGone
	}
	if r.tally != nil { // what is remembered of the segment will not be true
		m.forget(r.number)
		if err := l.saveCounted(m); err != nil {
			return err
		}
	}
	l.seen = nil
	if err := l.fs.Rename(tmp, l.path(r.to())); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	if r.to() != r.from {
		if err := l.unlink(r.from, ls); err != nil {
			return err
		}
	}
	if r.tally == nil {
		return nil
	}
	// Of the two the old one would win: it has to be gone before the new one is remembered.
	if err := l.fs.SyncDir(l.dir); err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	m.remember(r.number, *r.tally)
	return l.saveCounted(m)
}

// frameReader tells a frame that is cut short from a stream that is read short.
type frameReader struct{ io.Reader }

func (r frameReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the frame is cut short")
	}
	return n, err
}

// same compares two streams to their end.
func same(got, want io.Reader) error {
	const block = 64 << 10
	a, b := make([]byte, block), make([]byte, block)
	for {
		n, errA := io.ReadFull(got, a)
		k, errB := io.ReadFull(want, b)
		if !bytes.Equal(a[:n], b[:k]) {
			return errors.New("read back: not what was written")
		}
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("read back: %w", err)
			}
		}
		if errA != nil || errB != nil {
			return nil
		}
	}
}
