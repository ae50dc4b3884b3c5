package eventlog

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
)

// maintainer is a log whose maintenance lock is held until the test ends.
func maintainer(t testing.TB, dir string, o *Options) *Log {
	t.Helper()
	l := openLog(t, dir, o)
	held, err := l.Maintain()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	return l
}

func TestCompactedSegmentIsTheSameLinesForEverybody(t *testing.T) {
	for name, level := range map[string]Level{"fast": Fast, "high": High} {
		t.Run(name, func(t *testing.T) {
			dir := grown(t, 5)
			s := snapshot(t, dir)
			first := s.Segments()[0]
			plain := read(t, filepath.Join(dir, first.Name))
			l := maintainer(t, dir, nil)
			for number := uint64(1); number <= 3; number++ {
				c, err := l.Compact(number, level)
				if err != nil || c.Before != first.Bytes || c.After >= c.Before {
					t.Errorf("compacted %+v, %v", c, err)
				}
			}
			got, damage := order(t, snapshot(t, dir))
			wantOrder(t, got, 1, 2, 3, 4, 5)
			if damage != nil {
				t.Error(damage)
			}
			if got, damage := order(t, s); len(got) != 20 || damage != nil {
				t.Errorf("a snapshot from before reads %d events, %v", len(got), damage)
			}
			file := filepath.Join(dir, first.Name+".lz4")
			if flags := read(t, file)[4]; flags&0b1100 != 0b1100 {
				t.Errorf("frame flags %08b: no content size or no checksum", flags)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			out, err := exec.Command("lz4cat", file).Output()
			if errors.Is(err, exec.ErrNotFound) {
				t.Skip("no lz4cat")
			}
			if err != nil || string(out) != plain {
				t.Errorf("lz4cat: %v, %d of %d bytes", err, len(out), len(plain))
			}
		})
	}
}

func TestWhatIsNotCompacted(t *testing.T) {
	dir := grown(t, 4)
	if _, err := openLog(t, dir, nil).Compact(1, Fast); !errors.Is(err, errNotMaintaining) {
		t.Errorf("without the maintenance lock: %v", err)
	}
	if _, err := openLog(t, dir, nil).Erase(1, func([]byte) bool { return true }); !errors.Is(err, errNotMaintaining) {
		t.Errorf("without the maintenance lock: %v", err)
	}
	l := maintainer(t, dir, nil)
	for number, want := range map[uint64]error{1: nil, 3: ErrNewest, 4: ErrGone, 0: ErrGone} {
		if _, err := l.Compact(number, Fast); !errors.Is(err, want) {
			t.Errorf("segment %d: %v, want %v", number, err, want)
		}
	}
	before := fingerprint(t, dir)
	if c, err := l.Compact(1, Fast); err != nil || c.Before != c.After {
		t.Errorf("compacted again: %+v, %v", c, err)
	}
	// Two bytes do not become fewer.
	tiny := filepath.Join(dir, snapshot(t, dir).Segments()[1].Name)
	write(t, tiny, "{}\n")
	if c, err := l.Compact(2, Fast); err != nil || c.Before != c.After || read(t, tiny) != "{}\n" {
		t.Errorf("a tiny segment: %+v, %v", c, err)
	}
	if err := os.Remove(tiny); err != nil {
		t.Fatal(err)
	}
	if rest := fingerprint(t, dir); len(rest) >= len(before) {
		t.Errorf("the directory changed:\n%s\nbefore\n%s", rest, before)
	}
}

// The plain file goes last: what replaces it is on the disk by then, in content
// and in name.
func TestCompactionUnlinksOnlyWhatIsDurableElsewhere(t *testing.T) {
	dir := grown(t, 3)
	plain := snapshot(t, dir).Segments()[0].Name
	var steps []string
	disk := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		switch {
		case op.Kind == "sync" && strings.HasPrefix(op.Name, tmpSwap), op.Kind == "rename" && op.Name == plain+".lz4",
			op.Kind == "syncdir", op.Kind == "remove":
			steps = append(steps, op.Kind)
		case op.Kind == "open" && strings.HasPrefix(op.Name, tmpSwap):
			steps = append(steps, "read back")
		}
		return faultfs.Outcome{}
	})
	if _, err := maintainer(t, dir, &Options{FS: disk}).Compact(1, Fast); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(steps, ", "); got != "sync, read back, rename, syncdir, remove" {
		t.Errorf("steps: %s", got)
	}
}

// A disk that gives back something else than it was given must not be trusted
// with the only copy.
func TestCopyThatReadsBackWrongIsThrownAway(t *testing.T) {
	for at := range 3 {
		dir := grown(t, 3)
		tmp := filepath.Join(dir, tmpSwap+"1")
		disk := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
			if op.Kind == "open" && op.Name == filepath.Base(tmp) {
				switch frame := read(t, tmp); at {
				case 0:
					write(t, tmp, frame[:len(frame)-1])
				case 1:
					write(t, tmp, "")
				case 2: // a sound frame of something else
					other := filepath.Join(t.TempDir(), "other")
					write(t, other, "{}\n")
					compactFile(t, other)
					write(t, tmp, read(t, other+".lz4"))
				}
			}
			return faultfs.Outcome{}
		})
		before := fingerprint(t, dir)
		if _, err := maintainer(t, dir, &Options{FS: disk}).Compact(1, Fast); err == nil || !strings.Contains(err.Error(), "read back") {
			t.Errorf("Compact: %v", err)
		}
		if err := os.Remove(filepath.Join(dir, maintName)); err != nil {
			t.Fatal(err)
		}
		if after := fingerprint(t, dir); after != before {
			t.Errorf("the directory was\n%s\nand is\n%s", before, after)
		}
	}
}

// betweenCalls compacts or erases in a log of three sealed segments and lets
// meddle do something before the first call to the disk, before the second, and
// so on; then look sees what came of it.
func betweenCalls(t *testing.T, act func(l *Log) error, meddle func(dir string) error, look func(dir string, err error)) {
	template := grown(t, 4)
	root := memoryDir(t)
	meddled := 0
	for at := 1; ; at++ {
		dir := filepath.Join(root, strconv.Itoa(at))
		copyLog(t, template, dir)
		done := false
		disk := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
			if op.N == at {
				done = true
				err := meddle(dir)
				switch {
				case err == nil:
					meddled++
				case !errors.Is(err, ErrLocked):
					t.Error(err)
				}
			}
			return faultfs.Outcome{}
		})
		err := maintained(act)(openLog(t, dir, &Options{FS: disk}))
		if !done {
			if meddled < 10 {
				t.Errorf("only %d calls were outside the lock", meddled)
			}
			return
		}
		look(dir, err)
		if t.Failed() {
			t.Fatalf("before call %d", at)
		}
	}
}

func compactSecond(l *Log) error { _, err := l.Compact(2, Fast); return err }

func TestSegmentClearedWhileItIsCompactedDoesNotComeBack(t *testing.T) {
	clears := func(dir string) error {
		l, err := Open(dir, &Options{LockTimeout: time.Millisecond})
		if err != nil {
			return err
		}
		_, err = l.Clear(ClearOptions{Through: 2})
		return err
	}
	for name, act := range map[string]func(l *Log) error{
		"compact": compactSecond,
		"erase": func(l *Log) error {
			_, err := l.Erase(2, func(line []byte) bool { return strings.Contains(string(line), testID(2, 1)) })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			betweenCalls(t, act, clears, func(dir string, err error) {
				if err != nil && !errors.Is(err, ErrGone) {
					t.Error(err)
				}
				m := metaOf(t, dir)
				if m.RemovedThrough == 0 { // it was locked out
					return
				}
				got, _ := order(t, snapshot(t, dir))
				wantOrder(t, got, 3, 4)
				if n := m.Losses.Cleared; n != 8 && (name != "erase" || n != 7) {
					t.Errorf("%d counted as cleared", n)
				}
				for _, name := range names(t, dir) {
					if strings.HasPrefix(name, tmpPrefix) || strings.Contains(name, "-0000000002-") {
						t.Errorf("%s is there", name)
					}
				}
			})
		})
	}
}

func TestReadersSeeEveryLineOnceWhileASegmentIsCompacted(t *testing.T) {
	sees := func(dir string) error {
		s, err := OpenSnapshot(dir, &ReadOptions{LockTimeout: time.Millisecond})
		if err != nil {
			return err
		}
		defer s.Close()
		got, damage := order(t, s)
		wantOrder(t, got, 1, 2, 3, 4)
		return errors.Join(damage...)
	}
	betweenCalls(t, compactSecond, sees, func(dir string, err error) {
		if err != nil || sees(dir) != nil {
			t.Error(err)
		}
	})
}

// A log that evicts leaves room for the second form of a segment, so that it can
// be compacted when it is full; one that has none says so.
func TestCompactionStaysUnderTheCap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	buildFull(t, dir)
	appendAll(t, openLog(t, dir, &Options{MaxBytes: MinMaxBytes}), testLines(t, 7, 2)...)
	if _, err := maintainer(t, dir, &Options{MaxBytes: MinMaxBytes}).Compact(snapshot(t, dir).Segments()[0].Number, Fast); err != nil {
		t.Error(err)
	}

	// Segments of any size: what is left over is not just luck.
	dir = grown(t, 2)
	big := filepath.Join(dir, snapshot(t, dir).Segments()[0].Name)
	write(t, big, strings.Repeat(read(t, big), (MinMaxBytes-minSegmentBytes-metaReserveBytes)/(4*len(testEvent(1, 0))+4)-4))
	tight := openLog(t, dir, &Options{MaxBytes: MinMaxBytes})
	if err := tight.Seal(); err != nil {
		t.Fatal(err)
	}
	ls, err := list(vfs.Disk, dir)
	if err != nil {
		t.Fatal(err)
	}
	if room := tight.swapRoom(ls); room < minSegmentBytes/2 {
		t.Errorf("there is room for a second form of %d bytes", room)
	}

	dir = grown(t, 4)
	write(t, filepath.Join(dir, sentDir, "copy"), strings.Repeat("x", MinMaxBytes-minSegmentBytes-metaReserveBytes-1500))
	before := names(t, dir)
	l := maintainer(t, dir, &Options{MaxBytes: MinMaxBytes})
	if _, err := l.Compact(1, Fast); !errors.Is(err, ErrFull) {
		t.Errorf("Compact: %v", err)
	}
	if after := names(t, dir); len(after) != len(before)+1 { // .maint.lock
		t.Errorf("%v, before %v", after, before)
	}
}

func TestFullLogIsErasedAllTheSame(t *testing.T) {
	dir := t.TempDir()
	full := Options{MaxBytes: MinMaxBytes, Refuse: true}
	l := openLog(t, dir, &full)
	if _, err := l.Append(testLines(t, 1, 10_000)...); !errors.Is(err, ErrFull) {
		t.Fatalf("Append: %v, want ErrFull", err)
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	before := ids(t, dir)
	l = maintainer(t, dir, &full)
	n, err := l.Erase(1, func(line []byte) bool { return strings.Contains(string(line), testID(1, 1)) })
	after := ids(t, dir)
	if n != 1 || err != nil || after[testID(1, 1)] != 0 || len(after) != len(before)-1 {
		t.Errorf("erased %d, %v; %d events of %d left", n, err, len(after), len(before))
	}
}

func TestEraseForgetsTheOldCount(t *testing.T) {
	dir := grown(t, 4)
	l := maintainer(t, dir, nil)
	for _, number := range []uint64{2, 3} {
		n, err := l.Erase(number, func(line []byte) bool { return strings.Contains(string(line), testID(int(number), 1)) })
		if n != 1 || err != nil {
			t.Errorf("erased %d, %v", n, err)
		}
		if n, err = l.Erase(number, func(line []byte) bool { return strings.Contains(string(line), testID(int(number), 1)) }); n != 0 || err != nil {
			t.Errorf("erased %d again, %v", n, err)
		}
	}
	s := snapshot(t, dir)
	for _, seg := range s.Segments()[1:3] {
		if seg.Events != 3 || seg.State != Compacted {
			t.Errorf("%+v", seg)
		}
	}
	if err := os.Remove(filepath.Join(dir, metaName)); err != nil { // which knows the next number
		t.Fatal(err)
	}
	if _, err := l.Erase(3, func([]byte) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	segments := snapshot(t, dir).Segments()
	if len(segments) != 4 || segments[2].Number != 4 {
		t.Errorf("the number of the emptied segment was given again: %+v", segments)
	}
	if n := metaOf(t, dir).Losses.Total(); n != 0 {
		t.Errorf("%d counted as lost", n)
	}
}

// Tools compact, evictions and clears go on, and everybody may be killed.
func TestKilledCompactorsLoseNothing(t *testing.T) {
	for _, maxBytes := range []int64{8 * MB, 2 * MB} { // the smallest segments
		t.Run(strconv.FormatInt(maxBytes/MB, 10)+" MB", func(t *testing.T) {
			t.Parallel()
			killCompactors(t, pick(30, 500), maxBytes)
		})
	}
}

// tend compacts whatever there is, over and over; a patient one wants to get
// through once.
func tend(l *Log, patient bool) error {
	held, err := l.Maintain()
	if err != nil {
		return err
	}
	for pass := 0; ; pass++ {
		if pass > 0 || !patient { // says that it may be killed
			if _, err := os.Stdout.WriteString("\n"); err != nil {
				return errors.Join(err, held.Close())
			}
		}
		s, err := OpenSnapshot(l.dir, nil)
		if err != nil {
			return errors.Join(err, held.Close())
		}
		for _, seg := range s.Segments() {
			_, err := l.Compact(seg.Number, Fast)
			if err != nil && !errors.Is(err, ErrNewest) && !errors.Is(err, ErrGone) && !errors.Is(err, ErrFull) {
				return errors.Join(err, s.Close(), held.Close())
			}
		}
		if err := errors.Join(s.Close(), l.Expire()); err != nil {
			return errors.Join(err, held.Close())
		}
	}
}

func killCompactors(t *testing.T, kills int, maxBytes int64) {
	dir := t.TempDir()
	var acks ackLog
	work := testLines(t, fillWriter, int(maxBytes/2/minSegmentBytes)*2200) // for a start
	appendAll(t, openLog(t, dir, &Options{MaxBytes: maxBytes}), work...)
	for i := range work {
		acks.collect([]byte("+1\n" + testID(fillWriter, i)))
	}
	stop := watchSize(t, dir, maxBytes)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 6)
	for w := range kills {
		slots <- struct{}{}
		var out bytes.Buffer
		began := make(chan struct{}, 1)
		j := job{Dir: dir, Writer: w + 1, Goroutines: 1, Batch: 1500, MaxBytes: maxBytes, Tend: w%3 == 0}
		cmd := start(t, j, io.MultiWriter(&out, notify(began)))
		wg.Go(func() {
			<-began
			time.Sleep(rand.N(60 * time.Millisecond))
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = cmd.Wait() // killed: its status says so
			acks.collect(out.Bytes())
			<-slots
		})
	}
	wg.Wait()
	stop()
	l := maintainer(t, dir, &Options{MaxBytes: maxBytes})
	appendAll(t, l, testLine(t, 1, 0))
	acks.collect([]byte("+1\n" + testID(1, 0)))
	verify(t, dir, &acks, maxBytes)
	compacted := 0
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, tmpPrefix) {
			t.Errorf("%s was left behind", name)
		}
		if strings.HasSuffix(name, lz4Suffix) {
			compacted++
		}
	}
	if compacted == 0 && maxBytes > 2*MB { // there eviction is faster
		t.Error("nothing was compacted")
	}
	t.Logf("%d kills, %d segments compacted in the end", kills, compacted)
}
