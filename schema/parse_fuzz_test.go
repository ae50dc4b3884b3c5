package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FuzzParse: whatever the bytes, Parse does not panic; what it takes is
// canonical, short, stable, and what encoding/json reads in it is what was said.
func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		for _, variant := range []string{"minimal", "full", "exotic"} {
			f.Add(validFixture(f, name, variant))
		}
	}
	refusedFixtures(f, func(_ string, raw []byte, _ refusal) { f.Add(raw) })
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		line, err := Parse(raw)
		if !bytes.Equal(raw, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if v, ok := err.(*Violation); !ok || !line.IsZero() || v.Rule == "" || v.Category == "" {
				t.Fatalf("refused with %T %v", err, err)
			}
			return
		}
		if line.Len() > MaxLineBytes || bytes.ContainsAny(line.Bytes(), "\n\\") || !json.Valid(line.Bytes()) {
			t.Fatalf("not a stored line: %s", line)
		}
		again, err := Parse(line.Bytes())
		if err != nil || again.String() != line.String() {
			t.Fatalf("canonical form is not stable: %s, %v", line, err)
		}
		sameMeaning(t, raw, line.Bytes())
		event, err := Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Encode(event, Detailed); err != nil {
			t.Fatalf("the typed event is refused: %v", err)
		}
	})
}

// sameMeaning compares what encoding/json reads in both.
func sameMeaning(t *testing.T, a, b []byte) {
	t.Helper()
	var before, after any
	if json.Unmarshal(a, &before) != nil || json.Unmarshal(b, &after) != nil {
		// A number too small for encoding/json is nothing to compare.
		return
	}
	x, _ := json.Marshal(before)
	y, _ := json.Marshal(after)
	if strings.ReplaceAll(string(x), ":-0,", ":0,") != string(y) {
		t.Fatalf("the meaning changed:\n%s\n%s", x, y)
	}
}

// A violation is made of closed sets: categories, names of the schemas,
// constant rules, a length.
func TestViolationsAreMadeOfKnownWords(t *testing.T) {
	rule := regexp.MustCompile(`\A[a-zA-Z][a-zA-Z0-9_-]+\z`)
	refusedFixtures(t, func(name string, raw []byte, _ refusal) {
		v := mustRefuse(t, name, raw)
		if !slices.Contains(Categories(), v.Category) || !rule.MatchString(v.Rule) {
			t.Errorf("%s: %s by %s", name, v.Category, v.Rule)
		}
		for _, part := range strings.Split(v.Pointer, "/")[1:] {
			if !knownNames()[part] {
				t.Errorf("%s: the pointer holds a name that no schema has", name)
			}
		}
	})
}

// Whatever place a foreign text stands at, as a value or a key, no part of it
// is in anything the violation prints.
func TestViolationsNeverEcho(t *testing.T) {
	texts := map[string][]string{
		`"Zq7/wX9 vK3@jY5"`:                   {"Zq7", "wX9", "vK3", "jY5"},
		`"zq7wx9-vk3jy5"`:                     {"zq7", "wx9", "vk3", "jy5"},
		`"\ud83d\ude00zq7"`:                   {"zq7", "\U0001f600", "d83d"},
		`"` + strings.Repeat("zq7", 90) + `"`: {"zq7"},
	}
	count := 0
	for _, name := range Names() {
		for text, pieces := range texts {
			for _, raw := range everyPlaceReplaced(t, name, text) {
				if _, err := Parse(raw); err == nil {
					continue // a model may be called so
				}
				count++
				said := printed(mustRefuse(t, string(name), raw))
				for _, piece := range pieces {
					if strings.Contains(said, piece) {
						t.Errorf("%s: a piece of the value is in what the violation prints", name)
					}
				}
			}
		}
	}
	if count < 200 {
		t.Errorf("only %d places were looked at", count)
	}
}

func mustRefuse(t *testing.T, name string, raw []byte) *Violation {
	t.Helper()
	_, err := Parse(raw)
	v, ok := err.(*Violation)
	if !ok {
		t.Fatalf("%s is not refused: %v", name, err)
	}
	return v
}

// everyPlaceReplaced gives the full fixture once for each place in it, with the
// value there replaced, and once for each object with the text as a key.
func everyPlaceReplaced(t *testing.T, name Name, text string) [][]byte {
	t.Helper()
	var lines [][]byte
	var visit func(object map[string]any, root map[string]any)
	visit = func(object, root map[string]any) {
		for key, value := range object {
			object[key] = json.RawMessage(text)
			line, err := json.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line)
			object[key] = value
			if below, ok := value.(map[string]any); ok {
				visit(below, root)
			}
		}
		var key string
		_ = json.Unmarshal([]byte(text), &key)
		object[key] = 1
		line, _ := json.Marshal(root)
		lines = append(lines, line)
		delete(object, key)
	}
	var root map[string]any
	if err := json.Unmarshal(validFixture(t, name, "full"), &root); err != nil {
		t.Fatal(err)
	}
	visit(root, root)
	return lines
}

// printed is everything a program may do with a violation to show it.
func printed(v *Violation) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v)
	encoded, _ := json.Marshal(v)
	out.Write(encoded)
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Error("refused", "violation", v, "error", error(v))
	}
	return out.String()
}
