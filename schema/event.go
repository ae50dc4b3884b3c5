// Package schema decides what telemetry may say. An event becomes a Line only
// through Parse or Encode, and only when the embedded JSON Schemas and the
// detector of sensitive data both let it pass.
package schema

import (
	"errors"
	"fmt"
	"time"
)

// Name is an event's name as it is written on the wire.
type Name string

// The six events.
const (
	NameSessionStart     Name = "session.start"
	NameSessionEnd       Name = "session.end"
	NameCommandGenerated Name = "command.generated"
	NameCommandExecuted  Name = "command.executed"
	NameSafetyTriggered  Name = "safety.triggered"
	NameErrorOccurred    Name = "error.occurred"
)

// Names lists every event in the order of the contract.
func Names() []Name {
	return []Name{NameSessionStart, NameSessionEnd, NameCommandGenerated,
		NameCommandExecuted, NameSafetyTriggered, NameErrorOccurred}
}

// Level says how much is recorded. The zero Level records nothing.
type Level string

// The levels, each of which includes the ones before it.
const (
	Minimal  Level = "minimal"
	Standard Level = "standard"
	Detailed Level = "detailed"
)

// Levels lists the levels from least to most.
func Levels() []Level { return []Level{Minimal, Standard, Detailed} }

// ParseLevel reads a level as settings and flags spell it.
func ParseLevel(s string) (Level, error) {
	level := Level(s)
	if level.rank() == 0 {
		return "", fmt.Errorf("unknown level: use %s, %s or %s", Minimal, Standard, Detailed)
	}
	return level, nil
}

// Includes reports whether what belongs to other is recorded at l.
func (l Level) Includes(other Level) bool {
	return other.rank() > 0 && l.rank() >= other.rank()
}

func (l Level) rank() int {
	switch l {
	case Minimal:
		return 1
	case Standard:
		return 2
	case Detailed:
		return 3
	}
	return 0
}

// Header is what every event says first.
type Header struct {
	// Timestamp is written in UTC with milliseconds; finer parts are cut off.
	Timestamp time.Time
	// SessionID is 16 lower-case hex digits.
	SessionID string
	// EventID is a UUID version 7, or empty when none has been given yet.
	EventID string
}

// EventHeader returns the header of an event.
func (h Header) EventHeader() Header { return h }

// Event is one of the six typed events, by value. A pointer in an event is an
// optional field whose zero value means something; nil leaves it out, and so
// does an empty optional string.
type Event interface {
	EventName() Name
	EventHeader() Header
	// WithHeader returns the event with its header replaced.
	WithHeader(Header) Event
}

// ErrAboveLevel says that an event is not recorded at the level asked for.
var ErrAboveLevel = errors.New("event is above the level")
