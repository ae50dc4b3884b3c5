package simulate

import (
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/schema"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// generate returns all lines of a simulation.
func generate(t *testing.T, o Options) []schema.Line {
	t.Helper()
	var lines []schema.Line
	for l, err := range Generate(o) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

func text(lines []schema.Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.Write(l.Bytes())
		b.WriteByte('\n')
	}
	return b.String()
}

// The fixture is made by: go run ./cmd/caro telemetry simulate --seed 1 --out fixtures/sessions.ndjson
func TestGenerateMakesTheFixture(t *testing.T) {
	want, err := os.ReadFile("../../fixtures/sessions.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	got := text(generate(t, Options{Sessions: 100, Seed: 1, Start: start, Days: 7, IDs: SeededKey(1)}))
	if got != string(want) {
		t.Error("the generator and fixtures/sessions.ndjson differ; if that is wanted:\n" +
			"go run ./cmd/caro telemetry simulate --seed 1 --out fixtures/sessions.ndjson")
	}
}

func TestGenerateDiffersBySeedAndKey(t *testing.T) {
	o := Options{Sessions: 5, Seed: 1, Start: start, IDs: SeededKey(1)}
	seeded, keyed := o, o
	seeded.Seed = 2
	keyed.IDs = SeededKey(2)
	if text(generate(t, o)) == text(generate(t, seeded)) {
		t.Error("another seed makes the same sessions")
	}
	a, b := generate(t, o), generate(t, keyed)
	for i := range a {
		if a[i].EventID() == b[i].EventID() || a[i].SessionID() == b[i].SessionID() {
			t.Fatalf("line %d has the same ids under another key", i+1)
		}
		if a[i].Name() != b[i].Name() || !a[i].Timestamp().Equal(b[i].Timestamp()) {
			t.Fatalf("line %d says something else under another key", i+1)
		}
	}
}

func TestWorkersTogetherMakeEverySession(t *testing.T) {
	o := Options{Sessions: 23, Seed: 3, Start: start, IDs: SeededKey(3)}
	all := strings.Split(text(generate(t, o)), "\n")
	var parts []string
	for worker := range 4 {
		o.Worker, o.Workers = worker, 4
		parts = append(parts, strings.Split(strings.TrimSuffix(text(generate(t, o)), "\n"), "\n")...)
	}
	slices.Sort(all)
	slices.Sort(parts)
	if !slices.Equal(all[1:], parts) { // all[0] is the empty text behind the last newline
		t.Errorf("%d lines from four workers are not the %d of one", len(parts), len(all)-1)
	}
}

// TestSessionsAreTrue replays each session and compares what its end says.
func TestSessionsAreTrue(t *testing.T) {
	const sessions = 400
	lines := generate(t, Options{Sessions: sessions, Seed: 5, Start: start, Days: 3, IDs: SeededKey(5)})
	seen := map[string]bool{}
	var size int
	for len(lines) > 0 {
		n := 1 + slices.IndexFunc(lines, func(l schema.Line) bool { return l.Name() == schema.NameSessionEnd })
		if n == 0 {
			t.Fatal("the last session has no end")
		}
		s := &replay{t: t, generations: map[string]bool{}}
		for _, l := range lines[:n] {
			if seen[l.EventID()] {
				t.Fatal("an event id comes twice")
			}
			seen[l.EventID()] = true
			size += len(l.Bytes()) + 1
			s.take(l)
		}
		if seen[s.id] {
			t.Fatal("a session id comes twice")
		}
		seen[s.id] = true
		lines = lines[n:]
	}
	events := len(seen) - sessions
	if per := float64(events) / sessions; per < 8 || per > 15 {
		t.Errorf("%.1f events a session", per)
	}
	if mean := size / events; mean < 300 || mean > 450 {
		t.Errorf("%d bytes an event", mean)
	}
}

// replay counts what happens in one session.
type replay struct {
	t                    *testing.T
	id                   string
	first, last          time.Time
	generated, executed  uint32
	errors, blocks       uint32
	inference, execution []uint64
	retries              []uint32
	generations          map[string]bool
}

func (r *replay) take(l schema.Line) {
	r.t.Helper()
	if r.id == "" {
		r.id, r.first = l.SessionID(), l.Timestamp()
		if l.Name() != schema.NameSessionStart {
			r.t.Fatalf("a session starts with %s", l.Name())
		}
	}
	if l.SessionID() != r.id || l.Timestamp().Before(r.last) {
		r.t.Fatalf("%s is of another session, or back in time", l.Name())
	}
	r.last = l.Timestamp()
	e, err := schema.Decode(l)
	if err != nil {
		r.t.Fatal(err)
	}
	switch e := e.(type) {
	case schema.CommandGenerated:
		r.generated++
		r.generations[e.GenerationID] = true
		r.inference = append(r.inference, e.InferenceTimeMS)
		r.retries = append(r.retries, *e.RetryCount)
	case schema.SafetyTriggered:
		if !r.generations[e.GenerationID] {
			r.t.Error("a safety event is about no generation")
		}
		if e.ActionTaken == schema.ActionBlocked {
			r.blocks++
			delete(r.generations, e.GenerationID)
		}
	case schema.CommandExecuted:
		if !r.generations[e.GenerationID] {
			r.t.Error("executed what was never generated, or was blocked")
		}
		r.executed++
		if e.ExecutionTimeMS != nil {
			r.execution = append(r.execution, *e.ExecutionTimeMS)
		}
	case schema.ErrorOccurred:
		r.errors++
	case schema.SessionEnd:
		r.compare(e)
	}
}

func (r *replay) compare(e schema.SessionEnd) {
	r.t.Helper()
	if e.CommandsGenerated != r.generated || e.CommandsExecuted != r.executed || e.ErrorsEncountered != r.errors || *e.SafetyBlocks != r.blocks {
		r.t.Errorf("the end counts %d, %d, %d, %d; there were %d generated, %d executed, %d errors, %d blocks",
			e.CommandsGenerated, e.CommandsExecuted, e.ErrorsEncountered, *e.SafetyBlocks, r.generated, r.executed, r.errors, r.blocks)
	}
	if want := uint64(r.last.Sub(r.first).Milliseconds()); e.SessionDurationMS != want {
		r.t.Errorf("the end says %d ms, it took %d", e.SessionDurationMS, want)
	}
	if e.Performance.InferenceTimeMS != byNearestRank(r.inference) || e.Performance.ExecutionTimeMS != byNearestRank(r.execution) {
		r.t.Error("the percentiles are not those of the session")
	}
	p, retries := e.RetryPattern, uint32(0)
	for _, n := range r.retries {
		retries += min(n, 1)
	}
	if *e.Retries != retries || p.One+2*p.Two+3*p.ThreeOrMore != retries || p.None+p.One+p.Two+p.ThreeOrMore+retries != r.generated {
		r.t.Errorf("%d generations with %d retries do not make the pattern %+v", r.generated, retries, *p)
	}
}

// byNearestRank is the definition: the smallest value that at least p percent
// of the values do not exceed.
func byNearestRank(values []uint64) schema.Percentiles {
	rank := func(p int) (least uint64) {
		sorted := slices.Sorted(slices.Values(values))
		for i, v := range sorted {
			if 100*(i+1) >= p*len(sorted) {
				return v
			}
		}
		return 0
	}
	return schema.Percentiles{P50: rank(50), P90: rank(90), P95: rank(95), P99: rank(99), Max: rank(100)}
}

func TestPercentilesOfKnownValues(t *testing.T) {
	got := percentiles([]uint64{15, 20, 35, 40, 50})
	if want := (schema.Percentiles{P50: 35, P90: 50, P95: 50, P99: 50, Max: 50}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	hundred := make([]uint64, 100)
	for i := range hundred {
		hundred[i] = uint64(100 - i)
	}
	if got, want := percentiles(hundred), (schema.Percentiles{P50: 50, P90: 90, P95: 95, P99: 99, Max: 100}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := percentiles(nil); got != (schema.Percentiles{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestLevelsGateWhatIsMadeUp(t *testing.T) {
	o := Options{Sessions: 20, Seed: 1, Start: start}
	for _, level := range schema.Levels() {
		o.Level = level
		all := text(generate(t, o))
		for part, from := range map[string]schema.Level{
			`"session.start"`: schema.Minimal, `"session.end"`: schema.Minimal, `"command.generated"`: schema.Standard,
			`"confidence_score"`: schema.Detailed, `"performance"`: schema.Detailed,
		} {
			if strings.Contains(all, part) != level.Includes(from) {
				t.Errorf("at %s: %s", level, part)
			}
		}
	}
}

func TestSessionIDsNeverCollide(t *testing.T) {
	key := SeededKey(9)
	seen := make(map[uint32]bool, 1<<17)
	for n := range uint32(1 << 17) {
		seen[scramble(n*32749, key)] = true // a prime step: many high and low bits
	}
	if len(seen) != 1<<17 {
		t.Errorf("%d ids for %d sessions", len(seen), 1<<17)
	}
}

func TestSessionsSpreadOverTheDays(t *testing.T) {
	o := Options{Sessions: 700, Start: start, Days: 7}
	r := rand.New(rand.NewPCG(1, 1))
	var last time.Time
	perDay := map[string]int{}
	for i := range o.Sessions {
		at := o.start(i, r.Float64())
		if at.Before(last) || at.Before(start) || !at.Before(start.AddDate(0, 0, 7)) {
			t.Fatalf("session %d starts at %v after %v", i, at, last)
		}
		last = at
		perDay[at.Format(time.DateOnly)]++
	}
	for day, n := range perDay {
		if n < 95 || n > 105 {
			t.Errorf("%d sessions on %s", n, day)
		}
	}
}

// TestMemoryStaysFlat looks at what is alive, not at what was allocated.
func TestMemoryStaysFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("makes up 3,000 sessions")
	}
	alive := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var early, n uint64
	for l, err := range Generate(Options{Sessions: 3000, Seed: 1, Start: start}) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Name() != schema.NameSessionEnd {
			continue
		}
		if n++; n == 200 {
			early = alive()
		}
	}
	if late := alive(); late > early+256<<10 {
		t.Errorf("%d bytes alive after 200 sessions, %d at the end", early, late)
	}
}
