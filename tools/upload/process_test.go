package upload

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// These tests run this test binary again as an uploader of its own, to be killed.

const childVariable = "UPLOAD_TEST_CHILD"

// job is what such an uploader does.
type job struct{ Dir, Endpoint string }

func TestMain(m *testing.M) {
	if spec := os.Getenv(childVariable); spec != "" {
		os.Exit(child(spec))
	}
	os.Exit(m.Run())
}

func child(spec string) int {
	var j job
	if err := json.Unmarshal([]byte(spec), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	result, err := Run(context.Background(), j.Dir, Options{
		Endpoint: j.Endpoint, Consent: func() Consent { return Consent{} }, Force: true, Version: "1.2.3",
	})
	fmt.Println(result.Reason)
	if err != nil {
		return 1
	}
	return 0
}

// spawn starts an uploader.
func (g *rig) spawn() *exec.Cmd {
	g.t.Helper()
	spec, err := json.Marshal(job{g.dir, g.endpoint()})
	if err != nil {
		g.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(spec))
	cmd.Stderr = os.Stderr
	return cmd
}

// nowhere is where an answer goes that is never sent.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

func TestKilledUploadersLoseAndDoubleNothing(t *testing.T) {
	g := newRig(t, 0)
	kills := 40
	if testing.Short() {
		kills = 8
	}
	hang := make(chan struct{})
	defer close(hang)
	asked := make(chan struct{}, 1)
	g.receiver.answer = func(n int, w http.ResponseWriter, req request) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		switch n % 6 {
		case 1: // stored, and the answer is lost
			g.take(nowhere{}, req)
			hangUp(w, nil)
			return true
		case 3:
			hangUp(w, nil)
			return true
		case 5: // stored, and never answered
			g.take(nowhere{}, req)
			select {
			case <-hang:
			case <-req.done:
			}
			return true
		}
		return false
	}
	recorded := 0
	for i := range kills {
		g.record(recorded, 150)
		recorded += 150
		cmd := g.spawn()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // half of them anywhere, half of them in or after a request
			time.Sleep(rand.N(40 * time.Millisecond))
		} else {
			<-asked
			time.Sleep(rand.N(8 * time.Millisecond))
		}
		_ = cmd.Process.Kill() // it may be done
		_ = cmd.Wait()
		drain(asked)
	}
	g.receiver.answer = nil
	g.o.Force = true
	g.must(Done)
	if g.stored() != recorded || g.pending() != 0 || g.losses().Total() != 0 {
		t.Errorf("%d of %d arrived, %d pending, %+v", g.stored(), recorded, g.pending(), g.losses())
	}
}

func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

func TestASecondUploaderLeavesAtOnce(t *testing.T) {
	g := newRig(t, 5)
	inside, release := make(chan struct{}), make(chan struct{})
	g.receiver.answer = func(n int, _ http.ResponseWriter, _ request) bool {
		if n == 1 {
			close(inside)
			<-release
		}
		return false
	}
	ended := make(chan error, 1)
	go func() {
		_, err := g.run()
		ended <- err
	}()
	<-inside
	began := time.Now()
	r, err := g.run()
	if took := time.Since(began); err != nil || r.Reason != Busy || took > 2*time.Second {
		t.Errorf("%q, %v after %s", r.Reason, err, took)
	}
	text, err := g.spawn().Output()
	if err != nil || string(text) != "busy\n" {
		t.Errorf("a second process: %q, %v", text, err)
	}
	close(release)
	if err := <-ended; err != nil || g.stored() != 5 || len(g.got()) != 1 {
		t.Errorf("%v, %d stored, %d requests", err, g.stored(), len(g.got()))
	}
}
