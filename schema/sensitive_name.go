package schema

import "strings"

// maxNameBytes is the contract's bound for model_name, the longest of the names.
const maxNameBytes = 100

// isName reports the union of the grammars of model names, components, error
// codes, target triples and enumeration words: [organisation/]name[:tag]. It
// runs after the rules and holds the default deny: what has an unusual shape
// is not a name even if no rule knows it.
func isName(value string) bool {
	if len(value) > maxNameBytes || startsAsVersion(value) {
		return false
	}
	if runtime, name, found := strings.Cut(value, ":"); found && runtimes().has(runtime) {
		return isPlainName(name) && strings.Count(name, "/") == 0 || isTag(name) || isName(name) && strings.Contains(name, "/")
	}
	base, tag, tagged := strings.Cut(value, ":")
	if tagged && !isTag(tag) {
		return false
	}
	organisation, name, owned := strings.Cut(base, "/")
	if owned {
		return isOrganisation(organisation) && isPlainName(name)
	}
	return isPlainName(base)
}

// startsAsVersion reports three dotted numbers in front: such a value is a
// version or nothing, whatever its other words are.
func startsAsVersion(value string) bool {
	core := value
	if end := strings.IndexFunc(value, func(r rune) bool { return r != '.' && !isDigit(byte(r)) }); end >= 0 {
		core = value[:end]
	}
	return strings.Count(core, ".") >= 2
}

func isOrganisation(s string) bool {
	return isPlainName(s) && len(s) <= 60
}

// isPlainName reports words and numbers between single separators, at least one
// of them with a letter.
func isPlainName(s string) bool {
	if s == "" || !isAlnum(s[0]) || !isAlnum(s[len(s)-1]) {
		return false
	}
	letters, digits := false, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isDigit(c):
			// Nine digits in a row are a number of somebody's, not a version
			// or a date.
			if digits++; digits > 8 {
				return false
			}
			continue
		case isLetter(c):
			letters = true
		case c == '.':
			if !isVersionDot(s, i) {
				return false
			}
		case c == '-' || c == '_':
			if !isAlnum(s[i+1]) {
				return false
			}
		default:
			return false
		}
		digits = 0
	}
	return letters
}

// isVersionDot reports a dot between two digits or before a quantization. Dots
// before letters belong to hosts and files.
func isVersionDot(s string, i int) bool {
	if isDigit(s[i+1]) {
		return isDigit(s[i-1])
	}
	rest := s[i+1:]
	if end := strings.IndexAny(rest, "-_."); end >= 0 {
		rest = rest[:end]
	}
	return isQuantization(strings.ToLower(rest))
}

// isQuantization reports the first atom of q4_K_M, iq3_xxs, fp16, bf16 or int8,
// and w4a16 whole.
func isQuantization(atom string) bool {
	if weights, activations, found := strings.Cut(atom, "a"); found && strings.HasPrefix(weights, "w") {
		return isDigits(weights[1:]) && isDigits(activations) && len(atom) <= 6
	}
	number := strings.TrimLeft(atom, "abcdefghijklmnopqrstuvwxyz")
	switch atom[:len(atom)-len(number)] {
	case "q", "iq", "tq", "fp", "f", "bf", "int", "mxfp", "nf", "nvfp", "w":
		return len(number) <= 2 && isDigits(number)
	}
	return false
}

// isTag reports a tag as model registries use them. Because name:word is also
// how people write user:password, the first atom of a tag must be a size, a
// version, a quantization or a usual word; the others may be any short word.
func isTag(tag string) bool {
	if len(tag) > 60 || !isPlainName(tag) && !(isVersionNumber(tag) && strings.Contains(tag, ".")) {
		return false
	}
	atoms := strings.FieldsFunc(strings.ToLower(tag), func(r rune) bool { return r == '-' || r == '_' })
	known := isTagAtom(atoms[0])
	for _, atom := range atoms[1:] {
		if len(atom) > 24 {
			return false
		}
	}
	return known
}

func isTagAtom(atom string) bool {
	return isSize(atom) || isVersionNumber(strings.TrimPrefix(atom, "v")) || isQuantization(atom) ||
		modelWords().has(atom) || modelWords().has(strings.TrimRight(atom, "0123456789.")) || atom[0] == 'l' && isDigits(atom[1:])
}

// isVersionNumber reports numbers with or without dots. A whole tag needs a dot:
// digits alone are a port.
func isVersionNumber(s string) bool {
	return every(s, func(c byte) bool { return isDigit(c) || c == '.' }) && isDigit(s[0]) && isDigit(s[len(s)-1])
}

// isSize reports 7b, 1.5b, 8x22b, e4b, 335m, 128k or 4bit.
func isSize(atom string) bool {
	body := strings.TrimLeft(strings.TrimPrefix(atom, "e"), "0123456789.x")
	if len(body) == len(atom) || strings.HasPrefix(atom, "x") || strings.HasPrefix(atom, ".") {
		return false
	}
	switch body {
	case "b", "m", "k", "t", "bit", "bits", "bpw":
		return true
	}
	return false
}
