package session_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"
)

// lines are the events of a log file.
func lines(text []byte) iter.Seq[schema.Line] {
	return func(yield func(schema.Line) bool) {
		for raw := range bytes.Lines(text) {
			l, err := schema.Parse(bytes.TrimSuffix(raw, []byte("\n")))
			if err != nil {
				panic(err)
			}
			if !yield(l) {
				return
			}
		}
	}
}

// quickDir is a test directory where a sync costs nothing, if there is such a
// place: a session gives up on a slow disk, and these tests are not about that.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "session")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// start begins a session in a home of its own, switched on.
func start(t testing.TB, o session.Options, pairs ...string) (s *session.Session, dir string) {
	t.Helper()
	environment := map[string]string{"HOME": quickDir(t), "CARO_TELEMETRY_ENABLED": "true"}
	for i := 0; i < len(pairs); i += 2 {
		environment[pairs[i]] = pairs[i+1]
	}
	o.Getenv = func(name string) string { return environment[name] }
	if o.Backend == "" {
		o.Backend = schema.BackendMock
	}
	return session.Start(o), settings.Places{Getenv: o.Getenv}.StateDir()
}

// recorded are the events in dir, none when there is no log.
func recorded(t testing.TB, dir string) (events []schema.Event) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, eventlog.ActiveName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for l := range lines(text) {
		e, err := schema.Decode(l)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestSessionCountsWhatHappens(t *testing.T) {
	now := time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC)
	s, dir := start(t, session.Options{Now: func() time.Time { return now }}, "CARO_TELEMETRY_LEVEL", "detailed")
	for i := range 100 {
		s.CommandGenerated(schema.CommandGenerated{
			GenerationID: session.NewGenerationID(), BackendUsed: schema.BackendMock, InferenceTimeMS: uint64(100 - i),
			SafetyResult: schema.SafetyResult{RiskLevel: schema.RiskSafe}, RetryCount: new(uint32(i % 5)),
		})
	}
	s.CommandExecuted(schema.CommandExecuted{GenerationID: session.NewGenerationID(), ExecutionMode: schema.ExecutionDryRun})
	s.CommandExecuted(schema.CommandExecuted{GenerationID: session.NewGenerationID(), ExecutionMode: schema.ExecutionConfirmed, ExecutionTimeMS: new(uint64(7))})
	for _, action := range []schema.Action{schema.ActionBlocked, schema.ActionWarned, schema.ActionBlocked} {
		s.SafetyTriggered(schema.SafetyTriggered{GenerationID: session.NewGenerationID(), RiskLevel: schema.RiskHigh,
			PatternCategory: schema.PatternOther, ActionTaken: action})
	}
	s.ErrorOccurred(schema.ErrorOccurred{ErrorCategory: schema.ErrorUnknown, ErrorCode: "E_X", Component: "parser"})
	now = now.Add(90 * time.Second) // past midnight: the session keeps its day
	s.End(schema.ExitTimeout)
	s.End(schema.ExitError)
	s.ErrorOccurred(schema.ErrorOccurred{ErrorCategory: schema.ErrorUnknown, ErrorCode: "E_X", Component: "late"})

	events := recorded(t, dir)
	if len(events) != 1+100+2+3+1+1 {
		t.Fatalf("%d events", len(events))
	}
	end := events[len(events)-1].(schema.SessionEnd)
	if end.CommandsGenerated != 100 || end.CommandsExecuted != 2 || end.ErrorsEncountered != 1 || *end.SafetyBlocks != 2 ||
		*end.Retries != 80 || end.ExitReason != schema.ExitTimeout || end.SessionDurationMS != 90000 {
		t.Errorf("the end says %+v", end)
	}
	if want := (schema.RetryPattern{None: 20, One: 20, Two: 20, ThreeOrMore: 40}); *end.RetryPattern != want {
		t.Errorf("retries %+v", *end.RetryPattern)
	}
	if want := (schema.Percentiles{P50: 50, P90: 90, P95: 95, P99: 99, Max: 100}); end.Performance.InferenceTimeMS != want {
		t.Errorf("inference %+v", end.Performance.InferenceTimeMS)
	}
	if want := (schema.Percentiles{P50: 7, P90: 7, P95: 7, P99: 7, Max: 7}); end.Performance.ExecutionTimeMS != want {
		t.Errorf("execution %+v", end.Performance.ExecutionTimeMS)
	}
	for _, e := range events {
		if e.EventHeader().SessionID != events[0].EventHeader().SessionID {
			t.Error("two ids in one session")
		}
	}
}

func TestStandardLevelLeavesTheDetailsOff(t *testing.T) {
	s, dir := start(t, session.Options{})
	s.End(schema.ExitUserComplete)
	end := recorded(t, dir)[1].(schema.SessionEnd)
	if end.Performance != nil || end.RetryPattern != nil || end.Retries == nil {
		t.Errorf("%+v", end)
	}
}

func TestStartSaysWhatItRunsOn(t *testing.T) {
	s, dir := start(t, session.Options{FallbackEnabled: true, OutputFormat: schema.OutputYAML}, "SHELL", "/usr/local/bin/fish")
	s.End(schema.ExitUserComplete)
	e := recorded(t, dir)[0].(schema.SessionStart)
	if e.CaroVersion != "0.0.0-dev" || e.Platform.Shell != schema.ShellFish || e.Platform.OS == "" || e.Platform.Arch == "" ||
		!e.BackendConfig.FallbackEnabled || e.OutputFormat != schema.OutputYAML || e.IsFirstRun != nil {
		t.Errorf("%+v", e)
	}
}

func TestNilAndSilentSessions(t *testing.T) {
	off, dir := start(t, session.Options{NoTelemetry: true})
	for _, s := range []*session.Session{nil, off} {
		generation := strings.Repeat("x", 36)
		n := testing.AllocsPerRun(100, func() {
			s.CommandGenerated(schema.CommandGenerated{GenerationID: generation})
			s.CommandExecuted(schema.CommandExecuted{GenerationID: generation})
			s.SafetyTriggered(schema.SafetyTriggered{GenerationID: generation})
			s.ErrorOccurred(schema.ErrorOccurred{Component: generation})
		})
		if n != 0 || s.Enabled() || s.Recorder() != nil {
			t.Errorf("%v allocations, enabled %v", n, s.Enabled())
		}
		s.End(schema.ExitUserComplete)
	}
	if off.Reason() != settings.ReasonFlag {
		t.Errorf("reason %s", off.Reason())
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
}

// The promise: a command in another terminal stops a running process.
func TestOptOutElsewhereStopsARunningSession(t *testing.T) {
	home := quickDir(t)
	getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
	places := settings.Places{Getenv: getenv}
	if err := settings.Set(places.ConfigFile(), settings.KeyEnabled, "true"); err != nil {
		t.Fatal(err)
	}
	s := session.Start(session.Options{Backend: schema.BackendMock, Getenv: getenv})
	oops := schema.ErrorOccurred{ErrorCategory: schema.ErrorUnknown, ErrorCode: "E_X", Component: "parser"}
	s.ErrorOccurred(oops)
	if _, err := s.Recorder().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(recorded(t, places.StateDir())); n != 2 {
		t.Fatalf("%d events", n)
	}
	if err := settings.Set(places.ConfigFile(), settings.KeyEnabled, "false"); err != nil {
		t.Fatal(err)
	}
	if _, err := eventlog.OptOut(places.StateDir(), nil, false); err != nil {
		t.Fatal(err)
	}
	s.ErrorOccurred(oops)
	s.End(schema.ExitUserComplete)
	if n := len(recorded(t, places.StateDir())); n != 0 || s.Enabled() {
		t.Errorf("%d events after the opt-out", n)
	}
}

// Whatever was recorded before somebody said yes is not meant by it.
func TestYesIsForWhatComesAfterIt(t *testing.T) {
	s, dir := start(t, session.Options{})
	s.End(schema.ExitUserComplete)
	home := filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(dir))))
	before := len(recorded(t, dir))
	asked, _ := start(t, session.Options{
		Prompt: &settings.Prompt{In: strings.NewReader("y\n"), Out: io.Discard, Terminal: true},
	}, "HOME", home, "CARO_TELEMETRY_ENABLED", "")
	asked.End(schema.ExitUserComplete)
	snapshot, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	segments := snapshot.Segments()
	if len(segments) != 2 || before == 0 || snapshot.Floor() != segments[0].Number || segments[1].State != eventlog.Active {
		t.Errorf("%d events before, floor %d, %+v", before, snapshot.Floor(), segments)
	}
}

func TestIDsGroupADayAndNothingElse(t *testing.T) {
	home := quickDir(t)
	id := func(at time.Time) string {
		s, dir := start(t, session.Options{Now: func() time.Time { return at }}, "HOME", home)
		s.End(schema.ExitUserComplete)
		events := recorded(t, dir)
		return events[len(events)-1].EventHeader().SessionID
	}
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	a, b, c := id(noon), id(noon.Add(11*time.Hour)), id(noon.AddDate(0, 0, 1))
	if a[:8] != b[:8] || a == b || a[:8] == c[:8] {
		t.Errorf("ids %s, %s and the day after %s", a, b, c)
	}
	dir := filepath.Join(home, ".local", "state", "caro", "telemetry")
	key, err := os.ReadFile(filepath.Join(dir, session.KeyName))
	if err != nil || len(key) != 32 || bytes.Equal(key, make([]byte, 32)) {
		t.Errorf("a key of %d bytes, %v", len(key), err)
	}
	text, err := os.ReadFile(filepath.Join(dir, eventlog.ActiveName))
	if err != nil || bytes.Contains(text, []byte(hex.EncodeToString(key)[:16])) {
		t.Errorf("the key is in the log: %v", err)
	}

	ids, err := session.DayIDs(dir, noon.AddDate(0, 0, 1))
	if err != nil || len(ids) != 2 || ids[0] != c[:8] || ids[1] != a[:8] {
		t.Errorf("day ids %v, %v", ids, err)
	}
	if ids, err = session.DayIDs(dir, noon.AddDate(1, 0, 0)); err != nil || len(ids) != session.MaxDayIDs {
		t.Errorf("%d day ids after a year, %v", len(ids), err)
	}
	if ids, err = session.DayIDs(t.TempDir(), noon); err != nil || len(ids) != 0 {
		t.Errorf("day ids without a key: %v, %v", ids, err)
	}
}

func TestADamagedKeyRecordsNothing(t *testing.T) {
	home := quickDir(t)
	dir := filepath.Join(home, ".local", "state", "caro", "telemetry")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, session.KeyName), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, session.Options{}, "HOME", home)
	s.End(schema.ExitUserComplete)
	if n := len(recorded(t, dir)); n != 0 {
		t.Errorf("%d events without an id", n)
	}
	if _, err := session.DayIDs(dir, time.Now()); err == nil {
		t.Error("a damaged key is not reported")
	}
}
