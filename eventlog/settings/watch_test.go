package settings

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWatchSeesEveryChangeOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	w := NewWatch(path, false, env())
	expect := func(enabled bool, reason Reason) {
		t.Helper()
		if s := w.Settings(); s.Enabled != enabled || s.Reason != reason {
			t.Errorf("enabled %v for %s, want %v for %s", s.Enabled, s.Reason, enabled, reason)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect(false, ReasonUnset)
	write("[telemetry]\nenabled = true\n")
	expect(true, ReasonFile)
	write("[telemetry]\nenabled = 0   \n") // as long, within a tick of the clock
	expect(false, ReasonFile)
	write("[telemetry]\nenabled = 1   \n")
	expect(true, ReasonFile)
	if err := Set(path, KeyEnabled, "false"); err != nil {
		t.Fatal(err)
	}
	expect(false, ReasonFile)
	write("[telemetry\n")
	expect(false, ReasonBroken)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect(false, ReasonUnset)
}

// Where a file system's clock is coarse, a second edit may leave size and time
// as they were.
func TestWatchSeesAnEditWithinATickOfTheClock(t *testing.T) {
	path := file(t, "[telemetry]\nenabled = 1\n").Path
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWatch(path, false, env())
	if err := os.WriteFile(path, []byte("[telemetry]\nenabled = 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if w.Settings().Enabled {
		t.Error("the second edit is not seen")
	}
}

func TestWatchReadsAnOldFileOnce(t *testing.T) {
	path := file(t, "[telemetry]\nenabled = true\n").Path
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	w := NewWatch(path, false, env())
	if w.changed() {
		t.Error("an old file that did not change is read again")
	}
	if n := testing.AllocsPerRun(100, func() { w.Settings() }); n > 8 {
		t.Errorf("%v allocations to see that nothing changed", n)
	}
}
