package eventlog

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"caro.sh/telemetry/schema"
)

// Uploader sends what is pending in a log. The upload tool is one; a host hands
// it to its recorder.
type Uploader interface {
	// Upload sends the pending events of the log in dir and returns how many
	// arrived and how many have to wait.
	Upload(ctx context.Context, dir string) (transmitted, deferred int64, err error)
}

// Exporter writes what is pending in a log to a file for a site without a
// network. The export tool is one.
type Exporter interface {
	// Export returns how many events of the log in dir are in the file.
	Export(ctx context.Context, dir string) (events int64, err error)
}

// ErrNoWorker means that the host handed in nobody for this.
var ErrNoWorker = errors.New("this program cannot do that: it was built without")

// Outcome says what became of the events that were pending.
type Outcome string

const (
	FlushEmpty       Outcome = "empty"       // there were none
	FlushTransmitted Outcome = "transmitted" // they were sent
	FlushDeferred    Outcome = "deferred"    // they are to be sent later
	FlushSpooled     Outcome = "spooled"     // they stay in the log: nobody sends them from here
)

// FlushResult is what Flush did, and to how many events.
type FlushResult struct {
	Outcome Outcome
	Events  int64
}

// Flush waits until what was recorded so far is in the log, and has it sent if
// the host handed in an Uploader and the user agrees. It is not for a host's
// way out: that is Close.
func (r *Recorder) Flush(ctx context.Context) (FlushResult, error) {
	if r == nil {
		return FlushResult{Outcome: FlushEmpty}, nil
	}
	if err := r.written(ctx); err != nil {
		return FlushResult{}, err
	}
	pending, err := r.PendingCount()
	if err != nil || pending == 0 {
		return FlushResult{Outcome: FlushEmpty}, err
	}
	if _, on := r.o.Allowed(); !on || r.o.Uploader == nil {
		return FlushResult{FlushSpooled, pending}, nil
	}
	sent, deferred, err := r.o.Uploader.Upload(ctx, r.o.Dir)
	switch {
	case deferred > 0 || sent == 0:
		return FlushResult{FlushDeferred, max(deferred, pending-sent)}, err
	default:
		return FlushResult{FlushTransmitted, sent}, err
	}
}

// Export waits until what was recorded so far is in the log and has it written
// to a file. It works when recording is off.
func (r *Recorder) Export(ctx context.Context) (events int64, err error) {
	if r == nil || r.o.Exporter == nil {
		return 0, ErrNoWorker
	}
	if err := r.written(ctx); err != nil {
		return 0, err
	}
	return r.o.Exporter.Export(ctx, r.o.Dir)
}

// written waits until everything that is in the queue now has been written.
func (r *Recorder) written(ctx context.Context) error {
	r.start.Do(func() { go r.w.run() })
	mark := make(chan struct{})
	select {
	case r.queue <- queued{written: mark}:
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-mark:
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// PendingCount is how many events are in the log and not sent. What waits in
// the queue is not among them. It works when recording is off.
func (r *Recorder) PendingCount() (int64, error) {
	if r == nil {
		return 0, nil
	}
	s, err := OpenSnapshot(r.o.Dir, r.readOptions())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var n int64
	for _, seg := range s.Segments() {
		seg, err := s.Count(seg)
		unsent, _ := s.Unsent(seg)
		n += unsent
		var damage *DamageError
		if err != nil && !errors.As(err, &damage) {
			return n, err
		}
	}
	return n, nil
}

// Pending goes through the events in the log that are not sent, oldest first. A
// line that cannot be read or breaks the contract is an error; the loop goes on
// behind it. It works when recording is off.
func (r *Recorder) Pending() iter.Seq2[schema.Line, error] {
	return func(yield func(schema.Line, error) bool) {
		if r == nil {
			return
		}
		s, err := OpenSnapshot(r.o.Dir, r.readOptions())
		if err != nil {
			yield(schema.Line{}, err)
			return
		}
		defer s.Close()
		for entry, err := range s.Pending() {
			var line schema.Line
			if err == nil {
				line, err = schema.Parse(entry.Raw)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

func (r *Recorder) readOptions() *ReadOptions {
	if r.o.Log == nil {
		return nil
	}
	return &ReadOptions{FS: r.o.Log.FS, LockTimeout: r.o.Log.LockTimeout}
}

// Clear removes every event of the log, sent or not, and returns how many were
// pending. It works when recording is off, and makes nothing where there is no
// log.
func (r *Recorder) Clear(ctx context.Context) (events int64, err error) {
	if r == nil {
		return 0, nil
	}
	if err := r.written(ctx); err != nil {
		return 0, err
	}
	log, err := OpenExisting(r.o.Dir, r.o.Log)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	cleared, err := log.Clear(ClearOptions{Copies: true})
	return cleared.Events, errors.Join(err, log.Close())
}
