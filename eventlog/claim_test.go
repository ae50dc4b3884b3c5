package eventlog

import (
	"errors"
	"path/filepath"
	"testing"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
)

// announcing is a claim with the first of three batches of two events in flight,
// and the second one.
func announcing(t *testing.T) (c *Claim, first, second *Batch) {
	t.Helper()
	l := openLog(t, t.TempDir(), nil)
	appendAll(t, l, testLines(t, 1, 6)...)
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	c, err := l.Claim()
	if err == nil {
		first, err = c.Next(Limits{Events: 2, Bytes: 1 << 20}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, first, c.Ahead(first, Limits{Events: 2, Bytes: 1 << 20})
}

func TestAnAnnouncedBatchIsTheNextOne(t *testing.T) {
	c, first, second := announcing(t)
	if err := c.Announce(second); err != nil {
		t.Fatal(err)
	}
	if err := c.Announce(second); err == nil {
		t.Error("a batch was announced twice")
	}
	one := Limits{Events: 1, Bytes: 1 << 20} // what was announced stays as it is
	if err := c.Finish(first, Verdict{Accepted: 2}); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Next(one, second); err != nil || b != second {
		t.Errorf("%v, %v, want the batch that was announced", b, err)
	}
	if err := c.lock.Close(); err != nil { // as a death would, before anybody wrote down that the first one ended
		t.Fatal(err)
	}
	c, err := c.log.Claim()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, want := range []*Batch{first, second} {
		b, err := c.Next(one, nil)
		if err != nil || b.ID != want.ID || b.ClientTimestamp != want.ClientTimestamp {
			t.Fatalf("%v, %v, want batch %s", b, err, want.ID)
		}
		if err := c.Finish(b, Verdict{Accepted: 2}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABatchBelowTheFloorIsNotAnnounced(t *testing.T) {
	c, first, second := announcing(t)
	if err := c.log.RaiseFloor(); err != nil {
		t.Fatal(err)
	}
	if err := c.Announce(second); !errors.Is(err, ErrGone) {
		t.Errorf("Announce: %v", err)
	}
	if err := c.Finish(first, Verdict{Accepted: 2}); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Next(Limits{Events: 2, Bytes: 1 << 20}, second); b != nil || err != nil {
		t.Errorf("%v, %v, want nothing", b, err)
	}
	if _, err := c.log.Clear(ClearOptions{}); err != nil {
		t.Fatal(err)
	}
	if l := metaOf(t, c.log.dir).Losses; l.Cleared != 4 || l.Total() != 4 {
		t.Errorf("%+v", l)
	}
}

func TestEndOfABatchIsWrittenWithTheNext(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, nil)
	for n := range 6 {
		appendAll(t, l, testLine(t, 1, n))
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	two := Limits{Events: 2, Bytes: 1 << 20}
	claim := func() *Claim {
		t.Helper()
		c, err := l.Claim()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	next := func(c *Claim, ahead *Batch) *Batch {
		t.Helper()
		b, err := c.Next(two, ahead)
		if err != nil || b == nil {
			t.Fatalf("batch %v, %v", b, err)
		}
		return b
	}
	finish := func(c *Claim, b *Batch) {
		t.Helper()
		if err := c.Finish(b, Verdict{Accepted: 2}); err != nil {
			t.Fatal(err)
		}
	}
	c := claim()
	first := next(c, nil)
	ahead := c.Ahead(first, two)
	finish(c, first)
	second := next(c, ahead)
	if second != ahead || second.ID == first.ID {
		t.Error("the batch cut ahead is not the next one")
	}
	finish(c, second)
	if err := c.lock.Close(); err != nil { // as a death would
		t.Fatal(err)
	}
	c = claim()
	again := next(c, nil)
	if again.ID != second.ID || again.ClientTimestamp != second.ClientTimestamp {
		t.Error("after a death the batch in flight is not the one before")
	}
	finish(c, again)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = claim()
	defer c.Close()
	third := next(c, again) // which is no longer what comes next
	if third.ID == second.ID || len(third.Lines) != 2 || c.Ahead(third, two) != nil {
		t.Errorf("after a good end the third batch is %s of %d", third.ID, len(third.Lines))
	}
}

// A writer that dies before it has written down a segment's number must not have the
// next segment take it, when the first one was sent: it would pass for sent.
func TestNumberOfASentSegmentIsNotGivenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := openLog(t, dir, nil)
	if err := l.Count(Losses{QueueFull: 1}); err != nil { // meta.json is there
		t.Fatal(err)
	}
	appendAll(t, l, testLines(t, 1, 3)...)
	dead := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		return faultfs.Outcome{Crash: op.Name == tmpPrefix+metaName}
	})
	if err := openLog(t, dir, &Options{FS: dead}).Seal(); !errors.Is(err, faultfs.ErrCrashed) {
		t.Fatal(err)
	}
	appendAll(t, l, testLines(t, 2, 3)...)
	for writer := 1; writer <= 2; writer++ {
		c, err := l.Claim()
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Next(Limits{Events: 10, Bytes: 1 << 20}, nil)
		if err != nil || b == nil || len(b.Lines) != 3 || idOf(t, b.Lines[0].Bytes()) != testID(writer, 0) {
			t.Fatalf("batch %d: %+v, %v", writer, b, err)
		}
		if err := errors.Join(c.Finish(b, Verdict{Accepted: 3}), c.Close()); err != nil {
			t.Fatal(err)
		}
		for _, seg := range snapshot(t, dir).Segments() {
			if seg.State == Active && seg.Number != uint64(writer+1) {
				t.Errorf("the active segment is number %d", seg.Number)
			}
		}
		if err := l.Seal(); err != nil {
			t.Fatal(err)
		}
	}
}
