package inspect

// parts is how many parts what is remembered is kept in. An install is in one of them,
// with its sessions and their events, so that each can be counted without the others.
const parts = 256

// part is what is remembered of some installs.
type part struct {
	ids      table // of events
	sessions table
	made     table  // which backend and model made what; only where groups need it
	installs table  // each with a day and a group in which it was in use
	later    []fact // of which it is not yet known where they are counted
}

func newPart() part {
	return part{sessions: table{extra: sessionBytes}, made: table{extra: 4}}
}

// partOf spreads installs, whose ids somebody else made.
func partOf(install uint32) int { return int(install * 0x9e3779b1 >> 24) }

func (p *part) tables() [4]*table {
	return [...]*table{&p.ids, &p.sessions, &p.made, &p.installs}
}

// bytes is the memory of the tables.
func (p *part) bytes() (sum int) {
	for _, t := range p.tables() {
		sum += len(t.slots)
	}
	return sum
}

// reserve sets memory aside for so many events.
func (p *part) reserve(events int64, distinct bool) {
	const eventsOfSession = 12 // about, and rather too many
	p.sessions.reserve(events / eventsOfSession)
	if distinct {
		p.ids.reserve(events)
	}
}
