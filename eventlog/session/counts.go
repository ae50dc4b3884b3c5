package session

import (
	"math"
	"slices"

	"caro.sh/telemetry/schema"
)

// maxSamples bounds the memory of a long session: the percentiles are those of
// its newest 4,096 times.
const maxSamples = 4096

// maxMS is the longest time an event can say, 2^53-1 milliseconds.
const maxMS = 1<<53 - 1

// counts is what a session remembers for its end: numbers only.
type counts struct {
	generations, executions, errors, blocks, retries uint32
	pattern                                          schema.RetryPattern
	inference, execution                             samples
}

func (c *counts) generated(e schema.CommandGenerated) {
	c.generations++
	c.inference.add(e.InferenceTimeMS)
	retries := uint32(0)
	if e.RetryCount != nil {
		retries = *e.RetryCount
	}
	if retries > 0 {
		c.retries++
	}
	switch retries {
	case 0:
		c.pattern.None++
	case 1:
		c.pattern.One++
	case 2:
		c.pattern.Two++
	default:
		c.pattern.ThreeOrMore++
	}
}

func (c *counts) executed(e schema.CommandExecuted) {
	c.executions++
	if e.ExecutionTimeMS != nil {
		c.execution.add(*e.ExecutionTimeMS)
	}
}

func (c *counts) safety(e schema.SafetyTriggered) {
	if e.ActionTaken == schema.ActionBlocked {
		c.blocks++
	}
}

// summary is session.end without how and when it ended.
func (c *counts) summary() schema.SessionEnd {
	blocks, retries, pattern := c.blocks, c.retries, c.pattern
	return schema.SessionEnd{
		CommandsGenerated: c.generations, CommandsExecuted: c.executions, ErrorsEncountered: c.errors,
		SafetyBlocks: &blocks, Retries: &retries, RetryPattern: &pattern,
		Performance: &schema.Performance{
			InferenceTimeMS: c.inference.percentiles(), ExecutionTimeMS: c.execution.percentiles(),
		},
	}
}

// samples are times in milliseconds, the newest maxSamples of them.
type samples struct {
	ms   []uint64
	next int
}

func (s *samples) add(ms uint64) {
	if ms > maxMS {
		return // its own event is refused for it; the session's end is not
	}
	if len(s.ms) < maxSamples {
		s.ms = append(s.ms, ms)
		return
	}
	s.ms[s.next] = ms
	s.next = (s.next + 1) % maxSamples
}

// percentiles are by nearest rank, all 0 when there was nothing to measure.
func (s *samples) percentiles() schema.Percentiles {
	if len(s.ms) == 0 {
		return schema.Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(s.ms))
	at := func(p float64) uint64 { return sorted[int(math.Ceil(p/100*float64(len(sorted))))-1] }
	return schema.Percentiles{P50: at(50), P90: at(90), P95: at(95), P99: at(99), Max: sorted[len(sorted)-1]}
}
