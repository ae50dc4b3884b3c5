package inspect

import (
	"encoding/binary"
	"math"
)

// session is what is remembered of a session: its start, its first command, on which
// day it was last seen, and which profile it has. Times are milliseconds.
type session struct {
	start, first int64
	day          int32
	profile      uint32 // number of what its session.start says, 0 before there is one
	ended        bool
}

const (
	noTime = math.MaxInt64
	noDay  = math.MinInt32
)

// sessionBytes is how much of a table a session takes.
const sessionBytes = 8 + 8 + 4 + 4

const endedBit = 1 << 31

// sessionOf is the session that value holds; one of zeros is new.
func sessionOf(value []byte, known bool) session {
	if !known {
		return session{start: noTime, first: noTime, day: noDay}
	}
	profile := binary.LittleEndian.Uint32(value[20:])
	return session{
		start:   int64(binary.LittleEndian.Uint64(value)),
		first:   int64(binary.LittleEndian.Uint64(value[8:])),
		day:     int32(binary.LittleEndian.Uint32(value[16:])),
		profile: profile &^ endedBit,
		ended:   profile&endedBit != 0,
	}
}

func (s session) store(value []byte) {
	profile := s.profile
	if s.ended {
		profile |= endedBit
	}
	binary.LittleEndian.PutUint64(value, uint64(s.start))
	binary.LittleEndian.PutUint64(value[8:], uint64(s.first))
	binary.LittleEndian.PutUint32(value[16:], uint32(s.day))
	binary.LittleEndian.PutUint32(value[20:], profile)
}
