package ingest

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"

	"caro.sh/telemetry/schema"
)

// repeats tells events without an id apart that are equal in every byte, within one
// document: its zero value has seen nothing. Only the place in the document could
// tell all of them apart, and a batch and an export that hold the same event have it
// in different places. So equal events in two batches count as one: that loses a
// count in a rare case, while the place would store every event twice that is
// uploaded and carried in as well.
type repeats struct{ recent, before map[id]uint64 }

// maxRepeats is how many different events are remembered, and up to as many before
// them: an export may hold millions. Equal ones have the same millisecond and run,
// so they are not far apart.
const maxRepeats = 16 << 10

// derivedID is a UUID version 7 that an event always gives, or the n-th of equal ones.
func (r *repeats) derivedID(line schema.Line) string {
	sum := sha256.Sum256(line.Bytes())
	sum = sha256.Sum256(binary.BigEndian.AppendUint64(sum[:], r.count(id(sum[:]))))
	made := uuid.UUID(sum[:16])
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(max(0, line.Timestamp().UnixMilli()))<<16)
	copy(made[:6], stamp[:6])
	made[6] = made[6]&0x0f | 0x70
	made[8] = made[8]&0x3f | 0x80
	return made.String()
}

// count returns how often an event came before.
func (r *repeats) count(event id) uint64 {
	n, known := r.recent[event]
	if !known {
		n = r.before[event]
	}
	if len(r.recent) == maxRepeats && !known {
		r.recent, r.before = nil, r.recent
	}
	if r.recent == nil {
		r.recent = map[id]uint64{}
	}
	r.recent[event] = n + 1
	return n
}
