package inorder

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// numbers reads 0, 1, 2 … up to n, and counts how many it sent.
func numbers(n int, sent *atomic.Int64) func(func() *int, func()) error {
	return func(next func() *int, send func()) error {
		for i := range n {
			j := next()
			if j == nil {
				return nil
			}
			*j = i
			sent.Add(1)
			send()
		}
		return nil
	}
}

func TestJobsAreTakenInOrder(t *testing.T) {
	const n = 500
	var sent atomic.Int64
	var got []int
	err := Run(context.Background(), 4, Stages[int]{
		Read: numbers(n, &sent),
		Judge: func(j *int) {
			if *j%7 == 0 { // some take longer
				time.Sleep(100 * time.Microsecond)
			}
			*j *= 2
		},
		Take: func(j *int) error {
			got = append(got, *j)
			return nil
		},
	})
	want := make([]int, n)
	for i := range want {
		want[i] = 2 * i
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("error %v, taken %v", err, got)
	}
}

func TestTheFirstErrorEndsIt(t *testing.T) {
	enough := errors.New("enough")
	before := runtime.NumGoroutine()
	var sent atomic.Int64
	taken := 0
	err := Run(context.Background(), 2, Stages[int]{Read: numbers(1_000_000, &sent), Judge: func(*int) {}, Take: func(*int) error {
		if taken++; taken == 10 {
			return enough
		}
		return nil
	}})
	if !errors.Is(err, enough) || taken != 10 || sent.Load() > 100 {
		t.Errorf("error %v after %d of %d sent", err, taken, sent.Load())
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines are left", now-before)
	}
	readErr := errors.New("unreadable")
	taken = 0
	err = Run(context.Background(), 2, Stages[int]{Judge: func(*int) {}, Take: func(*int) error { taken++; return nil },
		Read: func(next func() *int, send func()) error {
			next()
			send()
			next() // begun and never sent
			return readErr
		}})
	if !errors.Is(err, readErr) || taken != 1 {
		t.Errorf("error %v, %d taken", err, taken)
	}
}

func TestContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var sent atomic.Int64
	err := Run(ctx, 2, Stages[int]{Read: numbers(1_000_000, &sent), Judge: func(*int) {}, Take: func(j *int) error {
		if *j == 5 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || sent.Load() > 100 {
		t.Errorf("error %v after %d sent", err, sent.Load())
	}
}

func TestNobodyWaitsForAReaderThatMayBeLeft(t *testing.T) {
	enough := errors.New("enough")
	never := make(chan struct{})
	defer close(never)
	err := Run(context.Background(), 2, Stages[int]{
		Read: func(next func() *int, send func()) error {
			next()
			send()
			<-never
			return nil
		},
		Judge: func(*int) {}, Take: func(*int) error { return enough }, Leave: true,
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}
