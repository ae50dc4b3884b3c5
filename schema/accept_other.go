package schema

import "strconv"

// respelled checks a decoded line that was not canonical: written in the order
// of its event's plan it may be accepted after all. False says nothing.
func respelled(root *node) (Line, bool) {
	event := root.member("event")
	if event == nil || event.kind != kindString {
		return Line{}, false
	}
	p := flatPlanOf(Name(event.text))
	if p == nil {
		return Line{}, false
	}
	dst, ok := p.spell(make([]byte, 0, lineBytes), root, 0, len(p.steps))
	if !ok {
		return Line{}, false
	}
	dst = append(dst, '}')
	h, ok := accept(dst)
	return Line{dst, h}, ok
}

// spell appends the members of an object, which are the steps from at to end.
// It reports false if there is one that no step takes.
func (p *flatPlan) spell(dst []byte, object *node, at, end int) ([]byte, bool) {
	taken := 0
	for at < end {
		s := &p.steps[at]
		value := object.member(s.name)
		if value == nil {
			at = s.skip
			continue
		}
		taken++
		dst = append(dst, s.key...)
		ok := false
		if s.kind == stepObject && value.kind == kindObject {
			if dst, ok = p.spell(dst, value, at+1, s.skip-1); ok {
				dst = append(dst, '}')
			}
		} else {
			dst, ok = s.spellValue(dst, value)
		}
		if !ok {
			return dst, false
		}
		at = s.skip
	}
	return dst, taken == len(object.members)
}

// spellValue appends a value that is no object. It must be of the step's type;
// whether it is a legal one is seen by whoever reads what was written.
func (s *step) spellValue(dst []byte, value *node) ([]byte, bool) {
	switch s.kind {
	case stepEnum, stepShape, stepInstant, stepOpen:
		return appendText(dst, value.text), value.kind == kindString
	case stepInteger:
		return append(dst, value.text...), value.kind == kindNumber
	case stepUnit:
		if value.kind != kindNumber {
			return dst, false
		}
		return strconv.AppendFloat(dst, float(value.text)+0, 'f', -1, 64), true
	case stepBool:
		return strconv.AppendBool(dst, value.kind == kindTrue), value.kind == kindTrue || value.kind == kindFalse
	}
	return dst, false
}

// atLevel leaves off what is above a level from an accepted line of the plan's
// event, which is not above it itself. False says nothing.
func (p *flatPlan) atLevel(raw []byte, level Level) (Line, bool) {
	rank := uint8(level.rank())
	kept := make([]byte, 0, len(raw))
	for i := 0; i < len(p.steps); {
		s := &p.steps[i]
		n, ok := s.member(raw)
		if !ok {
			i = s.skip
			continue
		}
		if s.rank > rank {
			raw = raw[p.length(i, raw):]
			i = s.skip
			continue
		}
		kept = append(kept, raw[:n]...)
		raw = raw[n:]
		i++
	}
	kept = append(kept, raw...)
	h, ok := p.accept(kept)
	return Line{kept, h}, ok
}

// member reports whether rest begins with the step's key and a value of it, and
// how long they are; of an object without its own members.
func (s *step) member(rest []byte) (n int, ok bool) {
	if len(rest) < len(s.key) || string(rest[:len(s.key)]) != s.key {
		return 0, false
	}
	n, ok = s.value(rest[len(s.key):])
	return len(s.key) + n, ok
}

// length is how long the step is that rest begins with, its own members included.
func (p *flatPlan) length(at int, rest []byte) int {
	total := 0
	for i := at; i < p.steps[at].skip; {
		n, ok := p.steps[i].member(rest[total:])
		if !ok {
			i = p.steps[i].skip
			continue
		}
		total += n
		i++
	}
	return total
}
