package schema

import "strings"

// startsWithAssignment reports text that sets, exports or unsets a variable.
func startsWithAssignment(s *subject) bool {
	if hasSubstitution(s.text) {
		return false
	}
	if isAssignment(s.text) {
		return true
	}
	if len(s.words) < 2 {
		return false
	}
	last := s.words[len(s.words)-1]
	switch strings.ToLower(s.words[0]) {
	case "setenv", "setx":
		return len(s.words) >= 2
	case "export", "unset", "declare", "typeset", "readonly", "printenv":
		return isAssignment(last) || isVariableName(s.words[1]) || isOption(s.words[1]) && isVariableName(s.words[2%len(s.words)])
	case "set", "env", "arg", "local", "environment:", "-e", "--env", "--build-arg":
		return isAssignment(s.words[1]) || isOption(s.words[1]) && isVariableName(s.words[2%len(s.words)])
	case "set-item", "get-item", "remove-item":
		return strings.HasPrefix(strings.ToLower(s.words[1]), "env:")
	}
	return false
}

func isOption(word string) bool {
	return len(word) > 1 && word[0] == '-' && word != "-x"
}

// hasSubstitution reports a command inside; $(NAME) is make's variable.
func hasSubstitution(text string) bool {
	if strings.Contains(text, "`") {
		return true
	}
	_, inner, found := strings.Cut(text, "$(")
	inner, _, _ = strings.Cut(inner, ")")
	return found && !isVariableName(inner)
}

// isAssignment reports NAME=, with the operators of shells, make and compose.
func isAssignment(text string) bool {
	n := 0
	for n < len(text) && (isAlnum(text[n]) || text[n] == '_' || text[n] == '.' || text[n] == '-') {
		n++
	}
	if n == 0 || isDigit(text[0]) || text[0] == '-' {
		return false
	}
	if n >= 12 && len(text)%4 == 0 && strings.Trim(text[n:], "=") == "" {
		return false // the padding of base64
	}
	rest := strings.TrimLeft(text[n:], " \t")
	rest = strings.TrimLeft(rest, "+:?")
	return strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==") && !strings.HasPrefix(rest, "=>")
}

// isVariableName reports an environment variable's usual spelling.
func isVariableName(name string) bool {
	return len(name) >= 2 && isUpper(name[0]) && every(name, func(c byte) bool { return isUpper(c) || isDigit(c) || c == '_' })
}

// hasEnvAssignment finds an assignment at the start or after a separator.
func hasEnvAssignment(s *subject) bool {
	if s.plain || s.command || hasSubstitution(s.text) {
		return false
	}
	if s.assigned {
		return true
	}
	for i := 0; i < len(s.text)-1; i++ {
		if strings.IndexByte(" ,;({\"'\t\n", s.text[i]) >= 0 && isAssignment(s.text[i+1:]) {
			return true
		}
	}
	return false
}

// hasEnvReference finds $NAME, ${NAME}, $(NAME), %NAME%, $env:NAME, and the way
// programs and templates read the environment.
func hasEnvReference(s *subject) bool {
	if s.plain {
		return strings.Contains(s.lower, ".env.") && !s.rooted || strings.HasPrefix(s.text, "os.environ")
	}
	if s.command || hasSubstitution(s.text) {
		return false
	}
	for _, reader := range []string{
		"$env:", "$_env", "process.env", "getenv", "os.environ", "${{", "{.env", " .env.", "env[", "setenvironmentvariable", "%~", " env:",
		"std::env", "expandenvironment",
	} {
		if strings.Contains(s.lower, reader) {
			return true
		}
	}
	return hasDollarVariable(s.text) || hasPercentVariable(s.text)
}

func hasDollarVariable(text string) bool {
	for {
		_, after, found := strings.Cut(text, "$")
		if !found {
			return false
		}
		name := strings.TrimLeft(after, "{(")
		n := 0
		for n < len(name) && (isAlnum(name[n]) || name[n] == '_') {
			n++
		}
		if isVariableName(name[:n]) && name[:n] != "IFS" {
			return true
		}
		text = after
	}
}

// hasPercentVariable finds cmd.exe's %NAME% and the arguments of a batch file.
func hasPercentVariable(text string) bool {
	_, after, found := strings.Cut(text, "%")
	if !found {
		return false
	}
	name, _, closed := strings.Cut(after, "%")
	if closed && name != "" && every(name, func(c byte) bool { return isAlnum(c) || c == '_' || c == '(' || c == ')' }) {
		return true
	}
	return len(after) == 1 && (isDigit(after[0]) || after[0] == '*')
}
