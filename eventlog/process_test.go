package eventlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// These tests run this test binary again as processes of their own: that is
// what the log has to stand. A child says on its standard output what was
// acknowledged to it, one id a line, after the fact, and before it "+n" for the
// number of events it is about to append.

const childVariable = "EVENTLOG_TEST_CHILD"

// job is what a child does.
type job struct {
	Dir        string
	Writer     int
	First      int // the first goroutine's writer number, if not Writer*16
	Events     int // by each goroutine; 0 is until killed
	Goroutines int
	Batch      int // up to so many lines an append
	MaxBytes   int64
	Tend       bool // compact and expire instead, until killed
	Fill       bool // fill the disk instead
	Limited    bool // by a limit on file size
	Clear      bool // and clear it while it is full
}

func TestMain(m *testing.M) {
	if spec := os.Getenv(childVariable); spec != "" {
		os.Exit(child(spec))
	}
	os.Exit(m.Run())
}

func child(spec string) int {
	var j job
	if err := json.Unmarshal([]byte(spec), &j); err != nil {
		panic(err)
	}
	if j.Fill {
		if err := fillDisk(j); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	l, err := Open(j.Dir, &Options{MaxBytes: j.MaxBytes, LockTimeout: time.Minute})
	if err == nil && j.Tend {
		err = tend(l, j.Writer == 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var wg sync.WaitGroup
	var failed sync.Once
	code := 0
	for g := range j.Goroutines {
		wg.Go(func() {
			if err := j.append(l, max(j.First, j.Writer*16)+g); err != nil {
				failed.Do(func() { fmt.Fprintln(os.Stderr, err); code = 1 })
			}
		})
	}
	wg.Wait()
	return code
}

func (j job) append(l *Log, writer int) error {
	var t quiet
	for i := 0; j.Events == 0 || i < j.Events; {
		n := 1 + rand.N(j.Batch)
		if j.Events > 0 {
			n = min(n, j.Events-i)
		}
		var acks bytes.Buffer
		lines := testLines(&t, writer, 0)
		for k := range n {
			lines = append(lines, testLine(&t, writer, i+k))
		}
		if _, err := fmt.Printf("+%d\n", n); err != nil {
			return err
		}
		kept, err := l.Append(lines...)
		for k := range kept {
			fmt.Fprintln(&acks, testID(writer, i+k))
		}
		if _, err := os.Stdout.Write(acks.Bytes()); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		i += n
	}
	return nil
}

// quiet is a testing.TB for the child, which has none.
type quiet struct{ testing.TB }

func (*quiet) Helper()           {}
func (*quiet) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// start runs a job; its acknowledgements go to acks.
func start(t *testing.T, j job, acks io.Writer) *exec.Cmd {
	t.Helper()
	spec, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(spec))
	cmd.Stdout = acks
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// ackLog collects acknowledged ids from many children. A killed child's last
// line may be cut: it was not acknowledged to anybody.
type ackLog struct {
	mu       sync.Mutex
	seen     map[string]bool
	intended int
}

func (a *ackLog) collect(out []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[string]bool{}
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		if n, err := strconv.Atoi(s.Text()); err == nil && s.Text()[0] == '+' {
			a.intended += n
		}
		if len(s.Text()) == 36 {
			a.seen[s.Text()] = true
		}
	}
}

// runJobs runs the jobs, so many at a time, and returns what was acknowledged.
func runJobs(t *testing.T, atOnce int, jobs []job) *ackLog {
	t.Helper()
	var acks ackLog
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, j := range jobs {
		slots <- struct{}{}
		var out bytes.Buffer
		cmd := start(t, j, &out)
		wg.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("writer %d: %v", j.Writer, err)
			}
			acks.collect(out.Bytes())
			<-slots
		})
	}
	wg.Wait()
	return &acks
}

// verify holds what is in the directory against what was acknowledged.
func verify(t *testing.T, dir string, a *ackLog, maxBytes int64) {
	t.Helper()
	present := ids(t, dir)
	acked, intended := a.seen, a.intended
	missing := 0
	for id := range acked {
		if present[id] == 0 {
			missing++
		}
	}
	for id, n := range present {
		if n != 1 {
			t.Errorf("event %s is there %d times", id, n)
		}
	}
	evicted := int(metaOf(t, dir).Losses.Evicted)
	t.Logf("intended %d, acknowledged %d, present %d, missing %d, evicted %d", intended, len(acked), len(present), missing, evicted)
	if evicted < missing || evicted > missing+intended-len(acked) {
		t.Errorf("%d acknowledged events are missing, %d counted as evicted", missing, evicted)
	}
	if n := dirBytes(t, dir); n > maxBytes {
		t.Errorf("the directory holds %d bytes, over %d", n, maxBytes)
	}
	checkSizes(t, dir, maxBytes)
}

func checkSizes(t *testing.T, dir string, maxBytes int64) {
	t.Helper()
	segment := openLog(t, dir, &Options{MaxBytes: maxBytes}).SegmentBytes()
	for _, name := range names(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && strings.HasPrefix(name, "events") && info.Size() > segment {
			t.Errorf("%s has %d bytes, over %d", name, info.Size(), segment)
		}
	}
}

func pick[T any](everyday, full T) T {
	if torture {
		return full
	}
	return everyday
}

func TestManyProcessesLoseNothing(t *testing.T) {
	for _, maxBytes := range []int64{100 * MB, 2 * MB} {
		t.Run(strconv.FormatInt(maxBytes/MB, 10)+" MB", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			stop := watchSize(t, dir, maxBytes)
			var jobs []job
			for w := range 16 {
				jobs = append(jobs, job{Dir: dir, Writer: w + 1, Events: pick(250, 1000), Goroutines: 2, Batch: 1, MaxBytes: maxBytes})
			}
			acked := runJobs(t, 16, jobs)
			stop()
			if want := 16 * 2 * pick(250, 1000); len(acked.seen) != want {
				t.Errorf("%d events acknowledged, want %d", len(acked.seen), want)
			}
			verify(t, dir, acked, maxBytes)
		})
	}
}

func TestManyShortProcessesLoseNothing(t *testing.T) {
	for _, maxBytes := range []int64{100 * MB, 2 * MB} {
		t.Run(strconv.FormatInt(maxBytes/MB, 10)+" MB", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if maxBytes == 2*MB { // near a seal and an eviction from the beginning
				fillNearCap(t, dir)
			}
			stop := watchSize(t, dir, maxBytes)
			var jobs []job
			for w := range pick(150, 4000) {
				jobs = append(jobs, job{Dir: dir, Writer: w + 1, Events: 3, Goroutines: 1, Batch: 1, MaxBytes: maxBytes})
			}
			acked := runJobs(t, pick(16, 64), jobs)
			stop()
			if want := len(jobs) * 3; len(acked.seen) != want {
				t.Errorf("%d events acknowledged, want %d", len(acked.seen), want)
			}
			for i := range fillers(t, dir, maxBytes) {
				acked.seen[testID(fillWriter, i)] = true
				acked.intended++
			}
			verify(t, dir, acked, maxBytes)
		})
	}
}

const fillWriter = 0

// fillNearCap appends until the next events seal and evict.
func fillNearCap(t *testing.T, dir string) {
	t.Helper()
	l := openLog(t, dir, &Options{MaxBytes: 2 * MB})
	appendAll(t, l, testLines(t, fillWriter, nearCap)...)
}

const nearCap = 6360 // events: two full segments and an active one that is almost full

func fillers(t *testing.T, dir string, maxBytes int64) int {
	t.Helper()
	if maxBytes > 2*MB {
		return 0
	}
	return nearCap
}

// watchSize looks at the directory all the time until stop is called.
func watchSize(t *testing.T, dir string, maxBytes int64) (stop func()) {
	done, ended := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		for {
			select {
			case <-done:
				ended <- peak
				return
			case <-time.After(time.Millisecond):
				peak = max(peak, dirBytes(t, dir))
			}
		}
	}()
	return func() {
		close(done)
		if peak := <-ended; peak > maxBytes {
			t.Errorf("the directory held %d bytes, over %d", peak, maxBytes)
		}
	}
}

func TestKilledProcessesLoseNothingAcknowledged(t *testing.T) {
	for _, maxBytes := range []int64{100 * MB, 2 * MB} {
		t.Run(strconv.FormatInt(maxBytes/MB, 10)+" MB", func(t *testing.T) {
			t.Parallel()
			killMany(t, pick(30, 500), maxBytes)
		})
	}
}

func killMany(t *testing.T, kills int, maxBytes int64) {
	dir := t.TempDir()
	var acks ackLog
	var wg sync.WaitGroup
	slots := make(chan struct{}, 6)
	for w := range kills {
		slots <- struct{}{}
		var out bytes.Buffer
		began := make(chan struct{}, 1)
		cmd := start(t, job{Dir: dir, Writer: w + 1, Goroutines: 3, Batch: []int{1, 8, 1500}[w%3], MaxBytes: maxBytes}, io.MultiWriter(&out, notify(began)))
		wg.Go(func() {
			<-began // killed before its first event it would show nothing
			time.Sleep(rand.N(30 * time.Millisecond))
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = cmd.Wait() // killed: its status says so
			acks.collect(out.Bytes())
			<-slots
		})
	}
	wg.Wait()
	appendAll(t, openLog(t, dir, &Options{MaxBytes: maxBytes}), testLine(t, 0, 1))
	acks.collect([]byte("+1\n" + testID(0, 1)))
	verify(t, dir, &acks, maxBytes)
	t.Logf("%d kills, %d torn tails mended", kills, metaOf(t, dir).Losses.Torn)
}

// notify sends once when something is written.
type notify chan<- struct{}

func (n notify) Write(p []byte) (int, error) {
	select {
	case n <- struct{}{}:
	default:
	}
	return len(p), nil
}
