package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
	"caro.sh/telemetry/schema"
)

// A scene is a directory in some state and one thing that is done to it while
// the disk misbehaves.
type scene struct {
	name string
	// build makes the directory and returns how many events were acknowledged.
	build func(t testing.TB, dir string) int
	// act uses the log over the faulty disk and returns what it acknowledged.
	act func(l *Log) int
}

const sceneWriter, actWriter = 1, 2

func scenes(t *testing.T) []scene {
	some := testLines(t, actWriter, 3)
	many := testLines(t, actWriter, 2500) // more than one segment
	appendSome := func(l *Log) int { n, _ := l.Append(some...); return n }
	return []scene{
		{"first append", func(testing.TB, string) int { return 0 }, appendSome},
		{"append", buildActive, appendSome},
		{"append over a torn tail", func(t testing.TB, dir string) int {
			write(t, filepath.Join(dir, ActiveName), string(testEvent(sceneWriter, 0))+"\n"+`{"event":"sess`)
			return 1
		}, appendSome},
		{"append that seals", func(t testing.TB, dir string) int { return fillActive(t, dir, sceneWriter) }, appendSome},
		{"append over several segments", buildActive, func(l *Log) int { n, _ := l.Append(many...); return n }},
		{"seal", buildActive, func(l *Log) int { _ = l.Seal(); return 0 }},
		{"append after a dead rotation", buildBackup, appendSome},
		{"append that evicts", buildFull, appendSome},
		{"count", buildActive, func(l *Log) int { _ = l.Count(Losses{QueueFull: 1}); return 0 }},
	}
}

func buildActive(t testing.TB, dir string) int {
	appendAll(t, openLog(t, dir, nil), testLines(t, sceneWriter, 5)...)
	return 5
}

// buildBackup leaves what a process killed inside a rotation leaves.
func buildBackup(t testing.TB, dir string) int {
	l := openLog(t, dir, nil)
	appendAll(t, l, testLines(t, sceneWriter, 5)...)
	write(t, filepath.Join(dir, "events-2026-11-23T01-47-29.658.ndjson"), string(testEvent(sceneWriter, 5))+"\n")
	write(t, filepath.Join(dir, "events-2026-11-23T01-47-29.659.ndjson"), "")
	return 6
}

// buildFull leaves a log that must evict at the next seal, and is due for one.
func buildFull(t testing.TB, dir string) int {
	l := openLog(t, dir, &Options{MaxBytes: MinMaxBytes})
	n := 0
	for range 2 {
		n += appendSealed(t, l, n)
	}
	before := n
	var b strings.Builder
	for size := len(testEvent(sceneWriter, 0)) + 1; b.Len()+2*size <= minSegmentBytes; n++ {
		b.Write(testEvent(sceneWriter, n))
		b.WriteByte('\n')
	}
	write(t, filepath.Join(dir, ActiveName), b.String())
	if n == before {
		t.Fatal("nothing in the active segment")
	}
	return n
}

func appendSealed(t testing.TB, l *Log, from int) int {
	t.Helper()
	var lines []schema.Line
	for i := range 2000 {
		lines = append(lines, testLine(t, sceneWriter, from+i))
	}
	appendAll(t, l, lines...)
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	return len(lines)
}

// faults are the ways one call can go wrong. Each is tried at every call of
// every scene.
func faults() map[string]faultfs.Outcome {
	return map[string]faultfs.Outcome{
		"crash before":     {Crash: true},
		"crash after":      {Crash: true, After: true},
		"crash in a write": {Crash: true, Partial: 300},
		"EIO":              {Err: syscall.EIO},
		"EIO after":        {Err: syscall.EIO, After: true},
		"ENOSPC":           {Err: syscall.ENOSPC},
		"ENOSPC half-way":  {Err: syscall.ENOSPC, Partial: 300},
		"EMFILE":           {Err: syscall.EMFILE},
		"EACCES":           {Err: syscall.EACCES},
	}
}

func TestNothingAcknowledgedIsLostOrDoubledWhateverCallFails(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short")
	}
	for _, sc := range scenes(t) {
		template := filepath.Join(t.TempDir(), "log")
		acked := sc.build(t, template)
		sc.build = func(t testing.TB, dir string) int {
			if _, err := os.Stat(template); err != nil {
				return acked
			}
			if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
				t.Fatal(err)
			}
			return acked
		}
		for name, fault := range faults() {
			if !torture && fault.Err != nil && name != "EIO" && name != "ENOSPC half-way" {
				continue
			}
			t.Run(sc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				failEachCall(t, sc, fault)
			})
		}
	}
}

// failEachCall repeats the scene with the fault at its first call, its second,
// and so on, until the scene is over before the fault comes.
func failEachCall(t *testing.T, sc scene, fault faultfs.Outcome) {
	root := memoryDir(t)
	for at := 1; ; at++ {
		var hit faultfs.Op
		fs := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
			if op.N == at {
				hit = op
				return fault
			}
			return faultfs.Outcome{}
		})
		dir := filepath.Join(root, strconv.Itoa(at))
		acked := sc.build(t, dir)
		o := &Options{FS: fs, LockTimeout: 5 * time.Second, MaxBytes: MinMaxBytes}
		kept := 0
		if l, err := Open(dir, o); err == nil {
			kept = sc.act(l)
		}
		if hit.N == 0 {
			if at < 5 {
				t.Fatalf("the scene made only %d calls", at-1)
			}
			return
		}
		where := fmt.Sprintf("call %d (%s %s)", hit.N, hit.Kind, hit.Name)
		if problem := survey(t, dir, acked, kept); problem != "" {
			t.Fatalf("%s: %s", where, problem)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// survey checks the invariants of the fault matrix, before recovery as a reader
// sees it, and after it, twice.
func survey(t *testing.T, dir string, acked, kept int) string {
	t.Helper()
	return surveyWith(t, dir, acked, kept, ids)
}

// surveyWith reads what was left before recovery with a reader of its own.
func surveyWith(t *testing.T, dir string, acked, kept int, before func(testing.TB, string) map[string]int) string {
	t.Helper()
	for round, stage := range []string{"before recovery", "after recovery", "after a second one"} {
		read := before
		if round > 0 {
			read = ids
			l := openLog(t, dir, &Options{MaxBytes: MinMaxBytes})
			appendAll(t, l, testLine(t, 10+round, 0))
		}
		if problem := invariants(t, dir, read(t, dir), acked, kept, round); problem != "" {
			return stage + ": " + problem
		}
	}
	for _, name := range names(t, dir) {
		if _, backup := parseBackup(name); backup {
			return "a rotated file was not adopted"
		}
		if strings.HasPrefix(name, tmpPrefix) {
			return name + " was left behind"
		}
	}
	return ""
}

func invariants(t *testing.T, dir string, present map[string]int, acked, kept, extra int) string {
	t.Helper()
	for id, n := range present {
		if n != 1 {
			return fmt.Sprintf("event %s is there %d times", id, n)
		}
	}
	evicted := int(metaOf(t, dir).Losses.Evicted)
	missing := 0
	for i := range acked {
		if present[testID(sceneWriter, i)] == 0 {
			missing++
		}
	}
	for i := range kept {
		if present[testID(actWriter, i)] == 0 {
			return fmt.Sprintf("acknowledged event %d of %d is missing", i, kept)
		}
	}
	// An intent written down counts before the reader misses anything.
	if missing > evicted {
		return fmt.Sprintf("%d events are missing, %d counted", missing, evicted)
	}
	if extra > 0 && missing != evicted {
		return fmt.Sprintf("%d events are missing, %d counted", missing, evicted)
	}
	if n := dirBytes(t, dir); n > MinMaxBytes {
		return fmt.Sprintf("%d bytes in the directory", n)
	}
	return ""
}

// A call that fails must not have appended: only a dead writer may leave lines
// that nobody acknowledged.
func TestRefusedLinesAreNotInTheLog(t *testing.T) {
	for _, partial := range []int{0, 1, 100, 246, 247, 248, 400, 494, 740} {
		for _, torn := range []bool{false, true} {
			dir := filepath.Join(t.TempDir(), "log")
			acked := buildActive(t, dir)
			if torn {
				name := filepath.Join(dir, ActiveName)
				write(t, name, read(t, name)+`{"eve`)
			}
			fs := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
				if op.Kind == "append" {
					return faultfs.Outcome{Err: syscall.ENOSPC, Partial: partial}
				}
				return faultfs.Outcome{}
			})
			l := openLog(t, dir, &Options{FS: fs})
			n, err := l.Append(testLines(t, actWriter, 3)...)
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("Append kept %d: %v", n, err)
			}
			present := ids(t, dir)
			if len(present) != acked+n {
				t.Errorf("%d bytes landed (torn %v): %d events present, %d acknowledged", partial, torn, len(present), acked+n)
			}
			appendAll(t, openLog(t, dir, nil), testLine(t, 3, 0))
			if got := ids(t, dir); len(got) != acked+n+1 {
				t.Errorf("%d bytes landed (torn %v): %d events after the next append, want %d", partial, torn, len(got), acked+n+1)
			}
		}
	}
}

// Lumberjack takes any error of stat for "no file yet" and truncates the live
// one (openNew in v2.2.1). The segment has to come back from memory.
func TestSegmentTruncatedByItsRotationIsRestored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	acked := buildActive(t, dir)
	fs := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		return faultfs.Outcome{Truncate: op.Kind == "rotate"}
	})
	if err := openLog(t, dir, &Options{FS: fs}).Seal(); err != nil {
		t.Fatal(err)
	}
	if problem := survey(t, dir, acked, 0); problem != "" {
		t.Error(problem)
	}
}

func TestFailedSyncIsNotRetriedAndRemovesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	acked := buildFull(t, dir)
	before := names(t, dir)
	syncs := 0
	fs := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		if op.Kind == "sync" && op.Name == ActiveName {
			syncs++
			return faultfs.Outcome{Err: syscall.EIO}
		}
		return faultfs.Outcome{}
	})
	if err := openLog(t, dir, &Options{FS: fs, MaxBytes: MinMaxBytes}).Seal(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Seal: %v", err)
	}
	if syncs != 1 {
		t.Errorf("%d syncs", syncs)
	}
	if after := names(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the directory changed: %v, before %v", after, before)
	}
	if got := len(ids(t, dir)); got != acked {
		t.Errorf("%d events, want %d", got, acked)
	}
}

func TestDamagedMetaBeginsANewSeriesAndKeepsTheOldFile(t *testing.T) {
	for _, content := range []string{"", "{", "null", `{"version":99}`, "\x00\x00\x00"} {
		dir := filepath.Join(t.TempDir(), "log")
		l := openLog(t, dir, nil)
		appendAll(t, l, testLines(t, sceneWriter, 5)...)
		for range 3 {
			if err := l.Seal(); err != nil {
				t.Fatal(err)
			}
			appendAll(t, l, testLine(t, 9, 0))
		}
		series := metaOf(t, dir).LogID
		write(t, filepath.Join(dir, metaName), content)
		if err := openLog(t, dir, nil).Seal(); err != nil {
			t.Fatalf("meta %q: %v", content, err)
		}
		m := metaOf(t, dir)
		if m.NextNumber != 5 || m.LogID == series || m.LogID == "" {
			t.Errorf("meta %q: next number %d, same series %v", content, m.NextNumber, m.LogID == series)
		}
		if read(t, filepath.Join(dir, badMetaName)) != content {
			t.Errorf("meta %q was not kept", content)
		}
	}
}
