package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Line is an event as one canonical line of JSON that has been checked: only
// Parse, Encode and the methods of a Line make one. The zero Line is no event.
// Lines may be copied, and read by several goroutines.
type Line struct {
	raw []byte
	head
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
	lineBytes       = 640 // what nearly all lines fit in
)

// A head is what a Line knows of its bytes without reading them.
type head struct {
	event uint8 // 1 + the place of its name in eventNames; 0 is no event
	stamp uint8 // bytes of the timestamp
	hasID bool
	top   uint8 // rank of the highest level of what is in the line
}

var eventNames = Names()

// eventNumber is 1 + an event's place in eventNames, 0 for what is no event.
func eventNumber(name Name) uint8 { return uint8(1 + slices.Index(eventNames, name)) }

// Parse checks one line of JSON, without its newline, and brings it into
// canonical form. Its error is always a *Violation. The result does not share
// memory with raw.
func Parse(raw []byte) (Line, error) {
	if h, ok := accept(raw); ok {
		return Line{append(make([]byte, 0, len(raw)), raw...), h}, nil
	}
	return parseOther(raw)
}

// parseOther is Parse for a line that was not accepted at once: most are only
// not canonical.
func parseOther(raw []byte) (Line, error) {
	root, v := decode(raw)
	if v != nil {
		return Line{}, v
	}
	if line, ok := respelled(root); ok {
		return line, nil
	}
	line, v := lineOf(root)
	if v != nil {
		return Line{}, v
	}
	return line, nil
}

// lineOf is the slow way, which alone refuses and explains: it has a decoded
// line judged by its schema and the detector, and writes it in canonical form.
func lineOf(root *node) (Line, *Violation) {
	name, v := check(root)
	if v != nil {
		return Line{}, v
	}
	plan := plans()[name]
	canonical := root.appendCanonical(make([]byte, 0, lineBytes), plan)
	if len(canonical) > MaxLineBytes {
		return Line{}, &Violation{Category: TooLong, Length: len(canonical), Rule: ruleLineBytes}
	}
	return Line{canonical, headOf(name, root, plan)}, nil
}

// headOf is the head of a line that was checked the slow way.
func headOf(name Name, root *node, plan *property) head {
	return head{event: eventNumber(name), stamp: uint8(len(root.member("timestamp").text)),
		hasID: root.member("event_id") != nil, top: root.top(plan)}
}

// top is the rank of the highest level of what is in n.
func (n *node) top(p *property) uint8 {
	top := uint8(p.level.rank())
	for i := range n.members {
		top = max(top, n.members[i].value.top(p.child(n.members[i].name)))
	}
	return top
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
func (l Line) Name() Name {
	if l.IsZero() {
		return ""
	}
	return eventNames[l.event-1]
}

// Timestamp returns when the event happened, in UTC; the zero time for a zero
// Line.
func (l Line) Timestamp() time.Time {
	if l.IsZero() {
		return time.Time{}
	}
	return instantOf(l.raw[l.timestampAt():][:l.stamp])
}

// SessionID returns the run the event belongs to.
func (l Line) SessionID() string {
	if l.IsZero() {
		return ""
	}
	return string(l.raw[l.sessionIDAt():][:sessionIDBytes])
}

// EventID returns the line's own id, or "" when it has none yet.
func (l Line) EventID() string {
	if !l.hasID {
		return ""
	}
	return string(l.raw[l.sessionIDAt()+sessionIDBytes+len(beforeEventID):][:eventIDBytes])
}

// HasEventID reports whether the line has an id of its own.
func (l Line) HasEventID() bool { return l.hasID }

// timestampAt is where the text of the timestamp begins. l must not be zero.
func (l Line) timestampAt() int {
	return len(beforeEvent) + len(eventNames[l.event-1]) + len(beforeTimestamp)
}

// sessionIDAt is where the session id begins. l must not be zero.
func (l Line) sessionIDAt() int { return l.timestampAt() + int(l.stamp) + len(beforeSessionID) }

// WithEventID returns the line with an event id, which must be a UUID version
// 7. A line that has one keeps it. The error is a *Violation.
func (l Line) WithEventID(id string) (Line, error) {
	if l.IsZero() || l.hasID {
		return l, nil
	}
	end := l.sessionIDAt() + sessionIDBytes
	raw := make([]byte, 0, len(l.raw)+len(beforeEventID)+len(id))
	raw = append(append(raw, l.raw[:end]...), `","event_id":`...)
	raw = append(appendString(raw, id), l.raw[end+1:]...)
	if h, ok := accept(raw); ok {
		return Line{raw, h}, nil
	}
	return Parse(raw)
}

// AtLevel returns what of the line is recorded at a level: the line itself, or
// one without the fields above the level. It is false when the whole event is
// above it.
func (l Line) AtLevel(level Level) (Line, bool) {
	switch {
	case l.IsZero():
		return Line{}, false
	case int(l.top) <= level.rank():
		return l, true
	case !level.Includes(l.eventLevel()):
		return Line{}, false
	}
	if p := flatPlanOf(l.Name()); p != nil {
		if line, ok := p.atLevel(l.raw, level); ok {
			return line, true
		}
	}
	root, v := decode(l.raw)
	if v != nil {
		return Line{}, false // cannot be: what was checked can be decoded
	}
	plan := plans()[l.Name()]
	root.gate(plan, level)
	return Line{root.appendCanonical(make([]byte, 0, len(l.raw)), plan), headOf(l.Name(), root, plan)}, true
}

// eventLevel is the first level at which the line's event is recorded.
func (l Line) eventLevel() Level {
	if p := flatPlanOf(l.Name()); p != nil {
		return p.level
	}
	return EventLevel(l.Name())
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
	switch l.Name() {
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
		return nil, fmt.Errorf("decode %s: the line does not fit its type", l.Name())
	}
	return event.WithHeader(h), nil
}
