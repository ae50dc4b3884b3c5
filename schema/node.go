package schema

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// A node is one decoded JSON value. Members keep their order, numbers their
// spelling.
type node struct {
	kind    kind
	text    string // string: decoded; number: as spelled
	members []member
	items   []node
}

type member struct {
	name  string
	value node
}

// kind is a JSON type.
type kind uint8

const (
	kindObject kind = iota
	kindArray
	kindString
	kindNumber
	kindTrue
	kindFalse
	kindNull
)

// member returns the value of a key, or nil.
func (n *node) member(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return nil
}

// length is what a Violation reports about a refused value: the bytes of a
// string or number, 0 for anything else.
func (n *node) length() int { return len(n.text) }

// plain gives the value in the types the schema validator works on. p is what
// the schema has at this place, nil when it has nothing.
func (n *node) plain(p *property) any {
	switch n.kind {
	case kindObject:
		object := make(map[string]any, len(n.members))
		for i := range n.members {
			m := &n.members[i]
			object[m.name] = m.value.plain(p.child(m.name))
		}
		return object
	case kindArray:
		array := make([]any, len(n.items))
		for i := range n.items {
			array[i] = n.items[i].plain(nil)
		}
		return array
	case kindString:
		return n.text
	case kindNumber:
		return n.number(p)
	case kindNull:
		return nil
	}
	return n.kind == kindTrue
}

// number gives the validator a number. JSON Schema takes 1.0 and 1e2 for
// integers and the contract does not: where an integer belongs, they are handed
// over as one half, which is none.
func (n *node) number(p *property) any {
	switch {
	case isInteger(n.text):
		return json.Number(n.text)
	case p != nil && p.kind == "integer":
		return 0.5
	}
	return float(n.text)
}

// isInteger reports whether a number is spelled as a whole one: digits, with
// a minus or without. 1.0, 1e2 and -0 are not.
func isInteger(number string) bool {
	return !strings.ContainsAny(number, ".eE") && number != "-0"
}

// float reads a number as an IEEE 754 double. What is too big becomes the
// biggest one and a negative number never becomes zero, so that the validator
// sees which side of a bound it is on, and never computes with an exponent of
// the sender's choice.
func float(number string) float64 {
	f, _ := strconv.ParseFloat(number, 64)
	switch {
	case math.IsInf(f, 0):
		return math.Copysign(math.MaxFloat64, f)
	case f == 0 && number[0] == '-' && hasDigit(number):
		return -math.SmallestNonzeroFloat64
	}
	return f
}

// hasDigit reports whether the digits before an exponent are not all zero.
func hasDigit(number string) bool {
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		number = number[:i]
	}
	return strings.ContainsAny(number, "123456789")
}

// appendCanonical appends n as the contract wants it stored: no white space,
// members in the schema's order, shortest decimals. n must have been checked.
func (n *node) appendCanonical(dst []byte, p *property) []byte {
	switch n.kind {
	case kindObject:
		return n.appendObject(dst, p)
	case kindString:
		return appendString(dst, n.text)
	case kindNumber:
		if p.kind == "integer" {
			return append(dst, n.text...)
		}
		// Adding zero turns the minus of a negative zero away.
		return strconv.AppendFloat(dst, float(n.text)+0, 'f', -1, 64)
	}
	return strconv.AppendBool(dst, n.kind == kindTrue)
}

func (n *node) appendObject(dst []byte, p *property) []byte {
	dst = append(dst, '{')
	first := true
	for _, c := range p.children {
		value := n.member(c.name)
		if value == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), c.name...), '"', ':')
		dst = value.appendCanonical(dst, c)
	}
	return append(dst, '}')
}

// appendString quotes s.
func appendString(dst []byte, s string) []byte {
	return appendText(append(dst, '"'), s)
}

// appendText writes s and the quote that ends it. Only a quote, a backslash and
// control characters need an escape in JSON.
func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
