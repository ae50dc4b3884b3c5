package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const fixturesDir = "../fixtures/events"

// readLine reads a fixture of one line without its newline.
func readLine(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(raw, []byte("\n"))
}

// validFixture reads fixtures/events/valid/<event>-<variant>.json.
func validFixture(t testing.TB, name Name, variant string) []byte {
	t.Helper()
	return readLine(t, filepath.Join(fixturesDir, "valid", string(name)+"-"+variant+".json"))
}

// fakeSecrets fill the {{…}} of refused fixtures, so that no file holds what a
// scanner would take for a real secret.
func fakeSecrets(raw []byte) []byte {
	return []byte(strings.NewReplacer(
		"{{github_token}}", "gh"+"p_"+strings.Repeat("Fa0kE1", 6),
		"{{aws_key}}", "AKI"+"A"+"FAKE0FAKE0FAKE00",
		"{{password}}", "hunter"+"2hunter2",
		"{{base64_path}}", base64.RawURLEncoding.EncodeToString([]byte("/home/someone/notes.txt")),
	).Replace(string(raw)))
}

// refusedFixtures calls f for every file below fixtures/events/refused.
func refusedFixtures(t testing.TB, f func(name string, raw []byte, want refusal)) {
	t.Helper()
	root := filepath.Join(fixturesDir, "refused")
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json") || strings.HasSuffix(path, ".want.json") {
			return err
		}
		stem := strings.TrimSuffix(path, ".json")
		var want refusal
		if err := json.Unmarshal(readLine(t, stem+".want.json"), &want); err != nil {
			return err
		}
		name, _ := filepath.Rel(root, stem)
		f(filepath.ToSlash(name), fakeSecrets(readLine(t, path)), want)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// refusal is what a fixture expects; a rule or length it does not name is free.
type refusal struct {
	Category Category `json:"category"`
	Pointer  string   `json:"pointer"`
	Rule     string   `json:"rule"`
	Length   *int     `json:"length"`
}

func TestParseTakesValidFixtures(t *testing.T) {
	for _, name := range Names() {
		for _, variant := range []string{"minimal", "full"} {
			raw := validFixture(t, name, variant)
			line, err := Parse(raw)
			if err != nil {
				t.Errorf("%s-%s: %v", name, variant, err)
				continue
			}
			if !bytes.Equal(line.Bytes(), raw) {
				t.Errorf("%s-%s: a canonical line was changed to %s", name, variant, line)
			}
			if line.Name() != name {
				t.Errorf("%s-%s: name is %s", name, variant, line.Name())
			}
		}
	}
}

func TestParseMakesExoticSpellingsCanonical(t *testing.T) {
	for _, name := range Names() {
		line, err := Parse(validFixture(t, name, "exotic"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := validFixture(t, name, "full"); !bytes.Equal(line.Bytes(), want) {
			t.Errorf("%s:\n got %s\nwant %s", name, line, want)
		}
	}
}

// A full fixture has every field of its event, so that what is tested with
// fixtures is tested for every field.
func TestFullFixturesSayEverything(t *testing.T) {
	for _, name := range Names() {
		root, v := decode(validFixture(t, name, "full"))
		if v != nil {
			t.Fatal(v)
		}
		for _, field := range Fields(name) {
			at := root
			for _, key := range strings.Split(field.Path, ".") {
				if at = at.member(key); at == nil {
					t.Errorf("%s-full.json lacks %s", name, field.Path)
					break
				}
			}
		}
	}
}

func TestParseRefusesFixtures(t *testing.T) {
	count := 0
	refusedFixtures(t, func(name string, raw []byte, want refusal) {
		count++
		line, err := Parse(raw)
		if err == nil {
			t.Errorf("%s: accepted as %s", name, line)
			return
		}
		v, ok := err.(*Violation)
		if !ok {
			t.Errorf("%s: error is a %T", name, err)
			return
		}
		if v.Category != want.Category || v.Pointer != want.Pointer || want.Rule != "" && v.Rule != want.Rule {
			t.Errorf("%s: got %v, want %s at %s (rule %s)", name, v, want.Category, want.Pointer, want.Rule)
		}
		if want.Length != nil && v.Length != *want.Length {
			t.Errorf("%s: length %d, want %d", name, v.Length, *want.Length)
		}
		if !line.IsZero() {
			t.Errorf("%s: refused, but there is a line", name)
		}
	})
	if count < 100 {
		t.Errorf("only %d refused fixtures were found", count)
	}
}

// Every rule of strict decoding and every keyword the schemas use has a folder
// of refused lines.
func TestEveryRuleHasRefusedFixtures(t *testing.T) {
	rules := []string{ruleLineBytes, ruleStringBytes, ruleUTF8, ruleBOM, ruleNUL, ruleSyntax,
		ruleSurrogate, ruleDuplicate, ruleDepth, ruleTrailing, ruleNotObject,
		"required", "additionalProperties", "enum", "type", "minimum", "maximum", "pattern", "format", "maxLength"}
	for _, rule := range rules {
		if _, err := os.Stat(filepath.Join(fixturesDir, "refused", rule)); err != nil {
			t.Errorf("no refused fixture for %s", rule)
		}
	}
}
