package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// grown makes a log of n segments with four events each, the last one active.
func grown(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	l := openLog(t, dir, nil)
	for seg := range n {
		for i := range 4 {
			appendAll(t, l, testLine(t, seg+1, i))
		}
		if seg < n-1 {
			if err := l.Seal(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func snapshot(t *testing.T, dir string) *Snapshot {
	t.Helper()
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// order reads ids in the order the log gives them; damage is returned apart.
func order(t *testing.T, s *Snapshot) (got []string, damage []error) {
	t.Helper()
	for e, err := range s.Lines() {
		if err != nil {
			damage = append(damage, err)
			continue
		}
		got = append(got, idOf(t, e.Raw))
	}
	return got, damage
}

func wantOrder(t *testing.T, got []string, segments ...int) {
	t.Helper()
	var want []string
	for _, seg := range segments {
		for i := range 4 {
			want = append(want, testID(seg, i))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("read %d events\n%v\nwant %d\n%v", len(got), got, len(want), want)
	}
}

func TestSnapshotReadsPlainAndCompactedSegmentsInOrder(t *testing.T) {
	dir := grown(t, 4)
	segments := snapshot(t, dir).Segments()
	compactFile(t, filepath.Join(dir, segments[1].Name))

	s := snapshot(t, dir)
	got, damage := order(t, s)
	wantOrder(t, got, 1, 2, 3, 4)
	if damage != nil {
		t.Error(damage)
	}
	var states []string
	for _, seg := range s.Segments() {
		states = append(states, string(seg.State))
	}
	if got := strings.Join(states, " "); got != "sealed compacted sealed active" {
		t.Errorf("states: %s", got)
	}
	var backward []string
	for e, err := range s.Backward() {
		if err != nil {
			t.Fatal(err)
		}
		backward = append([]string{idOf(t, e.Raw)}, backward...)
	}
	wantOrder(t, backward, 1, 2, 3, 4)
}

func TestSnapshotStaysWhatItWas(t *testing.T) {
	dir := grown(t, 3)
	s := snapshot(t, dir)
	l := openLog(t, dir, nil)
	appendAll(t, l, testLine(t, 9, 0)) // grows the active segment
	if err := l.Seal(); err != nil {   // moves it
		t.Fatal(err)
	}
	appendAll(t, l, testLine(t, 9, 1))
	compactFile(t, filepath.Join(dir, s.Segments()[0].Name)) // under the reader's feet
	got, damage := order(t, s)
	wantOrder(t, got, 1, 2, 3)
	if damage != nil {
		t.Error(damage)
	}
}

func TestSegmentRemovedUnderAReaderIsReported(t *testing.T) {
	dir := grown(t, 3)
	s := snapshot(t, dir)
	if err := os.Remove(filepath.Join(dir, s.Segments()[1].Name)); err != nil {
		t.Fatal(err)
	}
	got, damage := order(t, s)
	wantOrder(t, got, 1, 3)
	var where *DamageError
	if len(damage) != 1 || !errors.Is(damage[0], ErrGone) || !errors.As(damage[0], &where) || where.Segment != 2 {
		t.Errorf("damage: %v", damage)
	}
}

func TestRotatedFileWithoutANumberReadsAsSealed(t *testing.T) {
	dir := grown(t, 2)
	if err := os.Rename(filepath.Join(dir, ActiveName), filepath.Join(dir, "events-2026-11-23T01-47-29.658.ndjson")); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, dir)
	got, _ := order(t, s)
	wantOrder(t, got, 1, 2)
	last := s.Segments()[1]
	if last.State != Sealed || last.Number != 2 {
		t.Errorf("it reads as %+v", last)
	}
	appendAll(t, openLog(t, dir, nil), testLine(t, 3, 0)) // adopts it
	if again, _ := order(t, s); strings.Join(again, " ") != strings.Join(got, " ") {
		t.Error("the snapshot changed when the file got its number")
	}
}

func TestReadersSeeWholeLinesOnly(t *testing.T) {
	dir := grown(t, 1)
	name := filepath.Join(dir, ActiveName)
	write(t, name, read(t, name)+"   \n\n"+string(testEvent(2, 0))+"\n"+strings.Repeat("x", 100_000)+"\n"+string(testEvent(2, 1))+"\n"+`{"event":"error.occ`)
	got, damage := order(t, snapshot(t, dir))
	if len(got) != 6 {
		t.Errorf("%d events, want 6", len(got))
	}
	var where *DamageError
	if len(damage) != 1 || !errors.As(damage[0], &where) || where.Name != ActiveName || where.Offset != int64(5*(len(testEvent(1, 0))+1)+5) {
		t.Errorf("damage: %v", damage)
	}
}

// Every damaged copy is reported and skipped; nothing from it is shown, and the
// segments around it are.
func TestDamagedCompactedSegmentsAreReportedAndSkipped(t *testing.T) {
	dir := grown(t, 3)
	name := filepath.Join(dir, snapshot(t, dir).Segments()[1].Name)
	compactFile(t, name)
	name += ".lz4"
	frame := read(t, name)
	check := func(what string, i int, content string) {
		t.Helper()
		write(t, name, content)
		got, damage := order(t, snapshot(t, dir))
		if len(damage) == 0 && len(got) == 12 {
			return // the change did not matter: the content is verified
		}
		wantOrder(t, got, 1, 3)
		if len(damage) != 1 {
			t.Fatalf("%s at byte %d: damage %v", what, i, damage)
		}
		if _, err := os.Stat(name); err != nil {
			t.Fatalf("%s at byte %d: %v", what, i, err)
		}
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < len(frame); i += step {
		check("truncated", i, frame[:i])
		flipped := []byte(frame)
		flipped[i] ^= 0x10
		check("flipped", i, string(flipped))
	}
}

func TestReadersChangeNothing(t *testing.T) {
	dir := grown(t, 3)
	write(t, filepath.Join(dir, ".tmp-something"), "left over")
	name := filepath.Join(dir, ActiveName)
	write(t, name, read(t, name)+`{"event":"torn`)
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, dir)
	s := snapshot(t, dir)
	order(t, s)
	for _, seg := range s.Segments() {
		if _, err := s.Count(seg); err != nil {
			t.Error(err)
		}
	}
	if after := fingerprint(t, dir); after != before {
		t.Errorf("the directory was\n%s\nand is\n%s", before, after)
	}
}

func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range names(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(name + " " + info.ModTime().Format(time.RFC3339Nano) + " " + info.Mode().String() + "\n")
		if info.Mode().IsRegular() {
			b.WriteString(read(t, filepath.Join(dir, name)))
		}
	}
	return b.String()
}

func TestMissingAndEmptyDirectoriesAreEmptyLogs(t *testing.T) {
	for _, dir := range []string{filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		s := snapshot(t, dir)
		if got, damage := order(t, s); got != nil || damage != nil || len(s.Segments()) != 0 || s.Losses().Total() != 0 {
			t.Errorf("found %v, %v", got, damage)
		}
		if s.LogID() != "" {
			t.Error("a log that does not exist has an id")
		}
	}
}

func TestReaderDoesNotWaitForAStoppedWriter(t *testing.T) {
	dir := grown(t, 2)
	held, err := vfs.Disk.Lock(filepath.Join(dir, lockName), vfs.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	start := time.Now()
	s, err := OpenSnapshot(dir, &ReadOptions{LockTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, _ := order(t, s)
	wantOrder(t, got, 1, 2)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("waited %v", took)
	}
}

// Links, FIFOs, directories and files with a second name are left alone, at
// once, under every name the log uses.
func TestWhatIsNotAFileOfOurOwnIsLeftAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no FIFOs or cheap links on Windows")
	}
	for _, name := range []string{ActiveName, lockName, metaName} {
		for kind, place := range intruders() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				dir := grown(t, 2)
				victim := filepath.Join(t.TempDir(), "victim")
				write(t, victim, "precious")
				at := filepath.Join(dir, name)
				if err := os.Remove(at); err != nil {
					t.Fatal(err)
				}
				if err := place(victim, at); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				l := openLog(t, dir, nil)
				kept, err := l.Append(testLine(t, 5, 0))
				harmless := name == lockName && kind == "hard link"
				if !harmless && name != metaName && (err == nil || kept != 0) {
					t.Errorf("Append kept %d: %v", kept, err)
				}
				_ = l.Seal()
				if s, err := OpenSnapshot(dir, nil); err == nil {
					order(t, s)
					_ = s.Close()
				}
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("took %v", took)
				}
				if got := read(t, victim); got != "precious" {
					t.Errorf("the victim is now %d bytes", len(got))
				}
				if _, err := os.Stat(filepath.Join(filepath.Dir(victim), "dangling")); err == nil {
					t.Error("a file was made at the end of a dangling link")
				}
			})
		}
	}
}
