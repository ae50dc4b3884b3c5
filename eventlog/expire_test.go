package eventlog

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// now0 is when the tests of age limits begin.
// now0 is when these tests take place: now, because files have times of their own.
var now0 = time.Now().UTC().Truncate(time.Second)

// dated makes a log of one sealed segment for each age, four events each, and an
// active segment. The log has last looked at the clock at now0.
func dated(t *testing.T, ages ...time.Duration) (dir string) {
	t.Helper()
	dir = grown(t, len(ages)+1)
	for i, seg := range snapshot(t, dir).Segments()[:len(ages)] {
		redate(t, dir, seg.Number, now0.Add(-ages[i]), now0.Add(-ages[i]))
	}
	tidy(t, dir, now0, -1)
	return dir
}

// redate gives a segment another time in its name and another time of change.
func redate(t *testing.T, dir string, number uint64, stamp, modified time.Time) {
	t.Helper()
	for _, seg := range snapshot(t, dir).Segments() {
		if seg.Number != number {
			continue
		}
		name := filepath.Join(dir, segmentName(number, stamp.UTC().Format(timeLayout)))
		if err := os.Rename(filepath.Join(dir, seg.Name), name); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
}

// tidy applies age limits when the clock says now.
func tidy(t *testing.T, dir string, now time.Time, keep time.Duration) {
	t.Helper()
	l := openLog(t, dir, &Options{KeepUnsent: keep, Now: func() time.Time { return now }})
	if err := l.Expire(); err != nil {
		t.Fatal(err)
	}
}

func wantLeft(t *testing.T, dir string, segments ...int) {
	t.Helper()
	got, _ := order(t, snapshot(t, dir))
	wantOrder(t, got, segments...)
	n := len(snapshot(t, dir).Segments())
	if n != len(segments) {
		t.Errorf("%d segments, want %d", n, len(segments))
	}
}

func TestUnsentSegmentsExpireAndAreCounted(t *testing.T) {
	dir := dated(t, 40*day, 31*day, 30*day, 29*day)
	tidy(t, dir, now0, -1)
	wantLeft(t, dir, 1, 2, 3, 4, 5)
	tidy(t, dir, now0, 35*day)
	wantLeft(t, dir, 2, 3, 4, 5)
	tidy(t, dir, now0, 0)
	wantLeft(t, dir, 3, 4, 5)
	if m := metaOf(t, dir); m.Losses.Expired != 8 || m.Losses.Total() != 8 || m.RemovedThrough != 2 {
		t.Errorf("counted %+v, removed through %d", m.Losses, m.RemovedThrough)
	}
}

func TestEverySealAppliesAgeLimits(t *testing.T) {
	dir := dated(t, 31*day, 29*day)
	l := openLog(t, dir, &Options{Now: func() time.Time { return now0 }})
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	got, _ := order(t, snapshot(t, dir))
	wantOrder(t, got, 2, 3)
}

// Copying sets one time, restoring a backup the other.
func TestSegmentIsOldOnlyWhenItsNameAndItsLastChangeAre(t *testing.T) {
	for name, test := range map[string]struct {
		stamp, modified time.Duration
		left            []int
	}{
		"both":             {31 * day, 31 * day, []int{2}},
		"the name only":    {31 * day, day, []int{1, 2}},
		"the change only":  {day, 31 * day, []int{1, 2}},
		"the name is late": {-400 * day, 31 * day, []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := dated(t, day)
			redate(t, dir, 1, now0.Add(-test.stamp), now0.Add(-test.modified))
			tidy(t, dir, now0, 0)
			wantLeft(t, dir, test.left...)
		})
	}
}

// A step of a story says what the clock shows, how long after now0 it shows it,
// and which segments are left after the age limits were applied.
type clockStep struct {
	at   time.Duration
	left []int
}

func TestWrongClocksExpireNothingYoung(t *testing.T) {
	all := []int{1, 2, 3}
	const year = 365 * day
	for name, story := range map[string][]clockStep{
		"a year ahead for an hour": {
			{year, all}, {year + 10*time.Minute, all}, {year + time.Hour, all}, // and back
			{2 * time.Hour, all}, {day, all}, {29 * day, all},
		},
		"a year ahead again and again": {
			{year, all}, {time.Hour, all}, {year + 2*time.Hour, all}, {3 * time.Hour, all}, {year + day, all}, {day, all},
		},
		"a year ahead for good": { // nobody can tell that from a year in a drawer
			{year, all}, {year + 23*time.Hour, all}, {year + day, []int{3}},
		},
		"a year in a drawer": {
			{year, all}, {year + 2*day, []int{3}},
		},
		"back to 1970 and right again": {
			{-56 * year, all}, {-56*year + day, all}, {2 * day, all}, {3 * day, all},
		},
		"in use every day": {
			{day, all}, {2 * day, all}, {3 * day, all}, {4 * day, all}, {5 * day, all}, {6 * day, []int{2, 3}}, {7 * day, []int{2, 3}},
		},
		"a weekend off": {{3 * day, all}, {4 * day, all}, {5 * day, all}, {6 * day, []int{2, 3}}},
		"once a month":  {{30 * day, all}, {60 * day, []int{3}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := dated(t, 25*day, time.Hour)
			for _, step := range story {
				tidy(t, dir, now0.Add(step.at), 0)
				got, _ := order(t, snapshot(t, dir))
				t.Logf("at %v", step.at)
				wantOrder(t, got, step.left...)
				m := metaOf(t, dir)
				if want := int64(4 * (len(all) - len(step.left))); m.Losses.Expired != want || m.Losses.Total() != want {
					t.Errorf("at %v: counted %+v", step.at, m.Losses)
				}
			}
		})
	}
}

// What was sealed while the clock ran ahead is as old as what came after it.
func TestSegmentFromTheFutureGoesWithTheNext(t *testing.T) {
	dir := dated(t, 40*day, -365*day, 20*day)
	tidy(t, dir, now0, 0)
	wantLeft(t, dir, 2, 3, 4)
	for i := 1; i <= 11; i++ {
		tidy(t, dir, now0.Add(time.Duration(i)*day), 0)
	}
	wantLeft(t, dir, 4)
}

const (
	expiringCopy = "events-0000000001-2026-01-05T00-00-00.000.ndjson"
	youngCopy    = "events-0000000002-2026-01-05T00-00-00.000.ndjson"
)

func TestKeptCopiesExpireUncounted(t *testing.T) {
	dir := dated(t, day)
	for sub, limit := range map[string]time.Duration{sentDir: 7 * day, refusedDir: 14 * day} {
		for name, age := range map[string]time.Duration{expiringCopy: limit + time.Hour, youngCopy: limit - time.Hour} {
			file := filepath.Join(dir, sub, name)
			write(t, file, "a copy\n")
			if err := os.Chtimes(file, now0.Add(-age), now0.Add(-age)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tidy(t, dir, now0.Add(365*day), 0) // not believed
	if got := fmt.Sprint(names(t, filepath.Join(dir, sentDir)), names(t, filepath.Join(dir, refusedDir))); got != fmt.Sprintf("[%s] [%[1]s]", youngCopy) {
		t.Errorf("left are %s", got)
	}
	if m := metaOf(t, dir); m.Losses.Total() != 0 {
		t.Errorf("counted %+v", m.Losses)
	}
}

// A compacted segment is as old as it was in plain.
func TestCompactionDoesNotMakeYounger(t *testing.T) {
	dir := dated(t, 25*day, day, day)
	l := openLog(t, dir, nil)
	if err := maintained(func(l *Log) error { _, err := l.Compact(1, Fast); return err })(l); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 6; i++ {
		tidy(t, dir, now0.Add(time.Duration(i)*day), 0)
	}
	wantLeft(t, dir, 2, 3, 4)
}
