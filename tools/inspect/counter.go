package inspect

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// counter takes facts in the order of the log.
type counter struct {
	o       StatsOptions
	texts   *texts
	tally   Tally
	first   int64
	last    int64
	touched byte // says nothing; without it nothing would be read

	parts [parts]part
	kept  int // how many parts are in memory; the others are aside
	aside aside

	// profiles are what session.start events said, numbered from 1; makers are who
	// made what events are about.
	profiles map[cell]uint32
	profile  []cell
	makers   map[cell]uint32
	maker    []cell

	total    group
	groups   map[cell]*group
	platform bool // groups need what session.start says
	origins  bool // groups need who made something
}

func newCounter(o StatsOptions) *counter {
	if o.Memory == 0 {
		o.Memory = statsMemory
	}
	c := &counter{
		o: o, texts: newTexts(), first: noTime, last: math.MinInt64, kept: parts, aside: aside{dir: o.TempDir},
		profiles: map[cell]uint32{}, profile: make([]cell, 1), makers: map[cell]uint32{}, maker: make([]cell, 1),
		groups: map[cell]*group{},
	}
	for i := range c.parts {
		c.parts[i] = newPart()
	}
	c.origins = slices.Contains(o.By, ByBackend) || slices.Contains(o.By, ByModel)
	c.platform = slices.ContainsFunc(o.By, func(d Dimension) bool {
		return d == ByOS || d == ByArch || d == ByShell || d == ByVersion
	})
	return c
}

// reserve sets memory aside for so many events. Parts that will not fit are aside from
// the beginning.
func (c *counter) reserve(events int64) {
	held := 0
	for i := range c.parts {
		c.parts[i].reserve(events/parts, !c.o.Repeats)
		if held += c.parts[i].bytes(); held > c.o.Memory {
			c.parts[i] = newPart()
			c.kept = i
			return
		}
	}
}

// fit puts parts aside until the others fit into memory.
func (c *counter) fit() error {
	held := 0
	for i := range c.parts {
		held += c.parts[i].bytes() + len(c.parts[i].later)*factMemory
	}
	for held > c.o.Memory && c.kept > 0 {
		c.kept--
		p := &c.parts[c.kept]
		held -= p.bytes()
		if err := c.aside.save(p); err != nil {
			return err
		}
	}
	return nil
}

// touch makes taking the same facts faster.
func (c *counter) touch(facts []fact) {
	for i := range facts {
		c.touched += c.parts[partOf(facts[i].install)].ids.touch(facts[i].id)
	}
}

// take counts a fact, or keeps it aside with its part.
func (c *counter) take(f *fact) error {
	n := partOf(f.install)
	if n >= c.kept {
		return c.aside.put(n, f)
	}
	c.count(&c.parts[n], f)
	return nil
}

// count counts a fact, unless its event was there before.
func (c *counter) count(p *part, f *fact) {
	switch {
	case f.id == 0:
		c.tally.WithoutID++
	case !c.o.Repeats:
		if _, known := p.ids.put(f.id); known {
			c.tally.Duplicates++
			return
		}
	}
	c.tally.Events++
	c.first, c.last = min(c.first, f.at), max(c.last, f.at)
	s := c.meet(p, f)
	c.total.add(f)
	if len(c.o.By) == 0 {
		return
	}
	if at, known := c.cellOf(p, f, s); known {
		c.countIn(at, p, f)
	} else {
		p.later = append(p.later, *f)
	}
}

// meet is the session of a fact with what the fact says about it.
func (c *counter) meet(p *part, f *fact) session {
	value, known := p.sessions.put(f.run)
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
			c.make(p, f)
		}
	}
	if s.day = dayOf(f.at); s.day != was.day {
		c.total.active(p, s.day, f.install)
	}
	if s != was || !known {
		s.store(value)
	}
	return s
}

// make notes who made what a fact is about. The first one counts.
func (c *counter) make(p *part, f *fact) {
	if value, known := p.made.put(f.generation); !known {
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
func (c *counter) cellOf(p *part, f *fact, s session) (at cell, known bool) {
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
		made := p.made.get(f.generation)
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
		g = &group{number: uint32(1 + len(c.groups))}
		c.groups[at] = g
	}
	return g
}

func (c *counter) countIn(at cell, p *part, f *fact) {
	g := c.group(at)
	g.add(f)
	g.active(p, dayOf(f.at), f.install)
}

// finish counts what is aside, part by part, and in each what had to wait.
func (c *counter) finish(ctx context.Context) error {
	for i := range c.parts {
		p := &c.parts[i]
		if i >= c.kept {
			if err := c.aside.restore(p); err != nil {
				return err
			}
			if err := c.aside.facts(i, func(f *fact) { c.count(p, f) }); err != nil {
				return err
			}
		}
		c.settle(p)
		*p = part{}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// settle counts what had to wait in a part, and its sessions.
func (c *counter) settle(p *part) {
	for i := range p.later {
		f := &p.later[i]
		at, _ := c.cellOf(p, f, sessionOf(p.sessions.get(f.run), true))
		c.countIn(at, p, f)
	}
	for value := range p.sessions.values() {
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
}

// report works out the numbers.
func (c *counter) report() *Report {
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
