package schema

import (
	"bytes"
	"regexp"
	"sync"
	"time"
)

// stampShape is an instant up to its seconds.
var stampShape = sync.OnceValue(func() *shape {
	return newShape("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$")
})

const stampBytes = len("2006-01-02T15:04:05")

// instantBytes returns the length of the instant that text begins with, which
// must be followed by a quote; 0 if it is none, or not a real one.
func instantBytes(text []byte) int {
	if len(text) < stampBytes+2 || !stampShape().matches(text) {
		return 0
	}
	year, month, day := 100*two(text)+two(text[2:]), two(text[5:]), two(text[8:])
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		two(text[11:]) > 23 || two(text[14:]) > 59 || two(text[17:]) > 59 {
		return 0
	}
	end := stampBytes
	if text[end] == '.' {
		end++
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		if digits := end - stampBytes - 1; digits < 1 || digits > 9 {
			return 0
		}
	}
	if len(text) < end+2 || text[end] != 'Z' || text[end+1] != '"' {
		return 0
	}
	return end + 1
}

// instantOf reads an instant that has been checked.
func instantOf(text []byte) time.Time {
	nanos, unit := 0, int(time.Second)
	for _, c := range text[stampBytes : len(text)-1] {
		if c != '.' {
			unit /= 10
			nanos += unit * int(c-'0')
		}
	}
	return time.Date(100*two(text)+two(text[2:]), time.Month(two(text[5:])), two(text[8:]),
		two(text[11:]), two(text[14:]), two(text[17:]), nanos, time.UTC)
}

// two reads two digits.
func two(text []byte) int { return 10*int(text[0]-'0') + int(text[1]-'0') }

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// integer reads the digits that text begins with. n is 0 when there are none,
// too many for a double to count with, or a zero too much. What follows is the
// next step's business.
func integer(text []byte) (value uint64, n int) {
	for n < len(text) && isDigit(text[n]) {
		value = 10*value + uint64(text[n]-'0')
		if n++; n > 16 {
			return 0, 0
		}
	}
	if n > 1 && text[0] == '0' {
		return 0, 0
	}
	return value, n
}

// unitBytes returns the length of the number in 0..1 that text begins with, 0
// if there is none or it may not be the shortest way to write it. A double
// tells any two decimals of 15 digits apart, so what has no more than that
// behind the point and does not end in a zero is the shortest one.
func unitBytes(text []byte) int {
	if len(text) == 0 || text[0] != '0' && text[0] != '1' {
		return 0
	}
	if len(text) == 1 || text[1] != '.' {
		return 1
	}
	end := 2
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	if text[0] == '1' || end == 2 || end > 2+15 || text[end-1] == '0' {
		return 0
	}
	return end
}

func boolBytes(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("true")):
		return len("true")
	case bytes.HasPrefix(text, []byte("false")):
		return len("false")
	}
	return 0
}

// An openString is a string that any of many values may stand in. It remembers
// some of those that passed.
type openString struct {
	openKind
	regexp func() *regexp.Regexp
	passed *passedValues
}

// openKind is what a schema asks of an open string.
type openKind struct {
	pattern string
	limit   int // in bytes
}

func newOpenString(kind openKind) *openString {
	compile := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(kind.pattern) })
	return &openString{kind, compile, newPassedValues()}
}

// value reports whether rest begins with a value that passes, and how long it
// is with its closing quote. A value without a quote has no escapes either, or
// its backslash would not fit the pattern.
func (o *openString) value(rest []byte) (n int, ok bool) {
	n = bytes.IndexByte(rest[:min(len(rest), o.limit+1)], '"')
	if n < 0 {
		return 0, false
	}
	text := rest[:n]
	return n + 1, o.passed.has(text) || o.passes(text)
}

// passes judges a value that is not remembered, and remembers it if it passes.
func (o *openString) passes(text []byte) bool {
	value := string(text) // its own memory: what is remembered must not pin or follow a line
	if !o.regexp().MatchString(value) || Inspect("", value) != nil {
		return false
	}
	o.passed.add(value)
	return true
}
