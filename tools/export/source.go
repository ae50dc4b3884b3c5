package export

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"caro.sh/telemetry/eventlog"
)

// source goes through a snapshot once, notes what cannot be read, and hands out
// raw lines in chunks.
type source struct {
	snapshot *eventlog.Snapshot
	last     uint64 // the last segment to read
	chunk    int    // bytes of lines in a chunk
	progress func(done, total int64)

	total, before int64 // bytes of all segments, and of those that are done
	at            uint64
	sizes         map[uint64]int64

	damaged []*eventlog.DamageError
	broken  uint64 // the first segment of which an end is missing, 0 for none
	gone    int
}

// chunkBytes is how much is compressed as a piece. Smaller ones compress worse.
const chunkBytes = 512 << 10

func newSource(s *eventlog.Snapshot, o Options) *source {
	src := &source{snapshot: s, chunk: chunkBytes, progress: o.Progress, sizes: map[uint64]int64{}}
	if o.MaxSize > 0 {
		src.chunk = int(min(chunkBytes, (o.MaxSize-overhead)/4))
	}
	for _, seg := range s.Segments() {
		if o.Clear && seg.State == eventlog.Active {
			break // began after the active segment was sealed to be cleared
		}
		src.last = seg.Number
		src.total += seg.Bytes
		src.sizes[seg.Number] = seg.Bytes
	}
	return src
}

// chunks calls do with whole lines of about s.chunk bytes, oldest first, each
// followed by a newline. do keeps what it gets. How lines fall into chunks
// depends on the lines alone, so that the same ones make the same file.
func (s *source) chunks(ctx context.Context, fresh func() *chunk, do func(*chunk) error) error {
	c := fresh()
	for raw := range s.lines() {
		if len(c.raw)+len(raw)+1 > s.chunk && len(c.raw) > 0 {
			if err := errors.Join(ctx.Err(), do(c)); err != nil {
				return err
			}
			c = fresh()
		}
		c.raw = append(append(c.raw, raw...), '\n')
	}
	if err := ctx.Err(); err != nil || len(c.raw) == 0 {
		return err
	}
	return do(c)
}

// lines are the pending ones up to the last segment.
func (s *source) lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for entry, err := range s.snapshot.Pending() {
			number := entry.Segment
			var damage *eventlog.DamageError
			if errors.As(err, &damage) {
				number = damage.Segment
			}
			if number > s.last {
				break
			}
			s.enter(number)
			switch {
			case damage != nil:
				s.note(damage)
			case !yield(entry.Raw):
				return
			}
		}
		s.enter(0)
	}
}

// enter notes that reading has got to a segment, 0 for the end. What was noted
// as the end of the same segment was only a line, if it goes on behind it.
func (s *source) enter(number uint64) {
	if number == s.at {
		if s.broken == number {
			s.broken = 0
		}
		return
	}
	s.before += s.sizes[s.at]
	s.at = number
	if s.progress != nil {
		s.progress(s.before, s.total)
	}
}

// note keeps what cannot be read. A segment that is gone was removed and
// counted by somebody else.
func (s *source) note(damage *eventlog.DamageError) {
	if errors.Is(damage, eventlog.ErrGone) {
		s.gone++
		return
	}
	s.damaged = append(s.damaged, damage)
	if s.broken == 0 {
		s.broken = damage.Segment
	}
}

// clearable is the highest number of which everything that can be read was
// handed out, and the first segment behind it that is broken, 0 for none. A
// broken segment stays, and what follows it: segments are removed from the
// oldest on, and what is in a broken one may be worth a repair.
func (s *source) clearable() (through, broken uint64) {
	for number := range s.sizes {
		if (s.broken == 0 || number < s.broken) && number > through {
			through = number
		}
	}
	return through, s.broken
}

// err is why nothing was handed out, if it is that nothing could be read: a log
// that is unreadable is not an empty one.
func (s *source) err() error {
	if s.broken == 0 {
		return nil
	}
	return fmt.Errorf("no event of the log can be read: %w", s.damaged[0])
}
