package schema

import (
	"strings"
	"sync"
)

// vendorToken is a published token format: a prefix and the shortest body that
// follows it. Bodies are letters and digits, and the bytes of extra.
type vendorToken struct {
	prefix string
	body   int
	extra  string
	mixed  bool // the prefix is an ordinary word: the body must hold a digit and stay unbroken
}

// vendorIndex holds the formats by the first byte of their prefix.
var vendorIndex = sync.OnceValue(func() *[128][]vendorToken {
	index := new([128][]vendorToken)
	add := func(t vendorToken) { index[t.prefix[0]] = append(index[t.prefix[0]], t) }
	for _, f := range vendorFormats() {
		for prefix := range strings.FieldsSeq(f.prefix) {
			f.prefix = prefix
			add(f)
		}
	}
	return index
})

// hasVendorToken looks for a published format at the start of each segment.
func hasVendorToken(s *subject) bool {
	index := vendorIndex()
	for i := 0; i < len(s.text); i++ {
		c := s.text[i]
		if c >= 0x80 || i > 0 && isAlnum(s.text[i-1]) {
			continue
		}
		for _, t := range index[c] {
			if strings.HasPrefix(s.text[i:], t.prefix) && t.fits(s.text[i+len(t.prefix):]) {
				return true
			}
		}
	}
	return false
}

func (t *vendorToken) fits(rest string) bool {
	n, digits := 0, 0
	for n < len(rest) && (isAlnum(rest[n]) || strings.IndexByte(t.extra, rest[n]) >= 0) {
		if isDigit(rest[n]) {
			digits++
		}
		n++
	}
	return n >= t.body && (!t.mixed || digits > 0)
}

// hasKeyBlock finds PEM, PGP, PuTTY and SSH keys and service account files.
func hasKeyBlock(s *subject) bool {
	if s.plain && !strings.Contains(s.lower, "--") && !strings.Contains(s.lower, "aaaa") {
		return false
	}
	for _, mark := range []string{
		"-----begin ", "-----begin+", "---- begin ssh", "putty-user-key-file",
		"\"private_key\"", "\"private_key_id\"", "\"type\": \"service_account\"", "\"type\":\"service_account\"",
		"openssh-key-v1", "aaaab3nzac1yc2e", "aaaac3nzac1lzdi1nte5", "aaaae2vjzhnhlxnoyti", "aaaagnnrlx",
	} {
		if strings.Contains(s.lower, mark) {
			return true
		}
	}
	return strings.Contains(s.lower, "private key") && strings.Contains(s.text, "-----")
}

// hasAuthorization finds the values of an Authorization header.
func hasAuthorization(s *subject) bool {
	if s.plain && !strings.Contains(s.text, ":") {
		return false
	}
	for _, scheme := range []string{"bearer", "basic", "digest", "apikey"} {
		i := strings.Index(s.lower, scheme)
		if i < 0 || i > 0 && isAlnum(s.lower[i-1]) {
			continue
		}
		rest := s.text[i+len(scheme):]
		value := strings.TrimLeft(rest, " :=\t")
		if len(value) < len(rest) && isCredentialText(value) {
			return true
		}
	}
	return false
}

// isCredentialText asks for a first word of eight bytes with a digit or a
// capital inside, so that "basic functionality" stays two words.
func isCredentialText(value string) bool {
	word, _, _ := strings.Cut(value, " ")
	return len(word) >= 8 && strings.IndexFunc(word[1:], func(r rune) bool { return r < 0x80 && (isDigit(byte(r)) || isUpper(byte(r))) }) >= 0
}

// hasSecretAssignment finds a name for a secret followed by an operator and a
// value. The bare word is no evidence: tokenizer, keyring and INVALID_API_KEY
// are legal.
func hasSecretAssignment(s *subject) bool {
	for i := 0; i < len(s.text); i++ {
		switch s.text[i] {
		case '/':
			if s.plain && i+1 < len(s.text) && namesPassword(s.lower[:i]) {
				return true
			}
		case '=', ':':
			value := strings.TrimLeft(s.text[i+1:], "=>:\"' \t")
			if namesSecret(nameBefore(s.text[:i]), value) && value != "" {
				return true
			}
		case ' ':
			if valueFollowsWord(s, i) {
				return true
			}
		}
	}
	return false
}

// namesPassword reports the few lower-case words that with a slash after them are no
// organisation but somebody's way to write down a secret.
func namesPassword(word string) bool {
	switch word {
	case "password", "passwd", "passphrase", "passcode", "pwd", "secret", "token":
		return true
	}
	return false
}

// nameBefore returns the identifier that ends text, without quotes and spaces.
func nameBefore(text string) string {
	text = strings.TrimRight(text, " \t\"'+:?])")
	end := len(text)
	start := end
	for start > 0 && (isAlnum(text[start-1]) || strings.IndexByte("_-. ", text[start-1]) >= 0) {
		start--
		if text[start] == ' ' && !strings.HasSuffix(strings.ToLower(text[:start]), "api") && !strings.HasSuffix(strings.ToLower(text[:start]), "access") {
			start++
			break
		}
	}
	return text[start:end]
}

// valueFollowsWord knows "--password x" and "my token is x".
func valueFollowsWord(s *subject, space int) bool {
	name := nameBefore(s.text[:space])
	rest := strings.TrimLeft(s.text[space:], " ")
	if rest == "" || name == "" {
		return false
	}
	if strings.HasPrefix(name, "--") {
		return rest[0] != '-' && namesSecret(strings.TrimLeft(name, "-"), rest)
	}
	value, isVerb := strings.CutPrefix(rest, "is ")
	return isVerb && !s.command && namesSecret(name, value)
}

// namesSecret judges an identifier by its words, whatever their separators and
// case: "AWS_SECRET_ACCESS_KEY", "clientSecret", "db-pass", "token".
func namesSecret(name, value string) bool {
	words := splitWords(name)
	for len(words) > 1 && secretTails().has(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	switch last {
	case "pwd":
		return value != "" && strings.IndexByte("/~$%.", value[0]) < 0
	case "key":
		return len(words) > 1 && secretKeys().has(words[len(words)-2])
	}
	return secretNouns().has(last)
}

// splitWords cuts an identifier at separators and at the humps of camel case.
func splitWords(name string) []string {
	var words []string
	start := 0
	cut := func(i int) {
		if i > start {
			words = append(words, strings.ToLower(name[start:i]))
		}
		start = i
	}
	for i := 0; i < len(name); i++ {
		switch {
		case !isAlnum(name[i]):
			cut(i)
			start = i + 1
		case i > start && isUpper(name[i]) && isLower(name[i-1]):
			cut(i)
		}
	}
	cut(len(name))
	return words
}
