package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Line is an event as one canonical line of JSON that has been checked: only
// Parse, Encode and the methods of a Line make one. The zero Line is no event.
// Lines may be copied, and read by several goroutines.
type Line struct {
	raw  []byte
	name Name
}

// The places of a canonical line are known: it begins with the event, the
// timestamp and the session id, and the event id follows if there is one.
const (
	beforeEvent     = `{"event":"`
	beforeTimestamp = `","timestamp":"`
	beforeSessionID = `","session_id":"`
	beforeEventID   = `","event_id":"`
	sessionIDBytes  = 16
	eventIDBytes    = 36
)

// Parse checks one line of JSON, without its newline, and brings it into
// canonical form. Its error is always a *Violation. The result does not share
// memory with raw.
func Parse(raw []byte) (Line, error) {
	line, v := parse(raw)
	if v != nil {
		return Line{}, v
	}
	return line, nil
}

// parse is the one gate. A faster way to accept most lines belongs in front of
// its first statement; whatever refuses and explains comes after it.
func parse(raw []byte) (Line, *Violation) {
	root, v := decode(raw)
	if v != nil {
		return Line{}, v
	}
	return lineOf(root)
}

// lineOf checks a decoded line and writes it in canonical form.
func lineOf(root *node) (Line, *Violation) {
	name, v := check(root)
	if v != nil {
		return Line{}, v
	}
	canonical := root.appendCanonical(make([]byte, 0, 512), plans()[name])
	if len(canonical) > MaxLineBytes {
		return Line{}, &Violation{Category: TooLong, Length: len(canonical), Rule: ruleLineBytes}
	}
	return Line{raw: canonical, name: name}, nil
}

// Bytes returns the line without a newline. It must not be changed.
func (l Line) Bytes() []byte { return l.raw }

// Len returns the line's length in bytes, without a newline.
func (l Line) Len() int { return len(l.raw) }

// String returns the line without a newline.
func (l Line) String() string { return string(l.raw) }

// IsZero reports whether l is no line at all.
func (l Line) IsZero() bool { return l.raw == nil }

// Name returns which event the line is.
func (l Line) Name() Name { return l.name }

// Timestamp returns when the event happened, in UTC; the zero time for a zero
// Line.
func (l Line) Timestamp() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(l.timestamp()))
	if err != nil {
		return time.Time{} // only the zero Line: a checked one holds an instant
	}
	return t
}

// SessionID returns the run the event belongs to.
func (l Line) SessionID() string {
	if l.IsZero() {
		return ""
	}
	return string(l.afterTimestamp()[len(beforeSessionID):][:sessionIDBytes])
}

// EventID returns the line's own id, or "" when it has none yet.
func (l Line) EventID() string {
	rest, ok := bytes.CutPrefix(l.afterSessionID(), []byte(beforeEventID))
	if !ok {
		return ""
	}
	return string(rest[:eventIDBytes])
}

// timestamp returns the text of the timestamp.
func (l Line) timestamp() []byte {
	if l.IsZero() {
		return nil
	}
	text := l.raw[len(beforeEvent)+len(l.name)+len(beforeTimestamp):]
	return text[:bytes.IndexByte(text, '"')]
}

// afterTimestamp returns the line from the quote that ends the timestamp on.
func (l Line) afterTimestamp() []byte {
	if l.IsZero() {
		return nil
	}
	return l.raw[len(beforeEvent)+len(l.name)+len(beforeTimestamp)+len(l.timestamp()):]
}

// afterSessionID returns the line from the quote that ends the session id on.
func (l Line) afterSessionID() []byte {
	if l.IsZero() {
		return nil
	}
	return l.afterTimestamp()[len(beforeSessionID)+sessionIDBytes:]
}

// WithEventID returns the line with an event id, which must be a UUID version
// 7. A line that has one keeps it. The error is a *Violation.
func (l Line) WithEventID(id string) (Line, error) {
	if l.IsZero() || l.EventID() != "" {
		return l, nil
	}
	tail := l.afterSessionID()
	head := l.raw[:len(l.raw)-len(tail)]
	raw := make([]byte, 0, len(l.raw)+len(beforeEventID)+len(id))
	raw = append(append(raw, head...), `","event_id":`...)
	raw = append(appendString(raw, id), tail[1:]...)
	return Parse(raw)
}

// AtLevel returns what of the line is recorded at a level: the line itself, or
// one without the fields above the level. It is false when the whole event is
// above it.
func (l Line) AtLevel(level Level) (Line, bool) {
	plan := plans()[l.name]
	if plan == nil || !level.Includes(plan.level) {
		return Line{}, false
	}
	root, v := decode(l.raw)
	if v != nil {
		return Line{}, false // cannot be: a Line has been decoded before
	}
	if !root.gate(plan, level) {
		return l, true
	}
	return Line{raw: root.appendCanonical(make([]byte, 0, len(l.raw)), plan), name: l.name}, true
}

// gate removes the members above the level and reports whether there were any.
func (n *node) gate(p *property, level Level) bool {
	kept := n.members[:0]
	removed := false
	for _, m := range n.members {
		child := p.child(m.name)
		if child != nil && !level.Includes(child.level) {
			removed = true
			continue
		}
		if child != nil && m.value.gate(child, level) {
			removed = true
		}
		kept = append(kept, m)
	}
	n.members = kept
	return removed
}

// Decode returns the typed event of a line.
func Decode(l Line) (Event, error) {
	header := Header{Timestamp: l.Timestamp(), SessionID: l.SessionID(), EventID: l.EventID()}
	switch l.name {
	case NameSessionStart:
		return decodeAs[SessionStart](l, header)
	case NameSessionEnd:
		return decodeAs[SessionEnd](l, header)
	case NameCommandGenerated:
		return decodeAs[CommandGenerated](l, header)
	case NameCommandExecuted:
		return decodeAs[CommandExecuted](l, header)
	case NameSafetyTriggered:
		return decodeAs[SafetyTriggered](l, header)
	case NameErrorOccurred:
		return decodeAs[ErrorOccurred](l, header)
	}
	return nil, errors.New("decode event: no event in the line")
}

func decodeAs[T Event](l Line, h Header) (Event, error) {
	var event T
	if err := json.Unmarshal(l.raw, &event); err != nil {
		return nil, fmt.Errorf("decode %s: the line does not fit its type", l.name)
	}
	return event.WithHeader(h), nil
}
