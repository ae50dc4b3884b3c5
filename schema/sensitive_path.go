package schema

import "strings"

// startsAtRoot reports text that begins like an absolute, home-relative or
// dot-relative path of any system, a file URL or a registry key.
func startsAtRoot(text string) bool {
	if text == "" {
		return false
	}
	switch text[0] {
	case '/', '~':
		return true
	case '.':
		return len(text) < 2 || text[1] != ' '
	case '\\':
		return len(text) > 1 && text[1] != 'x' && text[1] != 'u'
	case '%', '$':
		return isVariablePath(text)
	}
	if len(text) >= 2 && isLetter(text[0]) && (text[1] == ':' || text[1] == '|') {
		return len(text) == 2 || strings.IndexByte(`\/.`, text[2]) >= 0
	}
	return strings.HasPrefix(text, "file:") || strings.HasPrefix(text, "HKEY_") ||
		strings.HasPrefix(text, `HKLM\`) || strings.HasPrefix(text, `HKCU\`) || strings.HasPrefix(text, `HKCR\`)
}

// isVariablePath reports $HOME/x, ${TMPDIR}/x, %TEMP%\x and $env:TEMP\x.
func isVariablePath(text string) bool {
	end := strings.IndexAny(text, `/\`)
	if end < 2 {
		return false
	}
	variable := strings.TrimPrefix(strings.TrimPrefix(text[:end], "$"), "env:")
	return every(strings.Trim(variable, "%{}"), func(c byte) bool { return isUpper(c) || isDigit(c) || c == '_' || isLower(c) && text[0] == '%' })
}

// isRootedPath reports text that is a path from its first byte and no command
// run by its path.
func isRootedPath(s *subject) bool {
	if !s.rooted {
		return strings.Contains(s.text, "..") && s.plain
	}
	if s.plain {
		return true
	}
	rest := s.text[2%len(s.text):] // past C| and the like
	return !strings.ContainsAny(rest, ";|&<>`") && !strings.Contains(rest, "$(") && !strings.Contains(rest, " -")
}

// hasPathInText finds paths inside messages: a word that begins at a root, or
// has a backslash, or two slashes or a slash and an extension.
func hasPathInText(s *subject) bool {
	if s.command || s.assigned || s.rooted || strings.Contains(s.text, "{{") {
		return false
	}
	for token := range s.tokens {
		if isPathToken(strings.TrimRight(token, ".:!?"), s.plain) {
			return true
		}
	}
	return false
}

func isPathToken(token string, plain bool) bool {
	if strings.Contains(token, "://") && !strings.HasPrefix(token, "file:") || strings.Contains(token, "=") {
		return false
	}
	_, tail, _ := strings.Cut(token, ":")
	_, mention, _ := strings.Cut(token, "@")
	switch {
	case startsAtRoot(token) && len(token) > 1 && token[0] != '$' && !isBareVariable(token):
		return true
	case strings.HasPrefix(tail, "/") || strings.HasPrefix(mention, "/"), strings.Contains(token, "+/"):
		return len(token) > 2
	case strings.Contains(token, `\`):
		return !isDomainAccount(token) && !strings.HasPrefix(token, `\`)
	}
	slashes := strings.Count(token, "/")
	if plain || slashes == 0 || isDomain(token[:strings.IndexByte(token, '/')]) {
		return false
	}
	return slashes >= 2 || fileExtension(token) != ""
}

// isBareVariable reports %NAME% with nothing after it.
func isBareVariable(token string) bool {
	return token[0] == '%' && !strings.ContainsAny(token, `/\`)
}

// isNestedPath reports what no model name has: two slashes, a slash at the end,
// or a slash and a colon with a line number. A domain in front makes it a URL.
func isNestedPath(s *subject) bool {
	if !s.plain {
		return false
	}
	first := strings.IndexByte(s.text, '/')
	if first < 0 || strings.Contains(s.text, "://") {
		return false
	}
	host, port, found := strings.Cut(s.text[:first], ":")
	if first > 0 && (isDomain(host) || found && isDigits(port)) {
		return false
	}
	return strings.Count(s.text, "/") >= 2 || strings.HasSuffix(s.text, "/")
}

// isDirectoryPair reports two parts of which the first is a usual directory or
// the second a usual one or a usual file.
func isDirectoryPair(s *subject) bool {
	first, second, found := strings.Cut(s.lower, "/")
	if !s.plain || !found || isDomain(first) {
		return false
	}
	second, _, _ = strings.Cut(second, ":")
	// The registry of a runtime calls its own namespace "library".
	if topDirectories().has(first) && !strings.HasPrefix(s.text, "library/") {
		return true
	}
	return leafNames().has(second)
}

// isFileName reports a name with a known extension, possibly with spaces or a
// line number, and the files that have no extension.
func isFileName(s *subject) bool {
	if s.command || s.assigned || len(s.words) > 4 || strings.Contains(s.text, "://") {
		return false
	}
	name, _, _ := strings.Cut(s.text, ":")
	// What editors and log rotation append.
	name = strings.TrimRight(name, "~#")
	if bare := strings.TrimRight(name, "0123456789"); strings.HasSuffix(bare, ".") && strings.Count(bare, ".") >= 2 {
		name = strings.TrimSuffix(bare, ".")
	}
	if !strings.Contains(s.text, "/") && leafFiles().has(name) {
		return true
	}
	extension := fileExtension(name)
	if extension == "" {
		return false
	}
	stem := name[:len(name)-len(extension)-1]
	stem = stem[strings.LastIndexByte(stem, '/')+1:]
	if strings.ContainsAny(name, "|;&<>`=$(") {
		return false
	}
	return !topLevelDomains().has(extension) || !strings.Contains(stem, ".")
}

// fileExtension returns the known extension text ends in, in lower case.
func fileExtension(text string) string {
	text, _, _ = strings.Cut(text, ":")
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 || len(text)-dot > 15 {
		return ""
	}
	if extension := strings.ToLower(text[dot+1:]); fileExtensions().has(extension) {
		return extension
	}
	return ""
}
