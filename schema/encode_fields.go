package schema

import (
	"strconv"
	"time"
)

// A writer writes a typed event in canonical form without reflection. Keys,
// their order and what is left off come from the event's plan; each call of a
// method takes the next step and gives its value. What it writes is unchecked.
type writer struct {
	dst   []byte
	steps []step
	at    int
	rank  int // of the level recorded
}

// next returns the next step, or nil when it is left out: it is above the
// level, or it may be absent and is.
func (w *writer) next(absent bool) *step {
	s := &w.steps[w.at]
	w.at++
	if int(s.rank) > w.rank || absent && !s.required {
		w.at = s.skip
		return nil
	}
	w.dst = append(w.dst, s.key...)
	return s
}

func (w *writer) text(v string) {
	if w.next(v == "") != nil {
		w.dst = appendText(w.dst, v)
	}
}

func (w *writer) number(v uint64) {
	if w.next(false) != nil {
		w.dst = strconv.AppendUint(w.dst, v, 10)
	}
}

func (w *writer) flag(v bool) {
	if w.next(false) != nil {
		w.dst = strconv.AppendBool(w.dst, v)
	}
}

// optionalNumber writes a number that may be absent.
func optionalNumber[T uint32 | uint64](w *writer, v *T) {
	if w.next(v == nil) != nil {
		w.dst = strconv.AppendUint(w.dst, uint64(*v), 10)
	}
}

func (w *writer) optionalFlag(v *bool) {
	if w.next(v == nil) != nil {
		w.dst = strconv.AppendBool(w.dst, *v)
	}
}

// optionalShare writes a number that need not be whole. What JSON has no number
// for is written all the same: no check lets it pass.
func (w *writer) optionalShare(v *float64) {
	if w.next(v == nil) != nil {
		w.dst = strconv.AppendFloat(w.dst, *v, 'f', -1, 64)
	}
}

// begin begins an object and reports whether it is written; end ends it.
func (w *writer) begin(absent bool) bool { return w.next(absent) != nil }

func (w *writer) end() { w.next(false) }

// event writes a whole event. It reports false for a type from elsewhere.
func (w *writer) event(e Event) bool {
	switch e := e.(type) {
	case SessionStart:
		w.header(&e.Header)
		w.sessionStart(&e)
	case SessionEnd:
		w.header(&e.Header)
		w.sessionEnd(&e)
	case CommandGenerated:
		w.header(&e.Header)
		w.commandGenerated(&e)
	case CommandExecuted:
		w.header(&e.Header)
		w.commandExecuted(&e)
	case SafetyTriggered:
		w.header(&e.Header)
		w.safetyTriggered(&e)
	case ErrorOccurred:
		w.header(&e.Header)
		w.errorOccurred(&e)
	default:
		return false
	}
	w.dst = append(w.dst, '}')
	return true
}

func (w *writer) header(h *Header) {
	name := w.next(false)
	w.dst = append(w.dst, name.values[0]...)
	w.next(false)
	w.dst = appendStamp(w.dst, h.Timestamp)
	w.text(h.SessionID)
	w.text(h.EventID)
}

// appendStamp writes a time in timestampLayout and the quote that ends it. Of a
// time that this project has no text for it writes nothing but the quote.
func appendStamp(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if t.IsZero() || year < 0 || year > 9999 {
		return append(dst, '"')
	}
	hour, minute, second := t.Clock()
	milli := t.Nanosecond() / int(time.Millisecond)
	dst = append(appendTwo(appendTwo(dst, year/100), year%100), '-')
	dst = append(appendTwo(dst, int(month)), '-')
	dst = append(appendTwo(dst, day), 'T')
	dst = append(appendTwo(dst, hour), ':')
	dst = append(appendTwo(dst, minute), ':')
	dst = append(appendTwo(dst, second), '.', byte('0'+milli/100))
	return append(appendTwo(dst, milli%100), 'Z', '"')
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func (w *writer) sessionStart(e *SessionStart) {
	w.text(e.CaroVersion)
	if w.begin(false) {
		w.text(string(e.Platform.OS))
		w.text(string(e.Platform.Arch))
		w.text(string(e.Platform.Shell))
		w.end()
	}
	if w.begin(false) {
		w.text(string(e.BackendConfig.Primary))
		w.flag(e.BackendConfig.FallbackEnabled)
		w.end()
	}
	w.text(string(e.SafetyLevel))
	w.text(string(e.OutputFormat))
	w.optionalFlag(e.IsFirstRun)
}

func (w *writer) sessionEnd(e *SessionEnd) {
	w.number(e.SessionDurationMS)
	w.number(uint64(e.CommandsGenerated))
	w.number(uint64(e.CommandsExecuted))
	w.number(uint64(e.ErrorsEncountered))
	w.text(string(e.ExitReason))
	optionalNumber(w, e.SafetyBlocks)
	optionalNumber(w, e.Retries)
	if p := e.Performance; w.begin(p == nil) {
		w.percentiles(&p.InferenceTimeMS)
		w.percentiles(&p.ExecutionTimeMS)
		w.end()
	}
	if p := e.RetryPattern; w.begin(p == nil) {
		w.number(uint64(p.None))
		w.number(uint64(p.One))
		w.number(uint64(p.Two))
		w.number(uint64(p.ThreeOrMore))
		w.end()
	}
}

func (w *writer) percentiles(p *Percentiles) {
	if w.begin(false) {
		w.number(p.P50)
		w.number(p.P90)
		w.number(p.P95)
		w.number(p.P99)
		w.number(p.Max)
		w.end()
	}
}

func (w *writer) commandGenerated(e *CommandGenerated) {
	w.text(e.GenerationID)
	w.text(string(e.BackendUsed))
	w.number(e.InferenceTimeMS)
	if w.begin(false) {
		w.text(string(e.SafetyResult.RiskLevel))
		w.number(uint64(e.SafetyResult.PatternsMatched))
		w.end()
	}
	w.text(e.ModelName)
	optionalNumber(w, e.InputTokenCount)
	optionalNumber(w, e.OutputTokenCount)
	w.optionalShare(e.ConfidenceScore)
	optionalNumber(w, e.RetryCount)
}

func (w *writer) commandExecuted(e *CommandExecuted) {
	w.text(e.GenerationID)
	w.text(string(e.ExecutionMode))
	w.flag(e.ModifiedBeforeExecution)
	w.text(string(e.ExitCodeCategory))
	optionalNumber(w, e.ExecutionTimeMS)
}

func (w *writer) safetyTriggered(e *SafetyTriggered) {
	w.text(e.GenerationID)
	w.text(string(e.RiskLevel))
	w.text(string(e.PatternCategory))
	w.text(string(e.ActionTaken))
	w.optionalFlag(e.UserOverride)
	w.text(string(e.SafetyLevelConfig))
}

func (w *writer) errorOccurred(e *ErrorOccurred) {
	w.text(string(e.ErrorCategory))
	w.text(e.ErrorCode)
	w.text(e.Component)
	w.text(string(e.Backend))
	w.optionalFlag(e.Recoverable)
	w.optionalFlag(e.FallbackAttempted)
}
