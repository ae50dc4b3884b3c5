package export

import (
	"bytes"
	"context"

	"caro.sh/telemetry/schema"
)

// Summary is what a file says, in numbers: what somebody who answers for it
// needs to know before it leaves the house.
type Summary struct {
	Report
	// Kinds are the events that occur, in the order of the contract.
	Kinds []Kind
}

// Kind is one of the six events in a file.
type Kind struct {
	Name        schema.Name
	Count       int64
	Description string
	// Fields are those that occur and hold a value, in canonical order.
	Fields []FieldCount
}

// FieldCount is a field, what its schema says of it, and how often it occurs.
type FieldCount struct {
	schema.Field
	Count int64
}

// Summarise checks a file and counts what is in it.
func Summarise(ctx context.Context, path string) (Summary, error) {
	t := tally{}
	report, err := CheckFile(ctx, path, t.add)
	if err != nil {
		return Summary{}, err
	}
	return Summary{Report: report, Kinds: t.kinds()}, nil
}

// tally counts events by name, and their fields by path.
type tally map[schema.Name]*kindTally

type kindTally struct {
	count  int64
	fields map[string]*int64
}

func (t tally) add(l schema.Line) {
	kind := t[l.Name()]
	if kind == nil {
		kind = &kindTally{fields: map[string]*int64{}}
		t[l.Name()] = kind
	}
	kind.count++
	eachPath(l.Bytes(), func(path []byte) {
		n := kind.fields[string(path)]
		if n == nil {
			n = new(int64)
			kind.fields[string(path)] = n
		}
		*n++
	})
}

// kinds are what was counted, in order. Nothing was counted that the schemas do
// not list: no other field makes a line.
func (t tally) kinds() (kinds []Kind) {
	for _, name := range schema.Names() {
		counted := t[name]
		if counted == nil {
			continue
		}
		kind := Kind{Name: name, Count: counted.count, Description: schema.Describe(name)}
		for _, f := range schema.Fields(name) {
			if n := counted.fields[f.Path]; n != nil {
				kind.Fields = append(kind.Fields, FieldCount{f, *n})
			}
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// eachPath calls do with the dotted path of each value in a canonical line that
// is not an object. Keys need no escapes and there are no arrays.
func eachPath(event []byte, do func(path []byte)) {
	var path []byte
	var ends []int // of the path, one for each open object
	for i := 0; i < len(event); {
		switch event[i] {
		case '{':
			ends = append(ends, len(path))
			i++
		case '}':
			ends = ends[:len(ends)-1]
			i++
		case ',':
			i++
		default: // a key
			n := bytes.IndexByte(event[i+1:], '"')
			path = path[:ends[len(ends)-1]]
			if len(path) > 0 {
				path = append(path, '.')
			}
			path = append(path, event[i+1:i+1+n]...)
			if i += n + len(`"":`); event[i] != '{' {
				do(path)
				i += valueEnd(event[i:])
			}
		}
	}
}

// valueEnd is the length of the string, number or boolean that text begins with.
func valueEnd(text []byte) int {
	if text[0] != '"' {
		return bytes.IndexAny(text, ",}")
	}
	for i := 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}
