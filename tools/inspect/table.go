package inspect

import (
	"encoding/binary"
	"iter"
)

// table keeps some bytes beside each of many hashes, in flat memory that the garbage
// collector need not look at. Of a hash 48 bits are kept, and 8 more are which part of
// the table it is in: two different hashes are the same to it with a chance of 2^-56.
// The zero table keeps nothing beside its hashes: a set.
type table struct {
	extra int // bytes beside each hash
	parts [256]part
}

// part is open addressing with linear probing; a slot whose key is 0 is free.
type part struct {
	slots []byte
	used  int
	room  int // how many slots
}

const (
	keyBytes   = 6
	firstSlots = 64
)

func (t *table) width() int { return keyBytes + t.extra }

// reserve makes room for about as many hashes as will come, so that the table need not
// grow; where fewer come, the system never gives it the memory.
func (t *table) reserve(hashes int64) {
	for i := range t.parts {
		p := &t.parts[i]
		p.room = int(hashes/int64(len(t.parts))*5/4) + firstSlots
		p.slots = make([]byte, p.room*t.width())
	}
}

// put returns what is kept beside a hash, to be read and changed until the next put.
// A new hash has zeros there.
func (t *table) put(hash uint64) (value []byte, known bool) {
	p := &t.parts[hash>>56]
	if p.used >= p.room-p.room/8 {
		p.grow(t.width())
	}
	key := keyOf(hash)
	slot, known := p.find(key, t.width())
	if !known {
		binary.LittleEndian.PutUint32(slot, uint32(key))
		binary.LittleEndian.PutUint16(slot[4:], uint16(key>>32))
		p.used++
	}
	return slot[keyBytes:], known
}

// get returns what is kept beside a hash, nil where it was never put.
func (t *table) get(hash uint64) []byte {
	p := &t.parts[hash>>56]
	if p.room == 0 {
		return nil
	}
	slot, known := p.find(keyOf(hash), t.width())
	if !known {
		return nil
	}
	return slot[keyBytes:]
}

// values goes through what is kept beside all hashes, in no order.
func (t *table) values() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range t.parts {
			for slots := t.parts[i].slots; len(slots) > 0; slots = slots[t.width():] {
				if slotKey(slots) != 0 && !yield(slots[keyBytes:t.width()]) {
					return
				}
			}
		}
	}
}

// touch reads where a hash would be. Done for many hashes before the first is put, the
// processor waits for memory once for several of them: counting a gigabyte takes 0.4 s
// less.
func (t *table) touch(hash uint64) byte {
	p := &t.parts[hash>>56]
	if p.room == 0 {
		return 0
	}
	return p.slots[p.home(keyOf(hash))*t.width()]
}

// keyOf is the part of a hash that is kept, never 0.
func keyOf(hash uint64) uint64 { return max(1, hash&(1<<48-1)) }

// home is the slot where the search for a key begins.
func (p *part) home(key uint64) int { return int(key & 0xffffffff * uint64(p.room) >> 32) }

// find is the slot of a key, or the free one it goes to.
func (p *part) find(key uint64, width int) (slot []byte, known bool) {
	i := p.home(key)
	for {
		slot = p.slots[i*width : (i+1)*width]
		switch slotKey(slot) {
		case key:
			return slot, true
		case 0:
			return slot, false
		}
		if i++; i == p.room {
			i = 0
		}
	}
}

func slotKey(slot []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(slot)) | uint64(binary.LittleEndian.Uint16(slot[4:]))<<32
}

// grow makes room for a quarter more: memory is dearer here than time.
func (p *part) grow(width int) {
	old := p.slots
	p.room = max(firstSlots, p.room+p.room/4)
	p.slots = make([]byte, p.room*width)
	for ; len(old) > 0; old = old[width:] {
		if key := slotKey(old); key != 0 {
			slot, _ := p.find(key, width)
			copy(slot, old[:width])
		}
	}
}
