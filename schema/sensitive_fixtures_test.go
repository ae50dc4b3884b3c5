package schema

import (
	"bufio"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fixtureRow is a line of fixtures/corpus; its README describes the format.
type fixtureRow struct {
	Value  string     `json:"value"`
	Parts  []string   `json:"parts"`
	Encode string     `json:"encode"`
	Expect string     `json:"expect"`
	Label  string     `json:"label"`
	Alt    []Category `json:"alt"`
	Note   string     `json:"note"`
}

// value puts the row's value together.
func (r fixtureRow) value() (string, error) {
	if r.Parts == nil {
		return encodeAs(r.Encode, r.Value)
	}
	joined, err := assemble(strings.Join(r.Parts, ""))
	if err != nil {
		return "", err
	}
	return encodeAs(r.Encode, joined)
}

var alphabets = map[string]string{
	"base62":    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	"base64url": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
	"base32":    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
	"bech32":    "qpzry9x8gf2tvdw0s3jn54khce6mua7l",
	"base36":    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
	"lower36":   "abcdefghijklmnopqrstuvwxyz0123456789",
	"hex":       "0123456789abcdef",
	"HEX":       "0123456789ABCDEF",
	"digits":    "0123456789",
}

// assemble replaces each {kind:n} by n characters of the kind, drawn from a
// generator the template itself seeds, and {repeat:text:n} by n copies of text.
func assemble(template string) (string, error) {
	seed := uint64(len(template))
	for _, c := range []byte(template) {
		seed = seed*131 + uint64(c)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		field, after, _ := strings.Cut(rest, "}")
		words := strings.Split(field, ":")
		if words[0] != "repeat" && alphabets[words[0]] == "" {
			out.WriteByte('{') // a brace of the value's own
			template = rest
			continue
		}
		n, err := strconv.Atoi(words[len(words)-1])
		switch alphabet := alphabets[words[0]]; {
		case err != nil:
			return "", fmt.Errorf("template field %q", field)
		case words[0] == "repeat" && len(words) == 3:
			out.WriteString(strings.Repeat(words[1], n))
		case alphabet != "" && len(words) == 2:
			for range n {
				out.WriteByte(alphabet[random.IntN(len(alphabet))])
			}
		default:
			return "", fmt.Errorf("template field %q", field)
		}
		template = after
	}
}

func encodeAs(encoding, text string) (string, error) {
	switch encoding {
	case "":
		return text, nil
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case "rawbase64":
		return base64.RawStdEncoding.EncodeToString([]byte(text)), nil
	case "base64url":
		return base64.RawURLEncoding.EncodeToString([]byte(text)), nil
	case "base32":
		return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(text)), nil
	case "hex":
		return hex.EncodeToString([]byte(text)), nil
	case "percent":
		return url.PathEscape(text), nil
	case "utf16base64":
		var wide []byte
		for _, c := range []byte(text) {
			wide = append(wide, c, 0)
		}
		return base64.StdEncoding.EncodeToString(wide), nil
	}
	return "", fmt.Errorf("encoding %q", encoding)
}

// template is for templates written in tests.
func template(t testing.TB, template string) string {
	t.Helper()
	value, err := assemble(template)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func readFixtures(t testing.TB) map[string][]fixtureRow {
	t.Helper()
	names, err := filepath.Glob("../fixtures/corpus/*.ndjson")
	if err != nil || len(names) == 0 {
		t.Fatalf("no corpus in fixtures: %v", err)
	}
	files := map[string][]fixtureRow{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			var row fixtureRow
			if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
				t.Fatalf("%s:%d: %v", name, len(files[name])+1, err)
			}
			files[name] = append(files[name], row)
		}
		_ = f.Close()
	}
	return files
}

// fixtureValues yields every value of the corpus that is to be accepted, or
// every one that is to be refused.
func fixtureValues(t testing.TB, expect string) []string {
	t.Helper()
	var values []string
	for name, rows := range readFixtures(t) {
		for i, row := range rows {
			value, err := row.value()
			if err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			if row.Expect == expect {
				values = append(values, value)
			}
		}
	}
	slices.Sort(values)
	return values
}

func TestInspectAgreesWithFixtureCorpus(t *testing.T) {
	for name, rows := range readFixtures(t) {
		for i, row := range rows {
			value, err := row.value()
			if err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			v := Inspect("", value)
			switch {
			case row.Expect == "accept" && v != nil:
				t.Errorf("%s:%d: refused, want accepted: %v", name, i+1, v)
			case row.Expect == "reject" && v == nil:
				t.Errorf("%s:%d: accepted, want %s", name, i+1, row.Label)
			case v != nil && string(v.Category) != row.Label && !slices.Contains(row.Alt, v.Category):
				t.Errorf("%s:%d: want %s, got %v", name, i+1, row.Label, v)
			}
		}
	}
}
