package inspect

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
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
	// with an event id counts, which takes about 10 bytes of memory an event.
	Repeats bool
	// Unreadable is told what cannot be read; nil is nobody.
	Unreadable func(error)
}

// Stats counts what a team steers by, in one pass. The same lines in the same order
// give the same report. Besides 10 bytes an event it takes about 50 bytes of memory
// a session, and 16 for every different duration.
func Stats(ctx context.Context, in Input, o StatsOptions) (*Report, error) {
	c := newCounter(o)
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
				c.take(&f.facts[i])
			}
			return nil
		},
	})
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

// counter takes facts in the order of the log.
type counter struct {
	o        StatsOptions
	texts    *texts
	tally    Tally
	first    int64
	last     int64
	ids      table // of event ids
	touched  byte  // says nothing; without it nothing would be read
	sessions table
	// profiles are what session.start events said, numbered from 1.
	profiles map[cell]uint32
	profile  []cell

	total  group
	groups map[cell]*group
	// made is which backend and model made what; only where groups need it.
	made     table
	makers   map[cell]uint32
	maker    []cell
	platform bool   // groups need what session.start says
	origins  bool   // groups need who made something
	later    []fact // of which it is not yet known where they are counted
}

func newCounter(o StatsOptions) *counter {
	c := &counter{
		o: o, texts: newTexts(), sessions: table{extra: sessionBytes}, first: noTime, last: math.MinInt64,
		profiles: map[cell]uint32{}, profile: make([]cell, 1), groups: map[cell]*group{},
		made: table{extra: 4}, makers: map[cell]uint32{}, maker: make([]cell, 1),
	}
	c.origins = slices.Contains(o.By, ByBackend) || slices.Contains(o.By, ByModel)
	c.platform = slices.ContainsFunc(o.By, func(d Dimension) bool {
		return d == ByOS || d == ByArch || d == ByShell || d == ByVersion
	})
	return c
}

// reserve sets memory aside for so many events.
func (c *counter) reserve(events int64) {
	const eventsOfSession = 12 // about, and rather too many
	c.sessions.reserve(events / eventsOfSession)
	if !c.o.Repeats {
		c.ids.reserve(events)
	}
}

// touch makes taking the same facts faster.
func (c *counter) touch(facts []fact) {
	for i := range facts {
		c.touched += c.ids.touch(facts[i].id)
	}
}

// take counts a fact, unless its event was there before.
func (c *counter) take(f *fact) {
	switch {
	case f.id == 0:
		c.tally.WithoutID++
	case !c.o.Repeats:
		if _, known := c.ids.put(f.id); known {
			c.tally.Duplicates++
			return
		}
	}
	c.tally.Events++
	c.first, c.last = min(c.first, f.at), max(c.last, f.at)
	s := c.meet(f)
	c.total.add(f)
	if len(c.o.By) == 0 {
		return
	}
	if at, known := c.cellOf(f, s); known {
		c.group(at).count(f)
	} else {
		c.later = append(c.later, *f)
	}
}

// meet is the session of a fact with what the fact says about it.
func (c *counter) meet(f *fact) session {
	value, known := c.sessions.put(f.run)
	was := sessionOf(value, known)
	s := was
	switch f.event {
	case sessionStart:
		if s.profile == 0 {
			at := cell{os: f.os, arch: f.arch, shell: f.shell, backend: f.backend, version: f.text}
			s.profile = number(c.profiles, &c.profile, at)
			s.start = f.at
		}
	case sessionEnd:
		s.ended = true
	case commandExecuted:
		s.first = min(s.first, f.at)
	case commandGenerated:
		if c.origins {
			c.make(f)
		}
	}
	if s.day = dayOf(f.at); s.day != was.day {
		c.total.active(s.day, f.session)
	}
	if s != was || !known {
		s.store(value)
	}
	return s
}

// make notes who made what a fact is about. The first one counts.
func (c *counter) make(f *fact) {
	if value, known := c.made.put(f.generation); !known {
		binary.LittleEndian.PutUint32(value, number(c.makers, &c.maker, cell{backend: f.backend, model: f.text}))
	}
}

// number is the number of a cell in a list, where it is put if it is new.
func number(numbers map[cell]uint32, list *[]cell, at cell) uint32 {
	n, ok := numbers[at]
	if !ok {
		n = uint32(len(*list))
		*list = append(*list, at)
		numbers[at] = n
	}
	return n
}

// cellOf is where a fact is counted. It is not known yet where an event that says so
// may still come.
func (c *counter) cellOf(f *fact, s session) (at cell, known bool) {
	at = c.profile[s.profile]
	at.day = dayOf(f.at)
	known = s.profile != 0 || !c.platform
	if !c.origins {
		return at.keep(c.o.By), known
	}
	switch f.event {
	case commandGenerated:
		at.model = f.text
	case commandExecuted, safetyTriggered:
		made := c.made.get(f.generation)
		if known = known && made != nil; made != nil {
			by := c.maker[binary.LittleEndian.Uint32(made)]
			at.backend, at.model = by.backend, by.model
		}
	}
	if f.backend != 0 {
		at.backend = f.backend
	}
	kept := at.keep(c.o.By)
	return kept, known && (kept.backend != 0 || !slices.Contains(c.o.By, ByBackend))
}

func (c *counter) group(at cell) *group {
	g, ok := c.groups[at]
	if !ok {
		g = new(group)
		c.groups[at] = g
	}
	return g
}

// report counts what had to wait, and the sessions, and works out the numbers.
func (c *counter) report() *Report {
	for i := range c.later {
		f := &c.later[i]
		at, _ := c.cellOf(f, sessionOf(c.sessions.get(f.run), true))
		c.group(at).count(f)
	}
	for value := range c.sessions.values() {
		s := sessionOf(value, true)
		if s.profile == 0 {
			continue
		}
		at := c.profile[s.profile]
		c.total.session(s, at)
		if len(c.o.By) > 0 {
			day := at
			day.day = dayOf(s.start)
			c.group(day.keep(c.o.By)).session(s, at)
		}
	}
	r := &Report{Tally: c.tally, By: append([]Dimension{}, c.o.By...), Total: c.total.metrics(c.texts.list), Groups: []Group{}}
	if c.tally.Events > 0 {
		r.First, r.Last = time.UnixMilli(c.first).UTC(), time.UnixMilli(c.last).UTC()
	}
	for at, g := range c.groups {
		r.Groups = append(r.Groups, newGroup(c.o.By, at.values(c.o.By, c.texts.list), g.metrics(c.texts.list)))
	}
	slices.SortFunc(r.Groups, func(a, b Group) int { return slices.Compare(a.Values, b.Values) })
	return r
}
