package schema

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string, its opening quote included, and decodes its escapes.
func (d *decoder) text(to *string) bool {
	d.pos++
	start := d.pos
	for d.pos < len(d.raw) {
		switch c := d.raw[d.pos]; {
		case c == '"':
			*to = string(d.raw[start:d.pos])
			d.pos++
			return d.keep(*to)
		case c == '\\':
			return d.escapedText(to, start)
		case c < 0x20:
			return d.failByte()
		}
		d.pos++
	}
	return d.failByte()
}

// escapedText is text from the first backslash on.
func (d *decoder) escapedText(to *string, start int) bool {
	decoded := append([]byte(nil), d.raw[start:d.pos]...)
	for d.pos < len(d.raw) {
		switch c := d.raw[d.pos]; {
		case c == '"':
			d.pos++
			*to = string(decoded)
			return d.keep(*to)
		case c == '\\':
			r, ok := d.escape()
			if !ok {
				return false
			}
			decoded = utf8.AppendRune(decoded, r)
		case c < 0x20:
			return d.failByte()
		default:
			decoded = append(decoded, c)
			d.pos++
		}
	}
	return d.failByte()
}

// keep notes a string that is longer than any may be.
func (d *decoder) keep(s string) bool {
	if len(s) > MaxStringBytes && d.tooLong == nil {
		d.tooLong = &Violation{Category: TooLong, Pointer: d.pointer.String(), Length: len(s), Rule: ruleStringBytes}
	}
	return true
}

// escape reads a backslash and what belongs to it.
func (d *decoder) escape() (rune, bool) {
	d.pos++
	c := d.peek()
	d.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return d.unicodeEscape()
	}
	return 0, d.fail(ruleSyntax)
}

// unicodeEscape reads the digits after a backslash and u, and the second half
// of a surrogate pair.
func (d *decoder) unicodeEscape() (rune, bool) {
	r, ok := d.hex4()
	switch {
	case !ok:
		return 0, d.fail(ruleSyntax)
	case r == 0:
		return 0, d.fail(ruleNUL)
	case !utf16.IsSurrogate(r):
		return r, true
	}
	if !d.accept('\\') || !d.accept('u') {
		return 0, d.fail(ruleSurrogate)
	}
	low, ok := d.hex4()
	if !ok {
		return 0, d.fail(ruleSyntax)
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, d.fail(ruleSurrogate)
	}
	return r, true
}

func (d *decoder) hex4() (rune, bool) {
	if d.pos+4 > len(d.raw) {
		return 0, false
	}
	var r rune
	for _, c := range d.raw[d.pos : d.pos+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	d.pos += 4
	return r, true
}
