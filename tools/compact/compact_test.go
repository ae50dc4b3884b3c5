package compact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
	"caro.sh/telemetry/schema"
)

// eventTime is when the events of the tests happened.
var eventTime = time.Date(2026, 11, 23, 10, 15, 30, 0, time.UTC)

func event(t testing.TB, i int) schema.Line {
	t.Helper()
	line, err := schema.Parse(fmt.Appendf(nil, `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.000Z","session_id":"0123456789abcdef",`+
		`"event_id":"019aaf00-0001-7000-8000-%012x","error_category":"unknown","error_code":"E_X","component":"parser"}`, i))
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// sealed makes a log of so many sealed segments and an active one, fifty events each.
func sealed(t testing.TB, segments int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	l, err := eventlog.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 * (segments + 1) {
		if _, err := l.Append(event(t, i)); err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 && i < 50*segments {
			if err := l.Seal(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// at are options with a clock that stands still, as long after the events.
func at(age time.Duration) Options {
	return Options{Log: eventlog.Options{Now: func() time.Time { return eventTime.Add(age) }}}
}

// held reads the log: the states of its segments, and how many events are there,
// each of them once.
func held(t testing.TB, dir string) (states string, events int) {
	t.Helper()
	s, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, seg := range s.Segments() {
		states += string(seg.State)[:1]
	}
	seen := map[string]bool{}
	for e, err := range s.Lines() {
		if err != nil {
			continue
		}
		if seen[string(e.Raw)] {
			t.Error("an event is there twice")
		}
		seen[string(e.Raw)] = true
	}
	return states, len(seen)
}

func wantHeld(t testing.TB, dir, states string, events int) {
	t.Helper()
	if s, n := held(t, dir); s != states || n != events {
		t.Errorf("segments %s with %d events, want %s with %d", s, n, states, events)
	}
}

func TestEverySealedSegmentButTheNewestIsCompactedOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 4} {
		dir := sealed(t, 9)
		o := at(time.Hour)
		o.Workers = workers
		seen := map[uint64]int{}
		var before, after int64
		o.Progress = func(s Segment) {
			seen[s.Number]++
			before += s.Before
			after += s.After
		}
		r, err := Run(context.Background(), dir, o)
		if err != nil || r.Segments != 8 || len(seen) != 8 || r.Before != before || r.After != after || r.Saved() <= r.Before/2 {
			t.Errorf("%d workers: %+v, %v; progress %v", workers, r, err, seen)
		}
		wantHeld(t, dir, "ccccccccsa", 500)
		if r, err := Run(context.Background(), dir, at(time.Hour)); err != nil || r.Segments != 0 || r.Saved() != 0 {
			t.Errorf("a second run: %+v, %v", r, err)
		}
	}
}

func TestDryRunSaysTheSameAndChangesNothing(t *testing.T) {
	dir := sealed(t, 4)
	o := at(48 * time.Hour)
	o.DryRun, o.OptedOut = true, true
	said, err := Run(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	wantHeld(t, dir, "ssssa", 250)
	if _, err := os.Stat(filepath.Join(dir, ".maint.lock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it took the maintenance lock: %v", err)
	}
	did, err := Run(context.Background(), dir, at(time.Hour))
	if err != nil || did.Segments != said.Segments || did.Before != said.Before || did.After != said.After {
		t.Errorf("said %+v, did %+v, %v", said, did, err)
	}
}

func TestActiveSegmentIsSealedWhenItsFirstEventIsADayOld(t *testing.T) {
	dir := sealed(t, 2)
	if _, err := Run(context.Background(), dir, at(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, dir, "csa", 150)
	if _, err := Run(context.Background(), dir, at(25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, dir, "ccsa", 150)
}

func TestAgeLimitsAreApplied(t *testing.T) {
	dir := sealed(t, 3)
	s, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first := s.Segments()[0]
	old := filepath.Join(dir, "events-0000000001-2026-10-01T00-00-00.000.ndjson")
	if err := os.Rename(filepath.Join(dir, first.Name), old); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(90 * 24 * time.Hour) // the name is old by then; the clock is not believed yet
	for _, day := range []int{0, 2} {
		o := Options{Log: eventlog.Options{Now: func() time.Time { return now.AddDate(0, 0, day) }}}
		if _, err := Run(context.Background(), dir, o); err != nil {
			t.Fatal(err)
		}
	}
	s, err = eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := s.Losses().Expired; n == 0 {
		t.Error("nothing expired")
	}
}

func TestDamagedFilesAreReportedAndLeft(t *testing.T) {
	dir := sealed(t, 6)
	if _, err := Run(context.Background(), dir, at(time.Hour)); err != nil {
		t.Fatal(err)
	}
	damaged := map[string]string{}
	for i, spoil := range []func(string) string{
		func(frame string) string { return "" },
		func(frame string) string { return frame[:len(frame)/2] },
		func(frame string) string { return frame[:100] + string(frame[100]^4) + frame[101:] },
	} {
		names, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("events-%010d-*.lz4", i+1)))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		frame, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		damaged[names[0]] = spoil(string(frame))
		if err := os.WriteFile(names[0], []byte(damaged[names[0]]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := eventlog.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), dir, at(time.Hour))
	if err != nil || r.Segments != 1 || len(r.Damaged) != 3 || len(r.Failed) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for i, d := range r.Damaged {
		if d.Number != uint64(i+1) || !strings.Contains(d.Err.Error(), d.Name) {
			t.Errorf("damage %d: %+v", i, d)
		}
	}
	for name, content := range damaged {
		if left, err := os.ReadFile(name); err != nil || string(left) != content {
			t.Errorf("%s is not as it was: %v", filepath.Base(name), err)
		}
	}
	wantHeld(t, dir, "ccccccsa", 200)
}

func TestSegmentThatCannotBeReadStopsNobody(t *testing.T) {
	dir := sealed(t, 4)
	o := at(time.Hour)
	o.Log.FS = faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		if op.Kind == "open" && strings.HasPrefix(op.Name, "events-0000000002-") {
			return faultfs.Outcome{Err: syscall.EIO}
		}
		return faultfs.Outcome{}
	})
	r, err := Run(context.Background(), dir, o)
	if err != nil || r.Segments != 2 || len(r.Failed) != 1 || r.Failed[0].Number != 2 || !errors.Is(r.Failed[0].Err, syscall.EIO) {
		t.Errorf("%+v, %v", r, err)
	}
	wantHeld(t, dir, "cscsa", 250)
}

func TestWithoutWork(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, o := range []Options{{}, {DryRun: true}} {
		if r, err := Run(context.Background(), missing, o); err != nil || r.Segments != 0 {
			t.Errorf("no log: %+v, %v", r, err)
		}
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the directory was made")
	}
	for _, n := range []int{0, 1} {
		dir := sealed(t, n)
		if r, err := Run(context.Background(), dir, at(time.Hour)); err != nil || r.Segments != 0 {
			t.Errorf("%d segments: %+v, %v", n, r, err)
		}
	}
}

func TestOptOutInTheSettingsFileRaisesTheFloor(t *testing.T) {
	dir := sealed(t, 3)
	o := at(time.Hour)
	o.OptedOut = true
	if _, err := Run(context.Background(), dir, o); err != nil {
		t.Fatal(err)
	}
	s, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := s.Floor(); n != 4 {
		t.Errorf("the floor is %d", n)
	}
	wantHeld(t, dir, "cccsa", 200)
}

func TestOneToolAtATime(t *testing.T) {
	dir := sealed(t, 3)
	other, err := eventlog.OpenExisting(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := other.Maintain()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	o := at(time.Hour)
	o.Log.LockTimeout = time.Millisecond
	if _, err := Run(context.Background(), dir, o); !errors.Is(err, eventlog.ErrLocked) {
		t.Errorf("Run: %v", err)
	}
	wantHeld(t, dir, "sssa", 200)
}

func TestRunEndsWithItsContext(t *testing.T) {
	dir := sealed(t, 20)
	ctx, cancel := context.WithCancel(context.Background())
	o := at(time.Hour)
	o.Workers = 1
	o.Progress = func(Segment) { cancel() }
	r, err := Run(ctx, dir, o)
	if !errors.Is(err, context.Canceled) || r.Segments == 0 || r.Segments > 4 {
		t.Errorf("%d segments, %v", r.Segments, err)
	}
	if states, n := held(t, dir); n != 1050 || strings.Count(states, "c") != r.Segments {
		t.Errorf("segments %s with %d events", states, n)
	}
}

// Memory does not grow with the log: it holds some segments' compressed form,
// whatever their number.
func TestMemoryIsThatOfAFewSegments(t *testing.T) {
	dir := sealed(t, 1)
	const segments, size = 14, 6 << 20 // of a log of 100 MB
	line := string(event(t, 1).Bytes()) + "\n"
	content := []byte(strings.Repeat(line, size/len(line)))
	for i := range segments {
		name := filepath.Join(dir, fmt.Sprintf("events-%010d-2026-11-23T10-15-31.000.ndjson", i+2))
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content = nil
	o := at(time.Hour)
	o.Log.MaxBytes, o.Log.KeepUnsent, o.Workers = 100*eventlog.MB, -1, 2
	var peak uint64
	o.Progress = func(Segment) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	r, err := Run(context.Background(), dir, o)
	if err != nil || r.Segments != segments {
		t.Fatalf("%+v, %v", r, err)
	}
	t.Logf("%d bytes compacted, at most %d in memory", r.Before, peak)
	if peak > 5*size {
		t.Errorf("%d bytes in memory for segments of %d", peak, size)
	}
}
