package schema

import "encoding/json"

// timestampLayout is how this project writes time: milliseconds, always three
// digits, so that lines sort as text.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// Encode turns a typed event into a line, leaving off what is above the level.
// It returns ErrAboveLevel when the event as a whole is, and a *Violation when
// the event breaks the contract.
func Encode(e Event, level Level) (Line, error) {
	if p := flatPlanOf(e.EventName()); p != nil {
		if !level.Includes(p.level) {
			return Line{}, ErrAboveLevel
		}
		if line, ok := p.encode(e, level); ok {
			return line, nil
		}
	}
	return encodeSlowly(e, level)
}

// encode writes an event that is not above the level and has it accepted. False
// says nothing.
func (p *flatPlan) encode(e Event, level Level) (Line, bool) {
	w := writer{dst: make([]byte, 0, lineBytes), steps: p.steps, rank: level.rank()}
	if !w.event(e) {
		return Line{}, false
	}
	h, ok := p.accept(w.dst)
	if !ok {
		return Line{}, false
	}
	return Line{w.dst, h}, true
}

// encodeSlowly is the way for events that are refused, or of another type.
func encodeSlowly(e Event, level Level) (Line, error) {
	plan := plans()[e.EventName()]
	if plan == nil || !level.Includes(plan.level) {
		return Line{}, ErrAboveLevel
	}
	raw, v := marshal(e)
	if v != nil {
		return Line{}, v
	}
	root, v := decode(raw)
	if v != nil {
		return Line{}, v
	}
	root.gate(plan, level)
	line, v := lineOf(root)
	if v != nil {
		return Line{}, v
	}
	return line, nil
}

// marshal writes an event in canonical order, unchecked. What the header does
// not say is left out, and missed by the check.
func marshal(e Event) ([]byte, *Violation) {
	body, err := json.Marshal(e)
	if err != nil { // an event type from elsewhere that JSON cannot say
		return nil, &Violation{Category: SchemaRule, Rule: "type"}
	}
	h := e.EventHeader()
	raw := make([]byte, 0, 160+len(body))
	raw = appendString(append(raw, `{"event":`...), string(e.EventName()))
	if !h.Timestamp.IsZero() {
		raw = append(raw, `,"timestamp":"`...)
		raw = append(h.Timestamp.UTC().AppendFormat(raw, timestampLayout), '"')
	}
	if h.SessionID != "" {
		raw = appendString(append(raw, `,"session_id":`...), h.SessionID)
	}
	if h.EventID != "" {
		raw = appendString(append(raw, `,"event_id":`...), h.EventID)
	}
	if len(body) > len("{}") {
		raw = append(raw, ',')
	}
	return append(raw, body[1:]...), nil
}
