package settings

import (
	"bytes"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// span is a piece of the text, in bytes.
type span struct{ from, to int }

// places are where in a file one key is, or could be put.
type places struct {
	found  *span // the whole key = value
	value  span  // the value in it
	inline bool  // it stands in an inline table

	lineAfter int    // a line with the key may follow here, -1: nowhere
	prefix    string // what the key begins with there
	braceAt   int    // behind the { of telemetry = { … }, -1: none
	empty     bool   // there is nothing between those braces
}

// survey finds a key of the table [telemetry], however the file spells it: a
// table of its own, dotted keys or an inline table.
func survey(text []byte, name string) (places, error) {
	s := places{lineAfter: -1, braceAt: -1}
	var p unstable.Parser
	p.Reset(text)
	var current []string
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			var end int
			current, end = keyOf(e)
			if slices.Equal(current, []string{table}) {
				s.lineAfter, s.prefix = lineEnd(text, end), ""
			}
		case unstable.KeyValue:
			s.keyValue(text, current, e, name)
		}
	}
	return s, p.Error()
}

// keyValue looks at one key = value below the table current.
func (s *places) keyValue(text []byte, current []string, e *unstable.Node, name string) {
	keys, end := keyOf(e)
	path := append(slices.Clone(current), keys...)
	whole := spanOf(e)
	switch {
	case path[0] != table:
	case len(path) == 1 && e.Value().Kind == unstable.InlineTable:
		s.inlineTable(text, e.Value(), name)
	case len(path) == 2 && path[1] == name:
		s.found, s.value = &whole, valueSpan(text, end, whole.to)
	}
	switch {
	case slices.Equal(current, []string{table}):
		s.lineAfter, s.prefix = lineEnd(text, whole.to), ""
	case len(current) == 0 && len(path) > 1 && path[0] == table:
		s.lineAfter, s.prefix = lineEnd(text, whole.to), table+"."
	}
}

func (s *places) inlineTable(text []byte, t *unstable.Node, name string) {
	s.braceAt, s.empty = int(t.Raw.Offset)+1, true
	children := t.Children()
	for children.Next() {
		s.empty = false
		e := children.Node()
		keys, end := keyOf(e)
		if slices.Equal(keys, []string{name}) {
			whole := spanOf(e)
			s.found, s.value, s.inline = &whole, valueSpan(text, end, whole.to), true
		}
	}
}

// keyOf returns the parts of a key and where its last one ends.
func keyOf(e *unstable.Node) (parts []string, end int) {
	it := e.Key()
	for it.Next() {
		n := it.Node()
		parts = append(parts, string(n.Data))
		end = int(n.Raw.Offset + n.Raw.Length)
	}
	return parts, end
}

func spanOf(e *unstable.Node) span {
	return span{int(e.Raw.Offset), int(e.Raw.Offset + e.Raw.Length)}
}

// valueSpan is what stands between the equals sign behind a key and the end.
func valueSpan(text []byte, keyEnd, end int) span {
	from := keyEnd + bytes.IndexByte(text[keyEnd:end], '=') + 1
	for from < end && (text[from] == ' ' || text[from] == '\t') {
		from++
	}
	return span{from, end}
}

// lineEnd is the place behind the newline that ends the line at.
func lineEnd(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

// set returns the text with the key as literal.
func (s places) set(text []byte, name, literal string) []byte {
	newline := "\n"
	if bytes.Contains(text, []byte("\r\n")) {
		newline = "\r\n"
	}
	switch {
	case s.found != nil:
		return splice(text, s.value, literal)
	case s.braceAt >= 0 && s.empty:
		return splice(text, span{s.braceAt, s.braceAt}, " "+name+" = "+literal+" ")
	case s.braceAt >= 0:
		return splice(text, span{s.braceAt, s.braceAt}, " "+name+" = "+literal+",")
	}
	line := s.prefix + name + " = " + literal + newline
	at := s.lineAfter
	if at < 0 {
		at = len(text)
		line = "[" + table + "]" + newline + line
		if at > 0 {
			line = newline + line
		}
	}
	if at == len(text) && at > 0 && text[at-1] != '\n' {
		line = newline + line
	}
	return splice(text, span{at, at}, line)
}

// unset returns the text without the key: without its line, or without its
// place between the commas of an inline table.
func (s places) unset(text []byte) []byte {
	if s.found == nil {
		return text
	}
	gone := *s.found
	if !s.inline {
		gone.from = bytes.LastIndexByte(text[:gone.from], '\n') + 1
		gone.to = lineEnd(text, gone.to)
		return splice(text, gone, "")
	}
	blank := " \t\r\n"
	if rest := bytes.TrimLeft(text[gone.to:], blank); bytes.HasPrefix(rest, []byte(",")) {
		gone.to = len(text) - len(bytes.TrimLeft(rest[1:], blank))
	} else if before := bytes.TrimRight(text[:gone.from], blank); bytes.HasSuffix(before, []byte(",")) {
		gone.from = len(bytes.TrimRight(before[:len(before)-1], blank))
	}
	return splice(text, gone, "")
}

func splice(text []byte, at span, with string) []byte {
	edited := append([]byte(nil), text[:at.from]...)
	edited = append(edited, with...)
	return append(edited, text[at.to:]...)
}
