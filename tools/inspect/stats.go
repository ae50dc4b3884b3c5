package inspect

import (
	"context"
	"hash/maphash"
	"time"

	"caro.sh/telemetry/schema"
)

// StatsOptions say what is counted; the zero value counts everything once.
type StatsOptions struct {
	// By tells numbers apart, by all of them at once.
	By []Dimension
	// Since and Until leave out events before the one, and from the other on.
	Since, Until time.Time
	// Repeats counts an event as often as it is there. Otherwise only the first line
	// with an event id in a session counts.
	Repeats bool
	// Memory is how many bytes of what has to be remembered of events and sessions,
	// about 13 an event, are kept in memory; 0 is 16 MiB. The rest goes to a file in
	// TempDir that nobody else sees, with what is counted of the events there.
	Memory int
	// TempDir is for that file, about a tenth of the size of the events; "" is the
	// system's directory for such files.
	TempDir string
	// Unreadable is told what cannot be read; nil is nobody.
	Unreadable func(error)
}

// statsMemory is StatsOptions.Memory where nobody says.
const statsMemory = 16 << 20

// Stats counts what a team steers by, in one pass. The same lines in the same order
// give the same report. Besides o.Memory it takes 16 bytes of memory for every
// different duration, and some for every group. An *AsideError says that TempDir
// cannot be used.
func Stats(ctx context.Context, in Input, o StatsOptions) (*Report, error) {
	c := newCounter(o)
	defer c.aside.close()
	seed := maphash.MakeSeed()
	filter := Filter{Since: o.Since, Until: o.Until}
	c.reserve(in.expected())
	err := run(ctx, in, stages[findings]{
		judge: func(b *batch, f *findings) {
			if f.known == nil {
				f.reader = reader{seed: seed, texts: c.texts, known: map[string]uint32{}}
			}
			f.read(b, &filter)
		},
		take: func(b *batch, f *findings) error {
			c.tally.Skipped += f.skipped
			c.tally.Unreadable += int64(len(b.damage))
			tell(o.Unreadable, b.damage)
			c.touch(f.facts)
			for i := range f.facts {
				if err := c.take(&f.facts[i]); err != nil {
					return err
				}
			}
			return c.fit()
		},
	})
	if err == nil {
		err = c.finish(ctx)
	}
	if err != nil {
		return nil, err
	}
	return c.report(), nil
}

// findings are the facts of a batch.
type findings struct {
	reader
	parser  schema.Parser
	facts   []fact
	skipped int64
}

func (f *findings) read(b *batch, filter *Filter) {
	f.facts, f.skipped = f.facts[:0], 0
	f.parser.Reset()
	for i := range b.lines {
		l, err := f.parser.Parse(b.line(i))
		if err != nil {
			f.skipped++
			continue
		}
		if filter.Wants(l) {
			f.facts = append(f.facts, f.reader.read(l))
		}
	}
}
