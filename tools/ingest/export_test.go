package ingest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// carry takes in a file's content as the command does.
func (r *receiver) carry(content []byte) (Imported, error) {
	return r.store.Import(context.Background(), bytes.NewReader(content))
}

func TestExportIsTakenInOnce(t *testing.T) {
	r := newReceiver(t).start()
	doc := exportDocument(eventID(1), "", events(0, 2500))
	for name, content := range map[string][]byte{"packed": zipped(doc), "plain": []byte(doc)} {
		for i := range 3 {
			done, err := r.carry(content)
			if err != nil || done.Events != 2500 || done.ExportID != eventID(1) {
				t.Fatalf("%s: %+v %v", name, done, err)
			}
			if i > 0 && (!done.Again || done.Stored != 0) {
				t.Errorf("%s: time %d is not recognised: %+v", name, i+1, done)
			}
			r.restart()
		}
	}
	r.send("/v1/exports", zipped(doc), "Content-Type", "application/gzip").want(t, 409, 2500, 0)
	r.send("/v1/exports", zipped(doc), "Content-Type", "application/json", "Content-Encoding", "gzip").want(t, 409, 2500, 0)
	r.holds(events(0, 2500))
	if _, err := r.carry(zipped(exportDocument(eventID(1), "", events(0, 3)))); !errors.Is(err, ErrOtherContent) {
		t.Errorf("the same id with other content: %v", err)
	}
	nameless := strings.Replace(exportDocument(eventID(3), "", events(2500, 2501)), losses, "{}", 1)
	if done, err := r.carry(zipped(nameless)); err != nil || done.Stored != 1 {
		t.Errorf("an export of a log without a name: %+v %v", done, err)
	}
	if done, err := r.carry(zipped(exportDocument(eventID(2), "", nil))); err != nil || done.Events != 0 {
		t.Errorf("an export without events: %+v %v", done, err)
	}
}

// Whatever byte of a packed export is changed or missing, it is refused, or it is
// unpacked to the same document.
func TestDamagedExportsAreRefused(t *testing.T) {
	r := newReceiver(t).start()
	packed := zipped(exportDocument(eventID(1), "", events(0, 3)))
	refused := 0
	for i := range packed {
		for _, damaged := range [][]byte{
			packed[:i],
			append(append(bytes.Clone(packed[:i]), packed[i]^0x40), packed[i+1:]...),
			append(bytes.Clone(packed[:i]), packed[i+1:]...),
		} {
			_, err := r.carry(damaged)
			var bad *BadExportError
			switch {
			case errors.As(err, &bad):
				refused++
			case err != nil:
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	if least := len(packed)*3 - 30; refused < least { // some bytes of the header say nothing
		t.Errorf("%d of %d damaged files refused", refused, 3*len(packed))
	}
	r.stop()
	r.start()
	for _, line := range lines(t, r.dir) {
		if line != event(0, someDay) && line != event(1, someDay) && line != event(2, someDay) {
			t.Errorf("a damaged file brought %s", line)
		}
	}
}

func TestExportsThatContradictThemselvesAreRefused(t *testing.T) {
	r := newReceiver(t).start()
	good := exportDocument(eventID(1), "", events(0, 3))
	for change, want := range map[[2]string]string{
		{`"event_count":3`, `"event_count":4`}:                                            "/event_count (rule differs-from-events",
		{`"first_timestamp":"2026`, `"first_timestamp":"2025`}:                            "/first_timestamp (rule differs-from-events",
		{`"last_timestamp":"2026`, `"last_timestamp":"2027`}:                              "/last_timestamp (rule differs-from-events",
		{`"checksum":"sha256:`, `"checksum":"md5:`}:                                       "/checksum (rule pattern",
		{`"export_version":"1.0"`, `"export_version":"2.0"`}:                              "/export_version (rule const",
		{`"part":1,"parts":1`, `"part":1.0,"parts":1`}:                                    "/part (rule type",
		{`"event_count":3`, `"event_count":3e0`}:                                          "/event_count (rule type",
		{`"queue_full":3`, `"queue_full":3.0`}:                                            "/losses (rule type",
		{`"previous_export_id":null`, `"previous_export_id":"` + eventID(1) + `"`}:        "/previous_export_id (rule not",
		{`"part":1`, `"part":2`}:                                                          "/part (rule differs-from-events",
		{`"parts":1,`, ``}:                                                                "(whole line) (rule required",
		{`"parts":1,`, `"parts":1,"sesame":1,`}:                                           "(whole line) (rule additionalProperties",
		{`"platform":{"os":"windows"`, `"platform":{"os":"sesame"`}:                       "1 of its events refused, first event 0: schema at /platform/os (rule enum)",
		{`"backend_used":"vllm"`, `"backend_used":"exo"`}:                                 "/checksum (rule differs-from-events",
		{`"caro_version":"1.3.0","event_count"`, `"caro_version":"sesame","event_count"`}: "/caro_version (rule pattern",
	} {
		if !strings.Contains(good, change[0]) {
			t.Fatalf("%s is not in the export", change[0])
		}
		_, err := r.carry([]byte(strings.Replace(good, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v, want %s", change[1], err, want)
		}
	}
	r.holds()
	a := r.send("/v1/exports", []byte(strings.Replace(good, `"os":"windows"`, `"os":"sesame"`, 1)), "Content-Type", "application/json")
	if a.Status != 400 || len(a.Details) != 1 || a.Details[0].Index == nil || strings.Contains(a.Raw, "sesame") {
		t.Errorf("answered %d %s", a.Status, a.Raw)
	}
}

func TestNothingMayFollowAnExport(t *testing.T) {
	r := newReceiver(t).start()
	good := exportDocument(eventID(1), "", events(0, 3))
	for name, file := range map[string][]byte{
		"another member": append(zipped(good), zipped("")...),
		"zeros":          append(zipped(good), 0, 0),
		"text":           append(zipped(good), '\n'),
		"unpacked":       []byte(good + "{}"),
	} {
		var bad *BadExportError
		if _, err := r.carry(file); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.holds()
}

func TestGapsInTheChainAreReported(t *testing.T) {
	r := newReceiver(t).start()
	take := func(content string) {
		t.Helper()
		if _, err := r.carry(zipped(content)); err != nil {
			t.Fatal(err)
		}
	}
	filtered := strings.Replace(exportDocument(eventID(9), eventID(8), events(0, 1)), `"filter":null`, `"filter":{"event":"session.start"}`, 1)
	take(filtered)
	take(exportDocument(eventID(1), "", events(0, 1)))
	take(exportDocument(eventID(3), eventID(2), events(2, 3)))
	r.restart()
	gaps, err := r.store.Gaps()
	if err != nil || len(gaps) != 1 || gaps[0].Missing != eventID(2) || gaps[0].ExportID != eventID(3) {
		t.Fatalf("gaps are %+v %v", gaps, err)
	}
	take(exportDocument(eventID(2), eventID(1), events(1, 2)))
	if gaps, err := r.store.Gaps(); err != nil || len(gaps) != 0 {
		t.Errorf("gaps are %+v %v", gaps, err)
	}
}

func TestMissingPartsAreReported(t *testing.T) {
	r := newReceiver(t).start()
	for _, part := range []string{"3", "1"} {
		doc := strings.Replace(exportDocument(eventID(1), "", events(0, 1)), `"part":1,"parts":1`, `"part":`+part+`,"parts":3`, 1)
		if done, err := r.carry([]byte(doc)); err != nil || done.Again {
			t.Fatalf("%+v %v", done, err)
		}
	}
	gaps, err := r.store.Gaps()
	if err != nil || len(gaps) != 1 || gaps[0].Missing != eventID(1) || gaps[0].Part != 2 {
		t.Fatalf("gaps are %+v %v", gaps, err)
	}
}

func TestRequestForDeletionMayBeCarriedIn(t *testing.T) {
	r := newReceiver(t).start()
	r.post("/v1/events", document([]string{event(1, someDay), event(2, otherDay)})).want(t, 200, 2, 0)
	done, err := r.carry([]byte(deletionRequest(otherDay)))
	if err != nil || done.Receipt == nil || !done.Receipt.Erased {
		t.Fatalf("%+v %v", done, err)
	}
	r.holds([]string{event(1, someDay)})
	var bad *BadExportError
	if _, err := r.carry([]byte(deletionRequest("nothex00"))); !errors.As(err, &bad) {
		t.Errorf("a bad request: %v", err)
	}
}

func TestExportBombIsStopped(t *testing.T) {
	r := newReceiver(t)
	r.options.MaxExportBytes = 1 << 20
	r.start()
	bomb := zipped(`{"events":[` + strings.Repeat(" ", 2<<20))
	if a := r.send("/v1/exports", bomb, "Content-Type", "application/gzip"); a.Status != 413 {
		t.Errorf("answered %d %s", a.Status, a.Raw)
	}
}
