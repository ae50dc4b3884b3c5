package eventlog

import (
	"fmt"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/schema"
)

// hastened is after how many bytes of the active segment the disk is told to begin
// with them, so that sealing it waits for little.
const hastened = MB

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
	if l.consent != nil && !l.consent() {
		return 0, ErrOff
	}
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
	if t.f != nil && l.size/hastened > t.size/hastened {
		vfs.Hasten(t.f)
	}
	return count, nil
}

func (l *Log) rotator() vfs.Rotator {
	guard := (2*l.SegmentBytes() + MB - 1) / MB
	return l.fs.Rotator(l.path(ActiveName), int(guard))
}
