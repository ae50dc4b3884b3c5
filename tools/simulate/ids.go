package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// Key is where the ids of a run come from.
type Key [32]byte

// SeededKey is the key of a run that is to repeat its ids.
func SeededKey(seed uint64) Key {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("caro simulate "), seed))
}

// ids are the ids of one session.
type ids struct {
	random *rand.ChaCha8
}

// newIDs gives every session of a run a stream of its own, so that it does not
// matter who makes it up, and when.
func newIDs(key Key, session int) *ids {
	return &ids{rand.NewChaCha8(key.derive("session", uint64(session)))}
}

func (k Key) derive(what string, number uint64) Key {
	return sha256.Sum256(binary.BigEndian.AppendUint64(append(k[:], what...), number))
}

// sessionID is the install's id for the day and the run's own half. The second
// half is a one-to-one image of the session's number: no two are the same.
func (k Key) sessionID(install uint64, at time.Time, session int) string {
	day := k.derive("install on "+at.UTC().Format(time.DateOnly), install)
	own := k.derive("session ids", 0)
	id := append([]byte{}, day[:4]...)
	return hex.EncodeToString(binary.BigEndian.AppendUint32(id, scramble(uint32(session), own)))
}

// scramble is a Feistel network of four rounds over the halves of n.
func scramble(n uint32, key Key) uint32 {
	left, right := uint16(n>>16), uint16(n)
	for round := range 4 {
		secret := binary.BigEndian.Uint32(key[4*round:])
		mixed := (uint32(right) + secret) * 0x9E3779B1
		left, right = right, left^uint16(mixed>>16)
	}
	return uint32(left)<<16 | uint32(right)
}

// event is a UUID version 7 of the given time.
func (i *ids) event(at time.Time) string {
	id := i.bytes()
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// generation is a UUID version 4.
func (i *ids) generation() string {
	id := i.bytes()
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

func (i *ids) bytes() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], i.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], i.random.Uint64())
	return id
}
