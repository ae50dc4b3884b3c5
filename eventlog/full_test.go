//go:build linux

package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// fillDisk is what a child does on a disk that fills up: append until it is full, be
// refused for a while, get some room back, append again, and hold what is there
// against what was acknowledged.
func fillDisk(j job) error {
	var t quiet
	filler := filepath.Join(j.Dir, "..", "filler")
	if err := os.WriteFile(filler, make([]byte, 64<<10), 0o600); err != nil {
		return err
	}
	l, err := Open(j.Dir, &Options{MaxBytes: j.MaxBytes, LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	var acked []string
	refused, after := 0, 0
	for i := 0; after < 20; i++ {
		n, err := l.Append(testLine(&t, 1, i))
		switch {
		case err == nil && n == 1:
			acked = append(acked, testID(1, i))
			if refused > 0 {
				after++
			}
		case vfs.IsFull(err):
			if refused++; refused == 50 && j.Clear {
				return clearFull(&t, l, len(acked))
			}
			if refused == 50 {
				if err := errors.Join(os.Remove(filler), more(j)); err != nil {
					return err
				}
			}
			if refused > 100 {
				return fmt.Errorf("still refused with room again: %w", err)
			}
		default:
			return err
		}
	}
	present := ids(&t, j.Dir)
	for _, id := range acked {
		if present[id] != 1 {
			return fmt.Errorf("event %s was acknowledged and is there %d times", id, present[id])
		}
	}
	if len(present) != len(acked) || len(acked) < 1000 {
		return fmt.Errorf("%d events acknowledged, %d present", len(acked), len(present))
	}
	return nil
}

// clearFull clears a log that has no room left, not even for the newline after what
// a write left behind.
func clearFull(t *quiet, l *Log, acked int) error {
	content, err := os.ReadFile(l.path(ActiveName))
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(content, []byte(" ")) {
		return errors.New("the disk was filled without a torn write")
	}
	cleared, err := l.Clear(ClearOptions{})
	if err != nil {
		return err
	}
	if n := len(ids(t, l.dir)); n > 0 || cleared.Events != int64(acked) {
		return fmt.Errorf("%d of %d events cleared, %d left", cleared.Events, acked, n)
	}
	return nil
}

// more lifts a limit on file size: the soft one goes up to the hard one.
func more(j job) error {
	if !j.Limited {
		return nil
	}
	return liftFileSize()
}

func TestDiskFullForReal(t *testing.T) {
	for _, size := range []string{"700k", "704k", "712k", "900k"} {
		mnt := t.TempDir()
		script := fmt.Sprintf(`mount -t tmpfs -o size=%s tmpfs %q && exec "$0"`, size, mnt)
		if err := exec.Command("unshare", "-rm", "sh", "-c", fmt.Sprintf("mount -t tmpfs -o size=700k tmpfs %q", mnt)).Run(); err != nil {
			t.Skipf("no mount namespaces of our own here: %v", err)
		}
		for _, empty := range []bool{false, true} {
			runFill(t, exec.Command("unshare", "-rm", "sh", "-c", script, os.Args[0]),
				job{Dir: filepath.Join(mnt, "log"), Fill: true, Clear: empty, MaxBytes: MinMaxBytes})
		}
	}
}

// A limit on file size tears writes at any byte, where a full disk does so at
// its blocks.
func TestFileSizeLimitForReal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	for _, kib := range []int{300, 301, 333, 511} {
		runFill(t, exec.Command("bash", "-c", fmt.Sprintf(`ulimit -S -f %d; exec "$0"`, kib), os.Args[0]),
			job{Dir: fmt.Sprintf("%s%d", dir, kib), Fill: true, Limited: true, MaxBytes: MinMaxBytes})
	}
}

func runFill(t *testing.T, cmd *exec.Cmd, j job) {
	t.Helper()
	spec, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Env = append(os.Environ(), childVariable+"="+string(spec))
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%v: %v\n%s", cmd.Args, err, out.Bytes())
	}
}

func liftFileSize() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}
