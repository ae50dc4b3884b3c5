//go:build linux

package session_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/schema"
)

// mostDelay is how much later a host may end because of telemetry.
const mostDelay = 250 * time.Millisecond

// runPlain runs a program with telemetry switched on by its environment and
// returns all that can be seen of it.
func runPlain(t *testing.T, home string, argv ...string) (seen string, took time.Duration) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = situation{env: "true"}.environment(home)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	took = time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String() + "|" + errs.String() + "|" + cmd.ProcessState.String(), took
}

// TestHostDoesNotFeelTrouble runs the host where its log cannot be written, and
// without any telemetry, and compares.
func TestHostDoesNotFeelTrouble(t *testing.T) {
	program := hostProgram(t)
	const state = ".local/state/caro/telemetry"
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, home, dir string)
		wrap    func(home string) []string // how the host is started
	}{
		{name: "nothing wrong", prepare: func(*testing.T, string, string) {}},
		{name: "a FIFO for the log", prepare: func(t *testing.T, _, dir string) {
			check(t, errors.Join(os.MkdirAll(dir, 0o700), unix.Mkfifo(filepath.Join(dir, "events.ndjson"), 0o600)))
		}},
		{name: "a FIFO for the lock", prepare: func(t *testing.T, _, dir string) {
			check(t, errors.Join(os.MkdirAll(dir, 0o700), unix.Mkfifo(filepath.Join(dir, ".lock"), 0o600)))
		}},
		{name: "a FIFO for the key", prepare: func(t *testing.T, _, dir string) {
			check(t, errors.Join(os.MkdirAll(dir, 0o700), unix.Mkfifo(filepath.Join(dir, session.KeyName), 0o600)))
		}},
		{name: "a directory for the log", prepare: func(t *testing.T, _, dir string) {
			check(t, os.MkdirAll(filepath.Join(dir, "events.ndjson"), 0o700))
		}},
		{name: "a file for the directory", prepare: func(t *testing.T, _, dir string) {
			check(t, errors.Join(os.MkdirAll(filepath.Dir(dir), 0o700), os.WriteFile(dir, nil, 0o600)))
		}},
		{name: "a stopped process holds the lock", prepare: holdLockStopped},
		{name: "a read-only home", prepare: func(*testing.T, string, string) {}, wrap: func(home string) []string {
			return []string{"unshare", "-rm", "sh", "-c", `mount -t tmpfs -o ro tmpfs "$0" && exec "$1"`, home}
		}},
		{name: "a full disk", prepare: func(*testing.T, string, string) {}, wrap: func(home string) []string {
			return []string{"unshare", "-rm", "sh", "-c",
				`mount -t tmpfs -o size=4k tmpfs "$0" && { cat /dev/zero >"$0/filler" 2>/dev/null; exec "$1"; }`, home}
		}},
		{name: "no file may grow", prepare: func(*testing.T, string, string) {}, wrap: func(home string) []string {
			return []string{"bash", "-c", `ulimit -f 0; exec "$1"`, home}
		}},
		{name: "no file handles", prepare: func(*testing.T, string, string) {}, wrap: func(home string) []string {
			return []string{"bash", "-c", `ulimit -n 8; exec "$1"`, home}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := quickDir(t)
			test.prepare(t, home, filepath.Join(home, state))
			argv := []string{}
			if test.wrap != nil {
				argv = test.wrap(home)
				if err := exec.Command(argv[0], append(slices.Clone(argv[1:]), "true")...).Run(); err != nil {
					t.Skipf("cannot be arranged here: %v", err)
				}
			}
			argv = append(argv, program)
			late := time.Hour
			for try := 0; try < 5 && late > mostDelay; try++ { // the machine may be busy with other things
				plain, without := runPlain(t, home, append(argv, "--no-session")...)
				seen, took := runPlain(t, home, argv...)
				if seen != plain || !strings.Contains(plain, "exit status 3") {
					t.Errorf("seen\n%s, without telemetry\n%s", seen, plain)
				}
				late = took - without
			}
			if late > mostDelay {
				t.Errorf("%v later than without telemetry", late)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holdLockStopped lets a process take the lock and stops it. The lock stays.
func holdLockStopped(t *testing.T, _, dir string) {
	check(t, os.MkdirAll(dir, 0o700))
	cmd := exec.Command("sh", "-c", `exec 9>"$0"; flock 9 && echo held; exec sleep 60`, filepath.Join(dir, ".lock"))
	out, err := cmd.StdoutPipe()
	check(t, err)
	if err := cmd.Start(); err != nil {
		t.Skipf("there is no flock: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	held := make([]byte, 5)
	if _, err := out.Read(held); err != nil {
		t.Fatal(err)
	}
	check(t, cmd.Process.Signal(syscall.SIGSTOP))
}

// A signal ends the session and then the host, as it would have without one. On
// a busy machine the time for it may run out; then it is tried again.
func TestSignalsEndTheSessionAndTheHost(t *testing.T) {
	program := hostProgram(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		var end schema.SessionEnd
		for try, ok := 0, false; try < 5 && !ok; try++ {
			home := quickDir(t)
			signalHost(t, program, home, sig)
			if events := recorded(t, filepath.Join(home, ".local/state/caro/telemetry")); len(events) > 0 {
				end, ok = events[len(events)-1].(schema.SessionEnd)
			}
		}
		if end.ExitReason != schema.ExitUserAbort || end.CommandsGenerated != 1 {
			t.Errorf("%v: the session ended with %+v", sig, end)
		}
	}
}

// signalHost sends a signal to a host at work, which has to be its end.
func signalHost(t *testing.T, program, home string, sig syscall.Signal) {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = append(situation{env: "true"}.environment(home), "HOST_WAITS=1")
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	if _, err := stdout.Read(make([]byte, 100)); err != nil { // its answer: it is at work
		t.Fatal(err)
	}
	began := time.Now()
	check(t, cmd.Process.Signal(sig))
	_ = cmd.Wait()
	_ = stdin.Close()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != sig || time.Since(began) > 5*time.Second {
		t.Errorf("%v: the host ended with %v", sig, cmd.ProcessState)
	}
}

// A signal that the host ignores, as under nohup, stays ignored.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	home := quickDir(t)
	cmd := exec.Command("sh", "-c", `trap "" INT; exec "$0"`, hostProgram(t))
	cmd.Env = append(situation{env: "true"}.environment(home), "HOST_WAITS=1")
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	if _, err := stdout.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	check(t, err)
	var ignored uint64
	_, after, _ := strings.Cut(string(status), "SigIgn:")
	if _, err := fmt.Sscanf(after, "%x", &ignored); err != nil || ignored&(1<<(syscall.SIGINT-1)) == 0 {
		t.Errorf("SIGINT is not ignored any more: %x, %v", ignored, err)
	}
	check(t, cmd.Process.Signal(syscall.SIGINT))
	check(t, stdin.Close())
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("the host ended with %v", cmd.ProcessState)
	}
}

// The end of a Terminal answer by Ctrl-C is no answer.
func TestInterruptedQuestionIsNoAnswer(t *testing.T) {
	home := quickDir(t)
	master, slave := terminal(t)
	defer master.Close()
	cmd := exec.Command(hostProgram(t))
	cmd.Env = situation{}.environment(home)
	cmd.Stdin, cmd.Stderr = slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(t, cmd.Start())
	check(t, slave.Close())
	text := ""
	for b := make([]byte, 1024); !strings.Contains(text, "Enable telemetry?"); {
		n, err := master.Read(b)
		if err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
		text += string(b[:n])
	}
	_, err := master.WriteString("y\x03")
	check(t, err)
	_ = cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("the host ended with %v", cmd.ProcessState)
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 0 {
		t.Errorf("an interrupted question left %v, %v", entries, err)
	}
}
