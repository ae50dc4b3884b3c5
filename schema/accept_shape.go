package schema

import (
	"encoding/binary"
	"regexp/syntax"
)

// A shape is a string of fixed length with a class of bytes at each place. It
// is compared eight bytes at a time.
type shape struct {
	bytes  int
	words  []word
	places []place
}

// A word is what eight bytes in a row must be. Bytes are in the order of the
// text, the first one lowest.
type word struct {
	at      int
	literal uint64
	fixed   uint64 // 0xff where literal counts
	hex     uint64 // 0x80 where a lower-case hex digit belongs
	digit   uint64 // 0x80 where a decimal digit belongs
}

// A place is a byte that is neither: one of a few.
type place struct {
	at    int
	class byteClass
}

// byteClass is a set of ASCII characters.
type byteClass [2]uint64

func (c *byteClass) add(b byte)      { c[b>>6] |= 1 << (b & 63) }
func (c *byteClass) has(b byte) bool { return b < 0x80 && c[b>>6]&(1<<(b&63)) != 0 }

func classOf(bytes string) (c byteClass) {
	for i := 0; i < len(bytes); i++ {
		c.add(bytes[i])
	}
	return c
}

var (
	hexClass   = classOf("0123456789abcdef")
	digitClass = classOf("0123456789")
)

// newShape turns a pattern like ^[0-9a-f]{8}-$ into a shape. It returns nil for
// a pattern it does not understand, of varying length, or of less than 8 bytes.
func newShape(pattern string) *shape {
	classes, ok := fixedClasses(pattern)
	if !ok || len(classes) < 8 {
		return nil
	}
	s := &shape{bytes: len(classes)}
	for at := 0; at < len(classes); at += 8 {
		at := min(at, len(classes)-8) // the last word may overlap the one before
		s.words = append(s.words, newWord(at, classes[at:at+8]))
	}
	for at, class := range classes {
		if _, single := class.single(); !single && class != hexClass && class != digitClass {
			s.places = append(s.places, place{at, class})
		}
	}
	return s
}

func newWord(at int, classes []byteClass) word {
	w := word{at: at}
	for i, class := range classes {
		shift := 8 * i
		if b, single := class.single(); single {
			w.literal |= uint64(b) << shift
			w.fixed |= 0xff << shift
		} else if class == hexClass {
			w.hex |= 0x80 << shift
		} else if class == digitClass {
			w.digit |= 0x80 << shift
		}
	}
	return w
}

// single returns the one byte of a class that has only one.
func (c byteClass) single() (byte, bool) {
	var found byte
	count := 0
	for b := byte(0); b < 0x80; b++ {
		if c.has(b) {
			found = b
			count++
		}
	}
	return found, count == 1
}

// fixedClasses gives the class of each byte of what a pattern matches, if it is
// anchored at both ends and of one length.
func fixedClasses(pattern string) ([]byteClass, bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || re.Op != syntax.OpConcat || len(re.Sub) < 3 {
		return nil, false
	}
	last := len(re.Sub) - 1
	if re.Sub[0].Op != syntax.OpBeginText || re.Sub[last].Op != syntax.OpEndText {
		return nil, false
	}
	var classes []byteClass
	for _, part := range re.Sub[1:last] {
		more, ok := partClasses(part)
		if !ok {
			return nil, false
		}
		classes = append(classes, more...)
	}
	return classes, true
}

func partClasses(re *syntax.Regexp) ([]byteClass, bool) {
	switch re.Op {
	case syntax.OpLiteral:
		var classes []byteClass
		for _, r := range re.Rune {
			if r >= 0x80 || re.Flags&syntax.FoldCase != 0 {
				return nil, false
			}
			classes = append(classes, classOf(string(r)))
		}
		return classes, true
	case syntax.OpCharClass:
		var class byteClass
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i+1] >= 0x80 {
				return nil, false
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				class.add(byte(r))
			}
		}
		return []byteClass{class}, true
	case syntax.OpRepeat:
		one, ok := partClasses(re.Sub[0])
		if !ok || re.Min != re.Max || re.Min > MaxStringBytes {
			return nil, false
		}
		var classes []byteClass
		for range re.Min {
			classes = append(classes, one...)
		}
		return classes, true
	}
	return nil, false
}

const (
	ones = 0x0101010101010101
	tops = 0x80 * ones
)

// between marks with 0x80 each byte of w from low to high. Bytes of w must be
// below 0x80: then no sum reaches the byte above it.
func between(w uint64, low, high byte) uint64 {
	return (w + ones*uint64(0x80-low)) &^ (w + ones*uint64(0x7f-high)) & tops
}

// matches reports whether text begins with the shape. text must be long enough.
func (s *shape) matches(text []byte) bool {
	for i := range s.words {
		w := &s.words[i]
		b := binary.LittleEndian.Uint64(text[w.at:])
		digits := between(b, '0', '9')
		hexes := digits | between(b, 'a', 'f')
		if b&tops != 0 || (b^w.literal)&w.fixed != 0 || w.hex&^hexes != 0 || w.digit&^digits != 0 {
			return false
		}
	}
	for i := range s.places {
		if p := &s.places[i]; !p.class.has(text[p.at]) {
			return false
		}
	}
	return true
}
