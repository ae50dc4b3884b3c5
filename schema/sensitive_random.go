package schema

import "strings"

// hasRandomSegment finds a part between separators that looks drawn, not
// named. Entropy of the whole is no help: a model's name has more of it than a
// token. What tells them apart is how often digits, small and capital letters
// take turns within one part, and how long the part is.
func hasRandomSegment(s *subject) bool {
	if s.rooted || s.command || s.assigned {
		return false
	}
	for token := range s.tokens {
		if strings.Contains(token, "://") || strings.Contains(token, `\`) || startsAtRoot(token) {
			continue
		}
		for part := range strings.FieldsFuncSeq(token, isSegmentBreak) {
			if isRandomSegment(part) {
				return true
			}
		}
		if isRandomJoined(token) {
			return true
		}
	}
	return false
}

func isSegmentBreak(r rune) bool {
	return r >= 0x80 || !isAlnum(byte(r))
}

// classes counts what a segment is made of. A capital that begins a word of
// small letters opens no run of its own.
type classes struct {
	lower, upper, digits int
	runs                 int // of one class
	caseRuns             int // of one case, digits left out
	odd                  int // pairs of letters that hardly ever meet in a word
	hex                  bool
}

func classify(segment string) classes {
	k := classes{hex: true}
	var last, lastCase byte
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		k.hex = k.hex && isHex(c)
		class := byte('l')
		switch {
		case isDigit(c):
			class = 'd'
			k.digits++
		case isUpper(c):
			class = 'u'
			k.upper++
		default:
			k.lower++
		}
		if class != last && !(class == 'l' && last == 'u') {
			k.runs++
		}
		if class != 'd' && class != lastCase {
			k.caseRuns++
			lastCase = class
		}
		if class != 'd' && i > 0 && isLetter(segment[i-1]) && strings.IndexByte(oddPairs[segment[i-1]|' '-'a'], c|' ') >= 0 {
			k.odd++
		}
		last = class
	}
	k.hex = k.hex && (k.lower == 0 || k.upper == 0)
	return k
}

// disorder is the weighed rate, in thousandths, of what random text has more of
// than names: changes of class, changes of case, unusual pairs.
func (k *classes) disorder() int {
	return (1000*k.runs + 500*k.caseRuns + 1200*k.odd) / (k.lower + k.upper + k.digits)
}

// mixedLimit is the disorder that one in a thousand identifiers of mixed case
// and of this length exceeds; half of all random ones have 950 and more.
func mixedLimit(length int) int {
	switch {
	case length < 14:
		return 1100
	case length < 16:
		return 860
	case length < 20:
		return 750
	case length < 24:
		return 670
	case length < 32:
		return 600
	}
	return 560
}

func isRandomSegment(segment string) bool {
	n := len(segment)
	if n < 12 {
		return false
	}
	k := classify(segment)
	switch {
	case k.digits == n:
		return n > 16
	case n >= 40, k.hex && isRandomHex(n, k), n >= 24 && k.digits >= 3, n >= 32 && k.digits >= 1:
		return true
	case k.lower > 0 && k.upper > 0:
		return k.disorder() >= mixedLimit(n)
	case k.digits == 0:
		// Letters of one case: a quarter of the pairs are unusual.
		return n >= 15 && k.odd*4 >= n
	}
	return k.runs >= 6 && k.runs*100 >= 45*n || n >= 18 && k.digits >= 2 && k.runs*100 >= 30*n ||
		n >= 15 && k.disorder() >= 560 || n >= 20 && k.disorder() >= 430
}

// isRandomHex refuses digests and abbreviated ones from 12 digits on; numbers
// and words that happen to be hex have few runs.
func isRandomHex(n int, k classes) bool {
	return n >= 17 || n >= 12 && k.digits >= 2 && k.runs >= 4
}

// isRandomJoined judges a token with its separators left out: those of standard
// or URL base64 may cut it into parts too short to tell.
func isRandomJoined(token string) bool {
	if len(token) < 20 || strings.ContainsAny(token, ".:") || !strings.ContainsAny(token, "+/_-") {
		return false
	}
	joined := strings.Map(func(r rune) rune {
		if isSegmentBreak(r) {
			return -1
		}
		return r
	}, token)
	k := classify(joined)
	if len(joined) < 20 || k.lower < 3 || k.upper < 3 {
		return false
	}
	limit := mixedLimit(len(joined))
	if strings.ContainsAny(token, "_-") {
		limit += 120 // names put versions and abbreviations between dashes
	}
	return k.disorder() >= limit
}

// oddPairs lists for each letter those that follow it in fewer than one word in
// a thousand of technical English, counted over documentation.
var oddPairs = [26]string{
	"jo", "dhjkmnqwxz", "jxz", "jkqxz", "z", "bdhjkmpqvwxz", "fjkqvwxyz", "dghjkqvxz", "iuwy",
	"bcdfghijklmnpqrtvwxyz", "gjkqvxz", "jqxz", "jqrvxz", "jqxz", "jqz", "jkqvwxz",
	"abcdefghijklmnopqrstvwxyz", "jqxz", "jvxz", "jkqvxz", "hjkquvwy", "bfghjkmnqtuvwxyz",
	"gjkmqtuvwxyz", "bdghjkmnoqrsuvwxz", "fhjkquvwxy", "bcdfghjklmnpqrstuvwxy",
}

// hasRandomGroups finds licence keys and recovery codes: groups of one length
// between dashes, most of which mix digits and letters.
func hasRandomGroups(s *subject) bool {
	if s.rooted || s.command || s.assigned {
		return false
	}
	for token := range s.tokens {
		if isRandomGroups(token) {
			return true
		}
	}
	return false
}

func isRandomGroups(token string) bool {
	if len(token) < 14 || strings.Count(token, "-") < 2 || isUUIDShaped(token) {
		return false
	}
	groups := strings.Split(token, "-")
	var count, total [16]int
	small, letters := 0, 0
	for _, g := range groups {
		if len(g) >= len(total) || !every(g, isAlnum) {
			return false
		}
		k := classify(g)
		small += k.lower
		letters += k.upper
		total[len(g)]++
		if len(g) >= 4 && k.digits > 0 && k.digits < len(g) && (k.lower == 0 || k.upper == 0) {
			count[len(g)]++
		}
	}
	for length, mixed := range count {
		if mixed >= 3 && mixed*10 >= len(groups)*7 {
			return true
		}
		if mixed >= 2 && small == 0 && total[length] == len(groups) {
			return true
		}
	}
	width := len(groups[0])
	return width >= 4 && small == 0 && total[width] == len(groups) && letters > 0 && strings.ContainsAny(token, "0123456789")
}

// hasForeignUUID finds a UUID that is not an event's: of another version or
// case, without dashes, or glued to something else.
func hasForeignUUID(s *subject) bool {
	for i := 0; i+36 <= len(s.text); i++ {
		if isUUIDShaped(s.text[i : i+36]) {
			return !s.command
		}
	}
	return false
}
