package schema

import "strings"

// hasURL finds any scheme with an authority; its credentials, address or file
// path were named before.
func hasURL(s *subject) bool {
	if s.command {
		return false
	}
	for range s.urls {
		return true
	}
	return false
}

// hasDomain finds a dotted name that ends in a public or a private top-level
// domain, and anything with two or more dots before letters.
func hasDomain(s *subject) bool {
	if isSSHTarget(s) {
		return true
	}
	if s.command || !s.dotted || !strings.Contains(s.text, ".") {
		return false
	}
	for token := range s.tokens {
		for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return strings.ContainsRune(":/@=+?#\\", r) }) {
			if isDomain(part) {
				return true
			}
		}
	}
	return false
}

// isSSHTarget reports an ssh command that says nothing but a host.
func isSSHTarget(s *subject) bool {
	return len(s.words) == 2 && s.words[0] == "ssh" && isDomain(s.words[1])
}

func isDomain(name string) bool {
	if !strings.Contains(name, ".") {
		return false
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	labels := strings.Split(name, ".")
	lettered := 0
	for i, label := range labels {
		if !isDomainLabel(label) {
			return false
		}
		if i > 0 && !isDigit(label[0]) {
			lettered++
		}
	}
	last := labels[len(labels)-1]
	return strings.HasPrefix(last, "xn--") || topLevelDomains().has(last) || lettered >= 2 && every(last, isLower)
}

func isDomainLabel(label string) bool {
	if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return every(label, func(c byte) bool { return isAlnum(c) || c == '-' || c == '_' })
}

// isHostPort reports name:digits, with a path or without. No model has a tag of
// digits alone.
func isHostPort(s *subject) bool {
	if s.command {
		return false
	}
	for token := range s.tokens {
		host, port, found := strings.Cut(token, ":")
		if !found || host == "" {
			continue
		}
		port, _, _ = strings.Cut(port, "/")
		if len(port) <= 5 && isDigits(port) && isDomainLabel(strings.ReplaceAll(host, ".", "")) {
			return true
		}
	}
	return false
}

// hasDeviceName finds the names that operating systems and clouds give to
// machines, and a Windows domain with an account.
func hasDeviceName(s *subject) bool {
	if s.command || s.plain && !strings.Contains(s.text, "-") {
		return false
	}
	for token := range s.tokens {
		if isDeviceName(token) || isDomainAccount(token) {
			return true
		}
	}
	return false
}

func isDeviceName(token string) bool {
	for i := 0; i < len(token); i++ {
		if i > 0 && isAlnum(token[i-1]) || strings.IndexByte("DLMEWivsea", token[i]) < 0 {
			continue
		}
		prefix, rest, found := strings.Cut(token[i:], "-")
		if found && deviceSuffix(prefix, rest) {
			return true
		}
	}
	return isAppleName(token)
}

// isAppleName reports the names Apple's products, and a few others, give
// themselves: somebody's name and the product, or the other way round.
func isAppleName(token string) bool {
	if strings.HasPrefix(token, "MacBook-") || strings.HasPrefix(token, "MacBookPro-") || strings.HasPrefix(token, "iPhone-") {
		return true
	}
	for i := 1; i+4 < len(token); i++ {
		if token[i] != '-' || strings.IndexByte("mMiItTcC", token[i+1]) < 0 {
			continue
		}
		rest := strings.ToLower(token[i+1 : min(len(token), i+12)])
		for _, product := range [...]string{"macbook", "macbookpro", "macbookair", "iphone", "ipad", "imac", "mac-mini", "mac-studio", "mac-pro", "thinkpad", "chromebook"} {
			after, found := strings.CutPrefix(rest, product)
			if found && (after == "" || !isAlnum(after[0])) {
				return true
			}
		}
	}
	return false
}

// deviceSuffix knows what follows the fixed first word of a generated name.
func deviceSuffix(prefix, rest string) bool {
	width := 0
	for width < len(rest) && (isUpper(rest[width]) || isDigit(rest[width])) {
		width++
	}
	ends := width == len(rest) || !isAlnum(rest[width])
	switch prefix {
	case "DESKTOP", "LAPTOP", "MININT", "EC2AMAZ", "MSEDGEWIN10":
		return ends && width >= 6 && width <= 9
	case "WIN":
		return ends && width >= 8 && width <= 12 && strings.ContainsAny(rest[:width], "0123456789")
	case "i", "vol", "vpc", "subnet", "sg", "eni", "ami":
		return (len(rest) == 8 || len(rest) == 17) && isLowerHex(rest) && strings.ContainsAny(rest, "0123456789")
	}
	return false
}

// isDomainAccount reports ACME\build-svc: a NetBIOS name and an account.
func isDomainAccount(token string) bool {
	domain, account, found := strings.Cut(token, `\`)
	if !found || len(domain) < 2 || len(domain) > 15 || account == "" || strings.HasPrefix(domain, "HK") {
		return false
	}
	return every(domain, func(c byte) bool { return isUpper(c) || isDigit(c) || c == '-' }) && isLetter(domain[0]) &&
		every(account, func(c byte) bool { return isAlnum(c) || c == '-' || c == '_' || c == '.' || c == '$' }) &&
		fileExtension(account) == ""
}
