package schema

import (
	"net/netip"
	"strconv"
	"strings"
)

// urls yields the text after each "scheme://".
func (s *subject) urls(yield func(rest string) bool) {
	for text := s.text; ; {
		i := strings.Index(text, "://")
		if i < 0 {
			return
		}
		text = text[i+3:]
		if i > 0 && !yield(text) {
			return
		}
	}
}

// authorityOf returns the part of a URL before its path, query or fragment.
func authorityOf(rest string) string {
	if i := strings.IndexAny(rest, "/?#\\ \t\n\"'<>"); i >= 0 {
		return rest[:i]
	}
	return rest
}

// hasURLUserinfo finds user[:password]@host after "://" or a leading "//", and
// the user/password@ of Oracle's JDBC URLs.
func hasURLUserinfo(s *subject) bool {
	if !strings.Contains(s.text, "@") {
		return false
	}
	for rest := range s.urls {
		if strings.Contains(authorityOf(rest), "@") {
			return true
		}
	}
	if rest, ok := strings.CutPrefix(s.text, "//"); ok && strings.Contains(authorityOf(rest), "@") {
		return true
	}
	return strings.HasPrefix(s.lower, "jdbc:")
}

// hasURLSecretParameter finds a query or fragment that carries a credential.
func hasURLSecretParameter(s *subject) bool {
	for rest := range s.urls {
		_, query, found := strings.Cut(rest, "?")
		if !found {
			_, query, found = strings.Cut(rest, "#")
		}
		if !found {
			continue
		}
		for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' || r == '#' || r == '?' }) {
			name, value, hasValue := strings.Cut(pair, "=")
			if hasValue && value != "" && namesURLSecret(strings.ToLower(name)) {
				return true
			}
		}
	}
	return false
}

func namesURLSecret(name string) bool {
	switch name {
	case "key", "sig", "signature", "code", "auth", "jwt", "sas", "session", "sid", "hmac", "hash", "assertion", "ticket":
		return true
	}
	return strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "x-goog-") || namesSecret(name, "")
}

// webhooks are hosts whose path is the secret.
var webhooks = []string{
	"hooks.slack.com/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/", "webhook.office.com/",
	"outlook.office.com/webhook/", "api.telegram.org/bot", "hooks.zapier.com/", "maker.ifttt.com/trigger/",
	"chat.googleapis.com/v1/spaces/", "hook.make.com/", "hook.integromat.com/", "webhook.site/",
	"hooks.glip.com/", "events.pagerduty.com/integration/", "open.feishu.cn/open-apis/bot/", "oapi.dingtalk.com/robot/",
	"qyapi.weixin.qq.com/cgi-bin/webhook", "hc-ping.com/", "ntfy.sh/", "ingest.sentry.io/", "logic.azure.com",
}

func hasWebhook(s *subject) bool {
	if !s.dotted || !strings.Contains(s.text, "/") {
		return false
	}
	for _, w := range webhooks {
		if strings.Contains(s.lower, w) {
			return true
		}
	}
	return false
}

// hasEmail finds local@domain. A domain of one label counts, an address of
// numbers or a path after the @ does not.
func hasEmail(s *subject) bool {
	if s.command {
		return false
	}
	for i := 1; i < len(s.text)-1; i++ {
		if s.text[i] != '@' || !isAlnum(s.text[i+1]) {
			continue
		}
		if before := s.text[i-1]; !isAlnum(before) && before < 0x80 && strings.IndexByte("._%+-'\"}", before) < 0 {
			continue
		}
		domain := s.text[i+1:]
		if end := strings.IndexFunc(domain, func(r rune) bool { return r < 0x80 && !isAlnum(byte(r)) && r != '-' && r != '.' }); end >= 0 {
			domain = domain[:end]
		}
		domain = strings.TrimRight(domain, ".-")
		last := domain[strings.LastIndexByte(domain, '.')+1:]
		if strings.IndexFunc(last, func(r rune) bool { return r >= 0x80 || isLetter(byte(r)) }) >= 0 {
			return true
		}
	}
	return false
}

// hasIPv4 finds four dotted numbers anywhere, a word before or after included:
// octal and too large ones as well, for no legal value has four.
func hasIPv4(s *subject) bool {
	return !s.command && (longestNumberRun(s.text, '.') >= 4 || hasHexIPv4(s.lower))
}

// hasDashedIPv4 finds the form of ip-10-0-3-17, also with underscores.
func hasDashedIPv4(s *subject) bool {
	if s.command || longestNumberRun(s.text, '-') < 4 && longestNumberRun(s.text, '_') < 4 {
		return false
	}
	return !isDomain(s.text)
}

// longestNumberRun counts the numbers of an address that stand in a row with
// only sep between them. For dots any digits count, also next to letters; for
// other separators only whole segments, since names are full of those.
func longestNumberRun(text string, sep byte) int {
	longest, run := 0, 0
	for i := 0; i < len(text); {
		if !isDigit(text[i]) {
			run = 0
			i++
			continue
		}
		start := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		if !isOctet(text[start:i], sep == '.') || sep != '.' && (start > 0 && isAlnum(text[start-1]) || i < len(text) && isAlnum(text[i])) {
			run = 0
			continue
		}
		if run == 0 || text[start-1] != sep {
			run = 0
		}
		run++
		longest = max(longest, run)
		if i < len(text) && text[i] == sep {
			i++
			if i < len(text) && !isDigit(text[i]) {
				run = 0
			}
		}
	}
	return longest
}

// isOctet reports a number of an address; a loose one may be octal or too large.
func isOctet(digits string, loose bool) bool {
	if len(digits) > 4 {
		return false
	}
	n, _ := strconv.Atoi(digits)
	return n <= 255 && len(digits) <= 3 || loose && (digits[0] == '0' || len(digits) == 3)
}

// hasHexIPv4 finds 0xC0A80101 and 0x7f.0x0.0x0.0x1.
func hasHexIPv4(lower string) bool {
	i := strings.Index(lower, "0x")
	if i < 0 || i > 0 && isAlnum(lower[i-1]) {
		return false
	}
	n := 0
	rest := lower[i+2:]
	for n < len(rest) && isHex(rest[n]) {
		n++
	}
	return n == 7 || n == 8 || n >= 1 && n <= 2 && strings.Contains(rest, ".") && every(strings.ReplaceAll(rest, "0x", ""), func(c byte) bool { return isHex(c) || c == '.' })
}

// isNumericIPv4 reports an address written as one number, or with parts left
// out (127.1).
func isNumericIPv4(s *subject) bool {
	if strings.Count(s.text, ".") == 1 {
		first, rest, _ := strings.Cut(s.text, ".")
		return first == "127" && isDigits(rest)
	}
	if !isDigits(s.text) {
		return false
	}
	n, err := strconv.ParseUint(s.text, 10, 32)
	return err == nil && n >= 1<<24 && s.text[0] != '0'
}

// hasIPv6 tries every run of hex digits, colons and dots that has two colons.
// The first and the last group of a run that touches a word belong to the word.
func hasIPv6(s *subject) bool {
	if s.command || strings.Count(s.text, ":") < 2 {
		return false
	}
	inAddress := func(c byte) bool { return isHex(c) || c == ':' || c == '.' }
	for i := 0; i < len(s.text); i++ {
		start := i
		for i < len(s.text) && inAddress(s.text[i]) {
			i++
		}
		run := s.text[start:i]
		if strings.Count(run, ":") < 2 {
			continue
		}
		if start > 0 && isAlnum(s.text[start-1]) {
			_, run, _ = strings.Cut(run, ":")
		}
		if i < len(s.text) && isAlnum(s.text[i]) {
			run = run[:strings.LastIndexByte(run, ':')+1]
		}
		if holdsIPv6(run) {
			return true
		}
	}
	return strings.Trim(s.text, "[]/0") == "::" || strings.HasPrefix(s.text, "[::]:")
}

// holdsIPv6 drops words and ports that happen to be hex from both ends.
func holdsIPv6(run string) bool {
	for start := run; ; {
		for end := start; ; {
			if addr, err := netip.ParseAddr(end); err == nil && addr.Is6() && addr != netip.IPv6Unspecified() {
				return true
			}
			i := strings.LastIndexByte(end, ':')
			if i < 0 {
				break
			}
			if strings.HasSuffix(end[:i], ":") && end != end[:i+1] {
				end = end[:i+1]
			} else {
				end = end[:i]
			}
		}
		i := strings.IndexByte(start, ':')
		if i < 0 {
			return false
		}
		start = start[i+1:]
	}
}

// hasMAC finds six bytes in hex between colons or dashes, and the dotted form.
func hasMAC(s *subject) bool {
	if s.command {
		return false
	}
	return hasHexGroups(s.text, ':', 6, 2) || hasHexGroups(s.text, '-', 6, 2) || hasHexGroups(s.text, '.', 3, 4)
}

func hasHexGroups(text string, sep byte, groups, width int) bool {
	size := groups*(width+1) - 1
	for i := 0; i+size <= len(text); i++ {
		if i > 0 && isAlnum(text[i-1]) || i+size < len(text) && isAlnum(text[i+size]) {
			continue
		}
		if isHexGroups(text[i:i+size], sep, width) {
			return true
		}
	}
	return false
}

func isHexGroups(text string, sep byte, width int) bool {
	digits := false
	for i := 0; i < len(text); i++ {
		if i%(width+1) == width {
			if text[i] != sep {
				return false
			}
		} else if !isHex(text[i]) {
			return false
		} else if isDigit(text[i]) {
			digits = true
		}
	}
	return digits || width == 2
}
