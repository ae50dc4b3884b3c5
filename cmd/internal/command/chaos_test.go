//go:build linux

package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/ingest"
)

// TestChaosLosesNothing lets twelve hosts append while an uploader, a compactor
// and a clearing exporter work on the same log, a receiver answers badly, and
// everybody is killed at random. Afterwards every acknowledged event has arrived,
// by upload or by an exported file, and none is there twice.
func TestChaosLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	c := newChaos(t)
	var crowd sync.WaitGroup
	stop := make(chan struct{})
	again := func(every time.Duration, what func(i int)) {
		crowd.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(every):
					what(i)
				}
			}
		})
	}
	for writer := range 12 {
		again(0, func(i int) { c.append(writer, i) })
	}
	again(50*time.Millisecond, func(int) { c.tool("caro-telemetry-upload", "--force", "--timeout", "1s") })
	again(300*time.Millisecond, func(int) { c.tool("caro-telemetry-compact") })
	again(time.Second, func(i int) { c.tool("caro-telemetry-export", "--clear", "--output", c.export(i)) })
	crowd.Go(func() { c.kill(stop) })
	time.Sleep(chaosTime)
	close(stop)
	crowd.Wait()

	c.gentle.Store(true)
	c.settle(t)
	c.judge(t)
}

// chaos is the scene.
type chaos struct {
	home     string
	store    *ingest.Store
	handler  http.Handler
	endpoint string
	gentle   atomic.Bool // the receiver answers as it should

	mu      sync.Mutex
	running []*os.Process
	acked   []string
	kills   int
	answers map[string]int
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	c := &chaos{home: t.TempDir(), answers: map[string]int{}}
	store, err := ingest.Open(filepath.Join(c.home, "received"), ingest.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	c.store, c.handler = store, ingest.NewHandler(store, ingest.HandlerOptions{})
	server := httptest.NewServer(http.HandlerFunc(c.receive))
	t.Cleanup(server.Close)
	c.endpoint = server.URL + "/v1/events"
	return c
}

// receive takes a batch in, or does what servers do.
func (c *chaos) receive(w http.ResponseWriter, r *http.Request) {
	dice := rand.N(100)
	if c.gentle.Load() {
		dice = 100
	}
	said := "good"
	defer func() {
		c.mu.Lock()
		c.answers[said]++
		c.mu.Unlock()
	}()
	switch {
	case dice < 8:
		said = "500"
		w.WriteHeader(http.StatusInternalServerError)
	case dice < 14:
		said = "429"
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case dice < 30: // stored, and the answer is cut off
		said = "cut"
		c.handler.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case dice < 32:
		said = "hang"
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	case dice < 40: // half an answer
		said = "half"
		answer := httptest.NewRecorder()
		c.handler.ServeHTTP(answer, r)
		w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
		panic(http.ErrAbortHandler)
	default:
		c.handler.ServeHTTP(w, r)
	}
}

func (c *chaos) environment() []string {
	return []string{"HOME=" + c.home, "PATH=" + os.Getenv("PATH"), "GORACE=" + raceOptions, "CARO_TELEMETRY_ENABLED=true",
		"CARO_TELEMETRY_OFFLINE_SPOOL_MAX_MB=100", "CARO_TELEMETRY_ENDPOINT=" + c.endpoint}
}

// run runs a program that may be killed at any moment.
func (c *chaos) run(stdin []byte, program string, args ...string) (stdout []byte, err error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout = c.environment(), bytes.NewReader(stdin), &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.running = append(c.running, cmd.Process)
	c.mu.Unlock()
	err = cmd.Wait()
	c.mu.Lock()
	c.running = slices.DeleteFunc(c.running, func(p *os.Process) bool { return p == cmd.Process })
	c.mu.Unlock()
	return out.Bytes(), err
}

// append records ten events and remembers them once they are acknowledged.
func (c *chaos) append(writer, i int) {
	var lines bytes.Buffer
	var ids []string
	for n := range 10 {
		id := fmt.Sprintf("019aaf00-%04x-7000-8%03x-%012x", writer, n, i)
		ids = append(ids, id)
		fmt.Fprintf(&lines, `{"event":"error.occurred","timestamp":"%s","session_id":"%016x","event_id":"%s","error_category":"unknown","error_code":"E_X","component":"parser"}`+"\n",
			time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), writer, id)
	}
	out, err := c.run(lines.Bytes(), "caro", "telemetry", "record", "--json")
	var answer struct{ Accepted int }
	if err != nil || json.Unmarshal(out, &answer) != nil || answer.Accepted != len(ids) {
		return
	}
	c.mu.Lock()
	c.acked = append(c.acked, ids...)
	c.mu.Unlock()
}

func (c *chaos) tool(program string, args ...string) { _, _ = c.run(nil, program, args...) }

func (c *chaos) export(i int) string {
	return filepath.Join(c.home, fmt.Sprintf("export-%d.json.gz", i))
}

// kill ends somebody every few milliseconds.
func (c *chaos) kill(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(rand.N(60 * time.Millisecond)):
		}
		c.mu.Lock()
		if n := len(c.running); n > 0 && c.running[rand.N(n)].Signal(syscall.SIGKILL) == nil {
			c.kills++
		}
		c.mu.Unlock()
	}
}

// settle sends what is left, and imports what was exported.
func (c *chaos) settle(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		out, err := c.run(nil, "caro-telemetry-upload", "--force", "--json")
		if err == nil && strings.Contains(string(out), `"reason":"`) && c.pending(t) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log does not become empty: %s, %v", out, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(c.home, "export-*.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.store.Import(t.Context(), f); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
		_ = f.Close()
	}
}

func (c *chaos) pending(t *testing.T) int64 {
	t.Helper()
	out, err := c.run(nil, "caro", "telemetry", "status", "--json")
	var status struct {
		Pending int64 `json:"pending_events"`
	}
	if err != nil || json.Unmarshal(out, &status) != nil {
		t.Fatalf("status: %v", err)
	}
	return status.Pending
}

// judge holds what the receiver has against what was acknowledged.
func (c *chaos) judge(t *testing.T) {
	t.Helper()
	out, err := c.run(nil, "caro-telemetry-inspect", "cat", "--dir", filepath.Join(c.home, "received"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for raw := range bytes.Lines(out) {
		line, err := schema.Parse(bytes.TrimSuffix(raw, []byte("\n")))
		if err != nil {
			t.Fatalf("an invalid line: %v", err)
		}
		there[line.EventID()]++
	}
	missing, twice := 0, 0
	for _, id := range c.acked {
		if there[id] == 0 {
			missing++
		}
	}
	for _, n := range there {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d acknowledged, %d received, %d kills, answers %v", len(c.acked), len(there), c.kills, c.answers)
	if missing > 0 || twice > 0 || len(c.acked) < 100 {
		t.Errorf("%d of %d acknowledged events are missing, %d are there twice", missing, len(c.acked), twice)
	}
}
