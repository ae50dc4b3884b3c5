package eventlog

import "testing"

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
