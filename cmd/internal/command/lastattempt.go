package command

import (
	"fmt"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/tools/upload"
)

// lastAttempt is the newest line of uploads.ndjson: how sending a batch went.
type lastAttempt struct {
	Time    time.Time `json:"time"`
	Status  int       `json:"status"` // of the answer, 0 where there was none
	Outcome string    `json:"outcome"`
}

func attemptOf(e *eventlog.LedgerEntry) *lastAttempt {
	if e == nil {
		return nil
	}
	return &lastAttempt{e.Time, e.Status, e.Outcome}
}

// failed says in words that the attempt was no success, "" when it was one.
func (l *lastAttempt) failed() string {
	if l == nil || l.Outcome == string(upload.Done) {
		return ""
	}
	answer := "no answer"
	if l.Status != 0 {
		answer = fmt.Sprint("status ", l.Status)
	}
	return fmt.Sprintf("%s: %s (%s)", l.Time.Local().Format(localLayout), l.Outcome, answer)
}
