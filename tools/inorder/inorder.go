// Package inorder spreads the work on a stream over every core and hands out what
// came of it in the order of the stream. It is what the tools share; it imports
// none of them.
package inorder

import (
	"context"
	"runtime"
	"sync"
)

// Stages are what happens to a job, a piece of the stream that is as large as is
// good for a core. A job that was taken is used again, with the memory it has.
type Stages[J any] struct {
	// Read cuts the stream: it fills what next gives, until that is nil, and then
	// calls send. It runs in a goroutine of its own. What it has not sent is lost.
	Read func(next func() *J, send func()) error
	// Judge works on one job; several at a time are being judged.
	Judge func(*J)
	// Take gets the jobs in the order they were sent, in the goroutine of Run.
	Take func(*J) error
	// Leave says that Read may wait for somebody who never comes: once Take has
	// failed or ctx ended, nobody waits for it.
	Leave bool
}

// Run goes through the stream until it, Take or ctx ends, with as many workers; 0
// is one for every core. It returns the first error of Take, else that of Read,
// else ctx's. All of its goroutines have ended then, Read's with the exception of
// Leave.
func Run[J any](ctx context.Context, workers int, s Stages[J]) error {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLine[J](workers)
	var judges sync.WaitGroup
	for range workers {
		judges.Go(func() { l.judge(s.Judge) })
	}
	var readErr error
	go func() {
		defer close(l.order)
		defer close(l.work)
		readErr = l.read(inner, s.Read)
	}()
	err := l.take(ctx, s)
	cancel()
	if err != nil && s.Leave {
		close(l.left)
		judges.Wait()
		return err
	}
	for range l.order { // until Read has ended
	}
	judges.Wait()
	if err == nil {
		err = readErr
	}
	return err
}

// station is a job and whether it has been judged.
type station[J any] struct {
	job  J
	done chan struct{} // holds one entry then
}

// line is where jobs are: free, waiting for a judge, and in order for Take.
type line[J any] struct {
	free, work, order chan *station[J]
	left              chan struct{} // closed when Read was left alone
}

func newLine[J any](workers int) *line[J] {
	flight := 2*workers + 2
	l := &line[J]{free: make(chan *station[J], flight), work: make(chan *station[J], flight), order: make(chan *station[J], flight), left: make(chan struct{})}
	for range flight {
		l.free <- &station[J]{done: make(chan struct{}, 1)}
	}
	return l
}

func (l *line[J]) read(ctx context.Context, read func(func() *J, func()) error) error {
	var current *station[J]
	next := func() *J {
		select {
		case current = <-l.free:
			return &current.job
		case <-ctx.Done():
			return nil
		}
	}
	send := func() { // never waits: there is room for every job there is
		l.order <- current
		l.work <- current
	}
	if err := read(next, send); err != nil {
		return err
	}
	return ctx.Err()
}

func (l *line[J]) judge(judge func(*J)) {
	for {
		select {
		case s, ok := <-l.work:
			if !ok {
				return
			}
			judge(&s.job)
			s.done <- struct{}{}
		case <-l.left:
			return
		}
	}
}

// take ends with the stream, with an error, or with ctx where Read is left alone.
func (l *line[J]) take(ctx context.Context, stages Stages[J]) error {
	leave := ctx.Done()
	if !stages.Leave {
		leave = nil
	}
	for {
		select {
		case s, ok := <-l.order:
			if !ok {
				return nil
			}
			<-s.done
			if err := stages.Take(&s.job); err != nil {
				return err
			}
			l.free <- s
		case <-leave:
			return ctx.Err()
		}
	}
}
