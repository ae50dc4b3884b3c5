package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInspectReportsPlaceLengthAndRuleOnly(t *testing.T) {
	v := Inspect("/component", "/etc/hosts")
	want := Violation{Category: Path, Pointer: "/component", Length: 10, Rule: "path-rooted"}
	if v == nil || *v != want {
		t.Fatalf("got %v", v)
	}
}

func TestInspectBounds(t *testing.T) {
	for _, test := range []struct {
		value string
		want  Category
		rule  string
	}{
		{strings.Repeat("a", 201), TooLong, "max-bytes"},
		{strings.Repeat("é", 101), TooLong, "max-bytes"},
		{strings.Repeat("/a", 100), Path, "path-rooted"},
		{"", Unrecognized, "empty"},
		{"a\xff", Malformed, "utf8"},
		{"\xed\xa0\x80", Malformed, "utf8"},
		{"\x00", Malformed, "control-character"},
		{"model\x07", Malformed, "control-character"},
		{"日本", Unrecognized, "no-known-shape"},
		{"foo--bar", Unrecognized, "no-known-shape"},
		{"alice:hunter2", Unrecognized, "no-known-shape"},
		{"1.0.0-alice", Unrecognized, "no-known-shape"},
		{"model-123456789", Unrecognized, "no-known-shape"},
		{"5551234567", Unrecognized, "no-known-shape"},
	} {
		v := Inspect("", test.value)
		if v == nil || v.Category != test.want || v.Rule != test.rule || v.Length != len(test.value) {
			t.Errorf("%d bytes, want %s (%s): got %v", len(test.value), test.want, test.rule, v)
		}
	}
}

// Ids are drawn at random: whatever they happen to spell, they are legal.
func TestInspectTakesExactShapesBeforeAnyRule(t *testing.T) {
	for _, value := range []string{
		"4111111111111111", "2f6574632f706173", "deadbeefdeadbeef", "1234567890e12345",
		"12345678-1234-4234-8234-123456789012", "0190c2a1-7b3c-7def-8123-456789abcdef",
		"2026-01-08T10:30:45Z", "2024-02-29T23:59:59.123456789Z", "session.start", "error.occurred",
	} {
		if v := Inspect("", value); v != nil {
			t.Errorf("%s: %v", value, v)
		}
	}
	for _, value := range []string{
		"2026-02-30T10:30:45Z", "2026-01-08T10:30:60Z", "2026-01-08T10:30:45.Z", "2026-01-08T10:30:45,1Z",
		"2026-01-08T1:30:45Z", "2026-01-08T10:30:45+00:00", "2026-01-08t10:30:45z", "2026-01-08T10:30:45.1234567890Z",
		"12345678-1234-1234-8234-123456789012", "12345678-1234-4234-7234-123456789012",
		"2F6574632F706173", "session.resumed", "2f6574632f7061",
	} {
		if Inspect("", value) == nil {
			t.Errorf("%s: accepted", value)
		}
	}
}

// A rule that panics must refuse, not take the host program down.
func TestInspectRefusesWhenARulePanics(t *testing.T) {
	rules := detectorRules
	defer func() { detectorRules = rules }()
	detectorRules = []detectorRule{{id: "broken", category: Secret, match: func(*subject) bool { panic("value") }}}
	v := Inspect("/x", "inference")
	if v == nil || *v != (Violation{Unrecognized, "/x", 9, "internal"}) {
		t.Fatalf("got %v", v)
	}
}

// No four bytes of a refused value may show up in anything a violation is
// printed, logged or encoded as, except in the texts that are constant: names
// of rules and categories, the pointer, the length, and what stands around.
func TestViolationNeverRepeatsTheValue(t *testing.T) {
	refused := fixtureValues(t, "reject")
	if len(refused) < 500 {
		t.Fatalf("only %d refused values", len(refused))
	}
	rules := []string{"max-bytes", "empty", "utf8", "control-character", "no-known-shape"}
	for _, r := range detectorRules {
		rules = append(rules, r.id)
	}
	constant := map[Violation]map[string]string{}
	for _, value := range refused {
		v := Inspect("/component", value)
		if v == nil {
			t.Fatal("a value to be refused was accepted")
		}
		if !slices.Contains(rules, v.Rule) || !slices.Contains(Categories(), v.Category) || v.Pointer != "/component" {
			t.Fatal("a violation says more than constants")
		}
		fresh := Violation{v.Category, "/component", len(value), v.Rule}
		if constant[fresh] == nil {
			constant[fresh] = everyPrint(t, &fresh)
		}
		for name, printed := range everyPrint(t, v) {
			for i := 0; i+4 <= len(value); i++ {
				if part := value[i : i+4]; strings.Contains(printed, part) && !strings.Contains(constant[fresh][name], part) {
					t.Fatalf("%s of a %s violation repeats part of the value", name, v.Category)
				}
			}
			if printed != constant[fresh][name] {
				t.Fatalf("%s of a %s violation says more than constants", name, v.Category)
			}
		}
	}
}

func everyPrint(t *testing.T, v *Violation) map[string]string {
	t.Helper()
	out := map[string]string{"error": v.Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%d"} {
		out[verb] = fmt.Sprintf(verb, v)
		out["wrapped "+verb] = fmt.Errorf("line: "+verb, v).Error()
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out["json"] = string(encoded)
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	var text, structured bytes.Buffer
	options := &slog.HandlerOptions{ReplaceAttr: noTime}
	slog.New(slog.NewTextHandler(&text, options)).Error("refused", "violation", v)
	slog.New(slog.NewJSONHandler(&structured, options)).Error("refused", "violation", v)
	out["slog text"], out["slog json"] = text.String(), structured.String()
	return out
}

// A legal value with something sensitive put before or after it is refused, and
// so is anything refused in another spelling.
func TestInspectRefusesLegalValuesWithSomethingAdded(t *testing.T) {
	legal := []string{"qwen2.5-coder:7b", "Qwen/Qwen2.5-Coder-1.5B-Instruct", "1.1.0", "1.1.0-beta.2", "E2001", "BACKEND_TIMEOUT",
		"model_loader", "embedded-cpu", "x86_64-unknown-linux-musl", "session.start", "2026-01-08T10:30:45Z", "0123456789abcdef"}
	families := map[string][]string{
		"path":      {"/etc/hosts", "/home/erin/x", "../x", "~/x", `C:\x`, "/x.txt"},
		"ip":        {"_10.1.2.3", "-10.1.2.3", "fe80::1", "2001:db8::5", "00:1a:2b:3c:4d:5e", ":10.1.2.3"},
		"host":      {"+db01.internal", "-web.host.example", ".host.example", "@host.example", ":host.example", "://host.example"},
		"secret":    {"-gh" + "p_{base62:36}", ":{hex:40}", "_{base62:32}", "-s" + "k-{base62:48}", "+{base64url:43}", " token=x"},
		"command":   {" ; ls", "|sh", "&&id", "$(id)", "`id`", " rm -rf x", "\nls"},
		"env":       {" A=b", "$HOME", "%PATH%", "${X}"},
		"encoded":   {"-L2V0Yy9ob3N0cw", ":L2hvbWUvZXJpbi94", "%2Fetc%2Fx", "_2f6574632f686f737473"},
		"disguised": {"\u200b", "\u202e", "／x", "\x00", "\xff", "é", " "},
		"malformed": {"--", "+", "..", "//", "::", ":", "/"},
	}
	for family, additions := range families {
		for n, addition := range additions {
			extra := template(t, addition)
			for _, value := range legal {
				if Inspect("", value+extra) == nil {
					t.Errorf("%s + %s %d: accepted", value, family, n)
				}
				if Inspect("", extra+value) == nil {
					t.Errorf("%s %d + %s: accepted", family, n, value)
				}
			}
		}
	}
}

func TestInspectSeesThroughJSONSpellings(t *testing.T) {
	for _, value := range fixtureValues(t, "reject") {
		var escaped strings.Builder
		for _, c := range value {
			if c < 0x80 {
				fmt.Fprintf(&escaped, `\u%04x`, c)
			} else {
				escaped.WriteRune(c)
			}
		}
		var decoded string
		if err := json.Unmarshal([]byte(`"`+escaped.String()+`"`), &decoded); err != nil {
			t.Fatal(err)
		}
		if v := Inspect("", decoded); v == nil || *v != *Inspect("", value) {
			t.Fatalf("another spelling, another verdict: %v", v)
		}
	}
}

// TestOddPairsMatchTheAlphabet guards the table's shape: it is indexed by letter.
func TestOddPairsMatchTheAlphabet(t *testing.T) {
	for i, followers := range oddPairs {
		if !slices.IsSorted([]byte(followers)) || followers == "" {
			t.Errorf("letter %c: %q", 'a'+i, followers)
		}
	}
	if len(lookalikes()) < 80 {
		t.Errorf("%d look-alikes", len(lookalikes()))
	}
}

func FuzzInspect(f *testing.F) {
	for _, value := range fixtureValues(f, "reject") {
		f.Add(value)
	}
	for _, value := range fixtureValues(f, "accept") {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		start := time.Now()
		v := Inspect("/x", value)
		if again := Inspect("/x", value); (v == nil) != (again == nil) || v != nil && *v != *again {
			t.Fatal("two verdicts for one value")
		}
		if took := time.Since(start); took > time.Second {
			t.Fatalf("took %v", took)
		}
		if v == nil {
			if len(value) > maxValueBytes || !inCharset(value) || value == "" {
				t.Fatalf("accepted %q", value)
			}
			return
		}
		if !slices.Contains(Categories(), v.Category) || v.Rule == "" || v.Rule == "internal" || v.Length != len(value) || v.Pointer != "/x" {
			t.Fatalf("%#v for %q", *v, value)
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	for _, test := range []struct{ name, value string }{
		{"model", "Qwen/Qwen2.5-Coder-1.5B-Instruct"},
		{"tag", "llama3.2:3b-instruct-q4_K_M"},
		{"code", "BACKEND_TIMEOUT"},
		{"component", "inference"},
		{"version", "1.1.0-beta.2+build.7"},
		{"path", "/home/erin/models/x.gguf"},
		{"command", "find . -name '*.log' -mtime +30 -delete"},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Inspect("/x", test.value)
			}
		})
	}
}
