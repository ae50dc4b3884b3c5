package ingest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// These tests run this test binary again as a receiver of its own, to kill it.

const childVariable = "INGEST_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := serveUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveUntilKilled says its address on standard output.
func serveUntilKilled(dir string) error {
	s, err := Open(dir, Options{MaxBytes: 64 << 20})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return s.Serve(context.Background(), l, ServeOptions{})
}

// victim is a receiver that is killed and started again.
type victim struct {
	t       *testing.T
	dir     string
	process *exec.Cmd
	url     atomic.Pointer[string]
}

func (v *victim) start() {
	v.process = exec.Command(os.Args[0])
	v.process.Env = append(os.Environ(), childVariable+"="+v.dir)
	v.process.Stderr = os.Stderr
	out, err := v.process.StdoutPipe()
	if err == nil {
		err = v.process.Start()
	}
	if err != nil {
		v.t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		v.t.Fatal(err)
	}
	url := "http://" + strings.TrimSpace(address)
	v.url.Store(&url)
}

func (v *victim) kill() {
	_ = v.process.Process.Kill()
	_ = v.process.Wait()
}

// send posts a document until somebody says that it is stored.
func (v *victim) send(path, doc string, ended <-chan struct{}) bool {
	body := zipped(doc)
	for {
		select {
		case <-ended:
			return false
		default:
		}
		req, err := http.NewRequest(http.MethodPost, *v.url.Load()+path, strings.NewReader(string(body)))
		if err != nil {
			v.t.Error(err)
			return false
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Content-Encoding", "gzip")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			continue // it is being killed
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		switch resp.StatusCode {
		case 200, 202, 409:
			if err == nil || resp.StatusCode == 409 {
				return true
			}
		default:
			v.t.Errorf("answered %d", resp.StatusCode)
			return false
		}
	}
}

// TestKilledReceiverKeepsEveryAcknowledgedEventOnce kills the receiver under load,
// at any moment, and counts. In between somebody asks for deletion.
func TestKilledReceiverKeepsEveryAcknowledgedEventOnce(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 4
	}
	v := &victim{t: t, dir: filepath.Join(t.TempDir(), "log")}
	v.start()
	ended := make(chan struct{})
	acks := make(chan int, 1024)
	var clients sync.WaitGroup
	for c := range 6 {
		clients.Go(func() {
			for i := c * 100_000; ; i += 50 {
				if !v.send("/v1/events", document(mixed(i, i+50)), ended) {
					return
				}
				acks <- i
			}
		})
	}
	var acked []int
	for k := range kills {
		for range 1 + rand.IntN(40) {
			acked = append(acked, <-acks)
		}
		v.kill()
		v.start()
		if k == kills/2 && !v.send("/v1/deletion-requests", deletionRequest(otherDay), ended) {
			t.Fatal("the request for deletion was not taken")
		}
	}
	close(ended)
	go func() { clients.Wait(); close(acks) }()
	for i := range acks {
		acked = append(acked, i)
	}
	v.kill()
	v.count(acked)
}

// mixed are events of two days in turn.
func mixed(from, to int) []string {
	var all []string
	for n := from; n < to; n++ {
		all = append(all, event(n, []string{someDay, otherDay}[n%2]))
	}
	return all
}

// count opens what the dead receiver left and looks for what it acknowledged.
func (v *victim) count(acked []int) {
	t := v.t
	s, err := Open(v.dir, Options{MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tend(context.Background()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	present := map[string]int{}
	for _, line := range lines(t, v.dir) {
		if strings.TrimSpace(line) != "" {
			present[line]++
		}
	}
	for line, n := range present {
		if n != 1 {
			t.Fatalf("a line is there %d times: %.100s", n, line)
		}
	}
	for _, i := range acked {
		for n, line := range mixed(i, i+50) {
			if want := 1 - n%2; present[line] != want {
				t.Fatalf("event %d of an acknowledged batch is there %d times, want %d", n, present[line], want)
			}
		}
	}
	if len(acked) == 0 {
		t.Error("nothing was acknowledged")
	}
	t.Logf("%d batches acknowledged, all of their events there once or deleted; %d lines", len(acked), len(present))
}
