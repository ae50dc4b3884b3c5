package eventlog

import (
	"bytes"
	"errors"
	"io"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// tally is what a segment contains: lines that hold something, uncompressed
// bytes, and the earliest and the latest of their timestamps. Lines are in the
// order they were appended, which need not be that of their times.
type tally struct {
	Events int64     `json:"events"`
	Bytes  int64     `json:"bytes"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
}

func (t *tally) add(line []byte) {
	t.Events++
	t.see(timestampOf(line))
}

// see takes a timestamp in; zero is none.
func (t *tally) see(at time.Time) {
	if at.IsZero() {
		return
	}
	if t.First.IsZero() || at.Before(t.First) {
		t.First = at
	}
	if at.After(t.Last) {
		t.Last = at
	}
}

// tallyOf compares times as they are written, which for all of the same length
// and zone is their order, and reads only the outermost of each kind.
func tallyOf(content []byte) tally {
	t := tally{Bytes: int64(len(content))}
	var earliest, latest []byte
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSuffix(line, []byte{'\n'}); isBlank(line) {
			continue
		}
		t.Events++
		switch text := timestampText(line); {
		case len(text) != len(canonicalTime) || text[len(text)-1] != 'Z':
			t.see(parseTime(text))
		case earliest == nil:
			earliest, latest = text, text
		case bytes.Compare(text, earliest) < 0:
			earliest = text
		case bytes.Compare(text, latest) > 0:
			latest = text
		}
	}
	first, last := parseTime(earliest), parseTime(latest)
	if earliest != nil && (first.IsZero() || last.IsZero()) { // somebody's text that only looks like a time
		return tallyOneByOne(content)
	}
	t.see(first)
	t.see(last)
	return t
}

func tallyOneByOne(content []byte) tally {
	t := tally{Bytes: int64(len(content))}
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSuffix(line, []byte{'\n'}); !isBlank(line) {
			t.add(line)
		}
	}
	return t
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

// canonicalTime is the form in which schema writes times.
const canonicalTime = "2006-01-02T15:04:05.000Z"

// timestampOf finds an event's time without decoding it, zero when there is none.
func timestampOf(line []byte) time.Time { return parseTime(timestampText(line)) }

func timestampText(line []byte) []byte {
	i := bytes.Index(line, timestampKey)
	if i < 0 {
		return nil
	}
	rest := line[i+len(timestampKey):]
	end := bytes.IndexByte(rest[:min(len(rest), maxTimeText+1)], '"')
	if end < 0 {
		return nil
	}
	return rest[:end]
}

const maxTimeText = 40

func parseTime(text []byte) time.Time {
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return time.Time{}
	}
	return at
}
