package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
	"caro.sh/telemetry/schema"
)

// TestNothingIsClearedThatIsNotInAFileWhateverCallFails has every call that an
// export makes fail, be the last one of its process, and write half.
func TestNothingIsClearedThatIsNotInAFileWhateverCallFails(t *testing.T) {
	lines := sessions(t)[:60]
	step := 3 // everyday, each call meets one or two of the faults
	if torture {
		step = 1
	}
	for i, test := range []struct {
		name  string
		fault faultfs.Outcome
	}{
		{"fails", faultfs.Outcome{Err: syscall.EIO}},
		{"is the last", faultfs.Outcome{Crash: true}},
		{"writes half", faultfs.Outcome{Err: syscall.ENOSPC, Partial: 100}},
		{"does and fails", faultfs.Outcome{Err: syscall.EIO, After: true}},
		{"is done last", faultfs.Outcome{Crash: true, After: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for n, more := 1+i%step, true; more; n += step {
				more = failAt(t, lines, n, test.fault)
			}
		})
	}
}

// failAt exports and clears in two files with a fault at the nth call, and
// reports whether there was such a call.
func failAt(t *testing.T, lines []schema.Line, n int, fault faultfs.Outcome) bool {
	t.Helper()
	dir, place := logOf(t, 1, lines), quickDir(t)
	var hit string
	disk := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		if op.N != n {
			return faultfs.Outcome{}
		}
		hit = op.Kind + " " + op.Name
		return fault
	})
	o := to(place + "/")
	o.Clear, o.Log.FS, o.Workers = true, disk, 1
	o.ChainFile = filepath.Join(place, "state", "chain.json")
	r, err := Run(context.Background(), dir, o)
	where := fmt.Sprintf("call %d (%s), error %v", n, hit, err)

	files, left := idsOfFiles(t, place, where), idsOfLog(t, dir)
	for _, l := range lines {
		if files[l.EventID()]+left[l.EventID()] == 0 {
			t.Fatalf("%s: an event is neither in a file nor in the log", where)
		}
	}
	if err == nil && r.Kept == 0 && (len(left) != 0 || r.Events != int64(len(lines))) {
		t.Errorf("%s: no error, %d events exported and %d left", where, r.Events, len(left))
	}
	if len(left) < len(lines) && len(r.Files) == 0 && !disk.Crashed() {
		t.Errorf("%s: cleared, and no file is named", where)
	}
	// Whoever comes next ends the work.
	o.Log.FS, o.ID = nil, "019aafc2-1d5b-7c3e-9a41-6b0f2e8d7c99"
	again, err := Run(context.Background(), dir, o)
	if err != nil || again.ChainErr != nil {
		t.Fatalf("%s: the next export: %v, %v", where, err, again.ChainErr)
	}
	files = idsOfFiles(t, place, where)
	if len(files) != len(lines) || len(idsOfLog(t, dir)) != 0 {
		t.Errorf("%s: after the next export %d events are in files", where, len(files))
	}
	if strings.HasPrefix(hit, "lock") {
		return true // a lock that was taken in spite of an error is held to the end of this process
	}
	for path := range maps.Keys(tree(t, place)) {
		if strings.HasPrefix(filepath.Base(path), asidePrefix) {
			t.Errorf("%s: %s is left", where, path)
		}
	}
	return hit != ""
}

// idsOfFiles counts the events in files under final names, all of which have to
// be complete.
func idsOfFiles(t *testing.T, place, where string) map[string]int {
	t.Helper()
	ids := map[string]int{}
	names, err := filepath.Glob(filepath.Join(place, "telemetry-*.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := CheckFile(context.Background(), name, func(l schema.Line) { ids[l.EventID()]++ }); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	return ids
}

func idsOfLog(t *testing.T, dir string) map[string]int {
	t.Helper()
	s, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids := map[string]int{}
	for entry, err := range s.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		var event struct {
			ID string `json:"event_id"`
		}
		if err := json.Unmarshal(entry.Raw, &event); err != nil {
			t.Fatal(err)
		}
		ids[event.ID]++
	}
	return ids
}

// A file that is replaced is good at any moment, with what stands beside it.
func TestReplacedFileIsGoodWhateverCallFails(t *testing.T) {
	dir := logOf(t, 0, sessions(t)[:5])
	for n, more := 1, true; more; n++ {
		o := to(filepath.Join(quickDir(t), "x.json.gz"))
		run(t, dir, o)
		more = false
		o.Force, o.ID = true, "019aafc2-1d5b-7c3e-9a41-6b0f2e8d7c99"
		o.Log.FS = faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
			more = more || op.N == n
			return faultfs.Outcome{Crash: op.N == n}
		})
		_, _ = Run(t.Context(), dir, o)
		if _, err := CheckFile(t.Context(), o.File, nil); err != nil {
			t.Errorf("call %d: %v", n, err)
		}
	}
}

// Whoever takes a name at the last moment keeps it.
func TestNameTakenAtTheLastMomentIsNotReplaced(t *testing.T) {
	dir := logOf(t, 0, sessions(t)[:5])
	place := quickDir(t)
	named := to(filepath.Join(place, "x.json.gz"))
	unnamed := to(place + "/")
	for _, o := range []Options{named, unnamed} {
		taken := ""
		o.Log.FS = faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
			if op.Kind == "renamenew" && taken == "" {
				taken = filepath.Join(place, op.Name)
				if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return faultfs.Outcome{}
		})
		r, err := Run(t.Context(), dir, o)
		if string(read(t, taken)) != "mine" {
			t.Errorf("%s was replaced", taken)
		}
		if o.File != "" && !errors.Is(err, fs.ErrExist) || o.File == "" && (err != nil || r.Files[0].Path == taken) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// A file that cannot be read back as it was written clears nothing.
func TestClearReadsTheFileBack(t *testing.T) {
	lines := sessions(t)
	dir := logOf(t, 1, lines)
	o := to(filepath.Join(t.TempDir(), "x.json.gz"))
	o.Clear = true
	o.Log.FS = liar{vfs.Disk}
	_, err := Run(t.Context(), dir, o)
	if err == nil || !strings.Contains(err.Error(), "read the export back") {
		t.Errorf("%v", err)
	}
	wantNames(t, filepath.Dir(o.File))
	if len(idsOfLog(t, dir)) != len(lines) {
		t.Error("it cleared")
	}
}

// liar is a disk that keeps something else than it was given.
type liar struct{ vfs.FS }

func (l liar) OpenRW(name string) (vfs.File, error) {
	f, err := l.FS.OpenRW(name)
	if strings.HasSuffix(name, "-part1") {
		return &lyingFile{f}, err
	}
	return f, err
}

type lyingFile struct{ vfs.File }

func (f *lyingFile) Write(p []byte) (int, error) {
	lie := bytes.Clone(p)
	if len(lie) > 100 {
		lie[50] ^= 1
	}
	return f.File.Write(lie)
}

func TestAnotherToolAtWorkIsWaitedFor(t *testing.T) {
	dir := logOf(t, 1, sessions(t)[:50])
	l, err := eventlog.OpenExisting(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	held, err := l.Maintain()
	if err != nil {
		t.Fatal(err)
	}
	o := to(filepath.Join(t.TempDir(), "x.json.gz"))
	o.Log.LockTimeout = 1
	run(t, dir, o) // without clearing nobody is in its way
	o.Clear, o.Force = true, true
	if _, err := Run(t.Context(), dir, o); !errors.Is(err, eventlog.ErrLocked) {
		t.Errorf("%v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
}
