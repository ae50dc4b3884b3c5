package inspect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/simulate"
)

// simulated is a log of made-up sessions, as text.
func simulated(tb testing.TB, o simulate.Options) []byte {
	tb.Helper()
	var text bytes.Buffer
	o.IDs = simulate.SeededKey(o.Seed)
	for l, err := range simulate.Generate(o) {
		if err != nil {
			tb.Fatal(err)
		}
		text.Write(l.Bytes())
		text.WriteByte('\n')
	}
	return text.Bytes()
}

var epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// fileOf is a text in a file's place.
func fileOf(name string, text []byte) File {
	return File{Name: name, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}}
}

func statsOf(tb testing.TB, text []byte, o StatsOptions) *Report {
	tb.Helper()
	r, err := Stats(context.Background(), Input{Files: []File{fileOf("-", text)}, Workers: 3}, o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func asJSON(tb testing.TB, v any) string {
	tb.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// TestStatsAgreeWithTheObviousWay compares with a second implementation: events in
// maps, loops over all of them for every number.
func TestStatsAgreeWithTheObviousWay(t *testing.T) {
	bys := [][]Dimension{nil, {ByDay}, {ByBackend}, {ByModel}, {ByOS}, {ByArch}, {ByShell}, {ByVersion}, {ByDay, ByOS}, {ByModel, ByBackend, ByShell}}
	seeds := uint64(6)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		for _, level := range schema.Levels() {
			text := simulated(t, simulate.Options{Sessions: 14, Seed: seed, Start: epoch, Days: 3, Level: level})
			r := rand.New(rand.NewPCG(seed, 1))
			for name, text := range map[string][]byte{
				"whole": text, "twice": slices.Concat(text, text), "shuffled": shuffled(r, text), "damaged": damaged(r, text),
			} {
				for _, by := range bys {
					o := StatsOptions{By: by, Repeats: name == "twice" && len(by) == 1}
					if got, want := asJSON(t, statsOf(t, text, o)), asJSON(t, obvious(text, o)); got != want {
						t.Fatalf("seed %d, level %s, %s, by %v:\n%s", seed, level, name, by, firstDifference(got, want))
					}
				}
			}
		}
	}
}

// firstDifference shows where two texts part.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			from := max(0, i-6)
			return fmt.Sprintf("line %d\n%s\ngot  %s\nwant %s", i, strings.Join(g[from:i], "\n"), g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func shuffled(r *rand.Rand, text []byte) []byte {
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(slices.Clone(lines[len(lines)-1]), '\n')
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return slices.Concat(lines...)
}

// damaged is a log after an accident: lines without their ends, changed bytes, gone
// lines, blank ones, ids taken out, foreign text, white space where none belongs.
func damaged(r *rand.Rand, text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		line = slices.Clone(line)
		switch r.IntN(12) {
		case 0:
			line[r.IntN(len(line)-1)] ^= 1 << r.IntN(6)
		case 1:
			line = line[:r.IntN(len(line))]
		case 2:
			line = nil
		case 3:
			line = append(bytes.Repeat([]byte(" "), 20), append([]byte("\n"), line...)...)
		case 4:
			at := bytes.Index(line, []byte(`"event_id"`))
			line = append(line[:at], line[at+len(`"event_id":"019b8c30-efdb-7546-bc70-f0babc30e8a1",`):]...)
		case 5:
			line = append([]byte("PANIC: out of cheese\n\x00\x00\x00\n"), line...)
		case 6:
			line = bytes.Replace(line, []byte(`,"`), []byte(` ,  "`), 2)
		case 7: // another event with the same session id, a day before
			again := bytes.Replace(line, []byte(`"event_id":"019b`), []byte(`"event_id":"019a`), 1)
			again = bytes.Replace(again, []byte(`"2026-01-0`), []byte(`"2025-12-0`), 1)
			again = bytes.Replace(again, []byte(`"os":"macos"`), []byte(`"os":"linux"`), 1)
			line = append(line, again...)
		case 8: // the same event, of another session
			again := slices.Clone(line)
			if at := bytes.Index(again, []byte(`"session_id":"`)); at > 0 {
				again[at+len(`"session_id":"`)+r.IntN(16)] = 'f'
			}
			line = append(line, again...)
		}
		out = append(out, line...)
	}
	return out
}

// The obvious way.

type event map[string]any

func (e event) text(path ...string) string {
	var v any = map[string]any(e)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

func (e event) number(name string) (int64, bool) {
	n, ok := e[name].(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	if err != nil {
		panic(err)
	}
	return i, true
}

func (e event) time() time.Time {
	at, err := time.Parse(time.RFC3339Nano, e.text("timestamp"))
	if err != nil {
		panic(err)
	}
	return at.Truncate(time.Millisecond)
}

func (e event) day() string { return e.time().Format(time.DateOnly) }

func obvious(text []byte, o StatsOptions) *Report {
	var r Report
	var events []event
	ids := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Trim(line, " \t\r") == "" {
			continue
		}
		if _, err := schema.Parse([]byte(line)); err != nil {
			r.Skipped++
			continue
		}
		e := event{}
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&e); err != nil {
			panic(err)
		}
		id := e.text("session_id") + " " + e.text("event_id")
		if e.text("event_id") == "" {
			r.WithoutID++
		} else if ids[id] && !o.Repeats {
			r.Duplicates++
			continue
		}
		ids[id] = true
		events = append(events, e)
		r.Events++
		if at := e.time(); r.First.IsZero() || at.Before(r.First) {
			r.First = at
		}
		if at := e.time(); at.After(r.Last) {
			r.Last = at
		}
	}
	r.By = append([]Dimension{}, o.By...)
	starts, ends, made := map[string]event{}, map[string]bool{}, map[string]event{}
	var sessions []event
	for _, e := range events {
		id := e.text("session_id")
		switch e.text("event") {
		case "session.start":
			if starts[id] == nil {
				starts[id] = e
				sessions = append(sessions, e)
			}
		case "session.end":
			ends[id] = true
		case "command.generated":
			if g := generationOf(e); made[g] == nil {
				made[g] = e
			}
		}
	}
	first := map[string]time.Time{}
	for _, e := range events {
		id := e.text("session_id")
		if at, ok := first[id]; e.text("event") == "command.executed" && (!ok || e.time().Before(at)) {
			first[id] = e.time()
		}
	}
	values := func(e event) []string {
		list := make([]string, 0)
		start := starts[e.text("session_id")]
		backend, model := start.text("backend_config", "primary"), ""
		switch e.text("event") {
		case "command.generated":
			backend, model = e.text("backend_used"), e.text("model_name")
		case "command.executed", "safety.triggered":
			if g := made[generationOf(e)]; g != nil {
				backend, model = g.text("backend_used"), g.text("model_name")
			}
		case "error.occurred":
			backend = cmp.Or(e.text("backend"), backend)
		case "session.start":
			backend = e.text("backend_config", "primary")
		}
		for _, d := range o.By {
			list = append(list, map[Dimension]string{
				ByDay: e.day(), ByBackend: backend, ByModel: model, ByVersion: start.text("caro_version"),
				ByOS: start.text("platform", "os"), ByArch: start.text("platform", "arch"), ByShell: start.text("platform", "shell"),
			}[d])
		}
		return list
	}
	r.Total = obviousMetrics(events, sessions, ends, first)
	r.Groups = []Group{}
	if len(o.By) == 0 {
		return &r
	}
	for i := range events {
		at := values(events[i])
		if slices.ContainsFunc(r.Groups, func(g Group) bool { return slices.Equal(g.Values, at) }) {
			continue
		}
		in := map[Dimension]string{}
		for j, d := range o.By {
			in[d] = at[j]
		}
		r.Groups = append(r.Groups, Group{at, in, obviousMetrics(among(events, values, at), among(sessions, values, at), ends, first)})
	}
	slices.SortFunc(r.Groups, func(a, b Group) int { return slices.Compare(a.Values, b.Values) })
	return &r
}

func generationOf(e event) string { return e.text("session_id") + " " + e.text("generation_id") }

func among(events []event, values func(event) []string, at []string) []event {
	var some []event
	for _, e := range events {
		if slices.Equal(values(e), at) {
			some = append(some, e)
		}
	}
	return some
}

func obviousMetrics(events, sessions []event, ends map[string]bool, first map[string]time.Time) Metrics {
	count := func(name string, which ...func(event) bool) (n int64) {
		for _, e := range events {
			if e.text("event") == name && !slices.ContainsFunc(which, func(f func(event) bool) bool { return !f(e) }) {
				n++
			}
		}
		return n
	}
	sum := func(name, field string, which func(event) bool) (sum int64) {
		for _, e := range events {
			if e.text("event") == name && which(e) {
				n, _ := e.number(field)
				sum += n
			}
		}
		return sum
	}
	is := func(field, value string) func(event) bool {
		return func(e event) bool { return e.text(field) == value }
	}
	overridden := func(e event) bool { return e["user_override"] == true }
	says := func(field string) func(event) bool { return func(e event) bool { _, ok := e.number(field); return ok } }
	generated, blocked, warned := count("command.generated"), is("action_taken", "blocked"), is("action_taken", "warned")
	var complete int64
	var delays []uint64
	for _, s := range sessions {
		id := s.text("session_id")
		if ends[id] {
			complete++
		}
		if at, ok := first[id]; ok && !at.Before(s.time()) {
			delays = append(delays, uint64(at.Sub(s.time()).Milliseconds()))
		}
	}
	m := Metrics{
		Sessions: int64(len(sessions)),
		CommandSuccess: Ratio{count("command.executed", func(e event) bool {
			return e["modified_before_execution"] == false && e.text("execution_mode") != "dry_run"
		}), generated},
		FirstCommand:    obviousQuantiles(delays),
		SafetyBlock:     Ratio{count("safety.triggered", blocked), generated},
		FalsePositive:   Ratio{count("safety.triggered", blocked, overridden), count("safety.triggered", blocked)},
		WarningOverride: Ratio{count("safety.triggered", warned, overridden), count("safety.triggered", warned)},
		Retry: Ratio{sum("session.end", "retries", says("retries")),
			sum("session.end", "commands_generated", says("retries"))},
		GenerationRetry: Ratio{count("command.generated", func(e event) bool { n, _ := e.number("retry_count"); return n > 0 }),
			count("command.generated", says("retry_count"))},
		SessionCompletion: Ratio{complete, int64(len(sessions))},
		UserComplete: Ratio{count("session.end", is("exit_reason", "user_complete")),
			count("session.end", func(e event) bool { return e.text("exit_reason") != "" })},
		Backends: []BackendRatio{}, Inference: []BackendQuantile{}, DailyActive: []DayCount{},
		Platforms: Platforms{[]NamedRatio{}, []NamedRatio{}, []NamedRatio{}},
	}
	for _, name := range schema.Names() {
		m.Events = append(m.Events, Count{string(name), count(string(name))})
	}
	for _, b := range schema.Backend("").Values() {
		good := count("command.generated", is("backend_used", string(b)))
		bad := count("error.occurred", is("backend", string(b)), func(e event) bool {
			return slices.Contains([]string{"backend_timeout", "backend_connection", "backend_parse", "model_load"}, e.text("error_category"))
		})
		if good+bad > 0 {
			m.Backends = append(m.Backends, BackendRatio{string(b), Ratio{good, good + bad}})
		}
	}
	for _, c := range schema.ErrorCategory("").Values() {
		m.Errors = append(m.Errors, NamedRatio{string(c), Ratio{count("error.occurred", is("error_category", string(c))), int64(len(sessions))}})
	}
	times := map[[2]string][]uint64{}
	days := map[string]map[string]bool{}
	for _, e := range events {
		if n, ok := e.number("inference_time_ms"); ok {
			at := [2]string{e.text("backend_used"), e.text("model_name")}
			times[at] = append(times[at], uint64(n))
		}
		if days[e.day()] == nil {
			days[e.day()] = map[string]bool{}
		}
		days[e.day()][e.text("session_id")[:8]] = true
	}
	for at, list := range times {
		m.Inference = append(m.Inference, BackendQuantile{at[0], at[1], obviousQuantiles(list)})
	}
	slices.SortFunc(m.Inference, func(a, b BackendQuantile) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Model, b.Model))
	})
	for day, ids := range days {
		m.DailyActive = append(m.DailyActive, DayCount{day, int64(len(ids))})
	}
	slices.SortFunc(m.DailyActive, func(a, b DayCount) int { return cmp.Compare(a.Day, b.Day) })
	share := func(to *[]NamedRatio, name string, values words) {
		for _, v := range values {
			n := int64(0)
			for _, s := range sessions {
				if s.text("platform", name) == v {
					n++
				}
			}
			if n > 0 {
				*to = append(*to, NamedRatio{v, Ratio{n, int64(len(sessions))}})
			}
		}
	}
	share(&m.Platforms.OS, "os", osWords)
	share(&m.Platforms.Arch, "arch", archWords)
	share(&m.Platforms.Shell, "shell", shellWords)
	return m
}

// obviousQuantiles takes the number at the rank of the sorted list.
func obviousQuantiles(list []uint64) Quantiles {
	q := Quantiles{Count: int64(len(list))}
	if len(list) == 0 {
		return q
	}
	slices.Sort(list)
	at := func(percent float64) *uint64 {
		rank := 0
		for float64(rank)*100 < percent*float64(len(list)) {
			rank++
		}
		return &list[rank-1]
	}
	q.P50, q.P90, q.P95, q.P99 = at(50), at(90), at(95), at(99)
	return q
}

// BenchmarkStats counts events that are in memory, in MB/s of their lines.
func BenchmarkStats(b *testing.B) {
	text := simulated(b, simulate.Options{Sessions: 5000, Seed: 1, Start: epoch, Days: 30})
	for _, by := range [][]Dimension{nil, {ByDay}, {ByModel}} {
		b.Run(fmt.Sprint(by), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				in := Input{Files: []File{fileOf("-", text)}}
				if _, err := Stats(context.Background(), in, StatsOptions{By: by}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
