package inspect

import (
	"encoding/binary"
	"iter"
)

// table keeps some bytes beside each of many hashes, in flat memory that the garbage
// collector need not look at. Of a hash 48 bits are kept. It is open addressing with
// linear probing; a slot whose key is 0 is free. The zero table keeps nothing beside
// its hashes: a set.
type table struct {
	extra int // bytes beside each hash
	slots []byte
	used  int
	room  int   // how many slots
	at    int64 // where the slots are while they are aside
}

const (
	keyBytes   = 6
	firstSlots = 64
)

func (t *table) width() int { return keyBytes + t.extra }

// reserve makes room for about as many hashes as will come, so that the table need not
// grow; where fewer come, the system never gives it the memory.
func (t *table) reserve(hashes int64) {
	t.room = int(hashes*5/4) + firstSlots
	t.slots = make([]byte, t.room*t.width())
}

// put returns what is kept beside a hash, to be read and changed until the next put.
// A new hash has zeros there.
func (t *table) put(hash uint64) (value []byte, known bool) {
	if t.used >= t.room-t.room/8 {
		t.grow()
	}
	key := keyOf(hash)
	slot, known := t.find(key)
	if !known {
		binary.LittleEndian.PutUint32(slot, uint32(key))
		binary.LittleEndian.PutUint16(slot[4:], uint16(key>>32))
		t.used++
	}
	return slot[keyBytes:], known
}

// get returns what is kept beside a hash, nil where it was never put.
func (t *table) get(hash uint64) []byte {
	if t.room == 0 {
		return nil
	}
	slot, known := t.find(keyOf(hash))
	if !known {
		return nil
	}
	return slot[keyBytes:]
}

// values goes through what is kept beside all hashes, in no order.
func (t *table) values() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for slots := t.slots; len(slots) > 0; slots = slots[t.width():] {
			if slotKey(slots) != 0 && !yield(slots[keyBytes:t.width()]) {
				return
			}
		}
	}
}

// touch reads where a hash would be. Done for many hashes before the first is put, the
// processor waits for memory once for several of them.
func (t *table) touch(hash uint64) byte {
	if len(t.slots) == 0 {
		return 0
	}
	return t.slots[t.home(keyOf(hash))*t.width()]
}

// keyOf is the part of a hash that is kept, never 0.
func keyOf(hash uint64) uint64 { return max(1, hash&(1<<48-1)) }

// home is the slot where the search for a key begins.
func (t *table) home(key uint64) int { return int(key & 0xffffffff * uint64(t.room) >> 32) }

// find is the slot of a key, or the free one it goes to.
func (t *table) find(key uint64) (slot []byte, known bool) {
	width := t.width()
	i := t.home(key)
	for {
		slot = t.slots[i*width : (i+1)*width]
		switch slotKey(slot) {
		case key:
			return slot, true
		case 0:
			return slot, false
		}
		if i++; i == t.room {
			i = 0
		}
	}
}

func slotKey(slot []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(slot)) | uint64(binary.LittleEndian.Uint16(slot[4:]))<<32
}

// grow makes room for a quarter more: memory is dearer here than time.
func (t *table) grow() {
	old, width := t.slots, t.width()
	t.room = max(firstSlots, t.room+t.room/4)
	t.slots = make([]byte, t.room*width)
	for ; len(old) > 0; old = old[width:] {
		if key := slotKey(old); key != 0 {
			slot, _ := t.find(key)
			copy(slot, old[:width])
		}
	}
}
