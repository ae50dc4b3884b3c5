package inspect

import "encoding/binary"

// seen is a set of hashes with a number beside each, in flat memory: 48 bits of a
// hash are kept, and 8 more are which part of the table it is in. Two different
// hashes are the same to it with a chance of 2^-56.
type seen struct {
	parts [256]seenPart
}

// seenPart is open addressing with linear probing; a slot of zeros is free.
type seenPart struct {
	slots []byte
	used  int
	room  int // how many slots
}

const (
	hashBytes  = 6
	firstSlots = 64
)

// width is how many bytes a slot has: hash and number.
func (s *seenSet) width() int { return hashBytes + s.extra }

// seenSet is a seen whose numbers have extra bytes each, 0 for none or 4.
type seenSet struct {
	seen
	extra int
}

// add puts a hash in, with a number, and reports whether it was not there before.
func (s *seenSet) add(hash uint64, number uint32) bool {
	p := &s.parts[hash>>56]
	if p.used >= p.room/5*4 {
		p.grow(s.width())
	}
	key := keyOf(hash)
	slot, found := p.find(key, s.width())
	if found {
		return false
	}
	p.put(slot, key)
	if s.extra > 0 {
		binary.LittleEndian.PutUint32(slot[hashBytes:], number)
	}
	p.used++
	return true
}

// number is what was put in beside a hash.
func (s *seenSet) number(hash uint64) (uint32, bool) {
	p := &s.parts[hash>>56]
	if p.room == 0 {
		return 0, false
	}
	slot, found := p.find(keyOf(hash), s.width())
	if !found {
		return 0, false
	}
	return binary.LittleEndian.Uint32(slot[hashBytes:]), true
}

// keyOf is the part of a hash that is kept, never 0.
func keyOf(hash uint64) uint64 {
	key := hash & (1<<48 - 1)
	if key == 0 {
		return 1
	}
	return key
}

// find is the slot of a key, or the free one it goes to.
func (p *seenPart) find(key uint64, width int) (slot []byte, found bool) {
	i := int(key & 0xffffffff * uint64(p.room) >> 32)
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

func (p *seenPart) put(slot []byte, key uint64) {
	binary.LittleEndian.PutUint32(slot, uint32(key))
	binary.LittleEndian.PutUint16(slot[4:], uint16(key>>32))
}

// grow makes room for half as many again.
func (p *seenPart) grow(width int) {
	old := p.slots
	p.room = max(firstSlots, p.room/2*3)
	p.slots = make([]byte, p.room*width)
	for ; len(old) > 0; old = old[width:] {
		if key := slotKey(old); key != 0 {
			slot, _ := p.find(key, width)
			copy(slot, old[:width])
		}
	}
}
