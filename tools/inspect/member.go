package inspect

import (
	"bytes"

	"caro.sh/telemetry/schema"
)

// members goes through the members of an object in canonical form, such as the
// bytes of a schema.Line. No string of an event holds a quote, a backslash or a
// brace: the schemas let none pass. Of anything else it makes no promise but to end.
type members struct{ rest []byte }

func membersOf(object []byte) members { return members{object} }

// next is the next member: its name without quotes, its value as it stands there.
func (m *members) next() (name, value []byte, ok bool) {
	if len(m.rest) < 3 || m.rest[1] != '"' {
		return nil, nil, false
	}
	rest := m.rest[2:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || end+3 > len(rest) {
		return nil, nil, false
	}
	name, rest = rest[:end], rest[end+2:]
	n := 0
	switch rest[0] {
	case '"':
		n = bytes.IndexByte(rest[1:], '"') + 2
	case '{':
		n = objectBytes(rest)
	default:
		for n < len(rest) && rest[n] != ',' && rest[n] != '}' {
			n++
		}
	}
	m.rest = rest[n:]
	return name, rest[:n], true
}

// objectBytes is how long the object is that rest begins with.
func objectBytes(rest []byte) int {
	n := 0
	for depth := 1; depth > 0; {
		end := bytes.IndexByte(rest[n:], '}') + 1
		if end == 0 {
			return len(rest)
		}
		depth += bytes.Count(rest[max(n, 1):n+end], []byte{'{'}) - 1
		n += end
	}
	return n
}

// unquoted is a string's text. What events hold needs no escapes.
func unquoted(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	return value[1 : len(value)-1]
}

// valueAt is the value at a path of names in a line, nil where there is none.
func valueAt(l schema.Line, path []string) []byte {
	at := l.Bytes()
	for _, want := range path {
		m := membersOf(at)
		for {
			name, value, ok := m.next()
			if !ok {
				return nil
			}
			if string(name) == want {
				at = value
				break
			}
		}
	}
	return at
}
