package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"caro.sh/telemetry/eventlog"
)

// A clock that is months ahead for an hour costs nothing that events are recognised
// by, and lets in nothing that is to stay out.
func TestAClockThatJumpsMakesNothingForgotten(t *testing.T) {
	r := newReceiver(t).start()
	r.post("/v1/events", document(events(0, 10))).want(t, 200, 10, 0)
	if a := r.post("/v1/deletion-requests", deletionRequest(otherDay)); a.Status != 200 {
		t.Fatalf("answered %d", a.Status)
	}
	for range 2 { // the second hour looks at a clock that is ahead
		if err := r.store.Tend(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(200 * 24 * time.Hour)
	}
	r.post("/v1/events", document([]string{event(20, otherDay)})).want(t, 200, 1, 0)
	r.clock.advance(-400*24*time.Hour + time.Hour)
	if err := r.store.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.restart()
	r.post("/v1/events", document(events(0, 10))).want(t, 409, 10, 0)
	r.post("/v1/events", document(events(5, 15))).want(t, 200, 10, 0)
	r.post("/v1/events", document([]string{event(21, otherDay)})).want(t, 200, 1, 0)
	r.holds(events(0, 15))
}

// What a log says it lost is not frozen by one report from the future.
func TestAReportFromTheFutureIsNotTheLastWord(t *testing.T) {
	r := newReceiver(t).start()
	for i, test := range []struct{ at, evicted string }{{"2099-01-01T00:00:00.000Z", "5"}, {"2026-11-23T12:30:00.000Z", "50"}} {
		doc := document(events(10*i, 10*i+10))
		doc = strings.Replace(doc, `"client_timestamp":"2026-11-23T11:59:00.000Z"`, `"client_timestamp":"`+test.at+`"`, 1)
		r.post("/v1/events", strings.Replace(doc, `"evicted":4`, `"evicted":`+test.evicted, 1)).want(t, 200, 10, 0)
		r.clock.advance(time.Hour)
		if got := r.evictions(); got != test.evicted {
			t.Errorf("%s events were evicted, want %s", got, test.evicted)
		}
	}
}

// A client whose end of the connection is closed may still read its answer: 400 is
// for what it sent.
func TestOnlyABodyThatEndsEarlyIsIncomplete(t *testing.T) {
	r := newReceiver(t).start()
	post := func(ctx context.Context, body io.Reader) reply {
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/events", body)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Content-Encoding", "gzip")
		w := httptest.NewRecorder()
		r.http.ServeHTTP(w, req)
		return replyOf(t, w)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for n := range 20 { // it may be done all the same, or not
		a := post(gone, bytes.NewReader(zipped(document(events(n, n+1)))))
		if a.Status != 200 && (a.Status != 503 || a.Error != "unavailable" || a.RetryAfter == 0) {
			t.Errorf("answered %d %s", a.Status, a.Raw)
		}
	}
	cut := io.MultiReader(bytes.NewReader(zipped(document(events(0, 1)))[:100]), iotest.ErrReader(io.ErrUnexpectedEOF))
	if a := post(context.Background(), cut); a.Status != 400 || a.Error != "incomplete" {
		t.Errorf("answered %d %s", a.Status, a.Raw)
	}
	h := NewHandler(r.store, HandlerOptions{}).(*handler)
	if a := h.failed(errors.New("something is damaged")); a.status != 503 {
		t.Errorf("an error nobody knows is answered %d", a.status)
	}
}

func TestErasingIsTriedAgainSoon(t *testing.T) {
	r := newReceiver(t)
	r.options.LockTimeout, r.options.EraseAgain, r.options.EraseWait = time.Millisecond, time.Millisecond, time.Second
	r.start()
	r.post("/v1/events", document([]string{event(1, someDay), event(2, otherDay)})).want(t, 200, 2, 0)
	log, err := eventlog.OpenExisting(r.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	busy, err := log.Maintain()
	if err != nil {
		t.Fatal(err)
	}
	if a := r.post("/v1/deletion-requests", deletionRequest(otherDay)); a.Status != 202 {
		t.Fatalf("answered %d", a.Status)
	}
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); len(lines(t, r.dir)) > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("after 10 s it is still there")
		}
	}
	r.holds([]string{event(1, someDay)})
}

// Whoever only adds to a receiver's directory does not know how long it keeps things.
func TestWithoutARetentionNothingExpires(t *testing.T) {
	r := newReceiver(t)
	r.options.Retention = -1
	r.start()
	r.post("/v1/events", document(events(0, 10))).want(t, 200, 10, 0)
	if a := r.post("/v1/deletion-requests", deletionRequest(otherDay)); a.Status != 200 {
		t.Fatalf("answered %d", a.Status)
	}
	for range 200 {
		r.clock.advance(24 * time.Hour)
		if err := r.store.Tend(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	r.post("/v1/events", document(events(0, 10))).want(t, 409, 10, 0)
	r.post("/v1/events", document([]string{event(21, otherDay)})).want(t, 200, 1, 0)
	r.holds(events(0, 10))
}

// damages are what disks and people do to a file.
var damages = map[string]func(t *testing.T, raw []byte) []byte{
	"emptied": func(*testing.T, []byte) []byte { return nil },
	"a stump": func(_ *testing.T, raw []byte) []byte { return raw[:5000] },
	"cut":     func(_ *testing.T, raw []byte) []byte { return raw[:len(raw)/2/4096*4096] },
	"zeros":   func(_ *testing.T, raw []byte) []byte { return append(raw[:8192:8192], make([]byte, len(raw)-8192)...) },
	"noise": func(_ *testing.T, raw []byte) []byte {
		for i := 8192; i < len(raw); i++ {
			raw[i] = byte(i * i >> 3)
		}
		return raw
	},
}

func damage(t *testing.T, name string, do func(*testing.T, []byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, do(t, raw), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestADamagedIndexIsMadeAnew(t *testing.T) {
	for name, do := range damages {
		r := newReceiver(t).start()
		for n := range 5 {
			r.post("/v1/events", document(events(1000*n, 1000*n+1000))).want(t, 200, 1000, 0)
		}
		r.stop()
		damage(t, r.own(indexName), do)
		r.start()
		r.post("/v1/events", document(events(500, 1500))).want(t, 200, 1000, 0)
		r.holds(events(0, 5000))
		if _, err := os.Stat(r.own(indexName) + ".bad"); name != "emptied" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedRecordsAreRefused(t *testing.T) {
	for name, do := range damages {
		r := newReceiver(t).start()
		r.post("/v1/events", document(events(0, 10))).want(t, 200, 10, 0)
		if a := r.post("/v1/deletion-requests", deletionRequest(otherDay)); a.Status != 200 {
			t.Fatalf("answered %d", a.Status)
		}
		r.stop()
		damage(t, r.own(stateName), do)
		if s, err := Open(r.dir, r.options); err == nil || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), stateName) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				_ = s.Close()
			}
		}
	}
}

func TestMissingRecordsAreMissed(t *testing.T) {
	var said bytes.Buffer
	r := newReceiver(t)
	r.options.Log = slog.New(slog.NewTextHandler(&said, nil))
	r.start()
	r.post("/v1/events", document(events(0, 10))).want(t, 200, 10, 0)
	r.restart()
	if strings.Contains(said.String(), stateName) {
		t.Errorf("missed, although they were there: %s", &said)
	}
	r.stop()
	if err := os.Remove(r.own(stateName)); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.stop()
	if n := strings.Count(said.String(), "level=WARN"); n != 1 || !strings.Contains(said.String(), "no "+stateName) {
		t.Errorf("%d warnings: %s", n, &said)
	}
}

// What is damaged while it is in use ends the receiver, which says so, and the next
// one begins with a new index.
func TestAnIndexDamagedInUseEndsTheReceiver(t *testing.T) {
	r := newReceiver(t).start()
	for n := range 5 {
		r.post("/v1/events", document(events(1000*n, 1000*n+1000))).want(t, 200, 1000, 0)
	}
	r.restart()
	damage(t, r.own(indexName), damages["zeros"])
	if a := r.post("/v1/events", document(events(500, 1500))); a.Status != 503 {
		t.Errorf("answered %d %s", a.Status, a.Raw)
	}
	select {
	case err := <-r.store.Failed():
		if !errors.Is(err, ErrBroken) {
			t.Error(err)
		}
	default:
		t.Error("nobody is told")
	}
	_ = r.store.Close()
	r.store = nil
	r.start()
	r.post("/v1/events", document(events(500, 1500))).want(t, 200, 1000, 0)
	r.holds(events(0, 5000))
}

// own is a file of the receiver's own.
func (r *receiver) own(name string) string { return filepath.Join(r.dir, stateDir, name) }
