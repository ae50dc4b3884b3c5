package schema

import "strings"

// isCommandLine reports a text whose first word is a program or asks for
// something, or that joins programs. What it mentions is not looked at by the
// rules for addresses, paths and hosts: it is a command as a whole.
func isCommandLine(s *subject) bool {
	if len(s.words) < 2 || isMessage(s.lower) {
		return false
	}
	first, second := firstWords(s)
	if first == "ip" {
		return every(second, isLower)
	}
	if first == "set" || first == "export" {
		return every(second, isLower) || second == "-x"
	}
	if strings.HasPrefix(second, "=") || strings.HasPrefix(second, ":=") || strings.HasPrefix(second, "::=") {
		return false
	}
	return programs().has(s.words[0]) || requests().has(first) || programs().has(first) && first != strings.ToLower(s.words[0]) ||
		isCmdletCall(s.words[0]) || joinsCommands(s.text)
}

// firstWords returns the program and its first argument in lower case, past
// whoever runs it and past the politeness of a request.
func firstWords(s *subject) (first, second string) {
	words := s.words
	for len(words) > 2 && wrappers().has(strings.ToLower(words[0])) {
		words = words[1:]
	}
	first = strings.Trim(strings.ToLower(words[0]), "\"'(`,!?.")
	second = strings.Trim(words[1], "\"'`,!?.")
	// "What's" and "don't" count as "what" and "don".
	first, _, _ = strings.Cut(first, "'")
	if strings.HasPrefix(s.text, "./") && strings.HasPrefix(second, "-") {
		first = "sh"
	}
	return first, second
}

// isMessage reports an error message of a program or a system call, which
// often begins like a command: "open /x: no such file or directory".
func isMessage(lower string) bool {
	for _, m := range []string{
		": no such file", ": permission denied", ": no such host", ": not found", ": file exists", ": is a directory",
		": not a directory", ": connection refused", ": connection reset", ": i/o timeout", ": timeout", ": command not found",
		": no space left", ": read-only file system", ": unreachable", ": name or service not known", ": access is denied",
		": failed", ": invalid argument", ": could not", ": cannot",
	} {
		if strings.Contains(lower, m) {
			return true
		}
	}
	return false
}

func joinsCommands(text string) bool {
	for _, operator := range []string{" | ", " && ", " || ", "; ", " > ", " >> ", " < ", " 2>", " $(", "|sh", "| "} {
		if strings.Contains(text, operator) {
			return true
		}
	}
	return false
}

// isCmdlet reports PowerShell's Verb-Noun on its own.
func isCmdlet(s *subject) bool {
	verb, noun, found := strings.Cut(s.text, "-")
	if !found || len(noun) < 2 || !cmdletVerbs().has(strings.ToLower(verb)) || !isUpper(verb[0]) || !isUpper(noun[0]) {
		return false
	}
	if every(noun, isUpper) && len(noun) <= 4 {
		return noun == "VM" || verb == "Get" || verb == "Set" || verb == "New" || verb == "Start" || verb == "Stop" || verb == "Remove" || verb == "Restart"
	}
	return every(noun, isAlnum) && strings.IndexFunc(noun, func(r rune) bool { return isLower(byte(r)) }) > 0 &&
		!modelWords().has(strings.ToLower(strings.TrimRight(noun, "0123456789")))
}

// isCmdletCall reports the first word of a cmdlet with arguments.
func isCmdletCall(word string) bool {
	verb, noun, found := strings.Cut(word, "-")
	return found && noun != "" && isLetter(noun[0]) && cmdletVerbs().has(strings.ToLower(verb))
}

// hasWords reports white space: no legal value has any.
func hasWords(s *subject) bool {
	return len(s.words) > 1
}

// hasShellSyntax reports what only a shell would read: operators, quotes,
// expansions, options.
func hasShellSyntax(s *subject) bool {
	return strings.HasPrefix(s.text, "-") || !s.plain && strings.ContainsAny(s.text, ";|&<>$`(){}[]!*?\\'\"#=^~%,@")
}
