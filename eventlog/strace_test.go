//go:build linux

package eventlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The faults of crash_test.go happen in our own calls. These happen in the
// system calls, lumberjack's included: each process is killed, or told an error,
// at its first call of a kind, its second, and so on until it gets through.

func TestKilledAtEverySystemCall(t *testing.T) {
	calls := pick([]string{"renameat", "renameat2", "fsync", "unlinkat"},
		[]string{"renameat", "renameat2", "fsync", "unlinkat", "openat", "write", "pwrite64", "pread64", "flock",
			"close", "newfstatat", "fstat", "getdents64", "fchownat", "read", "lseek"})
	injectEach(t, calls, []string{"signal=KILL"})
}

func TestErrorAtEverySystemCall(t *testing.T) {
	calls := pick([]string{"renameat", "renameat2", "newfstatat"},
		[]string{"renameat", "renameat2", "newfstatat", "fsync", "unlinkat", "openat", "write", "pwrite64", "pread64",
			"flock", "close", "fstat", "getdents64", "fchownat", "read"})
	injectEach(t, calls, pick([]string{"error=EIO"}, []string{"error=EIO", "error=ENOSPC", "error=EMFILE", "error=ESTALE", "error=EACCES"}))
}

func injectEach(t *testing.T, calls, faults []string) {
	if testing.Short() {
		t.Skip("left out with -short")
	}
	if err := exec.Command("strace", "-qq", "-o", "/dev/null", "true").Run(); err != nil {
		t.Skipf("strace cannot trace here: %v", err)
	}
	scenes := map[string]func(t testing.TB, dir string) int{
		"append": buildActive,
		"seal":   func(t testing.TB, dir string) int { return fillActive(t, dir, sceneWriter) },
		"evict":  buildFull,
	}
	for name, build := range scenes {
		template := filepath.Join(t.TempDir(), "log")
		acked := build(t, template)
		for _, call := range calls {
			for _, fault := range faults {
				t.Run(name+"/"+call+"/"+fault, func(t *testing.T) {
					t.Parallel()
					injectUntilThrough(t, template, acked, call, fault)
				})
			}
		}
	}
}

func injectUntilThrough(t *testing.T, template string, acked int, call, fault string) {
	hits := 0
	root := memoryDir(t)
	for when := 1; when <= 60; when++ {
		dir := filepath.Join(root, strconv.Itoa(when))
		if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		kept, hit := traced(t, dir, fmt.Sprintf("%s:%s:when=%d", call, fault, when))
		if !hit {
			break
		}
		hits++
		if problem := survey(t, dir, acked, kept); problem != "" {
			t.Fatalf("%s at %s number %d, %d acknowledged: %s", fault, call, when, kept, problem)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d faults took effect", hits)
}

// traced runs a child that appends three lines under one injected fault, and
// returns how many it acknowledged and whether the fault came about.
func traced(t *testing.T, dir, inject string) (kept int, hit bool) {
	t.Helper()
	spec, err := json.Marshal(job{Dir: dir, Writer: 0, First: actWriter, Events: 3, Goroutines: 1, Batch: 3, MaxBytes: MinMaxBytes})
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	var out bytes.Buffer
	call, _, _ := strings.Cut(inject, ":")
	cmd := exec.Command("strace", "-f", "-qq", "-o", trace, "-e", "trace="+call, "-e", "inject="+inject, os.Args[0])
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", childVariable+"="+string(spec))
	cmd.Stdout = &out
	cmd.WaitDelay = 10 * time.Second
	runErr := cmd.Run()
	var acks ackLog
	acks.collect(out.Bytes())
	hit = runErr != nil || strings.Contains(read(t, trace), "(INJECTED)")
	return len(acks.seen), hit
}
