package eventlog

import (
	"errors"

	"github.com/google/uuid"

	"caro.sh/telemetry/schema"
)

// maxBatch is how many events are written at once.
const maxBatch = 256

// writer is the one goroutine of a recorder that touches the disk.
type writer struct {
	r         *Recorder
	log       *Log // nil until something is written
	sessionID string
	owed      Losses // not yet in meta.json
	batch     []queued
	lines     []schema.Line
}

func (w *writer) run() {
	defer close(w.r.done)
	defer func() {
		if recover() != nil { // an event type from elsewhere: never the host's trouble
			w.r.on.Store(false)
		}
	}()
	for {
		select {
		case q := <-w.r.queue:
			w.take(q)
		case <-w.r.stop:
			w.drain()
			w.settle()
			return
		}
	}
}

// drain writes what is waiting when the recorder is closed.
func (w *writer) drain() {
	for {
		select {
		case q := <-w.r.queue:
			w.take(q)
		default:
			return
		}
	}
}

// take writes an event together with those that wait behind it.
func (w *writer) take(q queued) {
	w.batch = w.batch[:0]
	for more := true; more && q.written == nil; {
		w.batch = append(w.batch, q)
		if len(w.batch) == maxBatch {
			break
		}
		select {
		case q = <-w.r.queue:
		default:
			more = false
		}
	}
	w.write()
	if q.written != nil {
		close(q.written)
	}
}

// write appends the batch. What cannot be written is counted; trouble with the
// disk switches recording off for the rest of the run.
func (w *writer) write() {
	defer func() { clear(w.batch); clear(w.lines) }()
	level, on := w.r.o.Allowed()
	if !on {
		w.withdrawn()
		return
	}
	if len(w.batch) == 0 {
		return
	}
	if err := w.open(); err != nil {
		w.owed.IOError += int64(len(w.batch))
		w.r.on.Store(false)
		return
	}
	w.encode(level)
	n, err := w.log.Append(w.lines...)
	left := int64(len(w.lines) - n)
	switch {
	case err == nil:
		w.settle()
	case errors.Is(err, ErrOff):
		w.withdrawn()
	case errors.Is(err, ErrLocked):
		w.owed.LockTimeout += left
	default:
		w.owed.IOError += left
		w.r.on.Store(false)
	}
}

// withdrawn ends recording after an opt-out: what waits is dropped, and not
// even counted.
func (w *writer) withdrawn() {
	w.r.on.Store(false)
	w.owed = Losses{}
	w.r.dropped.Store(0)
}

// encode makes lines of the batch.
func (w *writer) encode(level schema.Level) {
	w.lines = w.lines[:0]
	for _, q := range w.batch {
		line, err := schema.Encode(q.event.WithHeader(w.header(q)), level)
		var v *schema.Violation
		switch {
		case err == nil:
			w.lines = append(w.lines, line)
		case errors.As(err, &v):
			w.owed = w.owed.Add(Losses{Refused: map[schema.Category]int64{v.Category: 1}})
		}
	}
}

// header completes what an event says about itself.
func (w *writer) header(q queued) schema.Header {
	h := q.event.EventHeader()
	if h.Timestamp.IsZero() {
		h.Timestamp = q.at
	}
	if h.SessionID == "" {
		h.SessionID = w.session()
	}
	if h.EventID == "" {
		if id, err := uuid.NewV7(); err == nil { // without one a receiver cannot tell repeats
			h.EventID = id.String()
		}
	}
	return h
}

// session returns the session's id; "" makes the event be refused and counted.
func (w *writer) session() string {
	if w.sessionID == "" && w.r.o.SessionID != nil {
		if id, err := w.r.o.SessionID(); err == nil {
			w.sessionID = id
		}
	}
	return w.sessionID
}

// open opens the log and makes its directory, unless it is somebody else's.
func (w *writer) open() error {
	if w.log != nil {
		return nil
	}
	o := Options{}
	if w.r.o.Log != nil {
		o = *w.r.o.Log
	}
	o.Consent = func() bool {
		_, on := w.r.o.Allowed()
		return on
	}
	log, err := Open(w.r.o.Dir, &o)
	if err != nil {
		return err
	}
	w.log = log
	return nil
}

// settle writes down what was lost. What cannot be written down now is tried
// again later, and is lost uncounted only with the disk itself.
func (w *writer) settle() {
	w.owed.QueueFull += w.r.dropped.Swap(0)
	if w.owed.Total() == 0 {
		return
	}
	if _, on := w.r.o.Allowed(); !on || w.open() != nil {
		return
	}
	if w.log.Count(w.owed) == nil {
		w.owed = Losses{}
	}
}
