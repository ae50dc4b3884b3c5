package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// These tests run this test binary again as processes of their own. An
// appending child appends as many events as each line of its standard input
// says and answers each line once they are acknowledged; an exporting one says
// that it has begun, and exports.

const childVariable = "EXPORT_TEST_CHILD"

// job is what a child does.
type job struct {
	Dir    string
	Writer int
	Place  string // where to export to; "" appends
}

// childLog are the options of everybody who appends: segments that fill now and
// then, under a cap that is never reached.
func childLog() eventlog.Options {
	return eventlog.Options{MaxBytes: 8 * eventlog.MB, LockTimeout: time.Minute}
}

func TestMain(m *testing.M) {
	spec := os.Getenv(childVariable)
	if spec == "" {
		os.Exit(m.Run())
	}
	var j job
	err := json.Unmarshal([]byte(spec), &j)
	if err == nil && j.Place != "" {
		err = j.export()
	} else if err == nil {
		err = j.append()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (j job) export() error {
	fmt.Println("begun")
	o := Options{Log: childLog(), Dir: j.Place, Clear: true, Version: "1.2.3", ChainFile: filepath.Join(j.Place, "chain.json")}
	_, err := Run(context.Background(), j.Dir, o)
	sayPeak()
	return err
}

func (j job) append() error {
	o := childLog()
	l, err := eventlog.Open(j.Dir, &o)
	if err != nil {
		return err
	}
	i := 0
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		n, err := strconv.Atoi(orders.Text())
		if err != nil {
			return err
		}
		for until := i + n; i < until; {
			var lines []schema.Line
			for range min(1+rand.N(20), until-i) {
				line, err := schema.Parse(childEvent(j.Writer, i))
				if err != nil {
					return err
				}
				lines = append(lines, line)
				i++
			}
			if _, err := l.Append(lines...); err != nil {
				return err
			}
		}
		fmt.Println(n)
	}
	return nil
}

func childID(writer, i int) string { return fmt.Sprintf("019aaf00-%04x-7000-8000-%012x", writer, i) }

func childEvent(writer, i int) []byte {
	return fmt.Appendf(nil, `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.000Z","session_id":"0123456789abcdef",`+
		`"event_id":"%s","error_category":"unknown","error_code":"E_X","component":"parser"}`, childID(writer, i))
}

func (j job) command(t *testing.T) *exec.Cmd {
	t.Helper()
	spec, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(spec))
	cmd.Stderr = os.Stderr
	return cmd
}

// writers are processes that append to one log.
type writers struct {
	orders  []io.Writer
	answers []*bufio.Scanner
	events  []int // acknowledged to each
	asked   int
}

func newWriters(t *testing.T, dir string, n int) *writers {
	t.Helper()
	w := &writers{events: make([]int, n)}
	for i := range n {
		cmd := job{Dir: dir, Writer: i}.command(t)
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := cmd.Start(); inErr != nil || outErr != nil || err != nil {
			t.Fatal(inErr, outErr, err)
		}
		w.orders, w.answers = append(w.orders, in), append(w.answers, bufio.NewScanner(out))
		t.Cleanup(func() {
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	return w
}

// order has every writer append n events; it does not wait.
func (w *writers) order(t *testing.T, n int) {
	t.Helper()
	for i := range w.orders {
		if _, err := fmt.Fprintln(w.orders[i], n); err != nil {
			t.Fatal(err)
		}
	}
	w.asked = n
}

// wait waits until what was ordered is acknowledged.
func (w *writers) wait(t *testing.T) {
	t.Helper()
	for i := range w.answers {
		if !w.answers[i].Scan() {
			t.Fatalf("writer %d is gone", i)
		}
		w.events[i] += w.asked
	}
}

// missing are acknowledged events that are not counted, twice those that are
// counted more than once.
func (w *writers) missing(counted map[string]int) (missing, twice int) {
	for writer, n := range w.events {
		for i := range n {
			switch counted[childID(writer, i)] {
			case 0:
				missing++
			case 1:
			default:
				twice++
			}
		}
	}
	return missing, twice
}

func (w *writers) total() (n int) {
	for _, events := range w.events {
		n += events
	}
	return n
}

func rounds() int {
	switch {
	case torture:
		return 1000
	case testing.Short():
		return 10
	}
	return 100
}

// Eight processes append, segments fill, and all the while the log is exported
// and cleared: whatever was acknowledged is in one file or in the log, once.
func TestClearWhileOthersAppendLosesAndDoublesNothing(t *testing.T) {
	place := quickDir(t)
	dir := filepath.Join(place, "log")
	w := newWriters(t, dir, 8)
	exports, files, filled := 0, map[string]int{}, 0
	for i := range rounds() {
		w.order(t, 5+i%10*40)
		for range 1 + i%3 {
			o := Options{Log: childLog(), File: filepath.Join(place, "x.json.gz"), Clear: true, Force: true, Version: "1.2.3"}
			r, err := Run(t.Context(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Files) == 0 {
				continue
			}
			exports++
			if r.Cleared.Events != r.Events || r.Gone+len(r.Damaged) > 0 || r.Bad() > 0 {
				t.Fatalf("%d exported, %d cleared, %d refused, damaged %v", r.Events, r.Cleared.Events, r.Bad(), r.Damaged)
			}
			if r.Cleared.Segments > 1 {
				filled++
			}
			if _, err := CheckFile(t.Context(), o.File, func(l schema.Line) { files[l.EventID()]++ }); err != nil {
				t.Fatal(err)
			}
		}
		w.wait(t)
	}
	left := idsOfLog(t, dir)
	for id, n := range left {
		files[id] += n
	}
	missing, twice := w.missing(files)
	t.Logf("%d acknowledged: %d in %d exports, %d left in the log; %d exports met segments that were full",
		w.total(), len(files)-len(left), exports, len(left), filled)
	if missing+twice > 0 || len(files) != w.total() || exports < 5 {
		t.Errorf("%d missing, %d twice", missing, twice)
	}
}

// The same with an exporter that is killed at any moment. Events it had exported
// and not yet cleared are exported again; none is missing.
func TestKilledExportersLoseNothing(t *testing.T) {
	root := quickDir(t)
	dir, place := filepath.Join(root, "log"), filepath.Join(root, "exports")
	w := newWriters(t, dir, 4)
	killed := 0
	took := 50 * time.Millisecond // an export
	for i := range rounds() / 2 {
		w.order(t, 20)
		began := time.Now()
		cmd := job{Dir: dir, Place: place}.command(t)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bufio.NewScanner(out).Scan() {
			t.Fatal("the exporter did not begin")
		}
		after := rand.N(took * 3 / 2)
		if i%20 == 1 {
			after = 0
		}
		kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		if i%20 == 0 {
			kill.Stop()
		}
		if err := cmd.Wait(); err != nil {
			killed++
		} else if kill.Stop(); i%20 == 0 {
			took = time.Since(began)
		}
		w.wait(t)
	}
	cmd := job{Dir: dir, Place: place}.command(t)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	files := idsOfFiles(t, place, "at the end")
	missing, twice := w.missing(files)
	names := slices.Collect(maps.Keys(tree(t, place)))
	t.Logf("%d acknowledged, %d exporters killed, %d files, %d events exported twice", w.total(), killed, len(names)/2, twice)
	if missing > 0 || len(files) != w.total() || len(idsOfLog(t, dir)) > 0 || killed == 0 {
		t.Errorf("%d missing, %d in files, %d killed", missing, len(files), killed)
	}
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), asidePrefix) {
			t.Errorf("%s is left", filepath.Base(name))
		}
	}
}

// An export of a log of any size takes the same memory.
func TestMemoryStaysFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a log of many megabytes")
	}
	const limit = 64 << 10 // KiB, as the system counts
	root := quickDir(t)
	dir, place := filepath.Join(root, "log"), filepath.Join(root, "exports")
	l, err := eventlog.Open(dir, &eventlog.Options{MaxBytes: 512 * eventlog.MB})
	if err != nil {
		t.Fatal(err)
	}
	lines := sessions(t)
	for range 150 {
		if _, err := l.Append(lines...); err != nil {
			t.Fatal(err)
		}
	}
	out, err := job{Dir: dir, Place: place}.command(t).Output()
	if err != nil {
		t.Fatal(err)
	}
	peak, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(string(out)), "begun\npeak "))
	if err != nil {
		t.Skipf("this system does not tell: %q", out)
	}
	if t.Logf("%d KiB at its peak", peak); peak > limit {
		t.Errorf("%d KiB at its peak, want less than %d", peak, limit)
	}
}

// sayPeak prints the most memory this process had, where the system tells. What
// the parent gets from wait counts the parent's own, from before the exec.
func sayPeak() {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Println("peak", strings.TrimSuffix(strings.TrimSpace(kib), " kB"))
		}
	}
}
