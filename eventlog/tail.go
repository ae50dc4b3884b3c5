package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"caro.sh/telemetry/eventlog/vfs"
)

// tail is the end of a file that lines are about to follow.
type tail struct {
	f    vfs.File    // nil when the file does not exist
	info fs.FileInfo // nil when the file does not exist
	size int64
	// blank says that the file ends in spaces without a newline: whatever
	// comes next begins with one, so that somebody who already read the
	// fragment under the spaces sees it end there.
	blank bool
}

func (t *tail) close() {
	if t.f != nil {
		_ = t.f.Close() // nothing written through it is still unchecked
		t.f = nil
	}
}

func sameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// openTail opens the active file and mends its end.
func (l *Log) openTail() (*tail, error) {
	return l.openTailOf(ActiveName)
}

func (l *Log) openTailOf(name string) (*tail, error) {
	f, err := l.fs.OpenRW(l.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return &tail{}, nil
	}
	if err != nil {
		return nil, err
	}
	t := &tail{f: f}
	if t.info, err = f.Stat(); err == nil {
		t.size = t.info.Size()
		err = l.mend(t)
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("check the end of %s: %w", name, err)
	}
	return t, nil
}

// mend makes the file hold whole lines only. A line that only lacks its newline
// gets it. A fragment is overwritten with spaces where it stands: cutting it off
// would make tail -F begin again, leaving it would spoil the next line.
func (l *Log) mend(t *tail) error {
	if t.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := t.f.ReadAt(last[:], t.size-1); err != nil {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	fragment, err := lastFragment(t.f, t.size)
	if err != nil {
		return err
	}
	switch {
	case isBlank(fragment):
	case fragment[0] == '{' && json.Valid(fragment):
		return t.newline()
	default:
		l.owed = l.owed.Add(Losses{Torn: 1})
		if err := t.blankOut(t.size-int64(len(fragment)), len(fragment)); err != nil {
			return err
		}
		if err := l.payLocked(); err != nil && !vfs.IsFull(err) {
			return err
		}
	}
	t.blank = true
	return nil
}

func (t *tail) newline() error {
	if _, err := t.f.WriteAt([]byte{'\n'}, t.size); err != nil {
		return err
	}
	t.size++
	t.blank = false
	return nil
}

// end gives a file that ends in spaces its newline. On a full disk the last space
// becomes it, which whoever follows the file and has read the fragment there does not
// see; but a log that cannot be sealed can be neither sent nor cleared.
func (t *tail) end() error {
	if !t.blank {
		return nil
	}
	err := t.newline()
	if !vfs.IsFull(err) {
		return err
	}
	if _, err := t.f.WriteAt([]byte{'\n'}, t.size-1); err != nil {
		return err
	}
	t.blank = false
	return nil
}

func (t *tail) blankOut(from int64, n int) error {
	_, err := t.f.WriteAt(bytes.Repeat([]byte{' '}, n), from)
	return err
}

// lastFragment returns what follows the last newline of a file.
func lastFragment(f vfs.File, size int64) ([]byte, error) {
	for block := int64(8 << 10); ; block *= 8 {
		from := max(size-block, 0)
		b := make([]byte, size-from)
		if _, err := f.ReadAt(b, from); err != nil {
			return nil, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return b[i+1:], nil
		}
		if from == 0 {
			return b, nil
		}
	}
}

// isBlank reports whether a line says nothing: the remains of a fragment.
func isBlank(line []byte) bool {
	return len(bytes.TrimRight(line, " \r")) == 0
}

// salvage looks at what a failed write left behind. Whole lines count as kept;
// a fragment is blanked out. It returns the number of lines kept.
func (l *Log) salvage(t *tail) (kept int) {
	if t.f == nil { // the write was to make the file
		f, err := l.fs.OpenRW(l.path(ActiveName))
		if err != nil {
			return 0
		}
		t.f = f
	}
	info, err := t.f.Stat()
	if err != nil || info.Size() <= t.size {
		return 0
	}
	landed := l.buf[:min(info.Size()-t.size, int64(len(l.buf)))]
	whole := bytes.LastIndexByte(landed, '\n') + 1
	if n := len(landed) - whole; n > 0 {
		// When this fails too, the next append finds the fragment.
		_ = t.blankOut(t.size+int64(whole), n)
	}
	kept = bytes.Count(landed[:whole], []byte{'\n'})
	if t.blank {
		kept = max(kept-1, 0)
	}
	return kept
}
