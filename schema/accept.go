package schema

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"sync"
)

// A flatPlan is what one event's schema says, as the steps in which a canonical
// line is read from its first byte to its last brace. Plans are derived from the
// compiled schemas and kept in accept_plan.go; see docs/decisions/PAGE.
type flatPlan struct {
	name  Name
	level Level
	steps []step

	event  uint8  // 1 + its place in Names
	prefix string // how its lines begin
}

// A step is a key with its value, or the end of an object below the event.
type step struct {
	// key is everything before the value: a comma or brace, the quoted name, the
	// colon, and the opening quote of a string.
	key      string
	kind     stepKind
	level    Level
	required bool
	values   []string // stepEnum: the values, each with its closing quote
	pattern  string   // stepShape, stepOpen
	limit    uint64   // stepInteger: the maximum; stepOpen: the most bytes
	within   int      // stepObject: how many steps it has, its end included

	// What follows from the rest, worked out once.
	name  string // of the key
	first uint64 // the first eight bytes of a key that has them, and the last
	last  uint64
	rank  uint8
	skip  int // the step after it, when it is left out
	shape *shape
	open  *openString
}

// stepKind says how a step's value is read.
type stepKind uint8

const (
	stepEnd     stepKind = iota // of an object; key is the closing brace
	stepObject                  // its own steps follow
	stepEnum                    // one of some strings, or a constant
	stepShape                   // a string of fixed length
	stepInstant                 // a time that exists
	stepOpen                    // a string the detector looks at
	stepInteger                 // 0 to limit
	stepUnit                    // a number in 0..1
	stepBool
)

// accept reads a line once and reports whether it is sure that the line is
// canonical and passes every check. False says nothing: the line may be fine.
// It may be called from several goroutines.
func accept(raw []byte) (head, bool) {
	h, n := acceptPrefix(raw)
	return h, n > 0 && n == len(raw)
}

// acceptPrefix is accept for the event that text begins with: n is how long that
// is, 0 where it is not sure.
func acceptPrefix(text []byte) (h head, n int) {
	plans := flatPlans()
	for i := range plans {
		if p := &plans[i]; len(text) > len(p.prefix) && string(text[:len(p.prefix)]) == p.prefix {
			if h, n = p.acceptPrefix(text); n > MaxLineBytes {
				return head{}, 0
			}
			return h, n
		}
	}
	return head{}, 0
}

// accept is the function accept for a line that begins with the plan's prefix.
func (p *flatPlan) accept(raw []byte) (head, bool) {
	h, n := p.acceptPrefix(raw)
	return h, n > 0 && n == len(raw)
}

func (p *flatPlan) acceptPrefix(text []byte) (h head, n int) {
	h = head{event: p.event, top: p.steps[0].rank}
	rest := text[len(p.prefix):]
	for i := 1; i < len(p.steps); {
		s := &p.steps[i]
		if !s.begins(rest) {
			if s.required {
				return head{}, 0
			}
			i = s.skip
			continue
		}
		rest = rest[len(s.key):]
		n, ok := s.value(rest)
		if !ok {
			return head{}, 0
		}
		rest = rest[n:]
		h.top = max(h.top, s.rank)
		switch i {
		case timestampStep:
			h.stamp = uint8(n - 1)
		case eventIDStep:
			h.hasID = true
		}
		i++
	}
	if len(rest) == 0 || rest[0] != '}' {
		return head{}, 0
	}
	return h, len(text) - len(rest) + 1
}

// begins reports whether rest begins with the key. Eight bytes tell most keys
// from the others, and sixteen are most keys.
func (s *step) begins(rest []byte) bool {
	n := len(s.key)
	if n < 8 {
		return len(rest) >= n && string(rest[:n]) == s.key
	}
	return len(rest) >= n && binary.LittleEndian.Uint64(rest) == s.first &&
		binary.LittleEndian.Uint64(rest[n-8:]) == s.last && (n <= 16 || string(rest[8:n-8]) == s.key[8:n-8])
}

// The steps every plan begins with: event, timestamp, session id, event id.
const (
	timestampStep = 1
	eventIDStep   = 3
)

// value reports whether rest begins with a value that passes, closing quote
// included, and how long that is.
func (s *step) value(rest []byte) (n int, ok bool) {
	switch s.kind {
	case stepEnd, stepObject:
		return 0, true
	case stepEnum:
		for _, v := range s.values {
			if len(rest) >= len(v) && rest[0] == v[0] && string(rest[:len(v)]) == v {
				return len(v), true
			}
		}
	case stepShape:
		n = s.shape.bytes
		return n + 1, len(rest) > n && rest[n] == '"' && s.shape.matches(rest)
	case stepInstant:
		n = instantBytes(rest)
		return n + 1, n > 0
	case stepOpen:
		return s.open.value(rest)
	case stepInteger:
		value, n := integer(rest)
		return n, n > 0 && value <= s.limit
	case stepUnit:
		n = unitBytes(rest)
		return n, n > 0
	case stepBool:
		n = boolBytes(rest)
		return n, n > 0
	}
	return 0, false
}

// flatPlans holds the plans that may be used in this program.
var flatPlans = sync.OnceValue(func() []flatPlan { return usablePlans(schemaChecksum()) })

// usablePlans returns the plans if they were derived from schema files with
// this checksum, and none otherwise: every line is then read the slow way.
func usablePlans(checksum uint32) []flatPlan {
	if checksum != planChecksum {
		return nil
	}
	return readyPlans(derivedPlans())
}

// flatPlanOf returns the plan of an event, or nil.
func flatPlanOf(name Name) *flatPlan {
	plans := flatPlans()
	for i := range plans {
		if plans[i].name == name {
			return &plans[i]
		}
	}
	return nil
}

// schemaChecksum tells one state of the files that plans come from from another.
func schemaChecksum() uint32 {
	sum := uint32(0)
	for _, name := range append(Names(), "common") {
		sum = crc32.Update(sum, crc32.IEEETable, must(files.ReadFile("v1/"+string(name)+".schema.json")))
	}
	return sum
}

// readyPlans works out what plans do not say themselves. A plan with a pattern
// that cannot be turned into a shape is left out.
func readyPlans(plans []flatPlan) []flatPlan {
	shared := parts{map[string]*shape{}, map[openKind]*openString{}}
	ready := plans[:0]
	for _, p := range plans {
		if p.ready(shared) {
			ready = append(ready, p)
		}
	}
	return ready
}

// parts are what several steps have in common.
type parts struct {
	shapes map[string]*shape // nil for a pattern that makes none
	open   map[openKind]*openString
}

func (p *flatPlan) ready(shared parts) bool {
	p.prefix = p.steps[0].key + p.steps[0].values[0]
	p.event = eventNumber(p.name)
	for i := range p.steps {
		s := &p.steps[i]
		if key := []byte(s.key); len(key) >= 8 {
			s.first, s.last = binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[len(key)-8:])
		}
		s.name = strings.Trim(s.key, `{,:"`)
		s.rank = uint8(s.level.rank())
		s.skip = i + 1 + s.within
		switch s.kind {
		case stepShape:
			if s.shape = shared.shape(s.pattern); s.shape == nil {
				return false
			}
		case stepOpen:
			s.open = shared.openString(openKind{s.pattern, int(s.limit)})
		}
	}
	return true
}

func (p parts) shape(pattern string) *shape {
	known, ok := p.shapes[pattern]
	if !ok {
		known = newShape(pattern)
		p.shapes[pattern] = known
	}
	return known
}

func (p parts) openString(kind openKind) *openString {
	if p.open[kind] == nil {
		p.open[kind] = newOpenString(kind)
	}
	return p.open[kind]
}
