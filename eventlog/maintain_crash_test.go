package eventlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
)

// A chore is something a tool does to a log of three sealed segments and an
// active one with four events each, the second segment compacted.
type chore struct {
	name string
	act  func(l *Log) error
	// goes tells which events the chore removes, by segment and place; nil
	// says none.
	goes func(segment, i int) bool
	// counted picks the counter of what is removed; nil says that nobody counts.
	counted func(Losses) int64
	// done checks what else holds after success.
	done func(t *testing.T, dir string) string
}

func chores() []chore {
	all := func(int, int) bool { return true }
	cleared := func(l Losses) int64 { return l.Cleared }
	odd := func(line []byte) bool {
		return strings.Contains(string(line), `-000000000001"`) || strings.Contains(string(line), `-000000000003"`)
	}
	oddOf := func(segment int) func(int, int) bool {
		return func(seg, i int) bool { return seg == segment && i%2 == 1 }
	}
	erase := func(number uint64, drop func([]byte) bool) func(*Log) error {
		return maintained(func(l *Log) error {
			if _, err := l.Erase(number, drop); !errors.Is(err, ErrGone) { // emptied before it failed
				return err
			}
			return nil
		})
	}
	return []chore{
		{"clear everything", func(l *Log) error { _, err := l.Clear(ClearOptions{Copies: true}); return err }, all, cleared, nil},
		{"clear two segments", func(l *Log) error { _, err := l.Clear(ClearOptions{Through: 2}); return err },
			func(seg, _ int) bool { return seg <= 2 }, cleared, nil},
		{"raise the floor", (*Log).RaiseFloor, nil, nil, func(t *testing.T, dir string) string {
			s := snapshot(t, dir)
			defer s.Close()
			if s.Floor() < 4 {
				return fmt.Sprintf("the floor is %d", s.Floor())
			}
			return ""
		}},
		{"expire", func(l *Log) error { l.keepUnsent = 30 * day; return l.Expire() },
			func(seg, _ int) bool { return seg <= 2 }, func(l Losses) int64 { return l.Expired }, nil},
		{"compact", maintained(func(l *Log) error { _, err := l.Compact(1, Fast); return err }), nil, nil, wantStates("compacted compacted sealed active")},
		{"erase from a plain segment", erase(1, odd), oddOf(1), nil, nothingLeft(1)},
		{"erase from the newest segment", erase(3, odd), oddOf(3), nil, nothingLeft(3)},
		{"erase from a compacted segment", erase(2, odd), oddOf(2), nil, nothingLeft(2)},
		{"erase all of a segment", erase(3, func([]byte) bool { return true }), func(seg, _ int) bool { return seg == 3 }, nil, wantStates("sealed compacted active")},
	}
}

func maintained(act func(l *Log) error) func(*Log) error {
	return func(l *Log) error {
		held, err := l.Maintain()
		if err != nil {
			return err
		}
		return errors.Join(act(l), held.Close())
	}
}

func wantStates(want string) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		var states []string
		s := snapshot(t, dir)
		defer s.Close()
		for _, seg := range s.Segments() {
			states = append(states, string(seg.State))
		}
		if got := strings.Join(states, " "); got != want {
			return "states: " + got
		}
		return ""
	}
}

// nothingLeft looks for erased lines in every file as it stands on disk, and
// expanded.
func nothingLeft(segment int) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		for _, name := range names(t, dir) {
			if name == sentDir {
				continue
			}
			text := read(t, filepath.Join(dir, name))
			if strings.HasSuffix(name, lz4Suffix) {
				src, _, err := expand(strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(src)
				if err != nil {
					t.Fatal(err)
				}
				text += string(content)
			}
			for _, i := range []int{1, 3} {
				if strings.Contains(text, testID(segment, i)) {
					return "erased, and still in " + name
				}
			}
		}
		return ""
	}
}

const choreEvents = 4

// buildChore makes the log of the chores. Segments 1 and 2 are 31 days old.
func buildChore(t *testing.T) (dir string) {
	t.Helper()
	dir = grown(t, 4)
	old := time.Now().Add(-31 * day)
	for i, seg := range snapshot(t, dir).Segments()[:2] {
		name := filepath.Join(dir, segmentName(seg.Number, old.UTC().Format(timeLayout)))
		if err := os.Rename(filepath.Join(dir, seg.Name), name); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			compactFile(t, name)
			name += ".lz4"
		}
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, sentDir, "events-0000000001-2026-11-23T01-47-29.658.ndjson"), "a copy\n")
	return dir
}

func copyLog(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, from) {
		info, err := os.Stat(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(to, name), info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChoresLoseAndDoubleNothingWhateverCallFails(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short")
	}
	template := buildChore(t)
	for _, c := range chores() {
		for name, fault := range faults() {
			if !torture && fault.Err != nil && name != "EIO" && name != "EIO after" && name != "ENOSPC half-way" {
				continue
			}
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				failEachCallOf(t, c, template, fault)
			})
		}
	}
}

func failEachCallOf(t *testing.T, c chore, template string, fault faultfs.Outcome) {
	root := memoryDir(t)
	for at := 1; ; at++ {
		var hit faultfs.Op
		disk := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
			if op.N == at {
				hit = op
				return fault
			}
			return faultfs.Outcome{}
		})
		dir := filepath.Join(root, strconv.Itoa(at))
		copyLog(t, template, dir)
		o := &Options{FS: disk, LockTimeout: 5 * time.Second, MaxBytes: MinMaxBytes, KeepUnsent: -1}
		l, err := Open(dir, o)
		if err == nil {
			err = c.act(l)
		}
		where := fmt.Sprintf("call %d (%s %s), which answered %v", hit.N, hit.Kind, hit.Name, err)
		if problem := c.survey(t, dir, err == nil); problem != "" {
			t.Fatalf("%s: %s", where, problem)
		}
		if hit.N == 0 {
			if at < 5 || err != nil {
				t.Fatalf("the chore made %d calls and answered %v", at-1, err)
			}
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// survey looks at the log as it was left, after two recoveries, and after the
// chore was done again in peace.
func (c chore) survey(t *testing.T, dir string, succeeded bool) string {
	t.Helper()
	o := &Options{MaxBytes: MinMaxBytes, KeepUnsent: -1}
	for round, stage := range []string{"as left", "after recovery", "after a second one", "done again"} {
		switch round {
		case 1, 2:
			l := openLog(t, dir, o)
			held, err := l.Maintain()
			if err != nil {
				return err.Error()
			}
			appendAll(t, l, testLine(t, 10+round, 0))
			if err := held.Close(); err != nil {
				return err.Error()
			}
		case 3:
			succeeded = true
			if c.goes == nil || !c.goes(4, 0) { // what recovery appended is not to be cleared
				if err := c.act(openLog(t, dir, o)); err != nil {
					return err.Error()
				}
			}
		}
		if problem := c.invariants(t, dir, succeeded, round); problem != "" {
			return stage + ": " + problem
		}
	}
	for _, name := range names(t, dir) {
		if _, backup := parseBackup(name); backup || strings.HasPrefix(name, tmpPrefix) {
			return name + " was left behind"
		}
	}
	return ""
}

// miscounted finds a segment that does not hold what is remembered of it.
func miscounted(t *testing.T, dir string) string {
	t.Helper()
	s := snapshot(t, dir)
	defer s.Close()
	for _, seg := range s.Segments() {
		blank := seg
		blank.Events = -1
		counted, err := s.Count(blank)
		if err != nil {
			t.Fatal(err)
		}
		if seg.Events >= 0 && seg.Events != counted.Events {
			return fmt.Sprintf("segment %d holds %d events, not %d", seg.Number, counted.Events, seg.Events)
		}
	}
	return ""
}

func (c chore) invariants(t *testing.T, dir string, succeeded bool, round int) string {
	t.Helper()
	present := ids(t, dir)
	var missing, due int64
	for seg := 1; seg <= 4; seg++ {
		for i := range choreEvents {
			goes := c.goes != nil && c.goes(seg, i)
			n := present[testID(seg, i)]
			switch {
			case n > 1:
				return fmt.Sprintf("event %d of segment %d is there %d times", i, seg, n)
			case n == 0 && !goes:
				return fmt.Sprintf("event %d of segment %d is missing", i, seg)
			case n == 0:
				missing++
			}
			if goes {
				due++
			}
		}
	}
	if c.goes != nil && succeeded && !c.goes(4, 0) && missing != due {
		return fmt.Sprintf("%d events are gone, %d were to go", missing, due)
	}
	if problem := miscounted(t, dir); problem != "" {
		return problem
	}
	losses := metaOf(t, dir).Losses
	if c.counted != nil && (missing > c.counted(losses) || round > 0 && missing != c.counted(losses)) {
		return fmt.Sprintf("%d events are gone, %d counted", missing, c.counted(losses))
	}
	if total := losses.Total(); c.counted == nil && total != 0 || c.counted != nil && total != c.counted(losses) {
		return fmt.Sprintf("%d counted as lost", total)
	}
	if c.done != nil && succeeded && (round == 0 || round == 3) {
		return c.done(t, dir)
	}
	return ""
}
