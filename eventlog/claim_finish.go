package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"caro.sh/telemetry/schema"
)

// Refusal says why an event of a batch was not taken. It holds nothing of it.
type Refusal struct {
	Event    int // the how-many-th of the batch's lines
	Status   int // of the answer
	Category schema.Category
	Pointer  string
	Rule     string
}

// Verdict is what a receiver made of a batch.
type Verdict struct {
	// Accepted is how many events it took. 0 with Whole says that it refused
	// every one without taking the batch as such.
	Accepted int64
	Whole    bool
	// Refused are the events it named, Rejected how many it refused in all.
	Refused  []Refusal
	Rejected int64
}

// Finish ends a batch: what was refused is copied to refused/ and counted, the
// place of the upload moves behind it, and a segment of which nothing is left is
// put into sent/. It may be the batch that was put aside. After a nil error nothing
// may be asked of the batch any more.
func (c *Claim) Finish(b *Batch, v Verdict) error {
	if err := c.finish(b, v); err != nil {
		return fmt.Errorf("remember what was sent: %w", err)
	}
	b.release()
	return nil
}

func (c *Claim) finish(b *Batch, v Verdict) error {
	l := c.log
	if b.plain(v) {
		// A place in the middle of a segment is all there is to remember: that can
		// wait for the next batch. Until then it is the batch in flight.
		c.settle(b, v, 0)
		c.unsaved = true
		return nil
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	m, ls, err := l.recoverLocked()
	if err != nil {
		return err
	}
	if err := l.count(m, ls, b, v); err != nil {
		return err
	}
	c.settle(b, v, m.Floor)
	if err := c.save(); err != nil {
		return err
	}
	m.upload = c.state
	return l.shelveCounted(m, ls)
}

// plain reports whether every line of a batch was taken, and more of its segment
// is left.
func (b *Batch) plain(v Verdict) bool {
	return b.Bad() == 0 && v.Rejected == 0 && len(v.Refused) == 0 && b.to.Segment == b.from.Segment
}

// count copies and counts what was not sent and what was refused, once however
// often the batch is finished.
func (l *Log) count(m *meta, ls *listing, b *Batch, v Verdict) error {
	more := Losses{RejectedByServer: max(v.Rejected, int64(len(v.Refused))), Refused: map[schema.Category]int64{}}
	for _, r := range b.rows {
		if r.broken != nil {
			more.Refused[r.broken.Category]++
		}
	}
	if more.Total() == 0 || m.Counted.reaches(b.to) {
		return nil
	}
	if err := l.keepRefused(ls, b, v); err != nil {
		return err
	}
	m.Losses = m.Losses.Add(more)
	m.Counted = b.to
	return l.saveCounted(m)
}

// settle moves the state behind a batch. One that an opt-out overtook on its way
// is remembered by itself: below the floor the position says nothing.
func (c *Claim) settle(b *Batch, v Verdict, floor uint64) {
	u := c.state
	u.Position = b.to
	if b.from.Segment <= floor && b.to.Segment > b.from.Segment {
		u.Skipped = append(u.Skipped, skip{place: place{b.from.Segment, maxSegment, b.from.Events + int64(len(b.rows))}})
	}
	if u.InFlight != nil && u.InFlight.From == b.from {
		u.landed()
	}
	if u.Held != nil && u.Held.From == b.from {
		u.Held = nil
	}
	switch {
	case len(b.Lines) == 0:
		return // nobody was asked
	case v.Whole:
		u.WholeRefusals++
	default:
		u.WholeRefusals = 0
		u.LastSuccess = c.log.now().UTC()
	}
	u.Failures, u.NextAttempt, u.ServerAsked = 0, time.Time{}, false
}

// shelve moves segments of which everything was sent into sent/, where they stay
// for a while. Ages are judged there by when they came.
func (l *Log) shelve(m *meta, ls *listing) error {
	moved := false
	for _, number := range ls.numbers() {
		if !m.upload.sentWhole(number, m.Floor) {
			continue
		}
		if err := l.makeSubdirectory(sentDir); err != nil {
			return fmt.Errorf("keep what was sent: %w", err)
		}
		for _, name := range []string{ls.lz4[number], ls.plain[number]} {
			if err := l.shelveFile(name, ls); err != nil {
				return fmt.Errorf("keep what was sent: %w", err)
			}
		}
		m.forget(number)
		moved = true
	}
	if !moved {
		return nil
	}
	l.seen = nil
	return errors.Join(l.fs.SyncDir(l.path(sentDir)), l.fs.SyncDir(l.dir))
}

func (l *Log) shelveFile(name string, ls *listing) error {
	if name == "" {
		return nil
	}
	// Where a time cannot be set, the copy goes sooner.
	_ = l.fs.SetTime(l.path(name), l.now())
	if err := l.fs.Rename(l.path(name), l.path(filepath.Join(sentDir, name))); err != nil {
		return err
	}
	size := ls.sizes[name]
	ls.drop(name)
	ls.bytes += size
	return nil
}

// shelveCounted is shelve for whoever has nothing else to save in m.
func (l *Log) shelveCounted(m *meta, ls *listing) error {
	before := len(m.Segments)
	if err := l.shelve(m, ls); err != nil {
		return err
	}
	if len(m.Segments) == before {
		return nil
	}
	return l.saveCounted(m)
}

// reason is a line of the file beside refused lines: why, and where they stood.
type reason struct {
	Segment  uint64          `json:"segment"`
	Offset   int64           `json:"offset"`
	By       string          `json:"by"` // "check", our own, or "receiver"
	Status   int             `json:"status,omitempty"`
	Category schema.Category `json:"category,omitempty"`
	Pointer  string          `json:"pointer"`
	Rule     string          `json:"rule,omitempty"`
}

// keepRefused copies the lines of a batch that were not taken to refused/, as
// many as a tenth of the cap holds, and the reasons into a file beside them. The
// names follow from the place, so that doing it again changes nothing.
func (l *Log) keepRefused(ls *listing, b *Batch, v Verdict) error {
	lines, reasons, err := b.refused(v, l.maxBytes/10)
	if err != nil {
		return err
	}
	if err := l.makeSubdirectory(refusedDir); err != nil {
		return fmt.Errorf("keep refused lines: %w", err)
	}
	name := fmt.Sprintf("%0*d-%010d", numberDigits, b.from.Segment, b.from.Offset)
	fits, err := l.roomForRefused(ls, name, int64(len(lines)+len(reasons)))
	if err != nil || !fits {
		return err
	}
	for suffix, content := range map[string][]byte{plainSuffix: lines, ".reasons" + plainSuffix: reasons} {
		if err := l.writeAside(l.path(tmpRefused), content); err != nil {
			return fmt.Errorf("keep refused lines: %w", err)
		}
		if err := l.fs.Rename(l.path(tmpRefused), l.path(filepath.Join(refusedDir, name+suffix))); err != nil {
			return fmt.Errorf("keep refused lines: %w", err)
		}
		ls.bytes += int64(len(content))
	}
	l.seen = nil
	return l.fs.SyncDir(l.path(refusedDir))
}

// refused are the lines not taken, oldest first, and the reasons, within most
// bytes together.
func (b *Batch) refused(v Verdict, most int64) (lines, reasons []byte, err error) {
	said := map[int]Refusal{}
	for _, r := range v.Refused {
		said[r.Event] = r
	}
	for _, r := range b.rows {
		why := reason{Segment: b.from.Segment, Offset: r.offset, By: "check"}
		if r.broken != nil {
			why.Category, why.Pointer, why.Rule = r.broken.Category, r.broken.Pointer, r.broken.Rule
		} else if s, refused := said[r.event]; refused {
			why.By, why.Status, why.Category, why.Pointer, why.Rule = "receiver", s.Status, s.Category, s.Pointer, s.Rule
		} else {
			continue
		}
		text, err := json.Marshal(why)
		if err != nil {
			return nil, nil, err
		}
		if int64(len(lines)+len(reasons)+len(r.raw)+len(text)+2) > most {
			break
		}
		lines = append(append(lines, r.raw...), '\n')
		reasons = append(append(reasons, text...), '\n')
	}
	return lines, reasons, nil
}

// roomForRefused removes older refused lines, and sent ones, until size more
// bytes fit; false when they never do. Both were counted before.
func (l *Log) roomForRefused(ls *listing, name string, size int64) (bool, error) {
	if size == 0 {
		return false, nil
	}
	all, err := l.copies(refusedDir)
	if err != nil {
		return false, err
	}
	var used int64
	for _, k := range all {
		used += k.size
	}
	sent, err := l.copies(sentDir)
	if err != nil {
		return false, err
	}
	for _, k := range append(all, sent...) {
		refused := filepath.Dir(k.name) == refusedDir
		if refused && used+size <= l.maxBytes/10 || !refused && l.swapRoom(ls) >= size {
			continue
		}
		if strings.HasPrefix(filepath.Base(k.name), name) {
			continue // the same, from a run that was cut short
		}
		if err := l.fs.Remove(l.path(k.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("make room for refused lines: %w", err)
		}
		ls.bytes -= k.size
		if refused {
			used -= k.size
		}
	}
	return l.swapRoom(ls) >= size, nil
}
