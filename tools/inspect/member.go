package inspect

import (
	"bytes"

	"caro.sh/telemetry/schema"
)

// members goes through the members of an object in canonical form, such as the
// bytes of a schema.Line. Of anything else it makes no promise but to end.
type members struct{ rest []byte }

func membersOf(object []byte) members { return members{object} }

// next is the next member: its name without quotes, its value as it stands there.
func (m *members) next() (name, value []byte, ok bool) {
	if len(m.rest) < 3 || m.rest[1] != '"' {
		return nil, nil, false
	}
	rest := m.rest[2:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || end+2 > len(rest) {
		return nil, nil, false
	}
	name, rest = rest[:end], rest[end+2:]
	n := valueBytes(rest)
	m.rest = rest[n:]
	return name, rest[:n], true
}

// valueBytes is how long the value is that rest begins with.
func valueBytes(rest []byte) int {
	if len(rest) == 0 {
		return 0
	}
	switch rest[0] {
	case '"':
		return stringBytes(rest)
	case '{':
		m := membersOf(rest)
		for {
			if _, _, ok := m.next(); !ok {
				return min(len(rest)-len(m.rest)+1, len(rest))
			}
		}
	}
	for i, b := range rest {
		if b == ',' || b == '}' {
			return i
		}
	}
	return len(rest)
}

func stringBytes(rest []byte) int {
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(rest)
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
