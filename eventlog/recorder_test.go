package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/schema"
)

const testSession = "0123456789abcdef"

// newRecorder records into a directory that does not exist yet.
func newRecorder(t testing.TB, o RecorderOptions) (*Recorder, string) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "log")
	}
	if o.SessionID == nil {
		o.SessionID = func() (string, error) { return testSession, nil }
	}
	r := NewRecorder(o)
	t.Cleanup(func() { closeRecorder(t, r) })
	return r, o.Dir
}

func closeRecorder(t testing.TB, r *Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func oops() schema.ErrorOccurred {
	return schema.ErrorOccurred{ErrorCategory: schema.ErrorUnknown, ErrorCode: "E_X", Component: "parser"}
}

func logged(t testing.TB, dir string) []schema.Line {
	t.Helper()
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var lines []schema.Line
	for e, err := range s.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		l, err := schema.Parse(e.Raw)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

func lossesIn(t testing.TB, dir string) Losses {
	t.Helper()
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Losses()
}

func TestRecorderCompletesAndKeepsTheOrder(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 15, 30, 123e6, time.UTC)
	r, dir := newRecorder(t, RecorderOptions{Now: func() time.Time { at = at.Add(time.Millisecond); return at }})
	const n = 500
	for range n {
		r.Record(oops())
	}
	own := schema.Header{Timestamp: at.Add(time.Hour), SessionID: "fedcba9876543210", EventID: testID(1, 1)}
	r.Record(oops().WithHeader(own))
	closeRecorder(t, r)
	lines := logged(t, dir)
	if len(lines) != n+1 {
		t.Fatalf("%d events are in the log", len(lines))
	}
	seen := map[string]bool{}
	for i, l := range lines[:n] {
		id, err := uuid.Parse(l.EventID())
		if err != nil || id.Version() != 7 || seen[l.EventID()] {
			t.Fatalf("event %d has the id %q", i, l.EventID())
		}
		seen[l.EventID()] = true
		if l.SessionID() != testSession || i > 0 && !l.Timestamp().After(lines[i-1].Timestamp()) {
			t.Fatalf("event %d of session %q at %v", i, l.SessionID(), l.Timestamp())
		}
	}
	if last := lines[n]; last.EventID() != own.EventID || last.SessionID() != own.SessionID || !last.Timestamp().Equal(own.Timestamp) {
		t.Errorf("the host's own header became %v", last)
	}
}

func TestNilRecorderIsSilent(t *testing.T) {
	var r *Recorder
	r.Record(oops())
	Record(r, oops())
	r.SetEnabled(true)
	ctx := context.Background()
	if n, err := r.PendingCount(); n != 0 || err != nil || r.Enabled() {
		t.Error(n, err)
	}
	for range r.Pending() {
		t.Error("an event of nobody")
	}
	if f, err := r.Flush(ctx); f.Outcome != FlushEmpty || err != nil {
		t.Error(f, err)
	}
	if n, err := r.Clear(ctx); n != 0 || err != nil {
		t.Error(n, err)
	}
	if _, err := r.Export(ctx); !errors.Is(err, ErrNoWorker) {
		t.Error(err)
	}
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

func off() (schema.Level, bool) { return schema.Detailed, false }

func TestRecorderThatIsOffTouchesNothing(t *testing.T) {
	r, dir := newRecorder(t, RecorderOptions{Allowed: off})
	component := strings.Repeat("p", 3) // not a constant, so that the event is no static data
	n := testing.AllocsPerRun(1000, func() {
		e := oops()
		e.Component = component
		Record(r, e)
	})
	if n != 0 {
		t.Errorf("%v allocations a call", n)
	}
	r.SetEnabled(true) // the host wants to; the user does not
	r.Record(oops())
	closeRecorder(t, r)
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
}

// gate is a permission that can be held up, as a disk that does not answer
// holds up the writer.
type gate struct {
	held, waiting chan struct{}
	first         atomic.Bool
}

func newGate() *gate { return &gate{held: make(chan struct{}), waiting: make(chan struct{}, 100)} }

func (g *gate) allowed() (schema.Level, bool) {
	if g.first.Swap(true) { // the constructor asks as well
		g.waiting <- struct{}{}
		<-g.held
	}
	return schema.Detailed, true
}

func TestRecordNeverBlocks(t *testing.T) {
	g := newGate()
	r, dir := newRecorder(t, RecorderOptions{Allowed: g.allowed, QueueLength: 8})
	r.Record(oops())
	<-g.waiting // the writer has the first one, and is stuck with it
	const n = 1000
	began := time.Now()
	for range n {
		r.Record(oops())
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("%v for %d events", took, n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close does not say that it gave up: %v", err)
	}
	close(g.held)
	closeRecorder(t, r)
	lost := lossesIn(t, dir).QueueFull
	if kept := int64(len(logged(t, dir))); kept != 1+8 || lost != n-8 {
		t.Errorf("%d events kept and %d counted of %d", kept, lost, n+1)
	}
}

func TestConsentIsAskedBeforeEachWrite(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	r, dir := newRecorder(t, RecorderOptions{Allowed: func() (schema.Level, bool) { return schema.Detailed, on.Load() }})
	r.Record(oops())
	flush(t, r)
	on.Store(false)
	r.Record(oops())
	flush(t, r)
	if r.Enabled() || len(logged(t, dir)) != 1 {
		t.Errorf("enabled %v, %d events", r.Enabled(), len(logged(t, dir)))
	}
	on.Store(true) // an opt-out holds for the rest of the run
	r.Record(oops())
	closeRecorder(t, r)
	if len(logged(t, dir)) != 1 || lossesIn(t, dir).Total() != 0 {
		t.Errorf("%d events, losses %+v", len(logged(t, dir)), lossesIn(t, dir))
	}
}

// A writer that was allowed to write, and waits for the lock while the user
// opts out and the log is cleared, must find out.
func TestConsentIsAskedUnderTheLock(t *testing.T) {
	dir := t.TempDir()
	asked := 0
	l := openLog(t, dir, &Options{Consent: func() bool { asked++; return asked == 1 }})
	if n, err := l.Append(testLine(t, 1, 1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := l.Append(testLine(t, 1, 2)); n != 0 || !errors.Is(err, ErrOff) {
		t.Fatal(n, err)
	}
	if len(logged(t, dir)) != 1 || asked != 2 {
		t.Errorf("%d events, asked %d times", len(logged(t, dir)), asked)
	}
}

func flush(t *testing.T, r *Recorder) FlushResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	f, err := r.Flush(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// worker stands in for the tools.
type worker struct{ transmitted, deferred int64 }

func (w worker) Upload(context.Context, string) (int64, int64, error) {
	return w.transmitted, w.deferred, nil
}

func (w worker) Export(_ context.Context, dir string) (int64, error) {
	return w.transmitted, nil
}

func TestFlushSaysWhatBecameOfTheEvents(t *testing.T) {
	for name, test := range map[string]struct {
		uploader Uploader
		events   int
		want     FlushResult
	}{
		"empty":       {worker{}, 0, FlushResult{FlushEmpty, 0}},
		"spooled":     {nil, 3, FlushResult{FlushSpooled, 3}},
		"transmitted": {worker{transmitted: 3}, 3, FlushResult{FlushTransmitted, 3}},
		"deferred":    {worker{deferred: 3}, 3, FlushResult{FlushDeferred, 3}},
		"in part":     {worker{transmitted: 1, deferred: 2}, 3, FlushResult{FlushDeferred, 2}},
		"not yet":     {worker{}, 3, FlushResult{FlushDeferred, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := newRecorder(t, RecorderOptions{Uploader: test.uploader})
			for range test.events {
				r.Record(oops())
			}
			if got := flush(t, r); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestPendingExportAndClearWorkWhenOff(t *testing.T) {
	r, dir := newRecorder(t, RecorderOptions{})
	for range 3 {
		r.Record(oops())
	}
	closeRecorder(t, r)
	quiet, _ := newRecorder(t, RecorderOptions{Dir: dir, Allowed: off, Exporter: worker{transmitted: 3}, Uploader: worker{transmitted: 3}})
	if n, err := quiet.PendingCount(); n != 3 || err != nil {
		t.Error(n, err)
	}
	n := 0
	for l, err := range quiet.Pending() {
		if err != nil || l.Name() != schema.NameErrorOccurred {
			t.Error(l, err)
		}
		n++
	}
	if f := flush(t, quiet); n != 3 || f != (FlushResult{FlushSpooled, 3}) {
		t.Errorf("%d events, flush %+v: nothing may be sent", n, f)
	}
	ctx := context.Background()
	if n, err := quiet.Export(ctx); n != 3 || err != nil {
		t.Error(n, err)
	}
	if n, err := quiet.Clear(ctx); n != 3 || err != nil {
		t.Error(n, err)
	}
	if n, err := quiet.PendingCount(); n != 0 || err != nil {
		t.Error(n, err)
	}
	nowhere, none := newRecorder(t, RecorderOptions{Allowed: off})
	if n, err := nowhere.Clear(ctx); n != 0 || err != nil {
		t.Error(n, err)
	}
	if _, err := os.Lstat(none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("clearing made something: %v", err)
	}
}

func TestRecorderCountsWhatItCannotWrite(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		r, dir := newRecorder(t, RecorderOptions{})
		bad := oops()
		bad.Component = "/etc/passwd"
		r.Record(bad)
		r.Record(oops())
		closeRecorder(t, r)
		if l := lossesIn(t, dir); l.Refused[schema.Path] != 1 || len(logged(t, dir)) != 1 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("locked", func(t *testing.T) {
		r, dir := newRecorder(t, RecorderOptions{Log: &Options{LockTimeout: time.Millisecond}})
		r.Record(oops())
		flush(t, r)
		held, err := vfs.Disk.Lock(filepath.Join(dir, lockName), vfs.LockOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r.Record(oops())
		flush(t, r)
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		r.Record(oops())
		closeRecorder(t, r)
		if l := lossesIn(t, dir); l.LockTimeout != 1 || len(logged(t, dir)) != 2 {
			t.Errorf("%+v and %d events", l, len(logged(t, dir)))
		}
	})
	t.Run("no session id", func(t *testing.T) {
		r, dir := newRecorder(t, RecorderOptions{SessionID: func() (string, error) { return "", errors.New("no") }})
		r.Record(oops())
		closeRecorder(t, r)
		if l := lossesIn(t, dir); l.Refused[schema.SchemaRule] != 1 {
			t.Errorf("%+v", l)
		}
	})
}

func TestTroubleWithTheDiskEndsRecording(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	r, _ := newRecorder(t, RecorderOptions{Dir: dir})
	if !r.Enabled() {
		t.Fatal("off before the first event")
	}
	r.Record(oops())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.written(ctx); err != nil || r.Enabled() {
		t.Errorf("still on, %v", err)
	}
}

// strange is an event type from elsewhere that misbehaves.
type strange struct{ schema.ErrorOccurred }

func (strange) WithHeader(schema.Header) schema.Event { panic("strange") }

func TestRecorderNeverPanicsOut(t *testing.T) {
	r, _ := newRecorder(t, RecorderOptions{})
	r.Record(nil)
	r.Record(strange{})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.written(ctx); err != nil || r.Enabled() {
		t.Errorf("goes on after a panic: %v", err)
	}
	r.Record(oops())
	closeRecorder(t, r)
}

func TestRecorderServesManyGoroutines(t *testing.T) {
	r, dir := newRecorder(t, RecorderOptions{QueueLength: 64})
	var wait sync.WaitGroup
	const writers, each = 8, 100
	for range writers {
		wait.Go(func() {
			for range each {
				Record(r, oops())
			}
		})
	}
	wait.Go(func() { _, _ = r.PendingCount() })
	wait.Wait()
	closeRecorder(t, r)
	r.Record(oops()) // too late
	closeRecorder(t, r)
	kept, lost := int64(len(logged(t, dir))), lossesIn(t, dir).QueueFull
	if kept+lost != writers*each || kept == 0 {
		t.Errorf("%d kept and %d counted of %d", kept, lost, writers*each)
	}
}

// TestLevelsGateEveryField records an event with every field there is, at each
// level, and compares what arrives with what the schema says.
func TestLevelsGateEveryField(t *testing.T) {
	for _, name := range schema.Names() {
		text, err := os.ReadFile(filepath.Join("..", "fixtures", "events", "valid", string(name)+"-full.json"))
		if err != nil {
			t.Fatal(err)
		}
		full, err := schema.Parse([]byte(strings.TrimSpace(string(text))))
		if err != nil {
			t.Fatal(err)
		}
		event, err := schema.Decode(full)
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range schema.Levels() {
			r, dir := newRecorder(t, RecorderOptions{Allowed: func() (schema.Level, bool) { return level, true }})
			r.Record(event)
			closeRecorder(t, r)
			var got []string
			if _, err := os.Stat(dir); err == nil {
				for _, l := range logged(t, dir) {
					got = leaves(t, l.Bytes())
				}
			}
			if want := leavesAt(name, level); !slices.Equal(got, want) {
				t.Errorf("%s at %s has\n%v, want\n%v", name, level, got, want)
			}
		}
	}
}

// leavesAt are the fields of an event that its schema wants recorded at a level.
func leavesAt(name schema.Name, level schema.Level) (paths []string) {
	if !level.Includes(schema.EventLevel(name)) {
		return nil
	}
	for _, f := range schema.Fields(name) {
		if f.Type != "object" && level.Includes(f.Level) {
			paths = append(paths, f.Path)
		}
	}
	slices.Sort(paths)
	return paths
}

func leaves(t *testing.T, raw []byte) (paths []string) {
	t.Helper()
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		object, ok := v.(map[string]any)
		if !ok {
			paths = append(paths, strings.TrimPrefix(prefix, "."))
			return
		}
		for k, inner := range object {
			walk(prefix+"."+k, inner)
		}
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	walk("", v)
	slices.Sort(paths)
	return paths
}

func BenchmarkRecord(b *testing.B) {
	b.Run("off", func(b *testing.B) {
		r, _ := newRecorder(b, RecorderOptions{Allowed: off})
		codes, components := []string{"E_X", "E_Y"}, []string{"parser", "inference"}
		b.ReportAllocs()
		for i := range b.N { // not b.Loop, which keeps a host's compiler from building the event where it is used
			Record(r, schema.ErrorOccurred{ErrorCategory: schema.ErrorUnknown, ErrorCode: codes[i&1], Component: components[i&1]})
		}
	})
	b.Run("on", func(b *testing.B) {
		g := newGate()
		defer close(g.held)
		r, _ := newRecorder(b, RecorderOptions{Allowed: g.allowed, QueueLength: 1 << 16})
		drain := func() {
			for len(r.queue) > 0 {
				<-r.queue
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			Record(r, oops())
			if len(r.queue) == cap(r.queue) {
				b.StopTimer()
				drain()
				b.StartTimer()
			}
		}
		drain() // nobody waits for them to be written
	})
}

// The writer has been allowed to write and waits for the lock; meanwhile the
// user opts out and the log is cleared.
func TestOptOutOvertakesAWaitingWriter(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	asked := make(chan struct{}, 100)
	r, dir := newRecorder(t, RecorderOptions{
		Log: &Options{LockTimeout: 10 * time.Second},
		Allowed: func() (schema.Level, bool) {
			asked <- struct{}{}
			return schema.Detailed, on.Load()
		},
	})
	r.Record(oops())
	flush(t, r)
	held, err := vfs.Disk.Lock(filepath.Join(dir, lockName), vfs.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for len(asked) > 0 {
		<-asked
	}
	r.Record(oops())
	<-asked // it was allowed to, and will wait for the lock
	on.Store(false)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	closeRecorder(t, r)
	if n := len(logged(t, dir)); n != 1 || lossesIn(t, dir).Total() != 0 {
		t.Errorf("%d events, losses %+v", n, lossesIn(t, dir))
	}
}
