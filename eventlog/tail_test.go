package eventlog

import (
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a killed writer leaves at the end, the next line stands alone, what
// was whole stays, and the file never gets shorter (tail -F would start again).
func TestTornTailAtEveryByte(t *testing.T) {
	whole := string(testEvent(1, 0)) + "\n"
	torn := string(testEvent(1, 1))
	step := 1
	if testing.Short() {
		step = 13
	}
	for cut := 0; cut <= len(torn); cut += step {
		for _, junk := range []string{"", "\x00\x00\x00"} {
			dir := t.TempDir()
			before := whole + torn[:cut] + junk
			write(t, filepath.Join(dir, ActiveName), before)
			l := openLog(t, dir, nil)
			appendAll(t, l, testLine(t, 1, 2))

			got := ids(t, dir)
			complete := cut == len(torn) && junk == ""
			want := 2
			if complete {
				want = 3
			}
			if len(got) != want || got[testID(1, 0)] != 1 || got[testID(1, 2)] != 1 {
				t.Fatalf("cut at %d, junk %q: found %v", cut, junk, got)
			}
			after := read(t, filepath.Join(dir, ActiveName))
			if len(after) <= len(before) {
				t.Fatalf("cut at %d: the file shrank from %d to %d", cut, len(before), len(after))
			}
			if begins := after[len(before)] == '\n'; begins != (complete || cut+len(junk) > 0) {
				t.Fatalf("cut at %d: what follows the fragment begins with a newline: %v", cut, begins)
			}
			wantTorn := int64(1)
			if complete || cut+len(junk) == 0 {
				wantTorn = 0
			}
			if m := metaOf(t, dir); m.Losses.Torn != wantTorn {
				t.Fatalf("cut at %d, junk %q: %d torn counted, want %d", cut, junk, m.Losses.Torn, wantTorn)
			}
		}
	}
}

func TestTornTailIsMendedOnceOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ActiveName), `{"event":"err`)
	l := openLog(t, dir, nil)
	unlock, err := l.lock()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // a process that dies after the mending, three times
		tail, err := l.openTail()
		if err != nil {
			t.Fatal(err)
		}
		if !tail.blank {
			t.Error("the next line would be glued to the blank")
		}
		tail.close()
	}
	unlock()
	appendAll(t, l, testLine(t, 1, 0))
	if got := read(t, filepath.Join(dir, ActiveName)); got != strings.Repeat(" ", 13)+"\n"+string(testEvent(1, 0))+"\n" {
		t.Errorf("the file is %q", got)
	}
	if m := metaOf(t, dir); m.Losses.Torn != 1 {
		t.Errorf("%d torn counted", m.Losses.Torn)
	}
}

func TestTornTailLongerThanAnyBuffer(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ActiveName), string(testEvent(1, 0))+"\n"+strings.Repeat("{", 400_000))
	appendAll(t, openLog(t, dir, nil), testLine(t, 1, 1))
	if got := ids(t, dir); len(got) != 2 {
		t.Errorf("found %v", got)
	}
}

func TestSealingATornSegmentEndsItsLastLine(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ActiveName), string(testEvent(1, 0))+"\n"+`{"event":`)
	l := openLog(t, dir, nil)
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seg := s.Segments()[0]
	if seg.State != Sealed || seg.Events != 1 {
		t.Errorf("sealed as %+v", seg)
	}
	if content := read(t, filepath.Join(dir, seg.Name)); !strings.HasSuffix(content, "\n") {
		t.Errorf("a sealed segment ends with %q", content[len(content)-12:])
	}
}
