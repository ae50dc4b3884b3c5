package schema

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unmask takes the usual disguises off a value that is refused anyway, so that
// the refusal can be named for what is underneath. Nothing is ever accepted
// because of it.
func unmask(value string) string {
	text := strings.Map(foldRune, value)
	for range maxDecodings {
		next := unescapePercent(text)
		next = unescapeEntities(next)
		next = unescapeBackslashes(next)
		if next == text {
			break
		}
		text = strings.Map(foldRune, next)
	}
	for _, d := range defanged {
		text = strings.ReplaceAll(text, d[0], d[1])
	}
	return text
}

// defanged are the spellings people use to keep an address from being a link.
var defanged = [][2]string{
	{"[.]", "."}, {"(.)", "."}, {"[dot]", "."}, {"(dot)", "."}, {"{dot}", "."}, {" dot ", "."},
	{"[@]", "@"}, {"[at]", "@"}, {"(at)", "@"}, {"{at}", "@"}, {"[:]", ":"}, {"[://]", "://"},
	{"hxxp://", "http://"}, {"hxxps://", "https://"},
}

// foldRune drops characters that do not show and maps look-alikes to ASCII.
func foldRune(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return -1
		}
		return r
	case r >= 0xff01 && r <= 0xff5e: // full-width forms
		return r - 0xfee0
	case unicode.Is(unicode.Cf, r), r >= 0xfe00 && r <= 0xfe0f, r == 0x115f, r == 0x3164:
		return -1
	case unicode.Is(unicode.Zs, r):
		return ' '
	case unicode.Is(unicode.Nd, r):
		return '0' + digitValue(r)
	}
	if ascii, ok := lookalikes()[r]; ok {
		return ascii
	}
	return r
}

// digitValue counts down to the zero of r's block of ten digits.
func digitValue(r rune) rune {
	for v := rune(0); v < 9; v++ {
		if !unicode.Is(unicode.Nd, r-v-1) {
			return v
		}
	}
	return 9
}

// unescapePercent decodes %2F, and twice-encoded %252F on the next pass.
func unescapePercent(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	decoded, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(decoded) {
		return text
	}
	return decoded
}

// unescapeEntities decodes HTML's &#64; and &#x2f; and a few named ones.
func unescapeEntities(text string) string {
	if !strings.Contains(text, "&") {
		return text
	}
	var out strings.Builder
	for text != "" {
		before, after, found := strings.Cut(text, "&")
		out.WriteString(before)
		if !found {
			break
		}
		name, rest, closed := strings.Cut(after, ";")
		if r, ok := entity(name); closed && ok {
			out.WriteRune(r)
			text = rest
			continue
		}
		out.WriteByte('&')
		text = after
	}
	return out.String()
}

func entity(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "sol":
		return '/', true
	case "bsol":
		return '\\', true
	case "commat":
		return '@', true
	case "period":
		return '.', true
	case "colon":
		return ':', true
	case "equals":
		return '=', true
	}
	if strings.HasPrefix(name, "#x") || strings.HasPrefix(name, "#X") {
		return runeOf(name[2:], 16)
	}
	if strings.HasPrefix(name, "#") {
		return runeOf(name[1:], 10)
	}
	return 0, false
}

// unescapeBackslashes decodes \x2f, \u002f and \u{2f}.
func unescapeBackslashes(text string) string {
	if !strings.Contains(text, `\x`) && !strings.Contains(text, `\u`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		if r, size := backslashEscape(text[i:]); size > 0 {
			out.WriteRune(r)
			i += size
			continue
		}
		out.WriteByte(text[i])
		i++
	}
	return out.String()
}

func backslashEscape(text string) (r rune, size int) {
	digits := 0
	switch {
	case strings.HasPrefix(text, `\u{`):
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return 0, 0
		}
		r, ok := runeOf(text[3:end], 16)
		if !ok {
			return 0, 0
		}
		return r, end + 1
	case strings.HasPrefix(text, `\x`):
		digits = 2
	case strings.HasPrefix(text, `\u`):
		digits = 4
	}
	if digits == 0 || len(text) < 2+digits {
		return 0, 0
	}
	r, ok := runeOf(text[2:2+digits], 16)
	if !ok {
		return 0, 0
	}
	return r, 2 + digits
}

func runeOf(digits string, base int) (rune, bool) {
	n, err := strconv.ParseUint(digits, base, 21)
	return rune(n), err == nil && utf8.ValidRune(rune(n))
}
