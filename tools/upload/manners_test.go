package upload

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/schema"
)

func TestTheIntervalIsKeptUnlessForced(t *testing.T) {
	g := newRig(t, 3)
	g.must(Done)
	g.record(3, 3)
	g.clock.pass(12 * time.Hour)
	if r := g.must(NotDue); !r.NextAttempt.Equal(start.Add(24 * time.Hour)) {
		t.Errorf("next at %s", r.NextAttempt)
	}
	g.clock.pass(12*time.Hour - time.Minute) // a daily cron job that is a little early
	g.must(Done)
	g.record(6, 1)
	g.must(NotDue)
	g.o.Force = true
	g.must(Done)
	g.must(Nothing)
	if g.stored() != 7 || g.pending() != 0 {
		t.Errorf("%d stored, %d pending", g.stored(), g.pending())
	}
}

func TestOffAndAirGappedSendNothing(t *testing.T) {
	for _, test := range []struct {
		consent Consent
		want    Reason
	}{{Consent{Off: true}, Off}, {Consent{AirGapped: true}, AirGapped}, {Consent{Off: true, AirGapped: true}, AirGapped}} {
		g := newRig(t, 3)
		g.consent, g.o.Force = test.consent, true
		before := tree(t, g.dir)
		g.must(test.want)
		if len(g.got()) != 0 || len(tree(t, g.dir)) != len(before) {
			t.Errorf("%+v: %d requests, %v", test.consent, len(g.got()), g.files(""))
		}
	}
}

func TestConsentIsAskedBeforeEveryRequest(t *testing.T) {
	g := newRig(t, 2500)
	g.receiver.answer = func(n int, _ http.ResponseWriter, _ request) bool {
		if n == 1 {
			g.consent = Consent{Off: true, OptedOut: true} // somebody edits the file
		}
		return false
	}
	if r := g.must(Off); r.Sent != 1000 || len(g.got()) != 1 {
		t.Errorf("%+v, %d requests", r, len(g.got()))
	}
	g.consent, g.receiver.answer, g.o.Force = Consent{}, nil, true // and again
	g.record(3000, 2)
	g.must(Done)
	if g.stored() != 1002 || g.pending() != 1500 {
		t.Errorf("%d stored, %d pending: what was recorded before the opt-out went out", g.stored(), g.pending())
	}
}

func TestWhatIsBelowTheFloorNeverGoes(t *testing.T) {
	g := newRig(t, 3)
	g.consent = Consent{Off: true, OptedOut: true}
	g.must(Off)
	g.consent = Consent{}
	g.must(Nothing)
	g.record(3, 2)
	if r := g.must(Done); r.Sent != 2 || g.pending() != 3 {
		t.Errorf("%+v, %d pending", r, g.pending())
	}
}

func TestBrokenLinesAreNotSent(t *testing.T) {
	g := newRig(t, 2)
	g.spoil(`{"event":"error.occurred","component":"/home/sesame"}`)
	g.spoil("sesame")
	g.spoil("")
	g.spoil(strings.Repeat("x", 70<<10))
	g.record(2, 2)
	if r := g.must(Done); r.Sent != 4 || r.Broken != 3 || g.stored() != 4 || g.pending() != 0 {
		t.Errorf("%+v, %d stored, %d pending", r, g.stored(), g.pending())
	}
	lines, reasons := g.refusedLines()
	if len(lines) != 3 || lines[1] != "sesame" || strings.Contains(strings.Join(reasons, ""), "sesame") {
		t.Errorf("%d lines, reasons %s", len(lines), reasons)
	}
	if l := g.losses(); l.Total() != 3 || l.RejectedByServer != 0 {
		t.Errorf("%+v", l)
	}
}

func TestRefusedLinesKeepWithinATenth(t *testing.T) {
	g := newRig(t, 0)
	g.o.Log.MaxBytes = eventlog.MinMaxBytes
	g.o.Force = true
	for i := range 3 {
		g.record(i, 1)
		for range 3 {
			g.spoil(strings.Repeat("y", 30<<10))
		}
		g.must(Done)
	}
	var size int
	for name, text := range tree(t, g.dir) {
		if strings.Contains(name, "refused") {
			size += len(text)
		}
	}
	if size > eventlog.MinMaxBytes/10 || size < 100<<10 || g.losses().Total() != 9 {
		t.Errorf("%d bytes in refused/, %+v", size, g.losses())
	}
}

func TestDamagedStateLosesNothing(t *testing.T) {
	for _, damage := range []string{"", "{", "null", `{"version":99}`, "\x00\x00", `{"version":1,"position":{"segment":1,"offset":-4}}`} {
		g := newRig(t, 1500)
		g.receiver.answer = func(n int, w http.ResponseWriter, _ request) bool {
			if n == 2 {
				w.WriteHeader(500)
			}
			return n == 2
		}
		if _, err := g.run(); err == nil {
			t.Fatal("no error")
		}
		state := filepath.Join(g.dir, "upload.json")
		if err := os.WriteFile(state, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		g.forgetful = true
		r := g.must(Done)
		if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Error(), "upload.json.bad") {
			t.Errorf("%q: problems %v", damage, r.Problems)
		}
		if g.stored() != 1500 || g.pending() != 0 {
			t.Errorf("%q: %d stored, %d pending", damage, g.stored(), g.pending())
		}
		if kept, err := os.ReadFile(state + ".bad"); err != nil || string(kept) != damage {
			t.Errorf("%q: not kept: %v", damage, err)
		}
	}
}

func TestADamagedSegmentStopsNobody(t *testing.T) {
	g := newRig(t, 50)
	g.seal()
	g.record(50, 5)
	l := g.log()
	held, err := l.Maintain()
	if err != nil {
		t.Fatal(err)
	}
	g.seal()
	if _, err := l.Compact(1, eventlog.Fast); err != nil {
		t.Fatal(err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(g.dir, "*.lz4"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.Truncate(names[0], 100); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := g.run()
		if err != nil {
			t.Fatal(err)
		}
		if r.Reason == Done && (r.Sent != 5 || len(r.Problems) != 1) {
			t.Errorf("%+v", r)
		}
		g.o.Force = true
	}
	if _, err := os.Stat(names[0]); err != nil || g.stored() != 5 {
		t.Errorf("%d stored, %v", g.stored(), err)
	}
}

func TestCompactedSegmentsAreSentToo(t *testing.T) {
	g := newRig(t, 50)
	g.seal()
	g.record(50, 5)
	g.seal()
	l := g.log()
	held, err := l.Maintain()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Compact(1, eventlog.Fast); err != nil {
		t.Fatal(err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	g.must(Done)
	if g.stored() != 55 || len(g.files("sent")) != 2 {
		t.Errorf("%d stored, %v", g.stored(), g.files("sent"))
	}
}

func TestSentSegmentsStayReadableForAWeek(t *testing.T) {
	g := newRig(t, 3)
	g.must(Done)
	if len(g.files("sent")) != 1 {
		t.Fatalf("%v", g.files("sent"))
	}
	for day := 1; day <= 8; day++ {
		g.clock.pass(24 * time.Hour)
		if err := g.log().Expire(); err != nil {
			t.Fatal(err)
		}
		g.record(100+day, 1) // so that there is a log to look after
		g.seal()
		if kept := len(g.files("sent")) == 1; kept != (day <= 7) {
			t.Errorf("after %d days: %v", day, g.files("sent"))
		}
	}
}

// meta.json may be lost with everything sent: numbers must not come again.
func TestNumbersOfSentSegmentsAreNotUsedAgain(t *testing.T) {
	g := newRig(t, 3)
	g.must(Done)
	for _, lost := range []string{"meta.json", "upload.json"} {
		if err := os.Remove(filepath.Join(g.dir, lost)); err != nil {
			t.Fatal(err)
		}
	}
	g.record(3, 3)
	g.must(Done)
	sent := g.files("sent")
	if len(sent) != 2 || g.stored() != 6 || sent[0][:17] == sent[1][:17] {
		t.Errorf("%v, %d stored", sent, g.stored())
	}
}

// An uploader that died before it moved a segment leaves it sent all the same,
// also when an opt-out comes first.
func TestWhatWasSentIsNotClearedUnsent(t *testing.T) {
	for name, meanwhile := range map[string]func(*eventlog.Log) error{
		"by the next uploader": func(*eventlog.Log) error { return nil },
		"by an opt-out":        (*eventlog.Log).RaiseFloor,
	} {
		g := newRig(t, 3)
		g.must(Done)
		for _, name := range g.files("sent") {
			if err := os.Rename(filepath.Join(g.dir, "sent", name), filepath.Join(g.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if g.pending() != 0 {
			t.Errorf("%s: %d pending", name, g.pending())
		}
		if err := meanwhile(g.log()); err != nil {
			t.Fatal(err)
		}
		g.must(NotDue)
		if _, err := g.log().Clear(eventlog.ClearOptions{}); err != nil {
			t.Fatal(err)
		}
		if g.losses().Total() != 0 || len(g.files("sent")) != 1 {
			t.Errorf("%s: %+v, %v", name, g.losses(), g.files("sent"))
		}
	}
}

func TestASmallerCapThanTheHostsRemovesNothing(t *testing.T) {
	g := newRig(t, 0)
	l, err := eventlog.Open(g.dir, &eventlog.Options{MaxBytes: 100 * eventlog.MB, Now: g.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]schema.Line, 8000)
	for i := range lines {
		lines[i] = testLine(t, i)
	}
	if _, err := l.Append(lines...); err != nil {
		t.Fatal(err)
	}
	g.o.Log.MaxBytes = eventlog.MinMaxBytes
	if r := g.must(Done); r.Sent != 8000 || g.stored() != 8000 || g.losses().Total() != 0 {
		t.Errorf("%+v, %d stored, %+v", r, g.stored(), g.losses())
	}
}

func TestWhatADamagedMetaKeepsBackIsSaid(t *testing.T) {
	g := newRig(t, 3)
	g.seal()
	if err := os.WriteFile(filepath.Join(g.dir, "meta.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.record(3, 2)
	for range 2 { // as long as it is so
		g.o.Force = true
		r, err := g.run()
		if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Error(), "meta.json was damaged") {
			t.Errorf("%v, %v", r.Problems, err)
		}
	}
	if g.stored() != 2 {
		t.Errorf("%d stored, want those recorded since", g.stored())
	}
	if _, err := g.log().Clear(eventlog.ClearOptions{}); err != nil {
		t.Fatal(err)
	}
	if r := g.must(Nothing); len(r.Problems) != 0 {
		t.Errorf("%v", r.Problems)
	}
}

func TestABatchHoldsAThousandEventsAndAMebibyte(t *testing.T) {
	g := newRig(t, 0)
	g.o.Log.MaxBytes = 100 * eventlog.MB
	l, err := eventlog.Open(g.dir, &g.o.Log)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4600 {
		if _, err := l.Append(testLine(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	g.o.MaxBatches = 2
	if r := g.must(Limit); r.Batches != 2 || r.Sent != 2000 || g.pending() != 2600 {
		t.Errorf("%+v, %d pending", r, g.pending())
	}
	g.o.MaxBatches, g.o.Force = 0, true
	g.must(Done)
	for _, req := range g.got() {
		if len(req.Body) > MaxBodyBytes || len(req.Events) > MaxEvents {
			t.Errorf("%d events, %d bytes", len(req.Events), len(req.Body))
		}
	}
	if g.stored() != 4600 || g.pending() != 0 {
		t.Errorf("%d stored", g.stored())
	}
}

func TestPreviewIsWhatIsSent(t *testing.T) {
	g := newRig(t, 1200)
	g.spoil("sesame")
	g.seal()
	g.record(1200, 10)
	g.seal()
	before := tree(t, g.dir)
	var bodies bytes.Buffer
	r, err := Preview(g.dir, g.o, &bodies)
	if err != nil || r.Batches != 3 || r.Sent != 1210 || r.Broken != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	after := tree(t, g.dir)
	for name := range after {
		if after[name] != before[name] {
			t.Errorf("%s changed", name)
		}
	}
	g.must(Done)
	var sent []string
	for _, req := range g.got() {
		sent = append(sent, string(req.Body))
	}
	shown := strings.Split(strings.TrimSuffix(bodies.String(), "\n"), "\n")
	if len(shown) != len(sent) {
		t.Fatalf("%d shown, %d sent", len(shown), len(sent))
	}
	for i := range sent[:2] { // the third says that one line was refused by then
		if shown[i] != sent[i] {
			t.Errorf("body %d is not what was shown", i)
		}
	}
}

func TestASlowServerIsGivenUp(t *testing.T) {
	g := newRig(t, 3)
	g.o.Timeout = 50 * time.Millisecond
	g.receiver.answer = func(n int, w http.ResponseWriter, req request) bool {
		if n == 1 {
			<-req.done
		}
		return n == 1
	}
	_, err := g.run()
	var later *DeferredError
	if !errors.As(err, &later) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Fatal(err)
	}
	g.o.Timeout, g.o.Force = 0, true
	g.must(Done)
}

func TestEndingARunIsNobodysFailure(t *testing.T) {
	g := newRig(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	g.receiver.answer = func(n int, _ http.ResponseWriter, req request) bool {
		if n == 1 {
			cancel()
			<-req.done
		}
		return n == 1
	}
	if _, err := Run(ctx, g.dir, g.o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s := g.schedule(); s.Failures != 0 || !s.NextAttempt.IsZero() {
		t.Errorf("%+v", s)
	}
	g.must(Done)
}

func TestCertificatesAreChecked(t *testing.T) {
	g := newRig(t, 3)
	secure := httptest.NewUnstartedServer(g.receiver)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	g.o.Endpoint, g.o.Force = secure.URL+"/v1/events", true
	_, err := g.run()
	var later *DeferredError
	if !errors.As(err, &later) || !strings.Contains(err.Error(), "certificate") {
		t.Fatal(err)
	}
	g.o.RootCAs = x509.NewCertPool()
	g.o.RootCAs.AddCert(secure.Certificate())
	g.must(Done)

	// Through a site's proxy, with a header of its own that reaches the receiver.
	var connects []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connects = append(connects, r.Method+" "+r.Host)
		tunnel(t, w, r.Host)
	}))
	t.Cleanup(proxy.Close)
	to, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	g.o.Proxy = http.ProxyURL(to)
	g.o.Header = http.Header{"x-gateway": {"sesame"}}
	g.record(3, 2)
	g.must(Done)
	got := g.got()
	if len(connects) != 1 || connects[0] != "CONNECT "+strings.TrimPrefix(secure.URL, "https://") || got[len(got)-1].Header.Get("X-Gateway") != "sesame" {
		t.Errorf("proxied %v, header %q", connects, got[len(got)-1].Header.Get("X-Gateway"))
	}
}

func tunnel(t *testing.T, w http.ResponseWriter, host string) {
	there, err := net.Dial("tcp", host)
	if err != nil {
		t.Error(err)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(there, here)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
}

func TestTheLedgerStaysShort(t *testing.T) {
	g := newRig(t, 1)
	claim, err := g.log().Claim()
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	for i := range 2000 {
		if err := claim.Note(eventlog.LedgerEntry{BatchID: testID(i), Outcome: "done"}); err != nil {
			t.Fatal(err)
		}
	}
	text := tree(t, g.dir)[filepath.Join(g.dir, "uploads.ndjson")]
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(text) > 128<<10 || len(lines) < 300 || !strings.Contains(lines[len(lines)-1], testID(1999)) {
		t.Errorf("%d bytes, %d lines, the last is %s", len(text), len(lines), lines[len(lines)-1])
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"time":`) || !strings.HasSuffix(line, "}") {
			t.Fatalf("a torn line: %s", line)
		}
	}
}

// Somebody who follows the log misses nothing because it was sent meanwhile.
func TestFollowingGoesOnBehindWhatWasSent(t *testing.T) {
	g := newRig(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	for _, err := range eventlog.Follow(ctx, g.dir, eventlog.Position{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 1 { // in the middle of the active segment
			g.must(Done)
			g.record(3, 2)
			g.o.Force = true
			g.must(Done)
			g.record(5, 1)
		}
		if seen == 6 {
			return
		}
	}
}

func TestAHostFlushesThroughTheUploader(t *testing.T) {
	g := newRig(t, 3)
	r := eventlog.NewRecorder(eventlog.RecorderOptions{Dir: g.dir, Uploader: Uploader{Options: g.o}})
	got, err := r.Flush(t.Context())
	if err != nil || got.Outcome != eventlog.FlushTransmitted || got.Events != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = r.Flush(t.Context()); err != nil || got.Outcome != eventlog.FlushEmpty {
		t.Errorf("%+v, %v", got, err)
	}
	g.record(3, 2)
	g.o.Force = true
	g.receiver.answer = func(_ int, w http.ResponseWriter, _ request) bool { w.WriteHeader(500); return true }
	r = eventlog.NewRecorder(eventlog.RecorderOptions{Dir: g.dir, Uploader: Uploader{Options: g.o}})
	if got, err = r.Flush(t.Context()); err != nil || got.Outcome != eventlog.FlushDeferred || got.Events != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func (g *rig) key() string {
	g.t.Helper()
	name := filepath.Join(g.dir, session.KeyName)
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		text = []byte("0123456789abcdef0123456789abcdef")
		err = os.WriteFile(name, text, 0o600)
		if err == nil {
			err = os.Chtimes(name, start.Add(-48*time.Hour), start.Add(-48*time.Hour))
		}
	}
	if err != nil {
		g.t.Fatal(err)
	}
	return string(text)
}

func (g *rig) ask() eventlog.Deletion {
	g.t.Helper()
	g.key()
	ids, err := session.DayIDs(g.dir, g.clock.now())
	if err != nil || len(ids) != 3 {
		g.t.Fatal(ids, err)
	}
	d, _, err := Request(g.dir, g.o, RequestOptions{DayIDs: ids})
	if err != nil {
		g.t.Fatal(err)
	}
	return d
}

func TestADeletionIsDeliveredWhenTelemetryIsOff(t *testing.T) {
	g := newRig(t, 3)
	g.must(Done)
	g.record(3, 2)
	d := g.ask()
	if g.pending() != 0 || g.losses().Cleared != 2 || len(g.files("sent")) != 0 {
		t.Errorf("%d pending, %+v, %v", g.pending(), g.losses(), g.files("sent"))
	}
	g.consent = Consent{Off: true}
	g.receiver.answer = func(n int, w http.ResponseWriter, _ request) bool {
		switch n {
		case 2:
			status(503, "", "Retry-After", "600")(w, nil)
		case 3:
			status(200, "<html>")(w, nil)
		default:
			return false
		}
		return true
	}
	var later *DeferredError
	if _, err := g.run(); !errors.As(err, &later) || later.NextAttempt.Sub(start) != 10*time.Minute {
		t.Fatal(err)
	}
	g.o.Force = true
	g.must(Off) // not before its time
	g.clock.pass(10 * time.Minute)
	if _, err := g.run(); !errors.As(err, &later) {
		t.Fatal(err)
	}
	if r := g.must(Off); r.Deletions != 1 {
		t.Errorf("%+v", r)
	}
	all, err := g.log().Deletions()
	if err != nil || len(all) != 1 || all[0].Receipt != "receipt-"+d.RequestID[:8] || all[0].Queued() {
		t.Errorf("%+v, %v", all, err)
	}
	got := g.got()
	if last := got[len(got)-1]; last.Path != "/v1/deletion-requests" || len(got) != 4 {
		t.Errorf("%d requests, the last to %s", len(got), last.Path)
	}
	for _, name := range g.files("") {
		if strings.HasPrefix(name, session.KeyName) {
			t.Errorf("%s is still there", name)
		}
	}
	g.must(Off)
	if len(g.got()) != 4 {
		t.Error("something was sent when off")
	}
}

// Whoever asked may die at any line; the uploader finishes it, and what was
// recorded after the request stays.
func TestADeletionCutShortIsFinished(t *testing.T) {
	g := newRig(t, 3)
	old := g.key()
	l := g.log()
	if err := l.RaiseFloor(); err != nil {
		t.Fatal(err)
	}
	d := eventlog.Deletion{RequestID: "11111111-2222-4333-8444-555555555555", DayIDs: []string{"0123abcd"}, RequestedAt: start, Through: 1}
	if err := l.SaveDeletion(d); err != nil {
		t.Fatal(err)
	}
	g.record(3, 2)
	g.must(Done)
	if g.stored() != 2 || g.pending() != 0 || g.losses().Cleared != 3 || len(g.deleted) != 1 {
		t.Errorf("%d stored, %d pending, %+v, %v", g.stored(), g.pending(), g.losses(), g.deleted)
	}
	if _, err := os.Stat(filepath.Join(g.dir, session.KeyName)); !os.IsNotExist(err) || old == "" {
		t.Errorf("the key was not changed: %v", err)
	}
}

func TestAirGappedSendsNoDeletion(t *testing.T) {
	g := newRig(t, 3)
	g.ask()
	g.consent = Consent{AirGapped: true}
	g.must(AirGapped)
	if len(g.got()) != 0 {
		t.Error("something was sent")
	}
}

func TestDeletionEndpointReplacesTheLastSegment(t *testing.T) {
	for from, want := range map[string]string{
		"https://telemetry.caro.sh/v1/events":   "https://telemetry.caro.sh/v1/deletion-requests",
		"https://gw.example/caro/v1/events":     "https://gw.example/caro/v1/deletion-requests",
		"https://gw.example:8443/a%20b/v1/take": "https://gw.example:8443/a%20b/v1/deletion-requests",
	} {
		if got, err := deletionEndpoint(from); got != want || err != nil {
			t.Errorf("%s: %s, %v", from, got, err)
		}
	}
}
