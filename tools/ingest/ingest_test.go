package ingest

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBatchIsStoredOnceAndRecognisedAfterRestarts(t *testing.T) {
	r := newReceiver(t).start()
	sent := events(0, 1000)
	first := r.post("/v1/events", document(sent))
	first.want(t, 200, 1000, 0)
	r.holds(sent)
	for range 2 {
		again := r.post("/v1/events", document(sent))
		again.want(t, 409, 1000, 0)
		if again.Error != "already_stored" {
			t.Errorf("error is %q", again.Error)
		}
		r.restart()
	}
	r.holds(sent)
}

func TestEventIsStoredOnceWhateverBrings(t *testing.T) {
	r := newReceiver(t).start()
	r.post("/v1/events", document(events(0, 20))).want(t, 200, 20, 0)
	r.restart()
	r.post("/v1/events", document(events(10, 30))).want(t, 200, 20, 0)
	r.restart()
	export := exportDocument(eventID(1), "", events(0, 40))
	r.send("/v1/exports", zipped(export), "Content-Type", "application/gzip").want(t, 200, 40, 0)
	r.restart()
	r.post("/v1/events", document(append(events(35, 45), event(44, someDay)))).want(t, 200, 11, 0)
	r.holds(events(0, 45))
}

func TestEventsWithoutIDAreStoredOnce(t *testing.T) {
	r := newReceiver(t).start()
	bare := `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef","error_category":"unknown","error_code":"E_READ","component":"reader"}`
	doc := document([]string{bare, bare})
	r.post("/v1/events", doc).want(t, 200, 2, 0)
	stored := lines(t, r.dir)
	if len(stored) != 2 || stored[0] == stored[1] || !strings.Contains(stored[0], `"event_id":"01a207e7`) {
		t.Fatalf("stored %q", stored)
	}
	// A receiver that died before it wrote the batch down finds the events in the log.
	r.stop()
	remove1(t, filepath.Join(r.dir, stateDir, indexName))
	r.start()
	r.post("/v1/events", doc).want(t, 200, 2, 0)
	r.holds(stored)
}

// bare is an event without an id.
func bare(n int) string {
	return fmt.Sprintf(`{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef","error_category":"unknown","error_code":"E_%d","component":"reader"}`, n)
}

// An export splits a log in other places than batches do, and has one more event.
func TestEventsWithoutIDAreTheSameInABatchAndAnExport(t *testing.T) {
	r := newReceiver(t).start()
	var all []string
	for n := range chunkEvents {
		all = append(all, bare(n))
	}
	all = append(all, bare(7), bare(7)) // in the second chunk of the export
	r.post("/v1/events", document(all[:500])).want(t, 200, 500, 0)
	r.post("/v1/events", document(append(all[500:1000:1000], all[chunkEvents:]...))).want(t, 200, 502, 0)
	if got := len(lines(t, r.dir)); got != 1001 { // one of those equal to the 7th counts as the 7th
		t.Errorf("the log has %d lines", got)
	}
	if done, err := r.carry(zipped(exportDocument(eventID(1), "", all))); err != nil || done.Stored != int64(len(all)-1001) {
		t.Errorf("%+v %v", done, err)
	}
	if got := len(lines(t, r.dir)); got != len(all) {
		t.Errorf("the log has %d lines, want %d", got, len(all))
	}
}

func TestRepeatsAreCountedInBoundedMemory(t *testing.T) {
	var r repeats
	key := func(n int) (k id) {
		binary.BigEndian.PutUint64(k[:], uint64(n))
		return k
	}
	for n := range 5 * maxRepeats {
		if got := r.count(key(n + 1)); got != 0 {
			t.Fatalf("%d came %d times", n+1, got)
		}
		if got := r.count(key(0)); got != uint64(n) {
			t.Fatalf("0 came %d times, not %d", got, n)
		}
		if len(r.recent) > maxRepeats || len(r.before) > maxRepeats {
			t.Fatal("more is remembered than there is room for")
		}
	}
}

func TestRefusedEventsAreNamedAndTheRestIsStored(t *testing.T) {
	r := newReceiver(t).start()
	good := events(0, 3)
	bad := strings.Replace(event(7, someDay), `"event":"`, `"event":"x`, 1)
	path := `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef","error_category":"unknown","error_code":"E_READ","component":"/home/alice"}`
	doc := document([]string{good[0], path, good[1], bad, good[2], "[]", "17"})
	want := []Refusal{{1, "path", "/component", "path-rooted"}, {3, "schema", "/event", "enum"}}
	for _, status := range []int{200, 409} {
		a := r.post("/v1/events", doc)
		a.want(t, status, 3, 4)
		if len(a.Refusals) != 4 || !slices.Equal(a.Refusals[:2], want) || strings.Contains(a.Raw, "alice") {
			t.Errorf("answered %s", a.Raw)
		}
		r.restart()
	}
	r.holds(good)
}

func TestIDWithOtherContentIsRefused(t *testing.T) {
	r := newReceiver(t).start()
	one, two := events(0, 3), events(3, 6)
	r.post("/v1/events", document(one)).want(t, 200, 3, 0)
	forged := strings.Replace(document(two), batchID(two), batchID(one), 1)
	r.post("/v1/events", forged).want(t, 422, 0, 0)
	r.holds(one)
}

// An index that a crash left behind the log is brought up from the log.
func TestIndexBehindTheLogIsRepaired(t *testing.T) {
	r := newReceiver(t)
	r.options.MaxBytes = 16 << 20 // segments of 1 MiB
	index := filepath.Join(r.dir, stateDir, indexName)
	r.start()
	var sent []string
	for i := range 6 {
		r.post("/v1/events", document(events(1000*i, 1000*i+1000))).want(t, 200, 1000, 0)
		sent = append(sent, events(1000*i, 1000*i+1000)...)
	}
	r.stop()
	old, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	r.start()
	for i := 6; i < 12; i++ {
		r.post("/v1/events", document(events(1000*i, 1000*i+1000))).want(t, 200, 1000, 0)
		sent = append(sent, events(1000*i, 1000*i+1000)...)
	}
	r.stop()
	for name, content := range map[string][]byte{"older": old, "damaged": []byte(strings.Repeat("x", 70000)), "gone": nil} {
		t.Run(name, func(t *testing.T) {
			if content == nil {
				remove1(t, index)
			} else if err := os.WriteFile(index, content, 0o600); err != nil {
				t.Fatal(err)
			}
			r.start()
			for i := range 12 {
				a := r.post("/v1/events", document(events(1000*i, 1000*i+1000)))
				if a.Accepted != 1000 || a.Status != 200 && a.Status != 409 {
					t.Fatalf("batch %d: %s", i, a.Raw)
				}
			}
			r.holds(sent)
			r.stop()
		})
	}
}

func TestFullLogAnswers503AndLosesNothing(t *testing.T) {
	r := newReceiver(t)
	r.options.MaxBytes = 2 << 20
	r.start()
	var stored [][]string
	var full reply
	for i := 0; full.Status == 0; i++ {
		lines := events(1000*i, 1000*i+1000)
		a := r.post("/v1/events", document(lines))
		switch a.Status {
		case 200:
			stored = append(stored, lines)
		default:
			full = a
		}
	}
	full.want(t, 503, 0, 0)
	if full.Error != "full" || full.RetryAfter < 1 || full.Header.Get("Retry-After") == "" {
		t.Errorf("answered %s %v", full.Raw, full.Header)
	}
	if a := r.get("/readyz"); a.Status != 503 {
		t.Errorf("readyz is %d", a.Status)
	}
	if len(stored) < 2 {
		t.Fatalf("full after %d batches", len(stored))
	}
	r.restart()
	for _, lines := range stored {
		r.post("/v1/events", document(lines)).want(t, 409, 1000, 0)
	}
	present := map[string]int{}
	for _, line := range lines(t, r.dir) {
		present[line]++
	}
	for _, list := range stored {
		for _, line := range list {
			if present[line] != 1 {
				t.Fatalf("an acknowledged event is there %d times", present[line])
			}
		}
	}
}

func TestRetention(t *testing.T) {
	r := newReceiver(t)
	r.clock.Store(time.Now().UnixNano()) // files have times of their own
	r.start()
	ctx := context.Background()
	r.post("/v1/events", document(events(0, 10))).want(t, 200, 10, 0)
	for range 92 {
		r.clock.advance(24 * time.Hour)
		if err := r.store.Tend(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(t, r.dir); len(got) != 0 {
		t.Fatalf("%d lines are left after 92 days", len(got))
	}
	r.post("/v1/events", document(events(0, 10))).want(t, 409, 10, 0)
	for range 5 {
		r.clock.advance(24 * time.Hour)
		if err := r.store.Tend(ctx); err != nil {
			t.Fatal(err)
		}
	}
	r.post("/v1/events", document(events(0, 10))).want(t, 200, 10, 0)
	r.holds(events(0, 10))
}

func remove1(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func (r *receiver) get(path string) reply {
	r.t.Helper()
	return r.do("GET", path)
}
