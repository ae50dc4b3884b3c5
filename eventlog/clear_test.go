package eventlog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestClearRemovesWhatItSaysAndCountsIt(t *testing.T) {
	for name, test := range map[string]struct {
		o    ClearOptions
		want Cleared
		left []int // segments
	}{
		"everything":         {ClearOptions{}, Cleared{Events: 16, Segments: 4}, nil},
		"one":                {ClearOptions{Through: 1}, Cleared{Events: 4, Segments: 1}, []int{2, 3, 4}},
		"all that is sealed": {ClearOptions{Through: 3}, Cleared{Events: 12, Segments: 3}, []int{4}},
		"beyond the newest":  {ClearOptions{Through: 99}, Cleared{Events: 12, Segments: 3}, []int{4}},
		"with copies":        {ClearOptions{Through: 1, Copies: true}, Cleared{Events: 4, Segments: 1}, []int{2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := buildChore(t)
			var before int64
			for _, seg := range snapshot(t, dir).Segments() {
				if seg.Number <= uint64(test.want.Segments) {
					before += seg.Bytes
				}
			}
			sent := filepath.Join(dir, sentDir, names(t, filepath.Join(dir, sentDir))[0])
			if test.o.Copies {
				before += int64(len("a copy\n"))
			}
			l := openLog(t, dir, &Options{KeepUnsent: -1})
			got, err := l.Clear(test.o)
			test.want.Bytes = before
			if err != nil || got != test.want {
				t.Errorf("cleared %+v, %v; want %+v", got, err, test.want)
			}
			rest, _ := order(t, snapshot(t, dir))
			wantOrder(t, rest, test.left...)
			for _, name := range names(t, dir) {
				if n, _, ok := parseSegment(name); ok && n <= uint64(test.want.Segments) {
					t.Errorf("%s is still there", name)
				}
			}
			if m := metaOf(t, dir); m.Losses.Cleared != test.want.Events || m.Losses.Total() != test.want.Events {
				t.Errorf("counted %+v", m.Losses)
			}
			if _, err := os.Stat(sent); errors.Is(err, fs.ErrNotExist) != test.o.Copies {
				t.Errorf("the kept copy: %v", err)
			}
			// Nothing that comes later is caught by it, and no number comes twice.
			appendAll(t, l, testLines(t, 9, 4)...)
			if err := l.Seal(); err != nil {
				t.Fatal(err)
			}
			rest, _ = order(t, snapshot(t, dir))
			wantOrder(t, rest, append(test.left, 9)...)
			segments := snapshot(t, dir).Segments()
			if n := segments[len(segments)-2].Number; n < 4 {
				t.Errorf("what was sealed after it is number %d", n)
			}
		})
	}
}

func TestClearWhereThereIsNoLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if _, err := OpenExisting(dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenExisting: %v", err)
	}
	made := openLog(t, dir, nil)
	existing, err := OpenExisting(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Log{made, existing} {
		got, err := l.Clear(ClearOptions{Copies: true})
		if got != (Cleared{}) || err != nil {
			t.Errorf("cleared %+v, %v", got, err)
		}
		if err := errors.Join(l.RaiseFloor(), l.Expire()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatal("the directory was made")
		}
	}
	if _, err := existing.Maintain(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Maintain: %v", err)
	}
}

func TestNothingToClearIsNotWrittenDown(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, nil)
	if got, err := l.Clear(ClearOptions{}); err != nil || got != (Cleared{}) {
		t.Errorf("cleared %+v, %v", got, err)
	}
	if err := errors.Join(l.RaiseFloor(), l.Expire()); err != nil {
		t.Error(err)
	}
	if all := names(t, dir); len(all) != 1 || all[0] != lockName {
		t.Errorf("made %v", all)
	}
}

// The seal before it must not evict: that would count what the user removes as
// removed for want of room.
func TestClearOfAFullLogIsCountedAsCleared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	acked := buildFull(t, dir)
	got, err := openLog(t, dir, &Options{MaxBytes: MinMaxBytes}).Clear(ClearOptions{})
	if err != nil || got.Events != int64(acked) {
		t.Errorf("cleared %+v of %d, %v", got, acked, err)
	}
	if m := metaOf(t, dir); m.Losses.Cleared != int64(acked) || m.Losses.Evicted != 0 {
		t.Errorf("counted %+v", m.Losses)
	}
}

func TestClearCountsDamagedSegments(t *testing.T) {
	dir := grown(t, 3)
	name := filepath.Join(dir, snapshot(t, dir).Segments()[0].Name)
	compactFile(t, name)
	write(t, name+".lz4", "no frame")
	if err := os.Remove(filepath.Join(dir, metaName)); err != nil { // nobody has counted it
		t.Fatal(err)
	}
	got, err := openLog(t, dir, nil).Clear(ClearOptions{})
	if err != nil || got.Events != 8 || got.Segments != 3 {
		t.Errorf("cleared %+v, %v", got, err)
	}
	if m := metaOf(t, dir); m.Losses.Unreadable != 1 || m.Losses.Cleared != 8 {
		t.Errorf("counted %+v", m.Losses)
	}
}

// What a killed compactor left is a copy of events too. What a living one is
// working on is its own to remove.
func TestClearRemovesCopiesOfDeadCompactorsOnly(t *testing.T) {
	dir := grown(t, 2)
	left := filepath.Join(dir, tmpSwap+"1")
	write(t, left, "a copy of events")
	tool := openLog(t, dir, nil)
	held, err := tool.Maintain()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("Maintain left it there")
	}
	write(t, left, "what the tool is at")
	l := openLog(t, dir, &Options{LockTimeout: 10 * time.Millisecond})
	if _, err := l.Clear(ClearOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("a living compactor's file: %v", err)
	}
	if _, err := l.Maintain(); !errors.Is(err, ErrLocked) {
		t.Errorf("a second maintainer: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Clear(ClearOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("a dead compactor's file is still there")
	}
}

func TestRaisedFloorCoversWhatWasRecordedBefore(t *testing.T) {
	dir := grown(t, 2)
	l := openLog(t, dir, nil)
	if n := snapshot(t, dir).Floor(); n != 0 {
		t.Errorf("the floor is %d before any opt-out", n)
	}
	for range 2 { // twice is once
		if err := l.RaiseFloor(); err != nil {
			t.Fatal(err)
		}
		if n := snapshot(t, dir).Floor(); n != 2 {
			t.Errorf("the floor is %d", n)
		}
	}
	appendAll(t, l, testLines(t, 3, 4)...)
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, dir)
	if n := s.Floor(); n != 2 || s.Segments()[2].Number != 3 {
		t.Errorf("the floor is %d, later events are in segment %d", n, s.Segments()[2].Number)
	}
	got, _ := order(t, s)
	wantOrder(t, got, 1, 2, 3)
}

// Whoever loses the floor would upload what somebody has opted out of.
func TestDamagedMetaRaisesTheFloor(t *testing.T) {
	for _, content := range []string{"", "{", strings.Repeat("\x00", 400)} {
		dir := grown(t, 4)
		write(t, filepath.Join(dir, metaName), content)
		if n := snapshot(t, dir).Floor(); n != 3 {
			t.Errorf("a reader's floor is %d", n)
		}
		// The next holder of the lock dies after setting the file aside.
		if err := os.Rename(filepath.Join(dir, metaName), filepath.Join(dir, badMetaName)); err != nil {
			t.Fatal(err)
		}
		if n := snapshot(t, dir).Floor(); n != 3 {
			t.Errorf("the floor is %d while there is no meta.json", n)
		}
		l := openLog(t, dir, nil)
		if err := l.Seal(); err != nil {
			t.Fatal(err)
		}
		if n := snapshot(t, dir).Floor(); n != 3 {
			t.Errorf("the floor is %d afterwards", n)
		}
	}
}

func TestNothingBehindALinkIsRemoved(t *testing.T) {
	dir, elsewhere := buildChore(t), t.TempDir()
	theirs := []string{filepath.Join(elsewhere, "letter.txt"), filepath.Join(elsewhere, "events-0000000001-2026-01-05T00-00-00.000.ndjson")}
	for _, sub := range []string{sentDir, refusedDir} {
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, sub)), os.Symlink(elsewhere, filepath.Join(dir, sub))); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().AddDate(0, -2, 0)
	for _, name := range theirs {
		if err := errors.Join(os.WriteFile(name, []byte("theirs\n"), 0o600), os.Chtimes(name, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	l := openLog(t, dir, nil)
	_, err := l.Clear(ClearOptions{Copies: true})
	if err := errors.Join(err, l.Expire()); err != nil {
		t.Fatal(err)
	}
	for _, name := range theirs {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}
