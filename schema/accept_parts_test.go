package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func parseInstant(text string) (time.Time, error) { return time.Parse(time.RFC3339Nano, text) }

// A shape matches what its pattern matches, whatever byte stands where.
func TestShapesAreTheirPatterns(t *testing.T) {
	for pattern, example := range map[string]string{
		`^[0-9a-f]{16}$`: "3fa91c07b2d4e685",
		`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`: testUUID7,
		`^[0-9]{4}-[0-9]{2}T[A-Z]$`:         "2026-11TQ",
		`^x[^\x00-\x60\x63-\x{10ffff}]{7}$`: "xaabbaab",
	} {
		s, re := newShape(pattern), regexp.MustCompile(pattern)
		if s == nil || s.bytes != len(example) || !s.matches([]byte(example)) {
			t.Errorf("%s does not match its example", pattern)
			continue
		}
		for i := range example {
			text := []byte(example)
			for b := range 256 {
				text[i] = byte(b)
				if got, want := s.matches(text), re.Match(text); got != want {
					t.Fatalf("%s with %#x at %d: %v, want %v", pattern, b, i, got, want)
				}
			}
		}
	}
	for _, pattern := range []string{`^[0-9]{1,9}$`, `[0-9]{9}`, `^[0-9]{9}`, `[0-9]{9}$`, `^[0-9]{7}$`, `^(?i)abcdefghi$`, `^é{9}$`, `^(a|b){9}$`,
		`^[0-9]{9}$|x`, `^a*bbbbbbbbb$`, `^.{9}$`, `(?m)^[0-9]{9}$`, `^[0-9]{9}\b$`, `(`} {
		if newShape(pattern) != nil {
			t.Errorf("%s became a shape", pattern)
		}
	}
}

// What is accepted for a number in 0..1 is how the slow way writes it.
func TestUnitsAreShortestDecimals(t *testing.T) {
	taken := 0
	for _, text := range append(decimals(), "0", "1", "0.", "1.", "1.0", "2", "00", "", ".5", "0.0", "0.000000000000000000001") {
		n := unitBytes([]byte(text + ","))
		if n == 0 || n != len(text) {
			continue // a shorter number is told by what must follow it
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f < 0 || f > 1 || strconv.FormatFloat(f, 'f', -1, 64) != text {
			t.Errorf("%s is accepted", text)
		}
		taken++
	}
	if taken < 10_000 {
		t.Errorf("only %d were accepted", taken)
	}
}

// decimals are many texts of 0 to 18 digits behind a point.
func decimals() (list []string) {
	seed := uint64(1)
	for i := range 30_000 {
		seed = seed*6364136223846793005 + 1442695040888963407
		list = append(list, "0."+fmt.Sprintf("%020d", seed)[:i%19])
	}
	return list
}

func TestOnlyWhatPassedIsRemembered(t *testing.T) {
	o := newOpenString(openKind{`^[a-z/_0-9]+$`, 40})
	for value, want := range map[string]bool{"ollama_client": true, "/etc/passwd": false, "UPPER": false, "cache": true,
		strings.Repeat("a", 41): false, "hunter2hunter2": Inspect("", "hunter2hunter2") == nil} {
		for range 2 {
			if _, ok := o.value([]byte(value + `"`)); ok != want {
				t.Errorf("a value of %d bytes passes: %v", len(value), ok)
			}
			if o.passed.has([]byte(value)) != want {
				t.Errorf("a value of %d bytes is remembered: %v", len(value), !want)
			}
		}
	}
}

func TestMemoryOfPassedValuesIsBounded(t *testing.T) {
	p := newPassedValues()
	for i := range 10 * passedSlots {
		p.add(fmt.Sprintf("value-%d", i))
	}
	p.add(strings.Repeat("x", passedBytes+1))
	if p.has([]byte(strings.Repeat("x", passedBytes+1))) {
		t.Error("a long value is remembered")
	}
	known := 0
	for i := range 10 * passedSlots {
		if p.has([]byte(fmt.Sprintf("value-%d", i))) {
			known++
		}
	}
	if known > passedSlots || known < passedSlots/2 {
		t.Errorf("%d values are remembered in %d slots", known, passedSlots)
	}
	if p.add("newest"); !p.has([]byte("newest")) {
		t.Error("the newest value is not remembered")
	}
}

// A remembered value neither follows nor pins the line it came with.
func TestPassedValuesAreNobodysMemory(t *testing.T) {
	o := newOpenString(openKind{`^[a-z0-9]+$`, 40})
	line := make([]byte, 1<<20)
	freed := make(chan struct{})
	runtime.AddCleanup(&line[0], func(freed chan struct{}) { close(freed) }, freed)
	copy(line, `mock"`)
	if _, ok := o.value(line); !ok {
		t.Fatal("not passed")
	}
	copy(line, `rock"`)
	if !o.passed.has([]byte("mock")) || o.passed.has([]byte("rock")) {
		t.Error("what is remembered changed with the line")
	}
	line = nil
	deadline := time.After(10 * time.Second)
	for {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(o)
			return
		case <-deadline:
			t.Fatal("the line is still held")
		default:
		}
	}
}

func TestAcceptMayBeCalledAtTheSameTime(t *testing.T) {
	lines := sessions(t)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range lines {
				raw := lines[(i+worker*len(lines)/4)%len(lines)]
				if line, err := Parse(raw); err != nil || line.String() != string(raw) {
					t.Errorf("line %d: %v", i+1, err)
				}
			}
		})
	}
	all.Wait()
}

func TestStalePlansAreNotUsed(t *testing.T) {
	if usablePlans(planChecksum+1) != nil {
		t.Error("plans of other schema files are used")
	}
	if len(usablePlans(schemaChecksum())) == 0 {
		t.Error("no plan is used")
	}
}

// A keyword that plans do not know makes an event slow.
func TestUnknownKeywordsMakeNoPlan(t *testing.T) {
	for _, change := range []struct{ old, new string }{
		{`"maximum": 4294967295`, `"maximum": 4294967295, "multipleOf": 2`},
		{`"maximum": 4294967295`, `"exclusiveMaximum": 4294967295`},
		{`"minimum": 0, "maximum": 4294967295`, `"minimum": 1, "maximum": 4294967295`},
		{`"maximum": 4294967295`, `"maximum": 0.5`},
		{`"maxLength": 100,`, `"maxLength": 100, "minLength": 3,`},
		{`"maxLength": 100,`, `"maxLength": 100, "not": {"const": "x"},`},
		{`"pattern": "^[A-Z][A-Z0-9_]{0,39}$"`, `"pattern": "^[A-Z][A-Z0-9_ \"]{0,39}$"`},
		{`"pattern": "^[A-Z][A-Z0-9_]{0,39}$"`, `"pattern": "[A-Z][A-Z0-9_]{0,39}"`},
		{`"pattern": "^[A-Z][A-Z0-9_]{0,39}$"`, `"pattern": "^[^a]$"`},
		{`"pattern": "^[A-Z][A-Z0-9_]{0,39}$"`, `"minLength": 1`},
		{`{"type": "boolean"}`, `{"type": ["boolean", "integer"]}`},
		{`{"type": "boolean"}`, `true`},
		{`{"type": "boolean"}`, `{"type": "array"}`},
		{`"additionalProperties": false,`, ``},
		{`"additionalProperties": false,`, `"additionalProperties": {"type": "string"},`},
		{`"additionalProperties": false,`, `"additionalProperties": false, "maxProperties": 9,`},
		{`"additionalProperties": false,`, `"additionalProperties": false, "if": {"required": ["flag"]}, "then": {"required": ["count"]},`},
		{`"enum": ["a", "b"]`, `"enum": ["a", "b\""]`},
		{`"enum": ["a", "b"]`, `"enum": ["a", 1]`},
		{`"enum": ["a", "b"]`, `"enum": ["a", "b"], "maxLength": 1`},
		{`{"$ref": "#/$defs/count"}`, `{"$ref": "#/$defs/count", "maximum": 5}`},
		{`"required": ["event", `, `"required": [`},
		{`"required": ["one"]`, `"required": ["two"]`},
		{`{1,9})?Z$`, `{1,9})?Z?$`},
		{`"maxLength": 30`, `"maxLength": 20`},
		{`"maximum": 1}`, `"maximum": 0.5}`},
		{`"minimum": 0, "maximum": 1}`, `"minimum": 0.1, "maximum": 1}`},
	} {
		changed := strings.Replace(sampleSchema, change.old, change.new, 1)
		if changed == sampleSchema {
			t.Fatalf("%s is not in the sample", change.old)
		}
		if _, err := derive(sample(t, changed)); err == nil {
			t.Errorf("with %s there is a plan", change.new)
		}
	}
	if plan, err := derive(sample(t, sampleSchema)); err != nil || len(plan.steps) != 17 {
		t.Errorf("the sample has no plan: %v", err)
	}
}

var sampleSchema = `{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "x-caro-level": "minimal",
"required": ["event", "timestamp", "session_id"], "additionalProperties": false, "properties": {
"event": {"type": "string", "const": "sample"},
"timestamp": {"type": "string", "format": "date-time", "maxLength": 30, "pattern": "` +
	strings.ReplaceAll(stampPattern, `\`, `\\`) + `"},
"session_id": {"type": "string", "pattern": "^[0-9a-f]{16}$", "x-caro-exact": true},
"event_id": {"type": "string", "pattern": "^[0-9a-f]{36}$", "x-caro-exact": true},
"count": {"$ref": "#/$defs/count"},
"flag": {"type": "boolean"},
"code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,39}$"},
"model": {"type": "string", "maxLength": 100, "pattern": "^[a-z]+$"},
"choice": {"type": "string", "enum": ["a", "b"]},
"share": {"type": "number", "minimum": 0, "maximum": 1},
"inner": {"type": "object", "additionalProperties": false, "required": ["one"], "properties": {
"one": {"type": "integer", "minimum": 0, "maximum": 5}, "two": {"type": "integer", "maximum": 5},
"deep": {"type": "object", "additionalProperties": false, "required": ["x"], "properties": {"x": {"type": "boolean"}}}}}},
"$defs": {"count": {"type": "integer", "minimum": 0, "maximum": 4294967295}}}`

// sample compiles a schema as the embedded ones are, beside what the unchanged
// one says of order and levels.
func sample(t *testing.T, text string) (*jsonschema.Schema, *property) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true
	if err := c.AddResource("sample.json", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("sample.json")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal([]byte(sampleSchema), &d); err != nil {
		t.Fatal(err)
	}
	return compiled, must(newProperty(d, d)).place("", "")
}
