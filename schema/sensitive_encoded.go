package schema

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// decodedCategory takes base64, base32 or hex off the value's tokens. What
// turns out to be text is judged in its turn and gives the category; text that
// would be legal or is unknown makes the value Encoded, when it is long enough
// not to be chance.
func decodedCategory(s *subject) Category {
	if s.depth >= maxDecodings || s.rooted || s.command || s.assigned {
		return ""
	}
	for token := range s.tokens {
		if c := decodeToken(s, token); c != "" {
			return c
		}
		if c := decodeParts(s, token); c != "" {
			return c
		}
	}
	return ""
}

// decodeParts tries what stands between any one kind of separator, since some
// of them belong to the alphabets.
func decodeParts(s *subject, token string) Category {
	for _, separator := range [...]string{":", "+", "-", "_", "/", "."} {
		if !strings.Contains(token, separator) {
			continue
		}
		for part := range strings.SplitSeq(token, separator) {
			if c := decodeToken(s, part); c != "" {
				return c
			}
		}
	}
	return ""
}

func decodeToken(s *subject, token string) Category {
	token = strings.TrimRight(token, "=")
	if len(token) < 8 {
		return ""
	}
	for _, decode := range []func(string) (string, bool){decodeBase64, decodeHex, decodeBase32} {
		text, ok := decode(token)
		if !ok {
			continue
		}
		inner := s.judge(text, s.depth+1)
		switch {
		case inner.rule != "" && inner.category != Unrecognized && inner.category != Malformed && inner.category != TooLong:
			return inner.category
		case len(text) >= 10:
			return Encoded
		}
	}
	return ""
}

// decodeBase64 decodes the standard and the URL alphabet, padded or not, also
// of UTF-16 as PowerShell's -EncodedCommand has it.
func decodeBase64(token string) (string, bool) {
	if len(token) < 8 || len(token)%4 == 1 {
		return "", false
	}
	// Each byte of printable text begins with a zero bit, so one sextet in four
	// is below 32: a cheap way to pass nearly all names by.
	for i := 0; i < len(token); i += 4 {
		if c := token[i]; !isUpper(c) && (c < 'a' || c > 'f') {
			return "", false
		}
	}
	alphabet := base64.RawStdEncoding
	if strings.ContainsAny(token, "-_") {
		alphabet = base64.RawURLEncoding
	}
	raw, err := alphabet.DecodeString(token)
	if err != nil {
		return "", false
	}
	return printable(raw)
}

func decodeHex(token string) (string, bool) {
	token = strings.TrimPrefix(strings.TrimPrefix(token, "0x"), "0X")
	if len(token) < 8 || len(token)%2 == 1 || !every(token, isHex) {
		return "", false
	}
	raw, err := hex.DecodeString(token)
	if err != nil {
		return "", false
	}
	return printable(raw)
}

func decodeBase32(token string) (string, bool) {
	if len(token) < 16 || !every(token, func(c byte) bool { return isUpper(c) || '2' <= c && c <= '7' }) {
		return "", false
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(token)
	if err != nil {
		return "", false
	}
	return printable(raw)
}

// printable accepts ASCII text with the white space of a script, and the same
// in UTF-16.
func printable(raw []byte) (string, bool) {
	if len(raw) >= 4 && len(raw)%2 == 0 && raw[1] == 0 && raw[3] == 0 {
		narrow := raw[:0:0]
		for i := 0; i < len(raw); i += 2 {
			if raw[i+1] != 0 {
				return "", false
			}
			narrow = append(narrow, raw[i])
		}
		raw = narrow
	}
	text := strings.TrimRight(string(raw), "\r\n\x00")
	return text, isPlausible(text) && every(text, func(c byte) bool { return c >= ' ' && c < 0x7f || c == '\t' || c == '\n' || c == '\r' })
}

// isPlausible reports text that reads like words or a path. The shorter it is,
// the easier a name decodes to printable bytes by chance.
func isPlausible(text string) bool {
	usual := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if isLower(c) || isDigit(c) || len(text) >= 10 && isUpper(c) || strings.IndexByte(" /.-~@", c) >= 0 {
			usual++
		}
	}
	if len(text) >= 8 && startsAtRoot(text) {
		return usual >= len(text)-2
	}
	if len(text) < 12 {
		return len(text) >= 5 && !every(text, isDigit) &&
			(usual == len(text) || usual == len(text)-1 && strings.Contains(text, " "))
	}
	return usual*4 >= len(text)*3
}
