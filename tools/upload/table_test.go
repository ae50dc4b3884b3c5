package upload

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// once answers the first request and leaves the others to the receiver.
func once(answer http.HandlerFunc) func(int, http.ResponseWriter, request) bool {
	return func(n int, w http.ResponseWriter, _ request) bool {
		if n == 1 {
			answer(w, nil)
		}
		return n == 1
	}
}

func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"accepted":3,"rej`))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// Whatever comes back that is no verdict: the data stays, nothing is refused, the
// next attempt waits, and then sends the same bytes.
func TestWithoutAVerdictEverythingStaysAndIsSentAgainTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		wait   time.Duration
		asked  bool
	}{
		"408":                      {status(408, ""), time.Minute, false},
		"425":                      {status(425, ""), time.Minute, false},
		"429":                      {status(429, ""), time.Minute, false},
		"429 with seconds":         {status(429, "", "Retry-After", "120"), 2 * time.Minute, true},
		"429 with a date":          {status(429, "", "Retry-After", "Mon, 23 Nov 2026 15:00:00 GMT", "Date", "Mon, 23 Nov 2026 12:00:00 GMT"), 3 * time.Hour, true},
		"a server's clock is off":  {status(503, "", "Retry-After", "Mon, 23 Nov 2020 15:00:00 GMT", "Date", "Mon, 23 Nov 2020 14:00:00 GMT"), time.Hour, true},
		"429 in the body":          {status(429, `{"retry_after":90}`), 90 * time.Second, true},
		"in the body as text":      {status(429, `{"retry_after":"90"}`), 90 * time.Second, true},
		"the header wins":          {status(429, `{"retry_after":90}`, "Retry-After", "30"), 30 * time.Second, true},
		"a fraction":               {status(429, `{"retry_after":1.5}`), 2 * time.Second, true},
		"absurdly long":            {status(503, "", "Retry-After", "99999999999999999999999999"), 24 * time.Hour, true},
		"a year":                   {status(503, "", "Retry-After", "31536000"), 24 * time.Hour, true},
		"a date in a year":         {status(503, "", "Retry-After", "Tue, 23 Nov 2027 15:00:00 GMT", "Date", "Mon, 23 Nov 2026 12:00:00 GMT"), 24 * time.Hour, true},
		"negative":                 {status(503, "", "Retry-After", "-5"), time.Minute, false},
		"zero":                     {status(503, "", "Retry-After", "0"), time.Minute, false},
		"no time at all":           {status(503, `{"retry_after":{"sesame":1}}`, "Retry-After", "soon"), time.Minute, false},
		"500":                      {status(500, "oops"), time.Minute, false},
		"502":                      {status(502, ""), time.Minute, false},
		"599":                      {status(599, ""), time.Minute, false},
		"cut before the answer":    {hangUp, time.Minute, false},
		"half an answer":           {half, time.Minute, false},
		"a hotel's page":           {status(200, "<html>Welcome! Room number?</html>", "Content-Type", "text/html"), time.Minute, false},
		"an empty 204":             {status(204, ""), time.Minute, false},
		"an empty 200":             {status(200, ""), time.Minute, false},
		"other JSON":               {status(200, `{"ok":true}`), time.Minute, false},
		"JSON that is no object":   {status(202, `[]`), time.Minute, false},
		"sums that are wrong":      {status(200, `{"accepted":2,"rejected":0,"refusals":[]}`), time.Minute, false},
		"sums that overflow":       {status(200, `{"accepted":-1,"rejected":4,"refusals":[]}`), time.Minute, false},
		"an answer without an end": {status(200, strings.Repeat(" ", 2<<20)), time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, 3)
			g.answer = once(test.answer)
			result, err := g.run()
			var later *DeferredError
			if !errors.As(err, &later) || result.Reason != Deferred {
				t.Fatalf("the run ended with %q, %v", result.Reason, err)
			}
			if strings.Contains(err.Error(), "broke off") != (name == "half an answer") {
				t.Errorf("it says %v", err)
			}
			if got := later.NextAttempt.Sub(start); got != test.wait || result.ServerAsked != test.asked {
				t.Errorf("waits %s, asked by the server %v; want %s, %v", got, result.ServerAsked, test.wait, test.asked)
			}
			if g.pending() != 3 || g.losses().Total() != 0 || len(g.files("refused")) != 0 {
				t.Errorf("%d pending, %d lost, %v", g.pending(), g.losses().Total(), g.files("refused"))
			}

			// Before its time nothing is sent, by force neither if the server asked.
			g.record(3, 1)
			g.clock.pass(test.wait - time.Second)
			g.must(BackOff)
			g.o.Force = test.asked
			g.must(BackOff)
			if len(g.got()) != 1 {
				t.Fatalf("%d requests before the time", len(g.got())-1)
			}
			g.o.Force = false
			g.clock.pass(time.Second)
			g.must(Done)
			got := g.got()
			if len(got) != 3 || string(got[0].Sent) != string(got[1].Sent) {
				t.Errorf("%d requests; the second is not the first again", len(got))
			}
			if g.stored() != 4 || g.pending() != 0 || g.schedule().Failures != 0 {
				t.Errorf("%d stored, %d pending, %+v", g.stored(), g.pending(), g.schedule())
			}
		})
	}
}

func TestForceIgnoresItsOwnBackOffOnly(t *testing.T) {
	g := newRig(t, 3)
	g.answer = once(status(500, ""))
	if _, err := g.run(); err == nil {
		t.Fatal("no error")
	}
	g.o.Force = true
	g.must(Done)

	g = newRig(t, 3)
	g.answer = once(status(500, "", "Retry-After", "3600"))
	if _, err := g.run(); err == nil {
		t.Fatal("no error")
	}
	g.o.Force = true
	if r := g.must(BackOff); !r.ServerAsked || !r.NextAttempt.Equal(start.Add(time.Hour)) {
		t.Errorf("waits until %s", r.NextAttempt)
	}
}

func TestBackOffDoublesUpToADay(t *testing.T) {
	g := newRig(t, 1)
	g.o.Force = true
	g.answer = func(_ int, w http.ResponseWriter, _ request) bool { w.WriteHeader(500); return true }
	want := time.Minute
	for range 14 {
		if _, err := g.run(); err == nil {
			t.Fatal("no error")
		}
		if got := g.schedule().NextAttempt.Sub(start); got != want {
			t.Fatalf("waits %s, want %s", got, want)
		}
		want = min(2*want, 24*time.Hour)
	}
	r := runner{o: Options{Random: func() float64 { return 0.999999 }}}
	if got := r.backOff(0); got < 30*time.Second || got > 31*time.Second {
		t.Errorf("at the most lucky it waits %s", got)
	}
}

// A clock that was ahead when the time was set must not stop uploads for good.
func TestATimeNobodyMaySetIsNotWaitedFor(t *testing.T) {
	g := newRig(t, 1)
	g.seal()
	g.clock.pass(365 * 24 * time.Hour)
	g.answer = once(status(500, "", "Retry-After", "3600"))
	if _, err := g.run(); err == nil {
		t.Fatal("no error")
	}
	g.clock.pass(-365 * 24 * time.Hour)
	g.must(Done)
	g.record(1, 1)
	g.clock.pass(-48 * time.Hour) // and so with the last success
	g.must(Done)
}

func TestWhatTheServerRefusesIsKeptAndSaid(t *testing.T) {
	for _, code := range []int{300, 301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 406, 410, 411, 415, 426, 431, 451} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			g := newRig(t, 3)
			elsewhere := newReceiver(t)
			g.answer = once(status(code, "sesame", "Location", elsewhere.endpoint()))
			result, err := g.run()
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Status != code || result.Reason != Refused {
				t.Fatalf("the run ended with %q, %v", result.Reason, err)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error repeats what the server said: %v", err)
			}
			if g.pending() != 3 || len(g.files("refused")) != 0 || len(elsewhere.got()) != 0 || len(g.got()) != 1 {
				t.Errorf("%d pending, refused %v, %d requests elsewhere", g.pending(), g.files("refused"), len(elsewhere.got()))
			}
			g.must(Done)
			if got := g.got(); string(got[0].Sent) != string(got[1].Sent) || g.stored() != 3 {
				t.Errorf("not sent again the same, %d stored", g.stored())
			}
		})
	}
}

func Test409IsDone(t *testing.T) {
	g := newRig(t, 3)
	g.answer = once(status(409, "stored already"))
	if r := g.must(Done); r.Sent != 3 || g.pending() != 0 || len(g.got()) != 1 {
		t.Errorf("%d sent, %d pending", r.Sent, g.pending())
	}
}

func TestRefusalsInA2xxAreKeptAndCounted(t *testing.T) {
	g := newRig(t, 5)
	g.answer = once(status(200, `{"accepted":3,"rejected":2,"refusals":[
		{"index":1,"category":"schema","pointer":"/error_code","rule":"pattern"},
		{"index":4,"category":"sesame","pointer":"/Users/sesame","rule":"open sesame"},
		{"index":4},{"index":99},{"index":-1}],"receipt_id":"r-1"}`))
	if r := g.must(Done); r.Sent != 3 || r.Rejected != 2 {
		t.Errorf("%+v", r)
	}
	lines, reasons := g.refusedLines()
	if len(lines) != 2 || eventID([]byte(lines[0])) != testID(1) || eventID([]byte(lines[1])) != testID(4) {
		t.Errorf("refused are %v", lines)
	}
	if !strings.Contains(reasons[0], `"by":"receiver","status":200,"category":"schema","pointer":"/error_code","rule":"pattern"`) {
		t.Errorf("the reason is %s", reasons[0])
	}
	if strings.Contains(strings.Join(reasons, ""), "sesame") {
		t.Errorf("what the server said went into the reasons: %s", reasons)
	}
	if l := g.losses(); l.RejectedByServer != 2 || l.Total() != 2 || g.pending() != 0 {
		t.Errorf("%+v, %d pending", l, g.pending())
	}
	ledger := tree(t, g.dir)[g.dir+"/uploads.ndjson"]
	if !strings.Contains(ledger, `"status":200,"accepted":3,"rejected":2,"outcome":"done","receipt":"r-1"`) {
		t.Errorf("the ledger says %s", ledger)
	}
}

func TestATooLargeBatchIsHalved(t *testing.T) {
	g := newRig(t, 1000)
	g.answer = func(_ int, w http.ResponseWriter, req request) bool {
		if len(req.Events) > 130 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		return len(req.Events) > 130
	}
	if r := g.must(Done); r.Sent != 1000 || g.stored() != 1000 || g.losses().Total() != 0 {
		t.Errorf("%+v, %d stored", r, g.stored())
	}
}

func TestPoisonIsFoundAndTheRestArrives(t *testing.T) {
	for _, code := range []int{400, 422} {
		g := newRig(t, 1000)
		poison := map[string]bool{testID(0): true, testID(333): true, testID(334): true, testID(999): true}
		g.answer = func(_ int, w http.ResponseWriter, req request) bool {
			for _, e := range req.Events {
				if poison[eventID(e)] {
					w.WriteHeader(code)
					return true
				}
			}
			return false
		}
		if r := g.must(Done); r.Sent != 996 || r.Rejected != 4 {
			t.Errorf("%d: %+v", code, r)
		}
		lines, _ := g.refusedLines()
		for _, line := range lines {
			if !poison[eventID([]byte(line))] {
				t.Errorf("%d: a good event is in refused/", code)
			}
		}
		if len(lines) != 4 || g.losses().RejectedByServer != 4 || g.losses().Total() != 4 || g.stored() != 996 {
			t.Errorf("%d: %d lines, %+v, %d stored", code, len(lines), g.losses(), g.stored())
		}
	}
}

// refuseAll answers 400 to everything that holds an event below limit.
func refuseAll(below int) func(int, http.ResponseWriter, request) bool {
	return func(_ int, w http.ResponseWriter, req request) bool {
		for _, e := range req.Events {
			if eventID(e) < testID(below) {
				w.WriteHeader(http.StatusBadRequest)
				return true
			}
		}
		return false
	}
}

func TestTwoWholeBatchesRefusedInARowStopEverything(t *testing.T) {
	g := newRig(t, 5)
	g.seal()
	g.record(5, 5)
	g.answer = refuseAll(1000)
	_, err := g.run()
	var refused *RefusedError
	if !errors.As(err, &refused) || g.pending() != 10 || len(g.files("refused")) != 0 || g.losses().Total() != 0 {
		t.Fatalf("%v; %d pending, refused %v", err, g.pending(), g.files("refused"))
	}
	g.answer = nil // somebody repaired it
	g.o.Force = true
	if r := g.must(Done); r.Sent != 10 || g.stored() != 10 || g.pending() != 0 {
		t.Errorf("%+v, %d stored", r, g.stored())
	}
}

func TestOneWholeBatchRefusedIsGivenUp(t *testing.T) {
	t.Run("when another one is taken", func(t *testing.T) {
		g := newRig(t, 5)
		g.seal()
		g.record(5, 5)
		g.answer = refuseAll(5)
		if r := g.must(Done); r.Sent != 5 || r.Rejected != 5 || g.pending() != 0 {
			t.Errorf("%+v, %d pending", r, g.pending())
		}
		if lines, _ := g.refusedLines(); len(lines) != 5 || g.losses().RejectedByServer != 5 {
			t.Errorf("%d refused, %+v", len(lines), g.losses())
		}
	})
	t.Run("when there is no other, and the next time it stops", func(t *testing.T) {
		g := newRig(t, 5)
		g.answer = refuseAll(1000)
		if r := g.must(Done); r.Rejected != 5 {
			t.Errorf("%+v", r)
		}
		if lines, _ := g.refusedLines(); len(lines) != 5 || g.pending() != 0 {
			t.Errorf("%d refused, %d pending", len(lines), g.pending())
		}
		g.record(5, 5)
		_, err := g.run()
		var refused *RefusedError
		if lines, _ := g.refusedLines(); !errors.As(err, &refused) || g.pending() != 5 || len(lines) != 5 {
			t.Errorf("%v, %d pending, %d refused", err, g.pending(), len(lines))
		}
	})
	t.Run("across runs that are cut short", func(t *testing.T) {
		g := newRig(t, 5)
		g.seal()
		g.record(5, 5)
		g.o.MaxBatches = 1
		g.answer = refuseAll(5)
		g.must(Limit)
		if g.pending() != 10 {
			t.Errorf("%d pending", g.pending())
		}
		if r := g.must(Limit); r.Sent != 5 || g.pending() != 0 || g.losses().RejectedByServer != 5 {
			t.Errorf("%+v, %d pending, %+v", r, g.pending(), g.losses())
		}
	})
}
