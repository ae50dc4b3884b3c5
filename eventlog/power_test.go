package eventlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
	"caro.sh/telemetry/eventlog/vfs/powerfs"
)

// powerRounds is how often the power fails at each call: once losing all that was not
// durable, then whatever chance makes of it.
func powerRounds() int {
	if torture {
		return 40
	}
	return 3
}

// cutAtEachCall has the power fail at the first call that act makes of its disk, at its
// second, and so on, until act is over before that; then once more when it is over.
func cutAtEachCall(t *testing.T, build func(dir string), act func(fs vfs.FS, dir string) error, survey func(dir string, over bool) string) {
	root := memoryDir(t)
	for at := 1; ; at++ {
		for round := range powerRounds() {
			dir := filepath.Join(root, strconv.Itoa(at), strconv.Itoa(round))
			build(dir)
			power, err := powerfs.New(vfs.Disk, dir)
			if err != nil {
				t.Fatal(err)
			}
			var hit faultfs.Op
			disk := faultfs.New(power, func(op faultfs.Op) faultfs.Outcome {
				if op.N == at {
					hit = op
					return faultfs.Outcome{Crash: true, After: round%2 == 1}
				}
				return faultfs.Outcome{}
			})
			actErr := act(disk, dir)
			if hit.N == 0 && actErr != nil {
				t.Fatal(actErr)
			}
			var chance *rand.Rand
			if round > 0 {
				chance = rand.New(rand.NewPCG(uint64(at), uint64(round)))
			}
			if err := power.Cut(chance); err != nil {
				t.Fatal(err)
			}
			if problem := survey(dir, actErr == nil); problem != "" {
				t.Fatalf("round %d, power fails at call %d (%s %s): %s", round, hit.N, hit.Kind, hit.Name, problem)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if hit.N == 0 && round == powerRounds()-1 {
				if at < 5 {
					t.Fatalf("only %d calls were made", at-1)
				}
				return
			}
		}
	}
}

// What was durable before, and every segment that was sealed, is there when the power
// comes back, or counted; no line is there twice.
func TestPowerCutsLoseNothingDurable(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short")
	}
	for _, sc := range scenes(t) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			template := filepath.Join(t.TempDir(), "log")
			acked := sc.build(t, template)
			build := func(dir string) {
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(template); err == nil {
					copyLog(t, template, dir)
				}
			}
			sealed := map[string]bool{}
			act := func(fs vfs.FS, dir string) error {
				clear(sealed)
				l, err := Open(dir, &Options{FS: fs, LockTimeout: 5 * time.Second, MaxBytes: MinMaxBytes})
				if err != nil {
					return err
				}
				sc.act(l)
				s := snapshot(t, dir)
				defer s.Close()
				for _, seg := range s.Segments() {
					if seg.State == Sealed {
						for id := range idsOf(t, dir, seg.Number) {
							sealed[id] = true
						}
					}
				}
				return nil
			}
			cutAtEachCall(t, build, act, func(dir string, over bool) string {
				present := idsThere(t, dir)
				for id := range sealed {
					if over && present[id] == 0 {
						return "an event that was sealed is gone"
					}
				}
				return surveyWith(t, dir, acked, 0, idsThere)
			})
		})
	}
}

// idsThere are the events of a log whose end may be damaged, until somebody appends.
func idsThere(t testing.TB, dir string) map[string]int {
	t.Helper()
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found := map[string]int{}
	for e, err := range s.Lines() {
		var damage *DamageError
		switch {
		case errors.As(err, &damage) && damage.Name == ActiveName:
		case err != nil:
			t.Fatal(err)
		default:
			found[idOf(t, e.Raw)]++
		}
	}
	return found
}

// idsOf are the events of one segment.
func idsOf(t *testing.T, dir string, number uint64) map[string]bool {
	t.Helper()
	s := snapshot(t, dir)
	defer s.Close()
	found := map[string]bool{}
	for e, err := range s.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		if e.Segment == number {
			found[idOf(t, e.Raw)] = true
		}
	}
	return found
}

// A chore that was done stays done.
func TestPowerCutsUndoNoChore(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short")
	}
	template := buildChore(t)
	for _, c := range chores() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			act := func(fs vfs.FS, dir string) error {
				l, err := Open(dir, &Options{FS: fs, LockTimeout: 5 * time.Second, MaxBytes: MinMaxBytes, KeepUnsent: -1})
				if err != nil {
					return err
				}
				return c.act(l)
			}
			cutAtEachCall(t, func(dir string) { copyLog(t, template, dir) }, act, func(dir string, over bool) string {
				// A compaction that is undone is done again by the next compactor.
				if problem := c.survey(t, dir, over && c.name != "compact"); problem != "" {
					return fmt.Sprintf("over %v: %s", over, problem)
				}
				return ""
			})
		})
	}
}
