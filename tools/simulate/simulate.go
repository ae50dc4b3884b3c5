// Package simulate makes up sessions of a caro that many people use: realistic
// input of any size for load tests, and for trying a pipeline before people do.
package simulate

import (
	"fmt"
	"iter"
	"time"

	"caro.sh/telemetry/schema"
)

// Options of a simulation; the zero value makes no session.
type Options struct {
	Sessions int
	Seed     uint64       // what happens in the sessions
	Start    time.Time    // of the first day
	Days     int          // the sessions are spread over; less than 1 is 1
	Level    schema.Level // "" is schema.Detailed
	// IDs names sessions and events. Runs with the same key repeat their ids;
	// the zero key is one like any other.
	IDs Key
	// Worker of Workers makes every Workers-th session, beginning with its own
	// number; together they make them all. 0 of 0 makes them all.
	Worker, Workers int
}

// Generate makes up the sessions one after the other, in memory that does not
// grow with their number, and ends with the first error. The same options give
// the same lines, byte for byte, for the same version of this package.
func Generate(o Options) iter.Seq2[schema.Line, error] {
	o.Days = max(o.Days, 1)
	o.Workers = max(o.Workers, 1)
	if o.Level == "" {
		o.Level = schema.Detailed
	}
	return func(yield func(schema.Line, error) bool) {
		for i := o.Worker; i < o.Sessions; i += o.Workers {
			if !newSession(&o, i).play(yield) {
				return
			}
		}
	}
}

// start is when a session begins: in order, and more by day than by night.
func (o *Options) start(index int, jitter float64) time.Time {
	days := float64(o.Days) * (float64(index) + jitter) / float64(o.Sessions)
	whole := int(days)
	inDay := clockOf(days - float64(whole))
	return o.Start.UTC().AddDate(0, 0, whole).Add(inDay).Truncate(time.Millisecond)
}

// encode makes a checked line of an event; ok is false above the level.
func (o *Options) encode(e schema.Event) (l schema.Line, ok bool, err error) {
	if !o.Level.Includes(schema.EventLevel(e.EventName())) {
		return schema.Line{}, false, nil
	}
	l, err = schema.Encode(e, o.Level)
	if err != nil {
		return l, false, fmt.Errorf("make up a %s: %w", e.EventName(), err)
	}
	return l, true, nil
}
