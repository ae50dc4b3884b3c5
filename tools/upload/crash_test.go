package upload

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
	"caro.sh/telemetry/eventlog/vfs/powerfs"
	"caro.sh/telemetry/schema"
)

// A plot is a log, what the receiver does, and what has to be so in the end,
// whichever call of the upload fails or is its last.
type plot struct {
	name   string
	build  func(g *rig)
	events int // recorded, the broken line apart
	refuse func(id string) bool
	answer func(n int, w http.ResponseWriter, req request) bool
	want   eventlog.Losses // in the end, but for what may be of unknown fate
	gone   int             // events that never arrive
	batch  int             // events of one, 0 for as many as there may be
	// everyday names the fault that is tried without -tags torture.
	everyday string
}

func plots() []plot {
	three := func(g *rig) {
		for i := range 3 {
			g.record(4*i, 4)
			g.seal()
		}
		g.record(12, 2)
	}
	return []plot{
		{name: "all is taken", build: three, events: 14, everyday: powerCut},
		{name: "two batches on their way", events: 9, batch: 2, everyday: "crash after", build: func(g *rig) {
			g.record(0, 9)
		}},
		{name: "two on their way, one event refused", events: 9, batch: 2, gone: 1, build: func(g *rig) {
			g.record(0, 9)
		}, refuse: func(id string) bool { return id == testID(5) }, want: eventlog.Losses{RejectedByServer: 1}, everyday: "EIO"},
		{name: "some is refused and a line is broken", events: 6, gone: 1, build: func(g *rig) {
			g.record(0, 3)
			g.spoil(`{"event":"sesame"}`)
			g.seal()
			g.record(3, 3)
		}, refuse: func(id string) bool { return id == testID(1) }, everyday: "crash after",
			want: eventlog.Losses{RejectedByServer: 1, Refused: map[schema.Category]int64{"schema": 1}}},
		{name: "a poisoned batch", build: three, events: 14, gone: 1, want: eventlog.Losses{RejectedByServer: 1},
			answer: func(_ int, w http.ResponseWriter, req request) bool { return refusing(w, req, testID(5)) }},
		{name: "a whole batch", events: 3, gone: 2, everyday: "EIO", build: func(g *rig) {
			g.record(0, 2)
			g.seal()
			g.record(2, 1)
		}, want: eventlog.Losses{RejectedByServer: 2}, answer: func(_ int, w http.ResponseWriter, req request) bool {
			return refusing(w, req, testID(0), testID(1))
		}},
	}
}

func refusing(w http.ResponseWriter, req request, ids ...string) bool {
	for _, id := range ids {
		if strings.Contains(string(req.Body), id) {
			w.WriteHeader(400)
			return true
		}
	}
	return false
}

func faults() map[string]faultfs.Outcome {
	return map[string]faultfs.Outcome{
		"crash before":     {Crash: true},
		"crash after":      {Crash: true, After: true},
		"crash in a write": {Crash: true, Partial: 30},
		"EIO":              {Err: syscall.EIO},
		"EIO after":        {Err: syscall.EIO, After: true},
		"ENOSPC half-way":  {Err: syscall.ENOSPC, Partial: 30},
		powerCut:           {Crash: true, After: true},
	}
}

// powerCut takes away what was not durable as well.
const powerCut = "power cut"

func TestEveryEventArrivesOnceWhateverCallFails(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short")
	}
	for _, p := range plots() {
		template := newRig(t, 0)
		p.build(template)
		for name, fault := range faults() {
			if !torture && p.everyday != name {
				continue
			}
			t.Run(p.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				failEachCall(t, p, template.dir, fault, name == powerCut)
			})
		}
	}
}

func failEachCall(t *testing.T, p plot, template string, fault faultfs.Outcome, cut bool) {
	root := memoryDir(t)
	shared := newReceiver(t)
	for at := 1; ; at++ {
		shared.reset()
		g := newRigWith(t, shared, 0)
		g.dir = filepath.Join(root, strconv.Itoa(at))
		if err := os.CopyFS(g.dir, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		g.unwanted, g.o.Force, g.o.events = p.refuse, true, p.batch
		if p.answer != nil {
			g.receiver.answer = p.answer
		}
		disk, power := vfs.Disk, (*powerfs.FS)(nil)
		if cut {
			var err error
			if power, err = powerfs.New(disk, g.dir); err != nil {
				t.Fatal(err)
			}
			disk = power
		}
		var hit faultfs.Op
		g.o.Log.FS = faultfs.New(disk, func(op faultfs.Op) faultfs.Outcome {
			if op.N == at {
				hit = op
				return fault
			}
			return faultfs.Outcome{}
		})
		_, err := g.run()
		where := fmt.Sprintf("call %d (%s %s), which answered %v", hit.N, hit.Kind, hit.Name, err)
		g.o.Log.FS = nil
		if hit.N == 0 {
			if err != nil || at < 20 {
				t.Fatalf("after %d calls: %v", at-1, err)
			}
			p.check(g, "in peace")
			return
		}
		if cut {
			if err := power.Cut(rand.New(rand.NewPCG(uint64(at), 1))); err != nil {
				t.Fatal(err)
			}
		}
		for range map[bool]int{false: 1, true: 2}[torture] {
			g.clock.pass(time.Minute) // which what is sent again must not say
			if _, err := g.run(); err != nil {
				t.Fatalf("%s: and later %v", where, err)
			}
		}
		p.check(g, where)
		if err := os.RemoveAll(g.dir); err != nil {
			t.Fatal(err)
		}
	}
}

// check holds what arrived, what is counted and what is kept together.
func (p plot) check(g *rig, where string) {
	g.t.Helper()
	for id, n := range g.events {
		if n != 1 {
			g.t.Fatalf("%s: event %s arrived %d times", where, id, n)
		}
	}
	if g.stored() != p.events-p.gone || g.pending() != 0 {
		g.t.Fatalf("%s: %d arrived of %d, %d pending", where, g.stored(), p.events-p.gone, g.pending())
	}
	if got, want := g.losses().Total(), p.want.Total(); got != want {
		g.t.Fatalf("%s: %d lost, want %d: %+v", where, got, want, g.losses())
	}
	if lines, _ := g.refusedLines(); int64(len(lines)) != p.want.Total() {
		g.t.Fatalf("%s: %d lines in refused/, want %d", where, len(lines), p.want.Total())
	}
	for _, name := range g.files("") {
		if strings.HasPrefix(name, ".tmp-") {
			g.t.Fatalf("%s: %s was left behind", where, name)
		}
	}
	if got := len(g.files("sent")); got == 0 {
		g.t.Fatalf("%s: nothing in sent/", where)
	}
}

// spoil appends a line to the active segment as a stranger would.
func (g *rig) spoil(line string) {
	g.t.Helper()
	f, err := os.OpenFile(filepath.Join(g.dir, eventlog.ActiveName), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteString(line + "\n")
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

// memoryDir is a test directory where a sync costs nothing, if there is one.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "upload")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// What was in flight when the log was cleared, evicted or fenced off is of
// unknown fate, the rest is counted as what it is, and nothing is sent any more.
func TestWhatIsRemovedIsCountedByWhatWasSent(t *testing.T) {
	deferred := func(t *testing.T) *rig {
		g := newRig(t, 1500)
		g.seal()
		g.record(1500, 10)
		g.receiver.answer = func(n int, w http.ResponseWriter, _ request) bool {
			if n == 2 {
				w.WriteHeader(503)
			}
			return n == 2
		}
		if _, err := g.run(); err == nil {
			t.Fatal("no error")
		}
		g.o.Force = true
		return g
	}
	t.Run("cleared", func(t *testing.T) {
		g := deferred(t)
		cleared, err := g.log().Clear(eventlog.ClearOptions{})
		if err != nil || cleared.Events != 510 {
			t.Errorf("%+v, %v", cleared, err)
		}
		if l := g.losses(); l.Cleared != 10 || l.Unknown != 500 || l.Total() != 510 {
			t.Errorf("%+v", l)
		}
		g.must(Nothing)
	})
	t.Run("expired", func(t *testing.T) {
		g := deferred(t)
		for _, name := range g.files("") {
			if strings.HasPrefix(name, "events-") {
				old := start.Add(-40 * 24 * time.Hour)
				to := regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(name, old.Format(time.DateOnly))
				if err := os.Rename(filepath.Join(g.dir, name), filepath.Join(g.dir, to)); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(filepath.Join(g.dir, to), old, old); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := g.log().Expire(); err != nil {
			t.Fatal(err)
		}
		if l := g.losses(); l.Expired != 10 || l.Unknown != 500 || l.Total() != 510 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("fenced off, and then cleared", func(t *testing.T) {
		g := deferred(t)
		if err := g.log().RaiseFloor(); err != nil {
			t.Fatal(err)
		}
		g.record(2000, 5)
		if r := g.must(Done); r.Sent != 5 || g.stored() != 1005 {
			t.Errorf("%+v, %d stored", r, g.stored())
		}
		if g.pending() != 510 || g.losses().Total() != 0 {
			t.Errorf("%d pending, %+v", g.pending(), g.losses())
		}
		if _, err := g.log().Clear(eventlog.ClearOptions{}); err != nil {
			t.Fatal(err)
		}
		if l := g.losses(); l.Cleared != 10 || l.Unknown != 500 || l.Total() != 510 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("evicted", func(t *testing.T) {
		g := deferred(t)
		l, err := eventlog.Open(g.dir, &eventlog.Options{MaxBytes: eventlog.MinMaxBytes})
		if err != nil {
			t.Fatal(err)
		}
		many := make([]schema.Line, 500)
		for i := range many {
			many[i] = testLine(t, 3000+i)
		}
		for g.losses().Total() == 0 {
			if _, err := l.Append(many...); err != nil {
				t.Fatal(err)
			}
		}
		if l := g.losses(); l.Unknown != 500 || l.Total() != 500 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("while it is on its way", func(t *testing.T) {
		g := newRig(t, 10)
		g.receiver.answer = func(n int, _ http.ResponseWriter, _ request) bool {
			if err := g.log().RaiseFloor(); n == 1 && err != nil {
				t.Error(err)
			}
			return false
		}
		g.must(Done)
		if g.stored() != 10 || g.pending() != 0 {
			t.Errorf("%d stored, %d pending", g.stored(), g.pending())
		}
		g.receiver.answer = nil
		g.o.Force = true
		g.record(100, 1)
		g.must(Done)
		if _, err := g.log().Clear(eventlog.ClearOptions{}); err != nil {
			t.Error(err)
		}
		if g.stored() != 11 || g.pending() != 0 || g.losses().Total() != 0 {
			t.Errorf("%d stored, %d pending, %+v", g.stored(), g.pending(), g.losses())
		}
	})
}
