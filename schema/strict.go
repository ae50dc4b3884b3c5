package schema

import "unicode/utf8"

// The bounds of one line.
const (
	// MaxLineBytes bounds a line, its newline not counted.
	MaxLineBytes = 4096
	// MaxStringBytes bounds any string in a line, keys included.
	MaxStringBytes = 200
	// maxDepth bounds how many objects and arrays may be open at once. Events
	// need three.
	maxDepth = 4
)

// The rules of strict decoding, as Violation.Rule names them.
const (
	ruleLineBytes   = "line_bytes"
	ruleStringBytes = "string_bytes"
	ruleUTF8        = "utf8"
	ruleBOM         = "bom"
	ruleNUL         = "nul"
	ruleSyntax      = "syntax"
	ruleSurrogate   = "surrogate"
	ruleDuplicate   = "duplicate_key"
	ruleDepth       = "depth"
	ruleTrailing    = "trailing_data"
	ruleNotObject   = "not_object"
)

// decode reads one line as strict JSON (RFC 8259): valid UTF-8, no lone
// surrogates, no key twice, nothing after the object, few levels, short
// strings. Its violations are too_long or malformed.
func decode(raw []byte) (*node, *Violation) {
	if len(raw) > MaxLineBytes {
		return nil, &Violation{Category: TooLong, Length: len(raw), Rule: ruleLineBytes}
	}
	d := decoder{raw: raw}
	root, ok := d.line()
	if d.tooLong != nil {
		return nil, d.tooLong
	}
	if !ok {
		return nil, d.malformed
	}
	return root, nil
}

// A decoder reads raw from pos on. Its methods return false once they have
// noted why in malformed; a string that is too long does not stop them.
type decoder struct {
	raw       []byte
	pos       int
	depth     int
	pointer   pointer
	tooLong   *Violation
	malformed *Violation
}

func (d *decoder) line() (*node, bool) {
	if !utf8.Valid(d.raw) {
		return nil, d.fail(ruleUTF8)
	}
	if len(d.raw) >= 3 && string(d.raw[:3]) == "\ufeff" {
		return nil, d.fail(ruleBOM)
	}
	d.space()
	if d.peek() != '{' {
		var other node
		if d.value(&other) {
			return nil, d.fail(ruleNotObject)
		}
		return nil, false
	}
	root := new(node)
	if !d.value(root) {
		return nil, false
	}
	d.space()
	if d.pos < len(d.raw) {
		return nil, d.fail(ruleTrailing)
	}
	return root, true
}

// fail notes the first rule broken, at the innermost place whose name the
// schemas know, and returns false.
func (d *decoder) fail(rule string) bool {
	if d.malformed == nil {
		d.malformed = &Violation{Category: Malformed, Pointer: d.pointer.String(), Length: len(d.raw), Rule: rule}
	}
	return false
}

// failByte is fail for a byte that may not stand where it does.
func (d *decoder) failByte() bool {
	if d.pos < len(d.raw) && d.raw[d.pos] == 0 {
		return d.fail(ruleNUL)
	}
	return d.fail(ruleSyntax)
}

// peek returns the next byte, or 0 at the end.
func (d *decoder) peek() byte {
	if d.pos < len(d.raw) {
		return d.raw[d.pos]
	}
	return 0
}

// accept steps over c if it comes next.
func (d *decoder) accept(c byte) bool {
	if d.pos < len(d.raw) && d.raw[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

func (d *decoder) space() {
	for d.pos < len(d.raw) {
		switch d.raw[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *decoder) value(n *node) bool {
	switch c := d.peek(); {
	case c == '{' || c == '[':
		d.depth++
		if d.depth > maxDepth {
			return d.fail(ruleDepth)
		}
		defer func() { d.depth-- }()
		d.pos++
		if c == '{' {
			return d.object(n)
		}
		return d.array(n)
	case c == '"':
		n.kind = kindString
		return d.text(&n.text)
	case c == '-' || '0' <= c && c <= '9':
		n.kind = kindNumber
		return d.number(&n.text)
	}
	for _, l := range literals {
		if rest := d.raw[d.pos:]; len(rest) >= len(l.text) && string(rest[:len(l.text)]) == l.text {
			n.kind = l.kind
			d.pos += len(l.text)
			return true
		}
	}
	return d.failByte()
}

var literals = [...]struct {
	text string
	kind kind
}{{"true", kindTrue}, {"false", kindFalse}, {"null", kindNull}}

// object reads the members after an opening brace.
func (d *decoder) object(n *node) bool {
	n.kind = kindObject
	d.space()
	if d.accept('}') {
		return true
	}
	for {
		d.space()
		var m member
		if d.peek() != '"' {
			return d.failByte()
		}
		if !d.text(&m.name) {
			return false
		}
		if n.member(m.name) != nil {
			return d.fail(ruleDuplicate)
		}
		d.space()
		if !d.accept(':') {
			return d.failByte()
		}
		d.space()
		d.pointer.push(m.name)
		if !d.value(&m.value) {
			return false
		}
		d.pointer.pop()
		n.members = append(n.members, m)
		d.space()
		if d.accept('}') {
			return true
		}
		if !d.accept(',') {
			return d.failByte()
		}
	}
}

// array reads the items after an opening bracket. No event has an array; it is
// read so that the schema can say so.
func (d *decoder) array(n *node) bool {
	n.kind = kindArray
	d.space()
	if d.accept(']') {
		return true
	}
	for {
		d.space()
		var item node
		if !d.value(&item) {
			return false
		}
		n.items = append(n.items, item)
		d.space()
		if d.accept(']') {
			return true
		}
		if !d.accept(',') {
			return d.failByte()
		}
	}
}

// number keeps the spelling of -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?.
func (d *decoder) number(to *string) bool {
	start := d.pos
	d.accept('-')
	if !d.accept('0') && !d.digits() {
		return d.failByte()
	}
	if d.accept('.') && !d.digits() {
		return d.failByte()
	}
	if d.accept('e') || d.accept('E') {
		if !d.accept('+') {
			d.accept('-')
		}
		if !d.digits() {
			return d.failByte()
		}
	}
	*to = string(d.raw[start:d.pos])
	return true
}

func (d *decoder) digits() bool {
	start := d.pos
	for '0' <= d.peek() && d.peek() <= '9' {
		d.pos++
	}
	return d.pos > start
}
