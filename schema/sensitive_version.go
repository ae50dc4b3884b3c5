package schema

import "strings"

// maxVersionBytes is the contract's bound for caro_version.
const maxVersionBytes = 40

// isVersion reports a SemVer 2.0 version with three numeric parts whose
// pre-release and build say nothing but usual release words, numbers and
// abbreviated revisions. Plain SemVer is no shape to trust: 1.0.0-alice and
// 1.0.0+host.example.com are valid, too.
func isVersion(s string) bool {
	if len(s) > maxVersionBytes || s == "" || !isDigit(s[0]) {
		return false
	}
	core, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	if !isVersionCore(core) {
		return false
	}
	if hasPre && !isVersionSuffix(pre, true) {
		return false
	}
	return !hasBuild || isVersionSuffix(build, false)
}

func isVersionCore(core string) bool {
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return false
	}
	for _, p := range parts {
		if !isDigits(p) || len(p) > 6 || len(p) > 1 && p[0] == '0' {
			return false
		}
	}
	return true
}

// isVersionSuffix walks the dotted identifiers of a pre-release or a build.
// Four numbers in a row would be an address.
func isVersionSuffix(suffix string, preRelease bool) bool {
	if longestNumberRun(suffix, '.') >= 4 {
		return false
	}
	for _, identifier := range strings.Split(suffix, ".") {
		if identifier == "" {
			return false
		}
		if preRelease && isDigits(identifier) && len(identifier) > 1 && identifier[0] == '0' {
			return false
		}
		if !isVersionIdentifier(identifier) {
			return false
		}
	}
	return true
}

// isVersionIdentifier judges one identifier by the atoms between its dashes.
func isVersionIdentifier(identifier string) bool {
	stamp, numbers := false, 0
	for _, atom := range strings.Split(identifier, "-") {
		switch {
		case isDigits(atom):
			if numbers++; numbers > 3 || !isBuildNumber(atom) {
				return false
			}
			stamp = len(atom) == 14
			continue
		case len(atom) == 12 && stamp && isLowerHex(atom):
			// A Go pseudo-version: the revision after its commit's time.
		case !isReleaseWord(atom) && !isShortRevision(atom):
			return false
		}
		numbers = 0
	}
	return true
}

// isReleaseWord reports a single letter or a usual word, alone or with a number
// on either side ("beta", "RC1", "3rc").
func isReleaseWord(atom string) bool {
	word := strings.Trim(strings.ToLower(atom), "0123456789")
	if len(atom)-len(word) > 8 {
		return false
	}
	return len(word) == 1 && isLower(word[0]) || releaseWords().has(word)
}

// isShortRevision reports an abbreviated commit id, with git's "g" or without.
func isShortRevision(atom string) bool {
	rest := atom
	if strings.HasPrefix(atom, "g") {
		rest = atom[1:]
	}
	return len(rest) >= 7 && len(rest) <= 10 && isLowerHex(rest)
}

// isBuildNumber reports a counter, a date or a time of this century; longer
// runs of digits may be a telephone or an account.
func isBuildNumber(digits string) bool {
	if len(digits) == 10 {
		return '5' <= digits[1] && digits[0] == '1' // seconds since 1970, from 2017 on
	}
	return len(digits) <= 8 || (len(digits) == 12 || len(digits) == 14) && strings.HasPrefix(digits, "20")
}
