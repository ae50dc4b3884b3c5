package ingest

import (
	"time"

	"caro.sh/telemetry/schema"
)

// A gathered group: what of its batches is new.
type gathered struct {
	lines   []schema.Line
	keys    []id
	batches map[id]*stored
	reports map[string]*report
	before  map[string]*report // the newest of these logs so far

	duplicates, deleted int
	refused             map[schema.Category]int
}

// sort tells new events from those that came before and those nobody may keep.
func (s *Store) sort(g *gathered, group []job, answers []taken) error {
	look, err := s.index.look()
	if err != nil {
		return err
	}
	defer look.close()
	now := s.o.Now()
	for i, j := range group {
		before, err := g.known(look, j.batch)
		if err != nil {
			return err
		}
		switch {
		case before == nil:
		case string(before.Digest) != string(j.batch.digest[:]):
			answers[i] = taken{err: ErrOtherContent}
			continue
		default:
			answers[i] = taken{answer: before, again: true}
			continue
		}
		answers[i].fresh = s.sortBatch(g, look, j.batch)
		answers[i].answer = g.answer(j.batch, now)
		if err := g.report(look, j.batch.report, now); err != nil {
			return err
		}
	}
	return nil
}

// known returns what is remembered of a batch, from this group or earlier.
func (g *gathered) known(look *look, b *batch) (*stored, error) {
	if b.id == (id{}) {
		return nil, nil
	}
	if same := g.batches[b.id]; same != nil {
		return same, nil
	}
	return look.batch(b.id)
}

// sortBatch sorts one batch and returns how many of its events are new.
func (s *Store) sortBatch(g *gathered, look *look, b *batch) int {
	before := len(g.lines)
	for i, key := range b.keys {
		if _, unwanted := s.dropped[b.days[i]]; unwanted {
			g.deleted++
			continue
		}
		if look.hasEvent(key) {
			g.duplicates++
			continue
		}
		s.index.recent.events[key] = struct{}{}
		g.lines = append(g.lines, b.lines[i])
		g.keys = append(g.keys, key)
	}
	for _, r := range b.refusals {
		g.refused[r.Category]++
	}
	return len(g.lines) - before
}

// answer is what the batch will be answered, and is remembered with.
func (g *gathered) answer(b *batch, now time.Time) *stored {
	a := &stored{At: now.Unix(), Digest: b.digest[:], Accepted: len(b.lines), Rejected: len(b.refusals), Refusals: b.refusals}
	if b.id != (id{}) {
		g.batches[b.id] = a
	}
	return a
}

// report notes what a log says it lost, if that is its newest word.
func (g *gathered) report(look *look, r *report, now time.Time) error {
	if r == nil {
		return nil
	}
	if r.At.After(now) { // a clock that is ahead must not have the last word for long
		r.At = now
	}
	newest := g.reports[r.LogID]
	if newest == nil {
		before, err := look.newest(r.LogID)
		if err != nil {
			return err
		}
		newest, g.before[r.LogID] = before, before
	}
	if newest == nil || !r.At.Before(newest.At) {
		r.Seen = now.Unix()
		g.reports[r.LogID] = r
	}
	return nil
}

// count hands the group's numbers to the metrics.
func (g *gathered) count(m *Metrics) {
	m.events.WithLabelValues("stored").Add(float64(len(g.lines)))
	m.events.WithLabelValues("duplicate").Add(float64(g.duplicates))
	m.events.WithLabelValues("deleted").Add(float64(g.deleted))
	for category, n := range g.refused {
		m.events.WithLabelValues("rejected").Add(float64(n))
		m.refused.WithLabelValues(string(category)).Add(float64(n))
	}
	for logID, r := range g.reports {
		if before := g.before[logID]; before != nil {
			m.addLosses(before.Losses, -1)
		}
		m.addLosses(r.Losses, 1)
	}
}
