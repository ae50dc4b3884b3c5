package inspect

import (
	"cmp"
	"slices"
)

// spread is a multiset of numbers below 2^53, which is what JSON can hold. It is exact,
// in memory that grows with how many different ones there are. The zero spread is empty.
type spread struct {
	fresh []uint64 // not yet counted
	known []tallied
	total int64
}

// tallied is a number and, in its last bits, how often it was met. Lists of them are
// sorted; a number met more often than one can say is there several times.
type tallied uint64

const (
	timesBits = 11
	mostTimes = 1<<timesBits - 1
)

func (t tallied) value() uint64 { return uint64(t >> timesBits) }

func (t tallied) times() int64 { return int64(t & mostTimes) }

// freshNumbers is how many numbers are collected at least before they are sorted.
const freshNumbers = 128

func (s *spread) add(value uint64) {
	s.total++
	s.fresh = append(s.fresh, value)
	if len(s.fresh) >= max(freshNumbers, len(s.known)/4) {
		s.settle()
	}
}

// settle counts the fresh numbers into the known ones.
func (s *spread) settle() {
	slices.Sort(s.fresh)
	merged := make([]tallied, 0, len(s.known)+distinct(s.fresh))
	i := 0
	for _, value := range s.fresh {
		for i < len(s.known) && s.known[i].value() <= value {
			merged = append(merged, s.known[i])
			i++
		}
		if last := len(merged) - 1; last >= 0 && merged[last].value() == value && merged[last].times() < mostTimes {
			merged[last]++
		} else {
			merged = append(merged, tallied(value<<timesBits|1))
		}
	}
	s.known = append(merged, s.known[i:]...)
	s.fresh = s.fresh[:0]
}

// distinct counts how many different numbers a sorted list has.
func distinct(sorted []uint64) int {
	n := 0
	for i := range sorted {
		if i == 0 || sorted[i] != sorted[i-1] {
			n++
		}
	}
	return n
}

// quantiles are nearest-rank: the smallest number that at least p percent of all
// numbers do not exceed.
func (s *spread) quantiles() Quantiles {
	s.settle()
	q := Quantiles{Count: s.total}
	if s.total == 0 {
		return q
	}
	ends := make([]int64, len(s.known)) // how many numbers up to and with each
	var sum int64
	for i, k := range s.known {
		sum += k.times()
		ends[i] = sum
	}
	rank := func(percent int64) *uint64 {
		i, _ := slices.BinarySearchFunc(ends, (percent*s.total+99)/100, cmp.Compare[int64])
		value := s.known[i].value()
		return &value
	}
	q.P50, q.P90, q.P95, q.P99 = rank(50), rank(90), rank(95), rank(99)
	return q
}
