package ingest

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"

	"caro.sh/telemetry/eventlog"
)

const otherDay = "89abcdef"

// onDisk reports whether a text is in any file of a directory, packed or not.
func onDisk(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".lz4") {
			var unpacked bytes.Buffer
			if _, err := unpacked.ReadFrom(lz4.NewReader(bytes.NewReader(raw))); err != nil {
				return err
			}
			raw = unpacked.Bytes()
		}
		found = found || bytes.Contains(raw, []byte(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDeletionIsFinal(t *testing.T) {
	r := newReceiver(t)
	r.options.MaxBytes = 16 << 20
	r.start()
	var kept, gone []string
	for i := range 8 { // several segments
		var mixed []string
		for n := 1000 * i; n < 1000*i+1000; n++ {
			day := someDay
			if n%7 == 0 {
				day = otherDay
				gone = append(gone, event(n, day))
			} else {
				kept = append(kept, event(n, day))
			}
			mixed = append(mixed, event(n, day))
		}
		r.post("/v1/events", document(mixed)).want(t, 200, 1000, 0)
	}
	if !onDisk(t, r.dir, otherDay) {
		t.Fatal("the events to be deleted are not there")
	}
	a := r.post("/v1/deletion-requests", deletionRequest(otherDay, "00000001"))
	if a.Status != 200 || !a.Erased || a.ReceiptID == "" {
		t.Fatalf("answered %d %s", a.Status, a.Raw)
	}
	r.holds(kept)
	if onDisk(t, r.dir, `"session_id":"`+otherDay) {
		t.Error("deleted events are in a file")
	}
	if r.knows(gone[0]) || !r.knows(kept[0]) {
		t.Error("the index has the id of a deleted event, or not that of another")
	}
	for range 2 { // and stay away, whatever brings them
		r.post("/v1/events", document(append(gone[:10:10], kept[:5]...))).want(t, 200, 15, 0)
		export := exportDocument(eventID(9), "", gone[20:30])
		r.send("/v1/exports", zipped(export), "Content-Type", "application/gzip").want(t, 200, 10, 0)
		r.holds(kept)
		again := r.post("/v1/deletion-requests", deletionRequest("00000001", otherDay))
		if again.Status != 200 || again.ReceiptID != a.ReceiptID {
			t.Errorf("the same request again: %d %s", again.Status, again.Raw)
		}
		r.stop()
		remove1(t, filepath.Join(r.dir, stateDir, indexName)) // requests are remembered elsewhere
		r.start()
		if err := remove(r.store.records.db, exportBucket, [][]byte{[]byte(eventID(9) + "/1")}); err != nil {
			t.Fatal(err)
		}
	}
	if a := r.post("/v1/deletion-requests", deletionRequest(otherDay)); a.Status != 422 {
		t.Errorf("another request under the same id: %d %s", a.Status, a.Raw)
	}
}

// knows reports whether an event's id is in the index.
func (r *receiver) knows(line string) (known bool) {
	r.t.Helper()
	_, err := r.store.submit(context.Background(), job{do: func() error {
		look, err := r.store.index.look()
		if err != nil {
			return err
		}
		defer look.close()
		key, _, _ := idsOf([]byte(line))
		known = look.hasEvent(key)
		return nil
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return known
}

// A receiver that dies between a request and its end goes on where it was.
func TestErasureIsResumedAfterRestart(t *testing.T) {
	r := newReceiver(t).start()
	r.post("/v1/events", document([]string{event(1, someDay), event(2, otherDay)})).want(t, 200, 2, 0)
	log, err := eventlog.OpenExisting(r.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	busy, err := log.Maintain() // somebody compacts: erasing has to wait
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	r.options.LockTimeout = time.Millisecond
	r.start()
	a := r.post("/v1/deletion-requests", deletionRequest(otherDay))
	if a.Status != 202 || a.Erased || a.ReceiptID == "" {
		t.Fatalf("answered %d %s", a.Status, a.Raw)
	}
	r.post("/v1/events", document([]string{event(3, otherDay)})).want(t, 200, 1, 0)
	r.stop()
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	r.options.LockTimeout = 0
	r.start()
	if !onDisk(t, r.dir, `"session_id":"`+otherDay) {
		t.Fatal("there is nothing left to erase")
	}
	if err := r.store.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.holds([]string{event(1, someDay)})
	if again := r.post("/v1/deletion-requests", deletionRequest(otherDay)); again.Status != 200 || again.ReceiptID != a.ReceiptID {
		t.Errorf("answered %d %s", again.Status, again.Raw)
	}
}

// Tombstones last as long as events do.
func TestDayIDsAreRememberedForTheRetention(t *testing.T) {
	r := newReceiver(t).start()
	if a := r.post("/v1/deletion-requests", deletionRequest(otherDay)); a.Status != 200 {
		t.Fatalf("answered %d", a.Status)
	}
	r.clock.advance(89 * 24 * time.Hour)
	if err := r.store.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.restart()
	r.post("/v1/events", document([]string{event(1, otherDay)})).want(t, 200, 1, 0)
	r.holds()
	r.clock.advance(4 * 24 * time.Hour)
	if err := r.store.Tend(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.restart()
	if len(r.store.dropped) != 0 {
		t.Errorf("%d day ids are remembered after the retention", len(r.store.dropped))
	}
	r.post("/v1/events", document([]string{event(2, otherDay)})).want(t, 200, 1, 0)
	r.holds([]string{event(2, otherDay)})
}
