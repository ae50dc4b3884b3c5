package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
	"caro.sh/telemetry/schema"
)

func TestAppendWritesTheLinesAndNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "telemetry")
	l := openLog(t, dir, nil)
	appendAll(t, l, testLines(t, 1, 3)...)
	appendAll(t, openLog(t, dir, nil), testLine(t, 1, 3))

	var want strings.Builder
	for i := range 4 {
		want.Write(testEvent(1, i))
		want.WriteByte('\n')
	}
	if got := read(t, filepath.Join(dir, ActiveName)); got != want.String() {
		t.Errorf("the active segment is not the four lines:\n%s", got)
	}
}

func TestEverythingIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "telemetry")
	l := openLog(t, dir, nil)
	appendAll(t, l, testLine(t, 1, 0))
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, testLine(t, 1, 1))
	for _, name := range append(names(t, dir), ".") {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s is %o", name, mode)
		}
	}
}

func TestFullSegmentsAreSealedUnderDenseNumbers(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, nil)
	const n = 8000 // about 2 MB
	lines := testLines(t, 1, n)
	for len(lines) > 0 {
		k := min(97, len(lines))
		appendAll(t, l, lines[:k]...)
		lines = lines[k:]
	}
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	segments := s.Segments()
	if len(segments) < 4 {
		t.Fatalf("%d segments, want several", len(segments))
	}
	next := 0
	for i, seg := range segments {
		if seg.Number != uint64(i+1) {
			t.Errorf("segment %d has number %d", i+1, seg.Number)
		}
		if seg.Bytes > l.SegmentBytes() {
			t.Errorf("%s has %d bytes, over the cap of %d", seg.Name, seg.Bytes, l.SegmentBytes())
		}
	}
	for e, err := range s.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		if got := idOf(t, e.Raw); got != testID(1, next) {
			t.Fatalf("line %d is event %s", next, got)
		}
		next++
	}
	if next != n {
		t.Errorf("%d events, want %d", next, n)
	}
}

func TestOverTheCapTheOldestGoAndAreCounted(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, &Options{MaxBytes: MinMaxBytes})
	write(t, filepath.Join(dir, sentDir, "events-0000000001-2026-11-01T00-00-00.000.ndjson"), strings.Repeat("x", 300<<10))
	acked := 0
	for batch := range 40 {
		for i := range 50 { // single events and batches
			appendAll(t, l, testLine(t, batch, i))
			acked++
		}
		lines := testLines(t, batch, 450)
		appendAll(t, l, lines[50:]...)
		acked += 400
		if n := dirBytes(t, dir); n > MinMaxBytes {
			t.Fatalf("the directory holds %d bytes, over %d", n, MinMaxBytes)
		}
	}
	m := metaOf(t, dir)
	present := ids(t, dir)
	if m.Losses.Evicted == 0 {
		t.Fatal("nothing was evicted: the test fills too little")
	}
	if got := int64(len(present)) + m.Losses.Evicted; got != int64(acked) {
		t.Errorf("present %d + evicted %d = %d, want %d acknowledged", len(present), m.Losses.Evicted, got, acked)
	}
	if left := names(t, filepath.Join(dir, sentDir)); len(left) > 0 {
		t.Error("a sent copy outlived events that were not sent")
	}
	if present[testID(39, 449)] != 1 {
		t.Error("the newest event is gone")
	}
}

func TestRefusingLogKeepsTheOldest(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, &Options{MaxBytes: MinMaxBytes, Refuse: true})
	lines := testLines(t, 1, 10_000)
	n, err := l.Append(lines...)
	if !errors.Is(err, ErrFull) {
		t.Fatalf("Append kept %d: %v, want ErrFull", n, err)
	}
	present := ids(t, dir)
	if len(present) != n || present[testID(1, 0)] != 1 || present[testID(1, n-1)] != 1 {
		t.Errorf("%d events present of the %d kept", len(present), n)
	}
	if got := dirBytes(t, dir); got > MinMaxBytes || got < MinMaxBytes*3/4 {
		t.Errorf("the directory holds %d bytes of %d", got, MinMaxBytes)
	}
	if again, err := openLog(t, dir, &Options{MaxBytes: MinMaxBytes, Refuse: true}).Append(lines[n]); again != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("a second log kept %d: %v", again, err)
	}
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	compactFile(t, filepath.Join(dir, s.Segments()[0].Name)) // somebody makes room
	appendAll(t, l, lines[n])
}

func TestGoroutinesAndLogsShareADirectory(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for log := range 2 {
		l := openLog(t, dir, &Options{LockTimeout: 30 * time.Second})
		for g := range 4 {
			lines := testLines(t, 10*log+g, 500)
			wg.Go(func() {
				for _, line := range lines {
					if _, err := l.Append(line); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	present := ids(t, dir)
	if len(present) != 8*500 {
		t.Errorf("%d events, want %d", len(present), 8*500)
	}
	for id, n := range present {
		if n != 1 {
			t.Errorf("event %s is there %d times", id, n)
		}
	}
}

func TestHeldLockIsGivenUpInTime(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, &Options{LockTimeout: 50 * time.Millisecond})
	appendAll(t, l, testLine(t, 1, 0))
	held, err := vfs.Disk.Lock(filepath.Join(dir, lockName), vfs.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	n, err := l.Append(testLine(t, 1, 1))
	if n != 0 || !errors.Is(err, ErrLocked) {
		t.Errorf("Append under a held lock kept %d: %v", n, err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("gave up after %v", took)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, testLine(t, 1, 1))
}

func TestLockFileReplacedUnderAWaiterIsNoticed(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, lockName)
	held, err := vfs.Disk.Lock(name, vfs.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	other, err := vfs.Disk.Lock(name, vfs.LockOptions{}) // the new file: nobody holds it
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := os.Rename(name+".old", name); err != nil {
		t.Fatal(err)
	}
	if third, err := vfs.Disk.Lock(name, vfs.LockOptions{}); !errors.Is(err, ErrLocked) {
		t.Errorf("the old lock is held, and a third got %v, %v", third, err)
	}
}

func TestRemovedDirectoryIsBegunAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	l := openLog(t, dir, nil)
	appendAll(t, l, testLine(t, 1, 0))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, testLine(t, 1, 1))
	if got := ids(t, dir); len(got) != 1 || got[testID(1, 1)] != 1 {
		t.Errorf("the new directory holds %v", got)
	}
}

func TestForeignDirectoriesAreRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permission bits are not Windows's")
	}
	parent := t.TempDir()
	open := filepath.Join(parent, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(parent, "file")
	write(t, file, "mine")
	for _, dir := range []string{open, file} {
		if _, err := Open(dir, nil); err == nil {
			t.Errorf("%s was taken for a log directory", filepath.Base(dir))
		}
	}
	if read(t, file) != "mine" {
		t.Error("the file was changed")
	}
}

func TestCountAddsUpAcrossLogs(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		l := openLog(t, dir, nil)
		if err := l.Count(Losses{QueueFull: 2, Refused: map[schema.Category]int64{schema.Path: 5}}); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got := metaOf(t, dir).Losses
	if got.QueueFull != 6 || got.Refused["path"] != 15 || got.Total() != 21 {
		t.Errorf("losses are %+v", got)
	}
}

func TestAppendLeavesNothingOpen(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc/self/fd here")
	}
	dir := t.TempDir()
	l := openLog(t, dir, nil)
	appendAll(t, l, testLine(t, 1, 0))
	open := func() int { return len(names(t, "/proc/self/fd")) }
	fds, goroutines := open(), runtime.NumGoroutine()
	lines := testLines(t, 2, 3000)
	for _, line := range lines {
		appendAll(t, l, line)
	}
	if got := open(); got > fds {
		t.Errorf("%d files open, %d before", got, fds)
	}
	other := openLog(t, dir, &Options{MaxBytes: 100 * MB})
	for _, line := range lines[:20] { // two caps in one process
		appendAll(t, other, line)
		appendAll(t, l, line)
	}
	if got := runtime.NumGoroutine(); got > goroutines+1 {
		t.Errorf("%d goroutines, %d before", got, goroutines)
	}
}

func BenchmarkAppendOneLine(b *testing.B) {
	l := openLog(b, b.TempDir(), &Options{MaxBytes: 1 << 30})
	line := testLine(b, 1, 0)
	b.SetBytes(int64(line.Len() + 1))
	for b.Loop() {
		if _, err := l.Append(line); err != nil {
			b.Fatal(err)
		}
	}
}

// The name of a new active file is as much a part of what was appended as its
// content; of one that was synced before it is not written again.
func TestSyncMakesANewFilesNameDurableOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	var synced string
	var fails bool
	l := openLog(t, dir, &Options{FS: faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		switch op.Kind {
		case "sync", "syncdir":
			synced += op.Kind + " "
			if fails {
				return faultfs.Outcome{Err: syscall.EIO}
			}
		}
		return faultfs.Outcome{}
	})})
	other := openLog(t, dir, nil)
	n := 0
	grow := func() { appendAll(t, l, testLine(t, 1, n)); n++ }
	for i, step := range []struct {
		do   func()
		want string
	}{
		{grow, "sync syncdir "},
		{grow, "sync "},
		{func() {
			if err := other.Seal(); err != nil {
				t.Fatal(err)
			}
			grow()
		}, "sync syncdir "},
		{func() {
			if err := l.Seal(); err != nil {
				t.Fatal(err)
			}
			grow()
		}, "sync syncdir "},
		{grow, "sync "},
	} {
		step.do()
		synced = ""
		if err := l.Sync(); err != nil || synced != step.want {
			t.Errorf("step %d: %q, %v, want %q", i, synced, err, step.want)
		}
	}
	for range 2 {
		fails = true
		if err := l.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Sync: %v", err)
		}
		fails = false
	}
}

// A file that somebody else filled takes no memory of a host's, and its events are
// counted like any others.
func TestAHugeActiveFileIsSealedInLittleMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := openLog(t, dir, &Options{MaxBytes: 1 << 30})
	appendAll(t, l, testLine(t, sceneWriter, 0))
	line := read(t, filepath.Join(dir, ActiveName))
	lines := 2*maxSegment/len(line) + 1
	write(t, filepath.Join(dir, ActiveName), strings.Repeat(line, lines))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	appendAll(t, l, testLine(t, actWriter, 0))
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4*MB {
		t.Errorf("sealing it took %d bytes of memory", took)
	}
	segments := snapshot(t, dir).Segments()
	if len(segments) != 2 || segments[0].Events != int64(lines) || segments[1].Events > 1 {
		t.Errorf("%+v; the first was to hold %d events", segments, lines)
	}
}
