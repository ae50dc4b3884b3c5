package inspect

import (
	"cmp"
	"slices"
)

// group is what is counted in one place. The zero group has counted nothing.
type group struct {
	events    [eventKinds]int64
	succeeded int64 // carried out as generated

	blocked, overridden      int64
	warned, warnedOverridden int64
	retries, generatedAtEnd  int64 // of sessions that say how often they retried
	retried, sayRetries      int64 // generated
	completed, sayReason     int64 // ended
	sessions, complete       int64
	firstCommand             spread
	errors                   []int64 // by category
	generatedBy, failedBy    [16]int64
	os, arch, shell          [16]int64
	inference                map[origin]*spread
	number                   uint32          // of the group
	installs                 map[int32]int64 // in use, by day
}

// origin is a backend and the number of a model.
type origin struct {
	backend uint8
	model   uint32
}

// active notes that an install was in use on a day.
func (g *group) active(p *part, day int32, install uint32) {
	key := mixed(uint64(install)<<32 ^ mixed(uint64(g.number)<<32|uint64(uint32(day))))
	if _, known := p.installs.put(key); known {
		return
	}
	if g.installs == nil {
		g.installs = map[int32]int64{}
	}
	g.installs[day]++
}

// mixed is a number whose bits all depend on all bits of n, another one for each
// (splitmix64, Steele, Lea and Flood, 2014).
func mixed(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// add counts what an event says by itself.
func (g *group) add(f *fact) {
	g.events[f.event]++
	switch f.event {
	case sessionEnd:
		g.end(f)
	case commandGenerated:
		g.generated(f)
	case commandExecuted:
		g.succeeded += one(f.yes)
	case safetyTriggered:
		g.safety(f)
	case errorOccurred:
		g.failure(f)
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

var (
	userComplete = reasonWords.of([]byte("user_complete"))
	blocked      = actionWords.of([]byte("blocked"))
	warned       = actionWords.of([]byte("warned"))
)

func (g *group) end(f *fact) {
	if f.retries >= 0 {
		g.retries += f.retries
		g.generatedAtEnd += int64(f.amount)
	}
	g.sayReason += one(f.word != 0)
	g.completed += one(f.word == userComplete)
}

func (g *group) generated(f *fact) {
	g.generatedBy[f.backend]++
	g.sayRetries += one(f.retries >= 0)
	g.retried += one(f.retries > 0)
	by := origin{f.backend, f.text}
	times, ok := g.inference[by]
	if !ok {
		if g.inference == nil {
			g.inference = map[origin]*spread{}
		}
		times = new(spread)
		g.inference[by] = times
	}
	times.add(f.amount)
}

func (g *group) safety(f *fact) {
	switch f.word {
	case blocked:
		g.blocked++
		g.overridden += one(f.yes)
	case warned:
		g.warned++
		g.warnedOverridden += one(f.yes)
	}
}

// backendFailures are the error categories that say that a backend did not deliver.
var backendFailures = []string{"backend_timeout", "backend_connection", "backend_parse", "model_load"}

func (g *group) failure(f *fact) {
	if g.errors == nil {
		g.errors = make([]int64, len(categoryWords)+1)
	}
	g.errors[f.word]++
	if slices.Contains(backendFailures, categoryWords.name(f.word)) {
		g.failedBy[f.backend]++
	}
}

// session counts a session that has started.
func (g *group) session(s session, at cell) {
	g.sessions++
	g.complete += one(s.ended)
	if s.first != noTime && s.first >= s.start {
		g.firstCommand.add(uint64(s.first - s.start))
	}
	g.os[at.os]++
	g.arch[at.arch]++
	g.shell[at.shell]++
}

// metrics works out the numbers.
func (g *group) metrics(texts []string) Metrics {
	m := Metrics{
		Sessions:          g.sessions,
		CommandSuccess:    Ratio{g.succeeded, g.events[commandGenerated]},
		FirstCommand:      g.firstCommand.quantiles(),
		SafetyBlock:       Ratio{g.blocked, g.events[commandGenerated]},
		FalsePositive:     Ratio{g.overridden, g.blocked},
		WarningOverride:   Ratio{g.warnedOverridden, g.warned},
		Retry:             Ratio{g.retries, g.generatedAtEnd},
		GenerationRetry:   Ratio{g.retried, g.sayRetries},
		SessionCompletion: Ratio{g.complete, g.sessions},
		UserComplete:      Ratio{g.completed, g.sayReason},
		Backends:          []BackendRatio{},
		Inference:         g.times(texts),
		Errors:            []NamedRatio{},
		DailyActive:       g.days(),
		Platforms:         Platforms{shares(osWords, &g.os), shares(archWords, &g.arch), shares(shellWords, &g.shell)},
	}
	for i, name := range eventWords {
		m.Events = append(m.Events, Count{name, g.events[i]})
	}
	for i, name := range backendWords {
		if tries := g.generatedBy[i+1] + g.failedBy[i+1]; tries > 0 {
			m.Backends = append(m.Backends, BackendRatio{name, Ratio{g.generatedBy[i+1], tries}})
		}
	}
	for i, name := range categoryWords {
		n := int64(0)
		if g.errors != nil {
			n = g.errors[i+1]
		}
		m.Errors = append(m.Errors, NamedRatio{name, Ratio{n, g.sessions}})
	}
	return m
}

func (g *group) times(texts []string) []BackendQuantile {
	list := []BackendQuantile{}
	for by, times := range g.inference {
		list = append(list, BackendQuantile{backendWords.name(by.backend), texts[by.model], times.quantiles()})
	}
	slices.SortFunc(list, func(a, b BackendQuantile) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Model, b.Model))
	})
	return list
}

// days are the active installs of each day that has any.
func (g *group) days() []DayCount {
	list := []DayCount{}
	for _, day := range sortedKeys(g.installs) {
		list = append(list, DayCount{dayText(day), g.installs[day]})
	}
	return list
}

// shares are how many of all have each word, without those nobody has.
func shares(w words, counts *[16]int64) []NamedRatio {
	var all int64
	for _, n := range counts {
		all += n
	}
	list := []NamedRatio{}
	for i, name := range w {
		if n := counts[i+1]; n > 0 {
			list = append(list, NamedRatio{name, Ratio{n, all}})
		}
	}
	return list
}
