package eventlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Across 50 rotations, compaction and eviction nothing comes twice, and nothing
// is missing but what is reported as gone.
func TestFollowAcrossRotationCompactionAndEviction(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := make(chan string)
	go func() {
		defer close(got)
		for e, err := range Follow(ctx, dir, Position{}, nil) {
			if err != nil {
				t.Error(err)
				return
			}
			got <- idOf(t, e.Raw)
		}
	}()
	l := openLog(t, dir, nil)
	for seg := range 50 {
		for i := range 20 {
			appendAll(t, l, testLine(t, seg+1, i))
			if i != 10 {
				continue
			}
			if err := l.Seal(); err != nil {
				t.Fatal(err)
			}
		}
		if seg%10 == 9 { // the follower is far behind: the goroutine waits to hand over
			compactOldest(t, dir)
		}
	}
	for seg := range 50 {
		for i := range 20 {
			if id := <-got; id != testID(seg+1, i) {
				t.Fatalf("got %s, want event %d of %d", id, i, seg+1)
			}
		}
	}
	appendAll(t, l, testLine(t, 99, 0)) // it has caught up; now live
	if id := <-got; id != testID(99, 0) {
		t.Fatalf("got %s", id)
	}
	cancel()
	if id, more := <-got; more {
		t.Errorf("and then %s", id)
	}
}

func compactOldest(t *testing.T, dir string) {
	t.Helper()
	for _, seg := range snapshot(t, dir).Segments() {
		if seg.State == Sealed {
			compactFile(t, filepath.Join(dir, seg.Name))
			return
		}
	}
}

func TestFollowReportsWhatWasRemovedBeforeItsTurn(t *testing.T) {
	dir := grown(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	gone := 0
	for e, err := range Follow(ctx, dir, Position{}, nil) {
		switch {
		case errors.Is(err, ErrGone):
			gone++
			continue
		case err != nil:
			t.Fatal(err)
		}
		got = append(got, idOf(t, e.Raw))
		if len(got) == 4 { // inside the first segment: the second vanishes
			if err := os.Remove(filepath.Join(dir, snapshot(t, dir).Segments()[1].Name)); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) == 12 {
			break
		}
	}
	wantOrder(t, got, 1, 3, 4)
	if gone != 1 {
		t.Errorf("%d reports of a gone segment", gone)
	}
}

// A fragment is not shown, neither when it stands there nor when it is blanked.
func TestFollowWaitsForTheEndOfALine(t *testing.T) {
	dir := grown(t, 1)
	name := filepath.Join(dir, ActiveName)
	write(t, name, read(t, name)+`{"event":"err`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	for e, err := range Follow(ctx, dir, Position{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, idOf(t, e.Raw))
		if len(got) == 4 {
			go func() { _, _ = openLog(t, dir, nil).Append(testLine(t, 2, 0)) }()
		}
		if len(got) == 5 {
			break
		}
	}
	if got[4] != testID(2, 0) {
		t.Errorf("got %v", got)
	}
}

func TestFollowBeginsAgainWithANewLog(t *testing.T) {
	dir := grown(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	for e, err := range Follow(ctx, dir, Position{}, nil) {
		if err != nil && !errors.Is(err, ErrGone) {
			t.Fatal(err)
		}
		if err != nil {
			continue
		}
		got = append(got, idOf(t, e.Raw))
		if len(got) == 12 {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			appendAll(t, openLog(t, dir, nil), testLine(t, 7, 0))
		}
		if len(got) == 13 {
			break
		}
	}
	if got[12] != testID(7, 0) {
		t.Errorf("got %v", got[12])
	}
}
