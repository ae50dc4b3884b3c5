package eventlog

import (
	"bytes"
	"errors"
	"io"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// tally is what a segment contains: lines that hold something, uncompressed
// bytes, and the timestamps of the first and last of them.
type tally struct {
	Events int64     `json:"events"`
	Bytes  int64     `json:"bytes"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
}

func (t *tally) add(line []byte) {
	t.Events++
	at := timestampOf(line)
	if at.IsZero() {
		return
	}
	if t.First.IsZero() {
		t.First = at
	}
	t.Last = at
}

func tallyOf(content []byte) tally {
	t := tally{Bytes: int64(len(content))}
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSuffix(line, []byte{'\n'}); isBlank(line) {
			continue
		}
		if t.Events++; t.First.IsZero() {
			t.First = timestampOf(line)
		}
	}
	t.Last = lastTimestamp(content)
	return t
}

// lastTimestamp is the time of the last line that has one.
func lastTimestamp(content []byte) time.Time {
	for len(content) > 0 {
		from := bytes.LastIndexByte(content[:len(content)-1], '\n') + 1
		if at := timestampOf(content[from:]); !at.IsZero() {
			return at
		}
		content = content[:from]
	}
	return time.Time{}
}

// tallyFile reads a segment to count it. What was counted before an error is
// returned with it.
func tallyFile(disk vfs.FS, name string, state State) (tally, error) {
	var t tally
	src, err := openSegment(disk, name, state)
	if err != nil {
		return t, err
	}
	defer src.Close()
	lines := newLineReader(src)
	for {
		line, _, err := lines.next()
		if errors.Is(err, io.EOF) {
			t.Bytes = lines.offset
			return t, nil
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return t, err
		}
		t.add(line)
	}
}

var timestampKey = []byte(`"timestamp":"`)

// timestampOf finds an event's time without decoding it, zero when there is none.
func timestampOf(line []byte) time.Time {
	i := bytes.Index(line, timestampKey)
	if i < 0 {
		return time.Time{}
	}
	rest := line[i+len(timestampKey):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || end > 40 {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, string(rest[:end]))
	if err != nil {
		return time.Time{}
	}
	return at
}
