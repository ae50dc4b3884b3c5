package eventlog

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// pipeline runs the shell line that people are told to type, and collects the
// event ids it prints. The file has to be there: GNU tail that finds none polls
// once a second from then on, and misses what was sealed in between.
type pipeline struct {
	t    *testing.T
	mu   sync.Mutex
	seen map[string]int
	stop func() (jq error)
}

func startPipeline(t *testing.T, name, filter string) *pipeline {
	t.Helper()
	for _, tool := range []string{"tail", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	tail := exec.Command("tail", "-n", "+1", "-F", name)
	jq := exec.Command("jq", "--unbuffered", filter, ".")
	if filter != "-c" {
		jq = exec.Command("jq", "--unbuffered", "-cR", filter)
	}
	var err error
	if jq.Stdin, err = tail.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := jq.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	jq.Stderr = os.Stderr
	for _, cmd := range []*exec.Cmd{tail, jq} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	p := &pipeline{t: t, seen: map[string]int{}}
	ended := make(chan struct{})
	go p.collect(out, ended)
	p.stop = sync.OnceValue(func() error {
		_ = tail.Process.Kill()
		_ = tail.Wait() // killed: its status says so
		<-ended
		return jq.Wait()
	})
	t.Cleanup(func() { _ = p.stop() })
	return p
}

func (p *pipeline) collect(out io.Reader, ended chan<- struct{}) {
	defer close(ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		_, rest, ok := bytes.Cut(lines.Bytes(), []byte(`"event_id":"`))
		if !ok || len(rest) < 36 {
			p.t.Errorf("the pipeline printed something else: %d bytes", len(lines.Bytes()))
			continue
		}
		p.mu.Lock()
		p.seen[string(rest[:36])]++
		p.mu.Unlock()
	}
}

func (p *pipeline) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

// await waits until the pipeline has seen n events and nothing more comes.
func (p *pipeline) await(n int) map[string]int {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for p.count() < n && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

func TestTailFollowsEveryLineOnceAcrossRotations(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := openLog(t, dir, nil)
	appendAll(t, l, testLine(t, 2, 0))
	p := startPipeline(t, filepath.Join(dir, ActiveName), "-c")
	events := int(l.SegmentBytes()) / 248 * pick(3, 11)
	tick := time.NewTicker(5 * time.Millisecond) // 2,000 a second
	defer tick.Stop()
	for i := 0; i < events; i += 10 {
		for k := range 10 {
			appendAll(t, l, testLine(t, 1, i+k))
		}
		<-tick.C
	}
	seen := p.await(events + 1)
	for i := range events {
		if n := seen[testID(1, i)]; n != 1 {
			t.Fatalf("event %d of %d was printed %d times", i, events, n)
		}
	}
	if err := p.stop(); err != nil {
		t.Errorf("jq: %v", err)
	}
	if n := len(snapshot(t, dir).Segments()); n < pick(3, 11) {
		t.Errorf("only %d segments", n)
	}
}

func TestTailMissesNothingAcknowledgedWhenWritersAreKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := openLog(t, dir, &Options{MaxBytes: 100 * MB})
	appendAll(t, l, testLine(t, 0, 0))
	p := startPipeline(t, filepath.Join(dir, ActiveName), "fromjson? // empty")
	var acks ackLog
	for w := range pick(25, 300) {
		var out bytes.Buffer
		began := make(chan struct{}, 1)
		cmd := start(t, job{Dir: dir, Writer: w + 1, Goroutines: 1, Batch: 30, MaxBytes: 100 * MB}, io.MultiWriter(&out, notify(began)))
		<-began
		time.Sleep(rand.N(4 * time.Millisecond))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed: its status says so
		acks.collect(out.Bytes())
		tear(t, dir, w)
	}
	appendAll(t, l, testLine(t, 0, 1))
	seen := p.await(len(ids(t, dir)))
	for id := range acks.seen {
		if seen[id] != 1 {
			t.Errorf("event %s was acknowledged and printed %d times", id, seen[id])
		}
	}
	t.Logf("%d acknowledged, %d printed, %d torn tails", len(acks.seen), len(seen), metaOf(t, dir).Losses.Torn)
}

// tear leaves what a writer killed inside write(2) leaves; the kernel does it by
// itself only now and then.
func tear(t *testing.T, dir string, w int) {
	t.Helper()
	l := openLog(t, dir, &Options{MaxBytes: 100 * MB, LockTimeout: time.Minute})
	unlock, err := l.lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	f, err := os.OpenFile(filepath.Join(dir, ActiveName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	event := testEvent(4000, w)
	if _, err := fmt.Fprintf(f, "%s", event[:1+w%(len(event)-2)]); err != nil {
		t.Fatal(err)
	}
}
