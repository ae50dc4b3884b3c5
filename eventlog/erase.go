package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Erase rewrites a sealed or compacted segment without the lines that drop says,
// under the same number and in compacted form, by the steps of Compact, and
// returns how many lines are gone. After a nil error nothing of them is left in
// any file of the log, a power cut included; after any other it has to be called
// again. A segment with no line left is removed, and its number is not used
// again. What is erased is not counted as lost. Positions inside the segment
// mean something else afterwards. The caller holds Maintain.
func (l *Log) Erase(number uint64, drop func(line []byte) bool) (erased int64, err error) {
	erased, err = l.erase(number, drop)
	if err != nil {
		return erased, fmt.Errorf("erase from segment %d: %w", number, err)
	}
	return erased, nil
}

func (l *Log) erase(number uint64, drop func(line []byte) bool) (int64, error) {
	if !l.maintaining.Load() {
		return 0, errNotMaintaining
	}
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return 0, err
	}
	name, state := ls.name(number)
	if name == "" {
		return 0, ErrGone
	}
	content, err := l.content(name, state)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, ErrGone
	}
	if err != nil {
		return 0, err
	}
	rest, erased := without(content, drop)
	if erased == 0 {
		return 0, nil
	}
	if len(rest) == 0 {
		if err := l.giveBack(number, name); err != nil {
			return 0, err
		}
		return erased, nil
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(rest)), nil }
	frame, err := packFrom(open, int64(len(rest)), Fast)
	if err != nil {
		return 0, err
	}
	t := tallyOf(rest)
	if err := l.swap(replacement{number, name, ls.times[name], frame, open, &t}); err != nil {
		return 0, err
	}
	return erased, nil
}

// content reads a whole segment.
func (l *Log) content(name string, state State) ([]byte, error) {
	src, err := openSegment(l.fs, l.path(name), state)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(src, maxSegment+1))
	if err = errors.Join(err, src.Close()); err != nil {
		return nil, err
	}
	if len(content) > maxSegment {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxSegment)
	}
	return content, nil
}

// without returns the lines that are not dropped. Lines that hold nothing go
// with those that are.
func without(content []byte, drop func([]byte) bool) (rest []byte, erased int64) {
	for line := range bytes.Lines(content) {
		text := bytes.TrimSuffix(line, []byte{'\n'})
		switch {
		case isBlank(text):
		case drop(text):
			erased++
		default:
			rest = append(append(rest, text...), '\n')
		}
	}
	return rest, erased
}

// giveBack removes a segment that nothing is left of.
func (l *Log) giveBack(number uint64, name string) error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	m, ls, err := l.recoverLocked()
	if err != nil {
		return err
	}
	m.forget(number)
	if err := l.saveCounted(m); err != nil { // the next number is above this one for good
		return err
	}
	l.seen = nil
	if err := l.unlink(name, ls); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}
