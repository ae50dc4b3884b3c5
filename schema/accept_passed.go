package schema

import (
	"hash/maphash"
	"sync/atomic"
)

const (
	passedSlots = 512
	passedBytes = 128 // longer values are not remembered
)

// passedValues remembers values that a pattern and the detector let pass, so
// that they need not be judged again: at most passedSlots of at most passedBytes
// each. A new value takes the place of an old one. Refused values are never in
// it. Its methods may be called from several goroutines.
type passedValues struct {
	seed  maphash.Seed // of this process: nobody can choose values that collide
	slots [passedSlots]atomic.Pointer[string]
}

func newPassedValues() *passedValues { return &passedValues{seed: maphash.MakeSeed()} }

// places are the two slots where a value may be.
func (p *passedValues) places(hash uint64) (a, b *atomic.Pointer[string]) {
	return &p.slots[hash%passedSlots], &p.slots[hash>>32%passedSlots]
}

func (p *passedValues) has(value []byte) bool {
	a, b := p.places(maphash.Bytes(p.seed, value))
	if known := a.Load(); known != nil && *known == string(value) {
		return true
	}
	known := b.Load()
	return known != nil && *known == string(value)
}

// add remembers a value that passed. It keeps the string's memory.
func (p *passedValues) add(value string) {
	if len(value) > passedBytes {
		return
	}
	hash := maphash.String(p.seed, value)
	a, b := p.places(hash)
	if a.Load() != nil && (b.Load() == nil || hash>>63 == 1) {
		a = b
	}
	a.Store(&value)
}
