package schema

import "strings"

// detectorRule is one thing the detector knows. Its id is constant and ends up
// in violations and counters. match answers for category; a rule whose answer
// depends on the value leaves match nil and sets category through name.
type detectorRule struct {
	id       string
	category Category
	match    func(*subject) bool
	name     func(*subject) Category
}

func (r *detectorRule) find(s *subject) Category {
	if r.name != nil {
		return r.name(s)
	}
	if r.match(s) {
		return r.category
	}
	return ""
}

// detectorRules are tried in this order, the contract's, and the first match
// wins. Decoding stands among the secrets: a random-looking token that decodes
// to words is named for the words. What each rule is for and what it must let
// pass stands in ruleExamples beside its test.
var detectorRules = []detectorRule{
	{id: "url-userinfo", category: URLCredentials, match: hasURLUserinfo},
	{id: "url-secret-parameter", category: URLCredentials, match: hasURLSecretParameter},
	{id: "url-webhook", category: URLCredentials, match: hasWebhook},

	{id: "secret-vendor-token", category: Secret, match: hasVendorToken},
	{id: "secret-key-block", category: Secret, match: hasKeyBlock},
	{id: "secret-assignment", category: Secret, match: hasSecretAssignment},
	{id: "secret-authorization", category: Secret, match: hasAuthorization},
	{id: "decoded", name: decodedCategory},
	{id: "secret-random", category: Secret, match: hasRandomSegment},
	{id: "secret-groups", category: Secret, match: hasRandomGroups},
	{id: "secret-unknown-uuid", category: Secret, match: hasForeignUUID},

	{id: "email-address", category: Email, match: hasEmail},

	{id: "ip-v4", category: IP, match: hasIPv4},
	{id: "ip-v4-dashed", category: IP, match: hasDashedIPv4},
	{id: "ip-v4-number", category: IP, match: isNumericIPv4},
	{id: "ip-v6", category: IP, match: hasIPv6},
	{id: "ip-mac", category: IP, match: hasMAC},

	{id: "path-rooted", category: Path, match: isRootedPath},
	{id: "path-in-text", category: Path, match: hasPathInText},
	{id: "path-nested", category: Path, match: isNestedPath},
	{id: "path-directory", category: Path, match: isDirectoryPair},
	{id: "path-file-name", category: Path, match: isFileName},

	{id: "env-assignment", category: Env, match: hasEnvAssignment},
	{id: "env-reference", category: Env, match: hasEnvReference},

	{id: "hostname-url", category: Hostname, match: hasURL},
	{id: "hostname-domain", category: Hostname, match: hasDomain},
	{id: "hostname-port", category: Hostname, match: isHostPort},
	{id: "hostname-device", category: Hostname, match: hasDeviceName},

	{id: "command-cmdlet", category: Command, match: isCmdlet},
	{id: "command-words", category: Command, match: hasWords},
	{id: "command-shell", category: Command, match: hasShellSyntax},
}

// subject is a value on its way through the rules.
type subject struct {
	text  string // with disguises taken off when the value is not plain
	lower string
	plain bool                                  // every byte is in the charset
	depth int                                   // layers of encoding taken off so far
	judge func(value string, depth int) verdict // for what is decoded from it

	dotted   bool     // a letter follows a dot, as in hosts and files, or the value is not plain
	words    []string // separated by white space
	command  bool     // a command line or a request in words
	rooted   bool     // the whole text is a path from a root
	assigned bool     // starts by assigning or exporting a variable
}

func newSubject(value string, plain bool, depth int) *subject {
	s := &subject{text: value, plain: plain, depth: depth}
	if !plain {
		s.text = unmask(value)
	}
	s.lower = strings.ToLower(s.text)
	s.rooted = startsAtRoot(s.text)
	s.dotted = !plain || hasDotBeforeLetter(s.text)
	if !plain {
		s.words = strings.Fields(s.text)
		s.assigned = startsWithAssignment(s)
		s.command = !s.assigned && isCommandLine(s)
	}
	return s
}

func hasDotBeforeLetter(text string) bool {
	for i := 1; i < len(text); i++ {
		if text[i-1] == '.' && isLetter(text[i]) {
			return true
		}
	}
	return false
}

// tokens yields the words of the text without the quotes, brackets and commas
// around them; a plain text is its only word.
func (s *subject) tokens(yield func(string) bool) {
	if s.plain {
		yield(s.text)
		return
	}
	split := func(r rune) bool { return r <= ' ' || strings.ContainsRune("\"'`()<>[]{},;|&", r) }
	for token := range strings.FieldsFuncSeq(s.text, split) {
		if !yield(token) {
			return
		}
	}
}
