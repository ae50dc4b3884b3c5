package eventlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"caro.sh/telemetry/schema"
)

// Limits of a batch: how many events, and their bytes with one more each for
// what separates them.
type Limits struct {
	Events int
	Bytes  int
}

// Batch is what is sent at once: events of one segment, oldest first. Its lines
// are valid until Finish.
type Batch struct {
	// ID is made from the events alone.
	ID string
	// Lines are the events. They are empty where a part of a segment holds none
	// that could be sent.
	Lines []schema.Line
	// ClientTimestamp is when the batch was made, and Losses a LossReport from
	// that moment; both stay what they are when it is sent again.
	ClientTimestamp string
	Losses          json.RawMessage

	from, to  place
	rows      []row
	announced bool // it was written down before its turn
	memory    *batchMemory
}

// batchMemory is what the lines of a batch are in. The next ones take it again, so
// that an upload needs no new memory for each.
type batchMemory struct {
	parser schema.Parser
	lines  []schema.Line
	rows   []row
}

var batchMemories = sync.Pool{New: func() any { return new(batchMemory) }}

// release gives the memory of a batch to the next ones.
func (b *Batch) release() {
	if m := b.memory; m != nil {
		m.lines, m.rows = b.Lines, b.rows
		b.memory, b.Lines, b.rows = nil, nil, nil
		batchMemories.Put(m)
	}
}

// Bad counts the lines among the events that broke the contract and are not sent.
func (b *Batch) Bad() int { return len(b.rows) - len(b.Lines) }

// row is a line of the log on its way into a batch.
type row struct {
	raw    []byte
	offset int64
	event  int               // the how-many-th of the batch's lines
	broken *schema.Violation // why it is none of them
}

// LossReport is what a batch says about events that are missing.
type LossReport struct {
	LogID string    `json:"log_id"`
	Since time.Time `json:"since"`
	Losses
}

// BatchID derives an id from events, so that the same events have the same id
// however often and by whomever they are put together: a UUID version 8 (RFC
// 9562) of their SHA-256.
func BatchID(lines []schema.Line) string {
	h := sha256.New()
	for _, l := range lines {
		_, _ = h.Write(l.Bytes()) // a hash takes everything
		_, _ = h.Write([]byte{'\n'})
	}
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// cut takes a batch off content, a whole segment, from a place on and not past
// the byte until. Every line is checked again: a file is not trusted.
func cut(content []byte, from place, until int64, most Limits) *Batch {
	m := batchMemories.Get().(*batchMemory)
	m.parser.Reset()
	b := &Batch{from: from, to: from, memory: m, Lines: m.lines[:0], rows: m.rows[:0]}
	size := 0
	for at := from.Offset; at < until; {
		end := until
		if i := bytes.IndexByte(content[at:until], '\n'); i >= 0 {
			end = at + int64(i) + 1
		}
		raw := bytes.TrimSuffix(content[at:end], []byte{'\n'})
		if !isBlank(raw) {
			r, line := check(&m.parser, raw, at, len(b.Lines))
			if r.broken == nil {
				if size += line.Len() + 1; len(b.Lines) == most.Events || size > most.Bytes {
					break
				}
				b.Lines = append(b.Lines, line)
			}
			b.rows = append(b.rows, r)
			b.to.Events++
		}
		at = end
		b.to.Offset = end
	}
	if b.to.Offset >= int64(len(content)) || isSpace(content[b.to.Offset:]) {
		b.to = place{Segment: from.Segment + 1}
	}
	b.ID = BatchID(b.Lines)
	return b
}

func check(parser *schema.Parser, raw []byte, at int64, event int) (row, schema.Line) {
	line, err := parser.Parse(raw)
	r := row{raw: raw, offset: at, event: event}
	if err == nil {
		return r, line
	}
	if !errors.As(err, &r.broken) {
		r.broken = &schema.Violation{Category: schema.Malformed, Length: len(raw), Rule: "internal"}
	}
	return r, schema.Line{}
}

func isSpace(rest []byte) bool { return len(bytes.TrimSpace(rest)) == 0 }

// flight is what is written down before a batch is sent.
func (b *Batch) flight() *flight {
	return &flight{BatchID: b.ID, From: b.from, To: b.to, Events: int64(len(b.Lines)),
		ClientTimestamp: b.ClientTimestamp, Losses: b.Losses}
}

// again cuts the batch that a flight describes, nil when content no longer
// gives the same events.
func (f *flight) again(content []byte) *Batch {
	until := int64(len(content))
	if f.To.Segment == f.From.Segment {
		until = min(until, f.To.Offset)
	}
	if f.From.Offset > until {
		return nil
	}
	b := cut(content, f.From, until, Limits{Events: len(content), Bytes: 2 * len(content)})
	if b.ID != f.BatchID {
		return nil
	}
	b.to, b.ClientTimestamp, b.Losses = f.To, f.ClientTimestamp, f.Losses
	return b
}

// stamp freezes what a new batch says beside its events.
func (b *Batch) stamp(m *meta, now time.Time) error {
	const milliseconds = "2006-01-02T15:04:05.000Z"
	b.ClientTimestamp = now.UTC().Format(milliseconds)
	report, err := json.Marshal(LossReport{m.LogID, m.Since.UTC(), m.Losses})
	b.Losses = report
	return err
}
