package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"
	"time"
)

func BenchmarkParse(b *testing.B) {
	for _, name := range Names() {
		for _, variant := range []string{"full", "exotic"} {
			raw := validFixture(b, name, variant)
			b.Run(string(name)+"/"+variant, func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Parse(raw); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, name := range Names() {
		event, err := Decode(parsed(b, validFixture(b, name, "full")))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Encode(event, Detailed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sessions are the lines of fixtures/sessions.ndjson, which simulate printed.
func sessions(tb testing.TB) [][]byte {
	tb.Helper()
	raw, err := os.ReadFile("../fixtures/sessions.ndjson")
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n"))
}

// BenchmarkSessions does the same lines in every way there is; ns/event is to
// be compared.
func BenchmarkSessions(b *testing.B) {
	naive := newNaiveJudge(b)
	var parser Parser
	for _, way := range []struct {
		name  string
		takes func([]byte) bool
	}{
		{"accept", func(raw []byte) bool { _, ok := accept(raw); return ok }},
		{"Parse", func(raw []byte) bool { _, err := Parse(raw); return err == nil }},
		{"Parser", func(raw []byte) bool { _, err := parser.Parse(raw); return err == nil }},
		{"ParseView", func(raw []byte) bool { _, err := ParseView(raw); return err == nil }},
		{"respelled", func(raw []byte) bool { root, _ := decode(raw); _, ok := respelled(root); return ok }},
		{"slow", func(raw []byte) bool { _, v := slowly(raw); return v == nil }},
		{"naive", naive.takes},
	} {
		b.Run(way.name, func(b *testing.B) { benchmarkLines(b, sessions(b), way.takes) })
	}
}

func benchmarkLines(b *testing.B, lines [][]byte, takes func([]byte) bool) {
	total := 0
	for _, line := range lines {
		total += len(line)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	begin, rounds := time.Now(), 0
	for b.Loop() {
		rounds++
		for i, line := range lines {
			if !takes(line) {
				b.Fatalf("line %d is refused", i+1)
			}
		}
	}
	b.ReportMetric(float64(time.Since(begin).Nanoseconds())/float64(rounds*len(lines)), "ns/event")
}

// A naiveJudge is the obvious way, to compare with: decode into maps, judge by
// a oneOf of the six schemas, look for patterns in every string.
type naiveJudge struct {
	validate func(any) error
	patterns []*regexp.Regexp
}

func newNaiveJudge(tb testing.TB) *naiveJudge {
	tb.Helper()
	schema, err := compile("envelope.schema.json#/$defs/events")
	if err != nil {
		tb.Fatal(err)
	}
	j := &naiveJudge{validate: schema.Validate}
	for _, pattern := range []string{
		`(?i)(/home/|/users/|/etc/|/var/|/tmp/|~/|\.\./)`, `[A-Za-z]:\\`,
		`\b(?:\d{1,3}\.){3}\d{1,3}\b`, `(?i)\b(?:[0-9a-f]{1,4}:){2,7}[0-9a-f]{1,4}\b`,
		`[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}`, `(?i)(api[_-]?key|token|secret|password)\s*[:=]`,
		`\b[A-Z_]{3,}=\S+`, `\$\{?[A-Z_]+\}?`, `(?i)https?://[^\s/]+`, `\b(?:sk|pk|ghp|gho)_[A-Za-z0-9]{16,}\b`,
		`(?i)\b(rm|sudo|chmod|curl|wget|dd|mkfs)\s+\S`, `\bAKIA[0-9A-Z]{16}\b`,
	} {
		j.patterns = append(j.patterns, regexp.MustCompile(pattern))
	}
	return j
}

func (j *naiveJudge) takes(raw []byte) bool {
	var event map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(&event) == nil && j.validate(event) == nil && j.clean(event)
}

func (j *naiveJudge) clean(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, below := range value {
			if !j.clean(below) {
				return false
			}
		}
	case string:
		for _, p := range j.patterns {
			if p.MatchString(value) {
				return false
			}
		}
	}
	return true
}
