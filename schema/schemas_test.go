package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// Every property of every file, however deep, tells people what it is and from
// which level on it is recorded, and every object is closed.
func TestSchemasExplainAndCloseEverything(t *testing.T) {
	names, err := fs.Glob(Files(), "v1/*.schema.json")
	if err != nil || len(names) != len(Names())+5 {
		t.Fatalf("schemas are %q, %v", names, err)
	}
	for _, file := range names {
		raw, err := fs.ReadFile(Files(), file)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if want := baseURL + strings.TrimPrefix(file, "v1/"); doc["$id"] != want {
			t.Errorf("%s: $id is %v", file, doc["$id"])
		}
		if doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s: $schema is %v", file, doc["$schema"])
		}
		explained(t, file, doc)
	}
}

// explained walks one schema file.
func explained(t *testing.T, at string, doc any) {
	switch doc := doc.(type) {
	case []any:
		for i, part := range doc {
			explained(t, fmt.Sprintf("%s/%d", at, i), part)
		}
	case map[string]any:
		if doc["type"] == "object" && doc["additionalProperties"] != false {
			t.Errorf("%s: the object is open", at)
		}
		properties, _ := doc["properties"].(map[string]any)
		for name, p := range properties {
			p, _ := p.(map[string]any)
			text, _ := p["description"].(string)
			if len(text) < 15 || !strings.HasSuffix(text, ".") {
				t.Errorf("%s/%s: the description %q tells people nothing", at, name, text)
			}
			level, _ := p["x-caro-level"].(string)
			if _, err := ParseLevel(level); err != nil {
				t.Errorf("%s/%s: x-caro-level is %q", at, name, level)
			}
			if strings.HasSuffix(name, "_ms") && !strings.Contains(text, "milliseconds") && p["$ref"] != "common.schema.json#/$defs/percentiles" {
				t.Errorf("%s/%s: the description does not say the unit", at, name)
			}
		}
		for key, part := range doc {
			explained(t, at+"/"+key, part)
		}
	}
}

// The contract's table of what is recorded from which level on: fields it does
// not name are recorded with their event.
func TestLevelsAreTheContracts(t *testing.T) {
	events := map[Name]Level{NameSessionStart: Minimal, NameSessionEnd: Minimal, NameErrorOccurred: Minimal,
		NameCommandGenerated: Standard, NameCommandExecuted: Standard, NameSafetyTriggered: Standard}
	detailed := map[Name][]string{
		NameSessionEnd:       {"performance", "retry_pattern"},
		NameCommandGenerated: {"input_token_count", "output_token_count", "confidence_score", "retry_count"},
	}
	for _, name := range Names() {
		if got := EventLevel(name); got != events[name] {
			t.Errorf("%s is recorded from %s on, want %s", name, got, events[name])
		}
		for _, field := range Fields(name) {
			want := events[name]
			top, _, _ := strings.Cut(field.Path, ".")
			if slices.Contains(detailed[name], top) {
				want = Detailed
			}
			if field.Level != want {
				t.Errorf("%s.%s is recorded from %s on, want %s", name, field.Path, field.Level, want)
			}
		}
	}
}

// No required field may be above its object, or leaving it off would break the
// object; and none may be below it, where it can never be recorded.
func TestLeavingOffALevelLeavesAWholeEvent(t *testing.T) {
	for _, name := range Names() {
		var check func(p *property)
		check = func(p *property) {
			for _, c := range p.children {
				if c.required && !p.level.Includes(c.level) {
					t.Errorf("%s%s is required and above its object", name, c.pointer)
				}
				if !c.level.Includes(p.level) {
					t.Errorf("%s%s is below its object", name, c.pointer)
				}
				check(c)
			}
		}
		check(plans()[name])
	}
}

func TestFieldsFollowTheSchema(t *testing.T) {
	var paths []string
	for _, f := range Fields(NameSessionStart) {
		paths = append(paths, f.Path)
	}
	want := []string{"event", "timestamp", "session_id", "event_id", "caro_version",
		"platform", "platform.os", "platform.arch", "platform.shell",
		"backend_config", "backend_config.primary", "backend_config.fallback_enabled",
		"safety_level", "output_format", "is_first_run"}
	if !slices.Equal(paths, want) {
		t.Errorf("fields are %q", paths)
	}
	os := Fields(NameSessionStart)[6]
	if os.Type != "string" || !os.Required || os.Level != Minimal || os.Description == "" ||
		!slices.Equal(os.Enum, []string{"macos", "linux", "windows", "unknown"}) {
		t.Errorf("platform.os is %+v", os)
	}
	os.Enum[0] = "changed"
	if again := Fields(NameSessionStart)[6]; again.Enum[0] != "macos" {
		t.Error("a caller can change the schema through Fields")
	}
	if Fields("made.up") != nil || Describe("made.up") != "" || EventLevel("made.up") != "" {
		t.Error("an event that does not exist is described")
	}
	for _, name := range Names() {
		if !strings.HasSuffix(Describe(name), ".") {
			t.Errorf("%s is described as %q", name, Describe(name))
		}
	}
}

// Strings the detector does not look at are held by an enum or a shape.
func TestOnlyOpenStringsAreLeftToTheDetector(t *testing.T) {
	open := map[string]bool{}
	for _, name := range Names() {
		plans()[name].each(func(p *property) {
			if p.kind == "string" && !p.exact {
				open[p.path] = true
			}
		})
	}
	want := map[string]bool{"caro_version": true, "model_name": true, "error_code": true, "component": true}
	if fmt.Sprint(open) != fmt.Sprint(want) {
		t.Errorf("open strings are %v, want %v", open, want)
	}
}

// The detector looks at open strings at any depth, and levels are gated at any
// depth, although today's events need neither.
func TestNestedPropertiesAreCheckedAndGated(t *testing.T) {
	plan := (&property{kind: "object", children: []*property{{name: "outer", kind: "object", level: Minimal, children: []*property{
		{name: "open", kind: "string", level: Standard}, {name: "kept", kind: "string", level: Minimal}}}}}).place("", "")
	root, v := decode([]byte(`{"outer":{"open":"/etc/passwd","kept":"cpu"}}`))
	if v != nil {
		t.Fatal(v)
	}
	c := checker{root: root, plan: plan}
	c.inspect(root, plan)
	if worst := c.worst(); worst == nil || worst.Category != Path || worst.Pointer != "/outer/open" {
		t.Errorf("found %v", worst)
	}
	if removed := root.gate(plan, Minimal); !removed || string(root.appendCanonical(nil, plan)) != `{"outer":{"kept":"cpu"}}` {
		t.Errorf("gated to %s", root.appendCanonical(nil, plan))
	}
}

const (
	testUUID7  = "019aafc2-1d5b-7c3e-9a41-6b0f2e8d7c15"
	testTime   = "2026-11-23T10:15:30.123Z"
	testLosses = `{"log_id":"` + testUUID7 + `","since":"` + testTime + `","queue_full":0,"lock_timeout":0,"io_error":0,` +
		`"refused":{"path":2},"evicted":0,"expired":0,"cleared":0,"torn":0,"unreadable":0,"rejected_by_server":0,"unknown":0}`
)

// envelopes has one good document of each kind, around one event.
func envelopes(t *testing.T) map[string]string {
	event := string(validFixture(t, NameSessionStart, "full"))
	return map[string]string{
		"upload-batch.schema.json": `{"events":[` + event + `],"batch_id":"` + testUUID7 + `","client_timestamp":"` + testTime + `","losses":` + testLosses + `}`,
		"export.schema.json": `{"export_version":"1.0","export_id":"` + testUUID7 + `","exported_at":"` + testTime + `","caro_version":"0.0.0-dev","event_count":1,` +
			`"first_timestamp":"` + testTime + `","last_timestamp":"` + testTime + `","previous_export_id":null,"part":1,"parts":1,"filter":null,"inflight_batch_id":null,` +
			`"events":[` + event + `],"losses":` + testLosses + `,"checksum":"sha256:` + strings.Repeat("0a", 32) + `"}`,
		"deletion-request.schema.json": `{"request_id":"` + testUUID7 + `","day_ids":["3fa91c07","00000000"],"requested_at":"` + testTime + `"}`,
	}
}

// validate judges a document by an embedded schema.
func validate(t *testing.T, file, document string) error {
	t.Helper()
	compiled, err := compile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(document)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%s: the test's document is not JSON: %v", file, err)
	}
	return compiled.Validate(v)
}

func TestEnvelopeSchemas(t *testing.T) {
	good := envelopes(t)
	for file, document := range good {
		if err := validate(t, file, document); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	manyDays := `"`
	for i := range 92 {
		manyDays += fmt.Sprintf(`%08x","`, i)
	}
	manyDays = strings.TrimSuffix(manyDays, `,"`)
	for _, bad := range []struct{ file, old, new string }{
		{"upload-batch.schema.json", `"os":"linux"`, `"os":"plan9"`},
		{"upload-batch.schema.json", `"batch_id"`, `"Batch_id"`},
		{"upload-batch.schema.json", `"batch_id":"0`, `"batch_id":"`},
		{"upload-batch.schema.json", `"client_timestamp":"2026-11-23`, `"client_timestamp":"2026-02-30`},
		{"upload-batch.schema.json", `"path":2`, `"path":-1`},
		{"upload-batch.schema.json", `"path":2`, `"paths":2`},
		{"upload-batch.schema.json", `"log_id"`, `"id"`},
		{"upload-batch.schema.json", `"unknown":0}`, `"unknown":0,"extra":0}`},
		{"export.schema.json", `"1.0"`, `"2.0"`},
		{"export.schema.json", `"part":1`, `"part":0`},
		{"export.schema.json", `"filter":null`, `"filter":{}`},
		{"export.schema.json", `"filter":null`, `"filter":{"event":"made.up"}`},
		{"export.schema.json", `sha256:0a`, `sha256:0A`},
		{"export.schema.json", `"previous_export_id":null`, `"previous_export_id":""`},
		{"export.schema.json", `"event":"session.start"`, `"event":"session.begin"`},
		{"export.schema.json", `"losses":{`, `"loss":{`},
		{"export.schema.json", `"losses":` + testLosses, `"losses":{"evicted":0}`},
		{"deletion-request.schema.json", `"00000000"`, `"3fa91c07"`},
		{"deletion-request.schema.json", `["3fa91c07","00000000"]`, `[]`},
		{"deletion-request.schema.json", `"3fa91c07"`, `"3FA91C07"`},
		{"deletion-request.schema.json", `"3fa91c07","00000000"`, manyDays},
		{"deletion-request.schema.json", `"requested_at"`, `"at"`},
	} {
		document := strings.Replace(good[bad.file], bad.old, bad.new, 1)
		if document == good[bad.file] {
			t.Fatalf("%s: %s is not in the good document", bad.file, bad.old)
		}
		if validate(t, bad.file, document) == nil {
			t.Errorf("%s: taken with %.40s for %.40s", bad.file, bad.new, bad.old)
		}
	}
	uncounted := strings.Replace(good["export.schema.json"], testLosses, "{}", 1)
	if err := validate(t, "export.schema.json", uncounted); err != nil {
		t.Errorf("an export of a log that has counted nothing: %v", err)
	}
	for _, fine := range []struct{ file, old, new string }{
		{"export.schema.json", `"filter":null`, `"filter":{"event":"session.end","since":"2026-11-23T00:00:00Z"}`},
		{"export.schema.json", `"previous_export_id":null`, `"previous_export_id":"` + testUUID7 + `"`},
		{"export.schema.json", `"first_timestamp":"` + testTime + `"`, `"first_timestamp":null`},
	} {
		if err := validate(t, fine.file, strings.Replace(good[fine.file], fine.old, fine.new, 1)); err != nil {
			t.Errorf("%s with %s: %v", fine.file, fine.new, err)
		}
	}
}

// Every category has its count in the losses that are sent.
func TestLossesCountEveryCategory(t *testing.T) {
	envelope, err := readDocument("envelope.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var counted []Category
	for _, part := range envelope.Defs["losses"].Properties {
		for _, c := range part.Properties {
			counted = append(counted, Category(c.name))
		}
	}
	if !slices.Equal(counted, Categories()) {
		t.Errorf("the schema counts %q, categories are %q", counted, Categories())
	}
}
