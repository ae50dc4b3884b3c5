package schema

import (
	"time"
	"unicode/utf8"
)

// maxValueBytes is the longest string any event may carry.
const maxValueBytes = 200

// maxDecodings bounds how many layers of encoding are taken off a value.
const maxDecodings = 3

// Inspect says whether an event could carry value, whatever field it stands in:
// nil if so, else the first category of the contract's order that fits.
//
// A value is legal when it has one of the known shapes and no rule knows it as
// something else; everything unknown is refused. What stands inside a command
// line or a request in words is named Command and not by its parts, except for
// credentials; what is encoded is named for what it says once decoded.
//
// The pointer is only reported back. The violation holds no part of the value.
// Inspect has no state that a value could change and may be called at any time.
func Inspect(pointer, value string) (v *Violation) {
	defer func() {
		if recover() != nil {
			v = &Violation{Unrecognized, pointer, len(value), "internal"}
		}
	}()
	found := judge(value, 0)
	if found.rule == "" {
		return nil
	}
	return &Violation{found.category, pointer, len(value), found.rule}
}

// verdict is what the detector found; without a rule the value is legal.
type verdict struct {
	category Category
	rule     string
}

func judge(value string, depth int) verdict {
	switch {
	case len(value) > maxValueBytes:
		return verdict{TooLong, "max-bytes"}
	case value == "":
		return verdict{Unrecognized, "empty"}
	case !utf8.ValidString(value):
		return verdict{Malformed, "utf8"}
	}
	plain := inCharset(value)
	if plain && (isExactShape(value) || isVersion(value)) {
		return verdict{}
	}
	s := newSubject(value, plain, depth)
	s.judge = judge
	for i := range detectorRules {
		r := &detectorRules[i]
		if found := r.find(s); found != "" {
			return verdict{found, r.id}
		}
	}
	if plain && isName(value) {
		return verdict{}
	}
	if hasControl(value) {
		return verdict{Malformed, "control-character"}
	}
	return verdict{Unrecognized, "no-known-shape"}
}

// inCharset reports whether value holds only bytes of [A-Za-z0-9._:/+-].
func inCharset(value string) bool {
	for i := 0; i < len(value); i++ {
		c := value[i]
		if !isAlnum(c) && c != '.' && c != '_' && c != ':' && c != '/' && c != '+' && c != '-' {
			return false
		}
	}
	return true
}

func hasControl(value string) bool {
	for i := 0; i < len(value); i++ {
		if value[i] < ' ' || value[i] == 0x7f {
			return true
		}
	}
	return false
}

// isExactShape reports the shapes that are legal whatever their text spells:
// the wire names, session ids, UUIDs of version 4 and 7, and UTC timestamps.
// They come before the rules because a random id may well read as something.
func isExactShape(value string) bool {
	switch len(value) {
	case 16:
		if isLowerHex(value) {
			return true
		}
	case 36:
		if isEventUUID(value) {
			return true
		}
	}
	if isInstant(value) {
		return true
	}
	switch value {
	case "session.start", "session.end", "command.generated", "command.executed",
		"safety.triggered", "error.occurred":
		return true
	}
	return false
}

// isEventUUID reports a lower-case dashed UUID of version 4 or 7 (RFC 9562).
func isEventUUID(s string) bool {
	if !isUUIDShaped(s) || (s[14] != '4' && s[14] != '7') {
		return false
	}
	if s[19] != '8' && s[19] != '9' && s[19] != 'a' && s[19] != 'b' {
		return false
	}
	return isLowerHex(s[:8]) && isLowerHex(s[9:13]) && isLowerHex(s[24:])
}

// isUUIDShaped reports 8-4-4-4-12 hex digits of either case and any version.
func isUUIDShaped(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// isInstant reports an RFC 3339 time in UTC, written with T and Z, that exists.
func isInstant(s string) bool {
	const layout = "2006-01-02T15:04:05"
	if len(s) < 20 || len(s) > 30 || s[10] != 'T' || s[len(s)-1] != 'Z' {
		return false
	}
	if fraction := s[19 : len(s)-1]; fraction != "" && (len(fraction) < 2 || fraction[0] != '.' || !isDigits(fraction[1:])) {
		return false
	}
	_, err := time.Parse(layout, s[:19])
	return err == nil
}

func isAlnum(c byte) bool { return isLetter(c) || isDigit(c) }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool {
	return isLower(c) || isUpper(c)
}
func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// every reports whether s is not empty and each of its bytes has the property.
func every(s string, has func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !has(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigits(s string) bool { return every(s, isDigit) }
func isLowerHex(s string) bool {
	return every(s, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' })
}
