package upload

import (
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog"
)

// twos is a rig with six batches of two events, and a receiver that is down for the
// requests that fail says.
func twos(t *testing.T, fail func(n int) bool) *rig {
	g := newRig(t, 12)
	g.o.events, g.o.Force = 2, true
	g.receiver.answer = func(n int, w http.ResponseWriter, _ request) bool {
		if fail(n) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	return g
}

// waitFor waits until the receiver has got so many requests.
func (g *rig) waitFor(n int) {
	g.t.Helper()
	for end := time.Now().Add(10 * time.Second); len(g.got()) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			g.t.Errorf("%d requests after 10 s, want %d", len(g.got()), n)
			return
		}
	}
}

func TestMoreBatchesAreOnTheirWayTheMoreAreTaken(t *testing.T) {
	var g *rig
	var now, most atomic.Int32
	g = twos(t, func(n int) bool {
		for is := now.Add(1); is > most.Load(); is = now.Load() {
			most.Store(is)
		}
		defer now.Add(-1)
		// Nobody is answered before so many more are there.
		g.waitFor(min(n+min(max(n-1, 0), maxAhead), 6))
		return false
	})
	if r := g.must(Done); r.Sent != 12 || r.Batches != 6 || g.stored() != 12 || len(g.got()) != 6 || most.Load() != 1+maxAhead {
		t.Errorf("%+v, %d stored, %d requests, %d at once", r, g.stored(), len(g.got()), most.Load())
	}
}

func TestAServerThatIsDownGetsOneRequest(t *testing.T) {
	g := twos(t, func(int) bool { return true })
	if _, err := g.run(); err == nil || len(g.got()) != 1 {
		t.Errorf("%v after %d requests", err, len(g.got()))
	}
}

func TestALimitHoldsForWhatIsSentAhead(t *testing.T) {
	g := twos(t, func(int) bool { return false })
	g.o.MaxBatches = 3
	if r := g.must(Limit); r.Batches != 3 || len(g.got()) != 3 || g.pending() != 6 {
		t.Errorf("%+v, %d requests, %d pending", r, len(g.got()), g.pending())
	}
	s, err := eventlog.OpenSnapshot(g.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if id := s.InFlight(); id != "" {
		t.Errorf("batch %s is in flight", id)
	}
}

// The batches behind one that failed may have arrived. They are sent again as they
// were, and until then nobody says that they did not: nor of the one that was only
// announced.
func TestAFailureLeavesAllOnTheirWay(t *testing.T) {
	var g *rig
	g = twos(t, func(n int) bool {
		if n == 2 {
			g.waitFor(3)
		}
		return n == 2
	})
	if r, err := g.run(); err == nil || r.Sent != 2 || g.pending() != 10 {
		t.Fatalf("%+v, %v, %d pending", r, err, g.pending())
	}
	dir := g.dir
	for _, test := range []struct {
		name string
		end  func()
		want eventlog.Losses
	}{
		{"sent again", func() {
			g.receiver.answer = nil
			g.clock.pass(time.Minute) // which the batches must not say
			if r := g.must(Done); r.Sent != 10 || g.stored() != 12 {
				t.Errorf("%+v, %d stored", r, g.stored())
			}
		}, eventlog.Losses{}},
		{"cleared", func() {
			if _, err := g.log().Clear(eventlog.ClearOptions{}); err != nil {
				t.Error(err)
			}
		}, eventlog.Losses{Cleared: 4, Unknown: 6}},
		{"fenced off and cleared", func() {
			if err := g.log().RaiseFloor(); err != nil {
				t.Error(err)
			}
			g.must(Nothing)
			if _, err := g.log().Clear(eventlog.ClearOptions{}); err != nil {
				t.Error(err)
			}
		}, eventlog.Losses{Cleared: 4, Unknown: 6}},
	} {
		g.dir = filepath.Join(t.TempDir(), "log")
		if err := os.CopyFS(g.dir, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		test.end()
		if l := g.losses(); l.Cleared != test.want.Cleared || l.Unknown != test.want.Unknown || l.Total() != test.want.Total() {
			t.Errorf("%s: %+v", test.name, l)
		}
		for id, n := range g.receiver.events {
			if n != 1 {
				t.Errorf("%s: event %s arrived %d times", test.name, id, n)
			}
		}
	}
}

func TestNothingIsSentAheadAfterAnOptOut(t *testing.T) {
	var g *rig
	g = twos(t, func(n int) bool {
		if n == 1 {
			if err := g.log().RaiseFloor(); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	if r := g.must(Done); r.Sent != 2 || len(g.got()) != 1 {
		t.Errorf("%+v, %d requests", r, len(g.got()))
	}
}
