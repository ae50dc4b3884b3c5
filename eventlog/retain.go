package eventlog

import (
	"fmt"
)

// limitFor returns how far the active file may grow with the rest of the
// directory as it is, and room left for the second form of a segment that is
// being compacted.
func (l *Log) limitFor(ls *listing, active int64) int64 {
	var building int64
	for _, name := range leftovers(ls) {
		building += ls.sizes[name]
	}
	reserve := metaReserveBytes + max(l.SegmentBytes()/2, building)
	room := l.maxBytes - (ls.bytes - active - building) - reserve
	return min(room, l.SegmentBytes())
}

// swapRoom returns how large a file beside the segments may be while writers
// who have worked out their room fill the active one.
func (l *Log) swapRoom(ls *listing) int64 {
	grows := max(0, l.SegmentBytes()-ls.sizes[ActiveName])
	return l.maxBytes - ls.bytes - grows - metaReserveBytes
}

// makeRoom chooses what to remove until a whole active segment fits under the
// cap: kept copies of sent segments first, then refused ones, which go at once,
// then the oldest segments. Those are counted in m and returned: the caller
// writes m down before it unlinks them, so that a removal cut short is finished
// and not counted twice. A log that refuses removes nothing.
func (l *Log) makeRoom(m *meta, ls *listing, active int64) ([]uint64, error) {
	if l.refuse || l.limitFor(ls, active) >= l.SegmentBytes() {
		return nil, nil
	}
	for _, sub := range []string{sentDir, refusedDir} {
		if err := l.thin(sub, ls, active); err != nil {
			return nil, err
		}
	}
	return l.giveUp(m, ls, active), nil
}

// removeSegments unlinks segments that meta.json says are given up.
func (l *Log) removeSegments(numbers []uint64, ls *listing) error {
	for _, number := range numbers {
		for _, name := range []string{ls.plain[number], ls.lz4[number]} {
			if err := l.unlink(name, ls); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveUp chooses the oldest segments to remove, counts them in m and returns
// their numbers.
func (l *Log) giveUp(m *meta, ls *listing, active int64) []uint64 {
	missing := l.SegmentBytes() - l.limitFor(ls, active)
	var victims []uint64
	for _, number := range ls.numbers() {
		if missing <= 0 {
			break
		}
		missing -= ls.sizes[ls.plain[number]] + ls.sizes[ls.lz4[number]]
		l.condemnOne(m, ls, number, &m.Losses.Evicted)
		victims = append(victims, number)
	}
	return victims
}

// tally returns what a segment holds, from the cache or by reading it.
func (l *Log) tally(m *meta, ls *listing, number uint64) (tally, error) {
	if t, ok := m.tallyOf(number); ok {
		return t, nil
	}
	name, state := ls.name(number)
	return tallyFile(l.fs, l.path(name), state)
}

// thin unlinks the oldest files of a subdirectory until there is room. They
// were counted when they came there.
func (l *Log) thin(sub string, ls *listing, active int64) error {
	copies, err := l.copies(sub)
	if err != nil {
		return err
	}
	for _, k := range copies {
		if l.limitFor(ls, active) >= l.SegmentBytes() {
			return nil
		}
		if err := l.fs.Remove(l.path(k.name)); err != nil {
			return fmt.Errorf("make room in %s: %w", sub, err)
		}
		ls.bytes -= k.size
	}
	return nil
}
