package export

import (
	"bytes"

	"caro.sh/telemetry/schema"
)

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

// Tally counts what a file says: what somebody who answers for it needs to know
// before it leaves the house. Its zero value has counted nothing.
type Tally struct{ kinds map[schema.Name]*kindTally }

type kindTally struct {
	count  int64
	fields map[string]*int64
}

// Add counts an event and its fields.
func (t *Tally) Add(l schema.Line) {
	if t.kinds == nil {
		t.kinds = map[schema.Name]*kindTally{}
	}
	kind := t.kinds[l.Name()]
	if kind == nil {
		kind = &kindTally{fields: map[string]*int64{}}
		t.kinds[l.Name()] = kind
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

// Kinds are the events that were counted, in the order of the contract. Nothing
// was counted that the schemas do not list: no other field makes a line.
func (t *Tally) Kinds() (kinds []Kind) {
	for _, name := range schema.Names() {
		counted := t.kinds[name]
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
