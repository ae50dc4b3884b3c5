package ingest

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"caro.sh/telemetry/schema"
)

// pieces are what a scanner cuts a document into.
func pieces(s *scanner) (fields map[string]string, events []string, err error) {
	fields = map[string]string{}
	err = s.walk(func(name string, text []byte) error {
		fields[name] = string(text)
		return nil
	}, func(text []byte) error {
		events = append(events, string(text))
		return nil
	})
	return fields, events, err
}

func TestScannerCutsWithoutReadingInto(t *testing.T) {
	const doc = ` { "a" : "x\\\"]}" , "events" : [ {"b":[1,{"c":"}"}]} ,2, "three" , [] ] , "d":-1.5e3,"e":{"f":null} } `
	for name, s := range map[string]*scanner{
		"in memory": scanBytes([]byte(doc)), "from a reader": scanReader(strings.NewReader(doc), 64),
		"byte by byte": scanReader(iotest.OneByteReader(strings.NewReader(doc)), 24),
	} {
		fields, events, err := pieces(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(events, []string{`{"b":[1,{"c":"}"}]}`, "2", `"three"`, "[]"}) {
			t.Errorf("%s: events are %q", name, events)
		}
		if len(fields) != 3 || fields["a"] != `"x\\\"]}"` || fields["d"] != "-1.5e3" || fields["e"] != `{"f":null}` {
			t.Errorf("%s: fields are %q", name, fields)
		}
	}
}

func TestScannerRefuses(t *testing.T) {
	for doc, rule := range map[string]string{
		"": ruleJSON, "[]": ruleJSON, "{": ruleJSON, `{"a"`: ruleJSON, `{"a":`: ruleJSON, `{"a":1`: ruleJSON, `{"a":"x`: ruleJSON,
		`{"a":"x\"}`: ruleJSON, `{"a":1,}`: ruleJSON, `{,}`: ruleJSON, `{"a" 1}`: ruleJSON, `{a:1}`: ruleJSON, `{"events":[}`: ruleJSON,
		`{"events":[1,]}`: ruleJSON, `{"events":[,1]}`: ruleJSON, `{"events":[1 2]}`: ruleJSON, `{"a":1}{}`: ruleTrailing, `{"a":1} x`: ruleTrailing,
		`{"a":1,"a":2}`: ruleDuplicate, `{"events":[],"events":[]}`: ruleDuplicate, `{"events":[` + strings.Repeat("[", 1e6): ruleJSON,
		"{\"\xff\":1}": ruleJSON,
	} {
		_, _, err := pieces(scanBytes([]byte(doc)))
		var v *schema.Violation
		if !errors.As(err, &v) || v.Rule != rule {
			t.Errorf("%.40q: %v, want rule %s", doc, err, rule)
		}
	}
	_, _, err := pieces(scanReader(strings.NewReader(`{"a":"`+strings.Repeat("x", 100)+`"}`), 64))
	if v := violation(err); v.Rule != ruleValueSize {
		t.Errorf("a value larger than the buffer: %v", err)
	}
	if _, _, err := pieces(scanReader(iotest.ErrReader(io.ErrNoProgress), 64)); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader in trouble: %v", err)
	}
}

// FuzzScan holds the scanner to encoding/json: what that reads is cut into the
// same pieces, in memory and through a small window, and nothing makes it panic.
func FuzzScan(f *testing.F) {
	f.Add([]byte(document(events(0, 2))))
	f.Add([]byte(exportDocument(eventID(1), "", events(0, 1))))
	f.Add([]byte(` {"events":[ {"a":"\\"} , [] ] , "b" : null}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		fields, events, err := pieces(scanBytes(doc))
		again, eventsAgain, errAgain := pieces(scanReader(iotest.HalfReader(strings.NewReader(string(doc))), len(doc)+1))
		if (err == nil) != (errAgain == nil) || err == nil && (!slices.Equal(events, eventsAgain) || len(fields) != len(again)) {
			t.Fatalf("in memory %v, through a window %v", err, errAgain)
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(doc, &want) != nil || err != nil || want == nil {
			return
		}
		var wantEvents []json.RawMessage
		if raw, ok := want["events"]; ok && fields["events"] == "" {
			if err := json.Unmarshal(raw, &wantEvents); err != nil {
				t.Fatal(err)
			}
			delete(want, "events")
		}
		if len(fields) != len(want) || len(events) != len(wantEvents) {
			t.Fatalf("%d fields and %d events, want %d and %d", len(fields), len(events), len(want), len(wantEvents))
		}
		for i := range events {
			if events[i] != string(wantEvents[i]) {
				t.Fatalf("event %d is %q, want %q", i, events[i], wantEvents[i])
			}
		}
		for name, text := range fields {
			if text != string(want[name]) {
				t.Fatalf("field is %q, want %q", text, want[name])
			}
		}
	})
}

// FuzzBatch gives the decoder of batches anything: it answers with a batch whose
// sums fit, or with a refusal that repeats nothing.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(document(events(0, 2))))
	f.Add([]byte(document([]string{"{}", "[", `"x"`})))
	f.Fuzz(func(t *testing.T, doc []byte) {
		b, err := readBatch(doc)
		if err != nil {
			var v *schema.Violation
			if !errors.As(err, &v) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if len(b.keys) != len(b.lines) || len(b.days) != len(b.lines) || b.events() > MaxEvents || b.events() == 0 {
			t.Fatalf("%d lines, %d keys, %d events", len(b.lines), len(b.keys), b.events())
		}
		for _, line := range b.lines {
			if _, err := schema.Parse(line.Bytes()); err != nil || line.EventID() == "" {
				t.Fatalf("took in a line that is none: %v", err)
			}
		}
	})
}
