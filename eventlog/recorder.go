package eventlog

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"caro.sh/telemetry/schema"
)

// DefaultQueueLength is how many events may wait to be written.
const DefaultQueueLength = 1024

// RecorderOptions say what a Recorder writes and where.
type RecorderOptions struct {
	// Dir is the directory of the log. Nothing is made there, and no goroutine
	// started, before the first event.
	Dir string
	// Log are the options of the log; its Consent is replaced.
	Log *Options
	// Allowed is asked before each write whether events may be recorded, and
	// at which level. It must be quick. nil allows everything.
	Allowed func() (schema.Level, bool)
	// SessionID returns the id for events that name no session. It is called
	// once, when the directory is there and before the first write, and may
	// use the disk.
	SessionID func() (string, error)
	// QueueLength is how many events may wait; 0 is DefaultQueueLength.
	QueueLength int
	// Uploader and Exporter do what Flush and Export are asked for.
	Uploader Uploader
	Exporter Exporter
	// Now is the clock, nil the real one.
	Now func() time.Time
}

// Recorder takes events from a host program and writes them in the background.
// Its methods never block the host longer than they say, never fail it and may
// be called from several goroutines. A nil *Recorder records nothing.
type Recorder struct {
	o     RecorderOptions
	on    atomic.Bool
	start sync.Once
	queue chan queued

	dropped atomic.Int64 // the queue was full
	closed  atomic.Bool
	stop    chan struct{} // closed by Close
	done    chan struct{} // closed when the writer has ended
	w       writer        // used by the writer only
}

// queued is an event on its way to the writer, or a mark that Flush waits for.
type queued struct {
	event   schema.Event
	at      time.Time
	written chan<- struct{}
}

// NewRecorder returns a recorder for o. It touches nothing and cannot fail:
// what goes wrong later is counted.
func NewRecorder(o RecorderOptions) *Recorder {
	if o.Allowed == nil {
		o.Allowed = func() (schema.Level, bool) { return schema.Detailed, true }
	}
	if o.QueueLength <= 0 {
		o.QueueLength = DefaultQueueLength
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Recorder{o: o, queue: make(chan queued, o.QueueLength), stop: make(chan struct{}), done: make(chan struct{})}
	r.w.r = r
	_, on := o.Allowed()
	r.on.Store(on)
	return r
}

// Enabled reports whether events are taken at the moment.
func (r *Recorder) Enabled() bool { return r != nil && r.on.Load() }

// SetEnabled pauses recording and takes it up again. It never overrules the
// user: what is allowed is asked before each write all the same.
func (r *Recorder) SetEnabled(on bool) {
	if r != nil && !r.closed.Load() {
		r.on.Store(on)
	}
}

// Record hands an event over. It stamps the time if the event has none, and
// never waits: when too much is waiting already the event is dropped and
// counted. Above the level nothing is recorded.
//
// Making an interface of an event may allocate before Record can say that it
// is off; the function Record does not.
func (r *Recorder) Record(e schema.Event) {
	if r == nil || e == nil || !r.on.Load() {
		return
	}
	r.start.Do(func() { go r.w.run() })
	select {
	case r.queue <- queued{event: e, at: r.o.Now()}:
	default:
		r.dropped.Add(1)
	}
}

// Record is r.Record for an event that is not an interface yet: when r is off,
// nothing is allocated.
func Record[E schema.Event](r *Recorder, e E) {
	if r.Enabled() {
		r.Record(e)
	}
}

// Close writes what is waiting until ctx ends, counts what could not be
// written, and records nothing from then on. It returns ctx's error when that
// came first; the events that were still waiting are lost then.
func (r *Recorder) Close(ctx context.Context) error {
	if r == nil {
		return nil
	}
	if r.closed.CompareAndSwap(false, true) {
		r.on.Store(false)
		r.start.Do(func() { close(r.done) }) // never begun: nothing to end
		close(r.stop)
	}
	select {
	case <-r.done:
		return nil
	default:
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
