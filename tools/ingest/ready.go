package ingest

import (
	"errors"
	"time"

	"caro.sh/telemetry/eventlog"
)

// notReadyFor is how long a failure speaks against a receiver that gets no more
// batches because of it.
const notReadyFor = time.Minute

// failure is the last batch that could not be taken in, if none was since.
type failure struct {
	err error
	at  time.Time
}

// note remembers how the last group of batches went.
func (s *Store) note(err error) {
	if err == nil {
		s.failure.Store(nil)
		s.o.Metrics.ready.Set(1)
		return
	}
	s.failure.Store(&failure{err, s.o.Now()})
	s.o.Metrics.ready.Set(0)
}

// Ready says why batches are not taken, as far as the last one showed. A minute
// later it is worth another try.
func (s *Store) Ready() error {
	f := s.failure.Load()
	if f == nil || s.o.Now().Sub(f.at) > notReadyFor && !errors.Is(f.err, ErrBroken) {
		return nil
	}
	return f.err
}

// measure looks how large the directory is.
func (s *Store) measure() {
	s.o.Metrics.logLimit.Set(float64(s.o.MaxBytes))
	snap, err := eventlog.OpenSnapshot(s.dir, nil)
	if err != nil {
		return
	}
	defer snap.Close()
	s.o.Metrics.logBytes.Set(float64(snap.Bytes()))
}
