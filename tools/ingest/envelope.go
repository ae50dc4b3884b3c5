package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"caro.sh/telemetry/schema"
)

// documentBase is where the schemas are published; their $id begins with it.
const documentBase = "https://caro.sh/schemas/telemetry/v1/"

// The schemas of the documents, compiled when the first such document comes.
var (
	batchSchema    = sync.OnceValue(func() *jsonschema.Schema { return compileDocument("upload-batch") })
	exportSchema   = sync.OnceValue(func() *jsonschema.Schema { return compileDocument("export") })
	deletionSchema = sync.OnceValue(func() *jsonschema.Schema { return compileDocument("deletion-request") })
)

// compileDocument compiles an embedded schema. It cannot fail but by a mistake in
// the file, which the tests would meet first.
func compileDocument(name string) *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true
	c.LoadURL = func(url string) (io.ReadCloser, error) {
		raw, err := fs.ReadFile(schema.Files(), "v1/"+strings.TrimPrefix(url, documentBase))
		return io.NopCloser(bytes.NewReader(raw)), err
	}
	return c.MustCompile(documentBase + name + ".schema.json")
}

// An envelope checks a document member by member against its schema, so that the
// events, which are most of it, never become a tree.
type envelope struct {
	schema *jsonschema.Schema
	values map[string]any
	events int // -1 while there was no array of them
}

func newEnvelope(s *jsonschema.Schema) *envelope {
	return &envelope{schema: s, values: map[string]any{}, events: -1}
}

// field checks a member and keeps it.
func (e *envelope) field(name string, text []byte) error {
	property, ok := e.schema.Properties[name]
	if !ok {
		return &schema.Violation{Category: schema.SchemaRule, Rule: "additionalProperties"}
	}
	v, refusal := decodeStrict(text)
	if refusal != nil {
		refusal.Pointer = "/" + name
		return refusal
	}
	if err := property.Validate(v); err != nil {
		return violationOf("/"+name, len(text), err)
	}
	e.values[name] = v
	return nil
}

// finish checks what only the whole document shows.
func (e *envelope) finish() error {
	for _, name := range e.schema.Required {
		if _, ok := e.values[name]; !ok && (name != "events" || e.events < 0) {
			return &schema.Violation{Category: schema.SchemaRule, Rule: "required"}
		}
	}
	if events, ok := e.schema.Properties["events"]; ok && e.events < events.MinItems {
		return &schema.Violation{Category: schema.SchemaRule, Pointer: "/events", Rule: "minItems"}
	}
	return nil
}

// text returns a member that is a string, "" where it is null.
func (e *envelope) text(name string) string {
	s, _ := e.values[name].(string)
	return s
}

// number returns a member that is an integer.
func (e *envelope) number(name string) int64 {
	n, _ := e.values[name].(json.Number)
	i, _ := n.Int64()
	return i
}

// violationOf says where and by which keyword a schema refused a value. Names in
// the pointer are ones the closed schemas know.
func violationOf(pointer string, length int, err error) *schema.Violation {
	v := &schema.Violation{Category: schema.SchemaRule, Pointer: pointer, Length: length, Rule: ruleJSON}
	var e *jsonschema.ValidationError
	if !errors.As(err, &e) {
		return v
	}
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	v.Pointer += e.InstanceLocation
	v.Rule = e.KeywordLocation[strings.LastIndexByte(e.KeywordLocation, '/')+1:]
	return v
}

// maxDepth bounds the members of an envelope; losses.refused is the deepest.
const maxDepth = 8

// decodeStrict decodes a small value and refuses what JSON leaves open: a key
// that comes twice, text that is not UTF-8.
func decodeStrict(text []byte) (any, *schema.Violation) {
	if !utf8.Valid(text) {
		return nil, malformed("", ruleUTF8)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, refusal := decodeValue(d, maxDepth)
	if refusal != nil {
		return nil, refusal
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("", ruleTrailing)
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, *schema.Violation) {
	t, err := d.Token()
	if err != nil {
		return nil, malformed("", ruleJSON)
	}
	delim, nested := t.(json.Delim)
	switch {
	case !nested:
		if n, ok := t.(json.Number); ok && !isWhole(n) {
			return nil, &schema.Violation{Category: schema.SchemaRule, Rule: "type"}
		}
		return t, nil
	case depth == 0:
		return nil, malformed("", ruleDepth)
	case delim == '[':
		return decodeArray(d, depth-1)
	}
	return decodeObject(d, depth-1)
}

// isWhole reports whether a number is written as an integer, which all numbers of
// an envelope are; JSON Schema would also take 1.0 and 1e2.
func isWhole(n json.Number) bool {
	_, err := n.Int64()
	return err == nil
}

func decodeArray(d *json.Decoder, depth int) (any, *schema.Violation) {
	all := []any{}
	for d.More() {
		v, refusal := decodeValue(d, depth)
		if refusal != nil {
			return nil, refusal
		}
		all = append(all, v)
	}
	return all, endOf(d)
}

func decodeObject(d *json.Decoder, depth int) (any, *schema.Violation) {
	all := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, malformed("", ruleJSON)
		}
		name := fmt.Sprint(key)
		if _, twice := all[name]; twice {
			return nil, malformed("", ruleDuplicate)
		}
		v, refusal := decodeValue(d, depth)
		if refusal != nil {
			return nil, refusal
		}
		all[name] = v
	}
	return all, endOf(d)
}

// endOf reads the bracket that ends an array or object.
func endOf(d *json.Decoder) *schema.Violation {
	if _, err := d.Token(); err != nil {
		return malformed("", ruleJSON)
	}
	return nil
}
