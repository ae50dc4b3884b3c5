package inspect

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// SearchOptions say which lines are printed, and how.
type SearchOptions struct {
	Filter
	// Pattern has to be found in the line as it stands there; nil is in every line.
	Pattern *regexp.Regexp
	// Invert wants the lines without the pattern.
	Invert bool
	// JQ prints what a program makes of each event, in place of the event.
	JQ *Expression
	// Raw wants every line, also those that are no events; it goes with Pattern and
	// not with what asks about an event.
	Raw bool
	// Unreadable is told what cannot be read or, with JQ, not be computed; nil is
	// nobody.
	Unreadable func(error)
}

// Searched is what a search came to.
type Searched struct {
	Matched int64
	// Skipped lines are no events; Failed events are those JQ failed on.
	Skipped, Failed int64
	// Unreadable places were passed over.
	Unreadable int64
}

// Search prints matching lines to w in the order of the log, byte for byte; with a
// nil w it only counts them.
func Search(ctx context.Context, in Input, w io.Writer, o SearchOptions) (Searched, error) {
	var sum Searched
	err := run(ctx, in, stages[matches]{
		judge: func(b *batch, m *matches) { m.search(ctx, b, &o, w != nil) },
		take: func(b *batch, m *matches) error {
			sum.Matched += m.matched
			sum.Skipped += m.skipped
			sum.Failed += int64(len(m.failed))
			sum.Unreadable += int64(len(b.damage))
			tell(o.Unreadable, m.failed)
			if w != nil && len(m.text) > 0 {
				if _, err := w.Write(m.text); err != nil {
					return fmt.Errorf("print lines: %w", err)
				}
			}
			tell(o.Unreadable, b.damage)
			return nil
		},
	})
	return sum, err
}

func tell(somebody func(error), all []error) {
	if somebody == nil {
		return
	}
	for _, err := range all {
		somebody(err)
	}
}

// matches are what a search found in a batch.
type matches struct {
	parser           schema.Parser
	text             []byte
	matched, skipped int64
	failed           []error
}

func (m *matches) search(ctx context.Context, b *batch, o *SearchOptions, print bool) {
	m.text, m.matched, m.skipped, m.failed = m.text[:0], 0, 0, nil
	m.parser.Reset()
	for i := range b.lines {
		raw := b.line(i)
		if !o.Raw {
			l, err := m.parser.Parse(raw)
			if err != nil {
				m.skipped++
				continue
			}
			if !o.Wants(l) {
				continue
			}
		}
		if o.Pattern != nil && o.Pattern.Match(raw) == o.Invert {
			continue
		}
		m.matched++
		switch {
		case o.JQ != nil:
			var err error
			if m.text, err = o.JQ.append(ctx, m.text, raw); err != nil {
				m.failed = append(m.failed, &eventlog.DamageError{
					Segment: b.segment, Name: b.name, Offset: b.lines[i].offset, Err: err})
			}
		case print:
			m.text = append(append(m.text, raw...), '\n')
		}
	}
}
