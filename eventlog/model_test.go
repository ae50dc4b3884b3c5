package eventlog

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
	"caro.sh/telemetry/schema"
)

// world is a log to which anything may happen, a receiver that takes every batch once,
// and what has to be true of both.
type world struct {
	t   *testing.T
	dir string
	r   *rand.Rand
	ops []string // what happened so far, for messages

	made     int             // events handed to the log
	known    map[string]bool // events that were acknowledged, or seen in the log
	unsure   int64           // events of the writer that died in the last step
	unseen   int64           // events that were removed before anybody saw them
	fenced   map[string]bool // events that an opt-out keeps from being sent
	received map[string]int
	refused  map[string]bool   // events the receiver refused
	told     map[string]bool   // those of them of which the log has to know
	batches  map[string]string // what came under an id
}

// TestAnythingInAnyOrder appends, seals, compacts, clears, opts out and uploads at
// random, and has the process die at random in the middle of it. The receiver refuses
// an event now and then.
func TestAnythingInAnyOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short")
	}
	worlds := 60
	if torture {
		worlds = 1000
	}
	root := memoryDir(t)
	for seed := range worlds {
		w := &world{
			t: t, dir: filepath.Join(root, fmt.Sprint(seed)), r: rand.New(rand.NewPCG(uint64(seed), 7)),
			known: map[string]bool{}, fenced: map[string]bool{}, received: map[string]int{}, batches: map[string]string{},
			refused: map[string]bool{}, told: map[string]bool{},
		}
		for range 30 {
			w.step()
			if problem := w.problem(); problem != "" {
				t.Fatalf("seed %d: %s, after:\n%s", seed, problem, strings.Join(w.ops, "\n"))
			}
		}
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
	}
}

// step does something to the log, and dies in the middle of it now and then.
func (w *world) step() {
	w.unsure = 0
	dies, after := -1, w.r.IntN(2) == 0
	if w.r.IntN(5) < 2 {
		dies = 1 + w.r.IntN(1+w.r.IntN(120))
	}
	disk := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		return faultfs.Outcome{Crash: op.N == dies, After: after, Partial: 300}
	})
	l, err := Open(w.dir, &Options{FS: disk, LockTimeout: 5 * time.Second, MaxBytes: MinMaxBytes})
	name := "open"
	if err == nil {
		name, err = w.act(l)
	}
	w.ops = append(w.ops, fmt.Sprintf("%s: %v, dead: %v", name, err, disk.Crashed()))
	if err != nil && !disk.Crashed() {
		w.t.Fatalf("nothing was wrong, and yet:\n%s", strings.Join(w.ops, "\n"))
	}
}

func (w *world) act(l *Log) (name string, err error) {
	switch n := w.r.IntN(100); {
	case n < 40:
		return "append", w.append(l)
	case n < 50:
		return "seal", l.Seal()
	case n < 60:
		return "compact", w.compact(l)
	case n < 65:
		through := uint64(w.r.IntN(4)) // 0 is everything
		_, err := l.Clear(ClearOptions{Through: through, Copies: w.r.IntN(2) == 0})
		return fmt.Sprint("clear through ", through), err
	case n < 70:
		return "opt out", w.optOut(l)
	}
	return "upload", w.upload(l)
}

func (w *world) append(l *Log) error {
	n := 1 + w.r.IntN(60)
	if w.r.IntN(3) == 0 {
		n = 1000 + w.r.IntN(2500)
	}
	var lines []schema.Line
	for range n {
		lines = append(lines, testLine(w.t, sceneWriter, w.made))
		w.made++
	}
	kept, err := l.Append(lines...)
	for _, line := range lines[:kept] {
		w.known[idOf(w.t, line.Bytes())] = true
	}
	w.unsure = int64(n - kept)
	return err
}

func (w *world) compact(l *Log) error {
	s, err := OpenSnapshot(w.dir, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	return maintained(func(l *Log) error {
		for i, seg := range s.Segments() {
			if seg.State == Sealed && i+2 < len(s.Segments()) { // the newest stays plain
				_, err := l.Compact(seg.Number, Fast)
				return err
			}
		}
		return nil
	})(l)
}

func (w *world) optOut(l *Log) error {
	there := ids(w.t, w.dir)
	err := l.RaiseFloor()
	for id := range there {
		if err == nil && w.received[id] == 0 {
			w.fenced[id] = true
		}
	}
	return err
}

// upload sends some batches. An answer is lost now and then, and so is a batch.
func (w *world) upload(l *Log) (err error) {
	c, err := l.Claim()
	if err != nil {
		return err
	}
	var finished []string // of the events that were refused
	defer func() {
		closing := c.Close()
		for _, id := range finished {
			w.told[id] = w.told[id] || closing == nil
		}
		if err == nil {
			err = closing
		}
	}()
	most := Limits{Events: 1 + w.r.IntN(900), Bytes: 1 << 20}
	var ahead *Batch
	for range 1 + w.r.IntN(8) {
		b, err := c.Next(most, ahead)
		if b == nil || err != nil {
			return err
		}
		fresh := b != ahead
		ahead = nil
		if len(b.Lines) > 0 {
			if fresh && !w.deliver(b) {
				return nil
			}
			if next := c.Ahead(b, most); next != nil && len(next.Lines) > 0 && w.r.IntN(2) == 0 {
				// Behind what another run has announced there is nothing to announce.
				if c.Announce(next) == nil {
					if ahead = next; !w.deliver(next) {
						return nil
					}
				}
			}
		}
		v, refused := w.verdict(b)
		if err := c.Finish(b, v); err != nil {
			return err
		}
		finished = append(finished, refused...)
	}
	return nil
}

// deliver has the receiver take a batch, and reports whether its answer arrives.
func (w *world) deliver(b *Batch) bool {
	if w.r.IntN(12) == 0 {
		return false
	}
	body := b.ClientTimestamp + string(b.Losses)
	for _, line := range b.Lines {
		body += idOf(w.t, line.Bytes())
	}
	switch before, again := w.batches[b.ID]; {
	case again && before != body:
		w.t.Fatalf("batch %s was sent again with another body, after:\n%s", b.ID, strings.Join(w.ops, "\n"))
	case !again:
		w.batches[b.ID] = body
		for _, line := range b.Lines {
			w.received[idOf(w.t, line.Bytes())]++
		}
	}
	return w.r.IntN(12) > 0
}

// verdict is what the receiver makes of a batch, the same every time.
func (w *world) verdict(b *Batch) (v Verdict, refused []string) {
	for i, line := range b.Lines {
		if id := idOf(w.t, line.Bytes()); crc32.ChecksumIEEE([]byte(id))%50 == 0 {
			refused = append(refused, id)
			w.refused[id] = true
			v.Refused = append(v.Refused, Refusal{Event: i, Status: 422, Category: "schema", Rule: "type"})
		}
	}
	v.Rejected = int64(len(v.Refused))
	v.Accepted = int64(len(b.Lines)) - v.Rejected
	return v, refused
}

// problem recovers the log and compares it with what is known of it.
func (w *world) problem() string {
	appendAll(w.t, openLog(w.t, w.dir, &Options{MaxBytes: MinMaxBytes}), testLine(w.t, sceneWriter, w.made))
	w.made++
	present := ids(w.t, w.dir)
	for id, n := range present {
		if n != 1 {
			return fmt.Sprintf("event %s is there %d times", id, n)
		}
		w.known[id] = true
	}
	for id, n := range w.received {
		if n != 1 {
			return fmt.Sprintf("event %s was received %d times", id, n)
		}
		if w.fenced[id] {
			return fmt.Sprintf("event %s was sent after an opt-out", id)
		}
	}
	gone := int64(0)
	for id := range w.known {
		if present[id] == 0 && w.received[id] == 0 {
			gone++
		}
	}
	l := metaOf(w.t, w.dir).Losses
	counted := l.Evicted + l.Expired + l.Cleared
	if gone > counted+l.Unknown {
		return fmt.Sprintf("%d events are gone, %d counted, %d of unknown fate", gone, counted, l.Unknown)
	}
	if more := counted - gone - w.unseen; more > w.unsure {
		return fmt.Sprintf("%d events are counted as lost, %d are gone", counted, gone+w.unseen)
	} else if more > 0 {
		w.unseen += more // a dead writer's, evicted at once
	}
	told := int64(0)
	for _, closed := range w.told {
		if closed {
			told++
		}
	}
	if n := l.RejectedByServer; n < told || n > int64(len(w.refused)) {
		return fmt.Sprintf("%d events are counted as refused by the receiver, which refused %d and told of %d", n, len(w.refused), told)
	}
	if n := dirBytes(w.t, w.dir); n > MinMaxBytes {
		return fmt.Sprintf("%d bytes in the directory", n)
	}
	for _, name := range names(w.t, w.dir) {
		if _, backup := parseBackup(name); backup {
			return name + " was not adopted"
		}
	}
	return ""
}
