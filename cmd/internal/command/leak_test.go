package command

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caro.sh/telemetry/schema"
)

// leaks are values that must not come out again. The corpora add to them, unless
// time is short: those of the project, and the one CARO_DETECTOR_CORPUS names.
func leaks(t *testing.T) []string {
	values := []string{
		"/home/sesame/plan.txt", "C:\\Users\\sesame", "sesame@example.com", "https://sesame:open@example.com/",
		"SESAME_KEY=open", "10.9.8.77", "fe80::5e5a:3e00", "host.sesame.example", "rm -rf sesame", "$(sesame)",
		"c2VzYW1lIG9wZW4gdXA=", "open sesame, please", "\x1b[31msesame\x1b[0m", "ses\namé", "sk-" + strings.Repeat("sesAme09", 6),
		strings.Repeat("sesame", 40), "{\"sesame\":1}", "%73%65sesame", "E_SESAME OPEN",
	}
	if testing.Short() {
		return values
	}
	names, err := filepath.Glob("../../../fixtures/corpus/*.ndjson*")
	if err != nil {
		t.Fatal(err)
	}
	if name := os.Getenv("CARO_DETECTOR_CORPUS"); name != "" {
		names = append(names, name)
	}
	for _, name := range names {
		values = append(values, corpusValues(t, name)...)
	}
	return values
}

// corpusValues are the values of a corpus; templates are taken as they stand.
func corpusValues(t *testing.T, name string) (values []string) {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = bytes.NewReader(text)
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row struct {
			Value string
			Parts []string
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		values = append(values, row.Value+strings.Join(row.Parts, ""))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// places are events with a value in every place one could be smuggled into.
func places(value string) []string {
	quoted, _ := json.Marshal(value)
	v := string(quoted)
	head := `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef",`
	tail := `"error_category":"unknown","error_code":"E_X","component":`
	return []string{
		head + tail + v + `}`,
		head + tail + `"parser",` + v + `:true}`,
		head + tail + `"parser","backend":` + v + `}`,
		head + `"error_category":"unknown","error_code":` + v + `,"component":"parser"}`,
		`{"event":` + v + `}`,
		`{"event":"error.occurred","timestamp":` + v + `}`,
		`{` + v + `:1,` + v + `:2}`,
		v,
		strings.ReplaceAll(value, "\n", " "),
	}
}

// The whole vocabulary of a refusal: constants, and numbers.
var (
	refusalText = regexp.MustCompile(`^-:\d+: refused: ([a-z_]+) at (\(whole line\)|/[a-z_/]+) \(rule ([A-Za-z0-9_-]{2,32}), \d+ bytes\)$`)
	refusalJSON = regexp.MustCompile(`\{"file":"-","line":\d+,(?:"verdict":"reject",)?"category":"([a-z_]+)","pointer":"(|/[a-z_/]+)","length":\d+,"rule":"([A-Za-z0-9_-]{2,32})"\}`)
	answerText  = regexp.MustCompile(`^(recorded|accepted) \d+ (events?|lines?)( in DIR)?(, refused \d+ lines?)?$`)
	answerJSON  = regexp.MustCompile(`^\{("accepted":\d+,"refused":\d+(,"skipped":\d+,"recorded":true,"dir":"DIR","refusals":\[,*\])?|"file":"-","line":\d+,"verdict":"accept")\}$`)
)

// vocabulary collects what varies in the refusals of a test.
type vocabulary struct {
	rules    map[string]bool
	refusals int
}

// take checks one refusal and reports whether its parts are constants.
func (v *vocabulary) take(t *testing.T, m []string) {
	t.Helper()
	v.refusals++
	v.rules[m[3]] = true
	if !slices.Contains(schema.Categories(), schema.Category(m[1])) {
		t.Fatal("a refusal names a category there is not")
	}
	if m[2] != "" && m[2] != "(whole line)" && !knownPointer(m[2]) {
		t.Fatal("a refusal points to a place no event has")
	}
}

// knownPointer reports whether an event has such a field, or such an object.
func knownPointer(pointer string) bool {
	path := strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")
	for _, name := range schema.Names() {
		for _, f := range schema.Fields(name) {
			if f.Path == path {
				return true
			}
		}
	}
	return false
}

// TestNoPartOfARefusedValueComesOut feeds every value in every place to every
// command that judges, and holds their whole output to a fixed vocabulary.
func TestNoPartOfARefusedValueComesOut(t *testing.T) {
	var lines, values strings.Builder
	for _, value := range leaks(t) {
		for _, line := range places(value) {
			lines.WriteString(line + "\n")
		}
		quoted, _ := json.Marshal(value)
		values.WriteString(string(quoted) + "\n" + strings.ReplaceAll(value, "\n", " ") + "\n")
	}
	dir := t.TempDir()
	v := &vocabulary{rules: map[string]bool{}}
	for _, test := range []struct {
		input string
		args  []string
	}{
		{lines.String(), []string{"record", "--dir", dir}},
		{lines.String(), []string{"record", "--dir", dir, "--json"}},
		{lines.String(), []string{"check"}},
		{lines.String(), []string{"check", "--json"}},
		{values.String(), []string{"check", "--strings"}},
		{values.String(), []string{"check", "--strings", "--json"}},
	} {
		stdout, stderr, code := run(strings.NewReader(test.input), append([]string{"telemetry"}, test.args...)...)
		if code != exitBadInput {
			t.Fatalf("%v ended with %d", test.args, code)
		}
		v.hold(t, strings.ReplaceAll(stdout, dir, "DIR"))
		v.hold(t, stderr)
	}
	if v.refusals < 500 || len(v.rules) > 150 {
		t.Errorf("%d refusals by %d rules: a rule's name is to be a constant", v.refusals, len(v.rules))
	}
	t.Logf("%d refusals by %d rules", v.refusals, len(v.rules))
}

// hold checks that text is made of refusals and answers only. It never prints
// what else it is.
func (v *vocabulary) hold(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := refusalText.FindStringSubmatch(line); m != nil {
			v.take(t, m)
			continue
		}
		for _, m := range refusalJSON.FindAllStringSubmatch(line, -1) {
			v.take(t, m)
		}
		rest := refusalJSON.ReplaceAllString(line, "")
		if rest != "" && !answerText.MatchString(rest) && !answerJSON.MatchString(rest) {
			t.Fatalf("an output line of %d bytes is neither a refusal nor an answer", len(line))
		}
	}
}

// TestShowPrintsNothingUnchecked puts refused lines into a log by hand.
func TestShowPrintsNothingUnchecked(t *testing.T) {
	dir := t.TempDir()
	var log strings.Builder
	for _, value := range leaks(t)[:19] /* those that are written here */ {
		for _, line := range places(value) {
			log.WriteString(line + "\n")
		}
	}
	bad := strings.Count(log.String(), "\n")
	log.WriteString(goodLine)
	if err := os.WriteFile(filepath.Join(dir, "events.ndjson"), []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--json"}, {"--verbose"}, {"--explain"}, {"--limit", "500"}, {"--limit", "500", "--json"}} {
		stdout, stderr, code := run(nil, append([]string{"telemetry", "show", "--dir", dir}, args...)...)
		one := strings.Contains(stdout, "Total: 1 event, ") || stdout == "["+strings.Replace(goodLine, "\n", "]\n", 1)
		if code != 0 || !one || strings.Contains(strings.ToLower(stdout+stderr), "sesame") {
			t.Errorf("show %v ended with %d, and shows more than the good line or not that", args, code)
		}
		if want := plural(int64(bad), "line") + " in the log broke the contract"; !strings.Contains(stderr, want) {
			t.Errorf("show %v does not say %q", args, want)
		}
	}
}
