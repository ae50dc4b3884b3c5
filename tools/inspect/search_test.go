package inspect

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"

	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/simulate"
)

func searched(tb testing.TB, in Input, o SearchOptions) (string, Searched, []error) {
	tb.Helper()
	var out bytes.Buffer
	var unreadable []error
	o.Unreadable = func(err error) { unreadable = append(unreadable, err) }
	sum, err := Search(context.Background(), in, &out, o)
	if err != nil {
		tb.Fatal(err)
	}
	return out.String(), sum, unreadable
}

func inputOf(text []byte) Input { return Input{Files: []File{fileOf("-", text)}, Workers: 3} }

// TestSearchPrintsWhatIsThereInOrder goes through many batches on several workers.
func TestSearchPrintsWhatIsThereInOrder(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 300, Seed: 1, Start: epoch})
	if len(text) < 5*batchBytes {
		t.Fatalf("only %d bytes", len(text))
	}
	out, sum, _ := searched(t, inputOf(text), SearchOptions{})
	if out != string(text) || sum.Matched != int64(bytes.Count(text, []byte("\n"))) {
		t.Errorf("%d bytes of %d, %+v", len(out), len(text), sum)
	}
}

func TestSearchSkipsAndCountsWhatIsNoEvent(t *testing.T) {
	text := damaged(rand.New(rand.NewPCG(1, 1)), simulated(t, simulate.Options{Sessions: 40, Seed: 1, Start: epoch}))
	var want strings.Builder
	var all strings.Builder
	skipped := int64(0)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.Trim(line, " \t\r") == "" {
			continue
		}
		all.WriteString(line + "\n")
		if _, err := schema.Parse([]byte(line)); err != nil {
			skipped++
			continue
		}
		want.WriteString(line + "\n")
	}
	out, sum, _ := searched(t, inputOf(text), SearchOptions{})
	if out != want.String() || sum.Skipped != skipped {
		t.Errorf("%+v, want %d skipped", sum, skipped)
	}
	if out, sum, _ := searched(t, inputOf(text), SearchOptions{Raw: true}); out != all.String() || sum.Skipped != 0 {
		t.Errorf("raw: %+v", sum)
	}
}

func TestPatternsAreSearchedInTheLine(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 30, Seed: 2, Start: epoch})
	pattern := regexp.MustCompile(`"os":"(linux|macos)"`)
	with, _, _ := searched(t, inputOf(text), SearchOptions{Pattern: pattern})
	without, _, _ := searched(t, inputOf(text), SearchOptions{Pattern: pattern, Invert: true})
	if n := strings.Count(with, "\n"); n == 0 || n != len(pattern.FindAll(text, -1)) || strings.Count(without, "\n")+n != bytes.Count(text, []byte("\n")) {
		t.Errorf("%d with", n)
	}
	if strings.Contains(without, `"os":"linux"`) {
		t.Error("inverted, and still there")
	}
}

func TestConditionsHoldAsTheySay(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 80, Seed: 3, Start: epoch})
	events := decoded(t, text)
	number := func(e event, name string) (float64, bool) {
		n, ok := e[name].(json.Number)
		f, _ := n.Float64()
		return f, ok
	}
	for condition, holds := range map[string]func(event) bool{
		"platform.os=linux":      func(e event) bool { return e.text("platform", "os") == "linux" },
		"platform.os != linux":   func(e event) bool { return e["platform"] != nil && e.text("platform", "os") != "linux" },
		"event=command.executed": func(e event) bool { return e.text("event") == "command.executed" },
		"inference_time_ms>=900": func(e event) bool { n, ok := number(e, "inference_time_ms"); return ok && n >= 900 },
		"inference_time_ms<900":  func(e event) bool { n, ok := number(e, "inference_time_ms"); return ok && n < 900 },
		"confidence_score<=0.9":  func(e event) bool { n, ok := number(e, "confidence_score"); return ok && n <= 0.9 },
		"retry_count>0":          func(e event) bool { n, ok := number(e, "retry_count"); return ok && n > 0 },
		"retry_count=1":          func(e event) bool { n, ok := number(e, "retry_count"); return ok && n == 1 },
		"retry_count!=1":         func(e event) bool { n, ok := number(e, "retry_count"); return ok && n != 1 },
		"user_override=true":     func(e event) bool { return e["user_override"] == true },
		"performance.inference_time_ms.p50>500": func(e event) bool {
			p, _ := e["performance"].(map[string]any)
			q, _ := p["inference_time_ms"].(map[string]any)
			n, ok := number(event(q), "p50")
			return ok && n > 500
		},
		"retry_pattern.none=1": func(e event) bool {
			p, _ := e["retry_pattern"].(map[string]any)
			n, ok := number(event(p), "none")
			return ok && n == 1
		},
	} {
		c, err := ParseCondition(condition)
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		want := 0
		for _, e := range events {
			if holds(e) {
				want++
			}
		}
		_, sum, _ := searched(t, inputOf(text), SearchOptions{Filter: Filter{Where: []Condition{c}}})
		if sum.Matched != int64(want) || want == 0 {
			t.Errorf("%s: %d, want %d", condition, sum.Matched, want)
		}
	}
}

func decoded(t *testing.T, text []byte) []event {
	t.Helper()
	var events []event
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		e := event{}
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF):
			return events
		case err != nil:
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

func TestFiltersAgree(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 40, Seed: 4, Start: epoch, Days: 3})
	events := decoded(t, text)
	from, to := epoch.Add(20*time.Hour), epoch.Add(40*time.Hour)
	session := events[len(events)/2].text("session_id")
	for i, c := range []struct {
		Filter
		holds func(event) bool
	}{
		{Filter{Event: "session.end"}, func(e event) bool { return e.text("event") == "session.end" }},
		{Filter{Session: session}, func(e event) bool { return e.text("session_id") == session }},
		{Filter{Since: from}, func(e event) bool { return !e.time().Before(from) }},
		{Filter{Until: to}, func(e event) bool { return e.time().Before(to) }},
		{Filter{Since: from, Until: to, Event: "command.executed"}, func(e event) bool {
			return !e.time().Before(from) && e.time().Before(to) && e.text("event") == "command.executed"
		}},
	} {
		want := 0
		for _, e := range events {
			if c.holds(e) {
				want++
			}
		}
		_, sum, _ := searched(t, inputOf(text), SearchOptions{Filter: c.Filter})
		if sum.Matched != int64(want) || want == 0 {
			t.Errorf("%d: %d, want %d", i, sum.Matched, want)
		}
	}
}

func TestConditionsThatMeanNothingAreRefused(t *testing.T) {
	for condition, hint := range map[string]string{
		"platform.os":              "FIELD=VALUE",
		"platform.os!linux":        "has one of",
		"plaform.os=linux":         "is it platform.os?",
		"os=linux":                 "is it platform.os?",
		"p50>1":                    "performance.",
		"backend_usd=ollama":       "backend_used",
		"something_else=1":         "lists them",
		"platform=linux":           "platform.arch, platform.os, platform.shell",
		"platform.os=darwin":       "macos, linux, windows, unknown",
		"platform.os>linux":        "only = and !=",
		"inference_time_ms=fast":   "is a number",
		"user_override=yes":        "true, false",
		"modified_before_executio": "FIELD=VALUE",
	} {
		if _, err := ParseCondition(condition); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v, want something with %q", condition, err, hint)
		}
	}
}

func TestExpressionsComputeAndNeverEcho(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 3, Seed: 5, Start: epoch})
	e, err := ParseExpression(`select(.event == "session.start") | .platform | [.os, .shell], 1`)
	if err != nil {
		t.Fatal(err)
	}
	out, _, _ := searched(t, inputOf(text), SearchOptions{JQ: e})
	if lines := strings.Split(out, "\n"); len(lines) != 7 || lines[1] != "1" || !strings.HasPrefix(lines[0], `["`) {
		t.Errorf("%s", out)
	}
	if e, err = ParseExpression(`.event | keys`); err != nil {
		t.Fatal(err)
	}
	_, sum, failures := searched(t, inputOf(text), SearchOptions{JQ: e})
	if sum.Failed != sum.Matched || len(failures) != int(sum.Failed) || strings.Contains(errors.Join(failures...).Error(), "session") {
		t.Errorf("%+v %v", sum, failures)
	}
	for _, bad := range []string{".[", "nosuch(1)", `import "x" as x; .`} {
		if _, err := ParseExpression(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if e, err = ParseExpression(`env, $ENV | length`); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := searched(t, inputOf(text), SearchOptions{JQ: e, Filter: Filter{Event: "session.end"}}); strings.Trim(out, "0\n") != "" {
		t.Errorf("the environment can be read: %s", out)
	}
}

func gzipped(tb testing.TB, text []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// exportOf is an export of lines, as it is written or as a program would spell it.
func exportOf(tb testing.TB, text []byte, pretty bool) []byte {
	tb.Helper()
	lines := bytes.Join(bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")), []byte(",\n"))
	document := slices.Concat([]byte(`{"export_version":"1.0","filter":{"events":[]},"part":1,"events":[`+"\n"), lines,
		[]byte("\n"+`],"losses":{"refused":{}},"checksum":"sha256:}]"}`+"\n"))
	if !pretty {
		return document
	}
	var out bytes.Buffer
	if err := json.Indent(&out, document, "", "\t"); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestFilesOfEveryKindHoldTheSame(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 60, Seed: 6, Start: epoch})
	var packed bytes.Buffer
	w := lz4.NewWriter(&packed)
	_, err := w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	want := statsOf(t, text, StatsOptions{By: []Dimension{ByOS}})
	kinds := map[string][]byte{
		"plain": text, "no newline": text[:len(text)-1], "lz4": packed.Bytes(), "gzip": gzipped(t, text),
		"export": exportOf(t, text, false), "export.gz": gzipped(t, exportOf(t, text, false)), "pretty export": exportOf(t, text, true),
	}
	for name, file := range kinds {
		if got := statsOf(t, file, StatsOptions{By: []Dimension{ByOS}}); asJSON(t, got) != asJSON(t, want) {
			t.Errorf("%s: %s", name, firstDifference(asJSON(t, got), asJSON(t, want)))
		}
		if name == "plain" || name == "no newline" {
			continue
		}
		cut, sum, damage := searched(t, inputOf(file[:len(file)*2/3]), SearchOptions{})
		if len(damage) != 1 || sum.Unreadable != 1 || len(cut) >= len(text) {
			t.Errorf("%s, cut off: %d bytes, %v", name, len(cut), damage)
		}
	}
	cut, _, damage := searched(t, inputOf(kinds["export"][:len(kinds["export"])-3]), SearchOptions{})
	if len(damage) != 1 || cut != string(text) {
		t.Errorf("an export without its end: %d bytes, %v", len(cut), damage)
	}
}

func TestLinesOfAnyLengthArePassedOver(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 2, Seed: 7, Start: epoch})
	for _, n := range []int{maxLine, maxLine + 1, 2*maxLine - 1, 2 * maxLine, 2*maxLine + 1, 10 * maxLine} {
		long := strings.Repeat("x", n)
		for _, file := range []string{string(text) + long + "\n" + string(text), string(text) + long} {
			out, sum, _ := searched(t, inputOf([]byte(file)), SearchOptions{})
			if strings.ReplaceAll(out, string(text), "") != "" || sum.Skipped+sum.Unreadable != 1 {
				t.Errorf("%d bytes: %+v", n, sum)
			}
		}
	}
}

func TestALogReadsLikeItsFiles(t *testing.T) {
	dir := logOf(t, 2, 2)
	in := Input{Dir: dir}
	var last, total int64
	in.Progress = func(done, all int64) {
		if done < last || done > all {
			t.Errorf("%d of %d after %d", done, all, last)
		}
		last, total = done, all
	}
	fromLog, _, _ := searched(t, in, SearchOptions{})
	if last != total || total == 0 {
		t.Errorf("ended at %d of %d", last, total)
	}
	files := Input{}
	for _, name := range append(names(t, dir, "events-*"), filepath.Join(dir, "events.ndjson")) {
		files.Files = append(files.Files, FileAt(name))
	}
	if fromFiles, _, _ := searched(t, files, SearchOptions{}); fromFiles != fromLog || fromLog == "" {
		t.Errorf("%d bytes from files, %d from the log", len(fromFiles), len(fromLog))
	}
	segments, err := Segments(context.Background(), Input{Dir: dir})
	if err != nil || len(segments) != 5 {
		t.Fatal(segments, err)
	}
	var events, bytes int64
	for _, s := range segments {
		events += s.Events
		bytes += s.Uncompressed
	}
	if bytes != int64(len(fromLog)) || events != int64(strings.Count(fromLog, "\n")) || segments[0].Ratio() < 1.5 {
		t.Errorf("%+v", segments)
	}
}

// TestSearchEnds early when nobody reads what it prints, or somebody interrupts it.
func TestSearchEnds(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 600, Seed: 8, Start: epoch})
	full := errors.New("disk full")
	if _, err := Search(context.Background(), inputOf(text), writerFunc(func([]byte) (int, error) { return 0, full }), SearchOptions{}); !errors.Is(err, full) {
		t.Errorf("%v, want %v", err, full)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Search(ctx, inputOf(text), writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), SearchOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestATableKeepsWhatIsPut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, reserved := range []int64{0, 100, 30_000} {
		table, want := table{extra: 1}, map[uint64]byte{}
		if reserved > 0 {
			table.reserve(reserved)
		}
		for range 40_000 {
			hash := r.Uint64()
			if r.IntN(2) == 0 {
				hash &= 0x00000000000001ff // many that begin to be looked for in the same place
			}
			value, known := table.put(hash)
			if _, want := want[hash]; known != want {
				t.Fatalf("%x is known: %v, want %v", hash, known, want)
			}
			value[0] = byte(r.Uint32())
			want[hash] = value[0]
			if hash&(1<<48-1) == 0 {
				want[hash|1] = value[0] // 0 is kept as 1
			} else if hash&(1<<48-1) == 1 {
				want[hash&^1] = value[0]
			}
		}
		for hash, value := range want {
			if got := table.get(hash); got == nil || got[0] != value {
				t.Fatalf("%x: %v, want %d", hash, got, value)
			}
		}
		if table.get(r.Uint64()) != nil {
			t.Error("a hash that was never put is there")
		}
		n := 0
		for range table.values() {
			n++
		}
		if extra := len(want) - n; extra < 0 || extra > 1 {
			t.Errorf("%d values, want about %d", n, len(want))
		}
	}
}

// TestNoStringOfAnEventNeedsCare holds what members relies on: neither a quote nor a
// backslash nor a brace can be in a string of an event.
func TestNoStringOfAnEventNeedsCare(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/events/valid/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	text := regexp.MustCompile(`":"[^"]*`)
	tried := 0
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := schema.Parse(bytes.TrimSpace(raw))
		if err != nil {
			continue
		}
		for _, at := range text.FindAllIndex(l.Bytes(), -1) {
			for _, care := range []string{`\"`, `\\`, `{`, `}`, `\u007b`} {
				tried++
				if _, err := schema.Parse(slices.Concat(l.Bytes()[:at[1]], []byte(care), l.Bytes()[at[1]:])); err == nil {
					t.Errorf("%s: %s may stand in a string", name, care)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d were tried", tried)
	}
}
