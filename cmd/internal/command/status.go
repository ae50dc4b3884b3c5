package command

import (
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"
)

// part is what the segments of one state hold together.
type part struct {
	Files  int   `json:"files"`
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
}

// statusAnswer is what status says.
type statusAnswer struct {
	Enabled       bool                     `json:"enabled"`
	Reason        settings.Reason          `json:"reason"`
	Level         schema.Level             `json:"level"`
	AirGapped     bool                     `json:"air_gapped"`
	Endpoint      string                   `json:"endpoint"`
	IntervalHours int64                    `json:"batch_interval_hours"`
	PendingEvents int64                    `json:"pending_events"`
	PendingBytes  int64                    `json:"pending_bytes"`
	Dir           string                   `json:"dir"`
	SettingsFile  string                   `json:"settings_file"`
	Segments      map[eventlog.State]*part `json:"segments"`
	Fenced        int64                    `json:"never_uploaded_events"`
	Oldest        *time.Time               `json:"oldest"`
	OldestAge     *int64                   `json:"oldest_age_seconds"`
	UsedBytes     int64                    `json:"used_bytes"`
	MaxBytes      int64                    `json:"max_bytes"`
	LogID         string                   `json:"log_id,omitempty"`
	Since         *time.Time               `json:"since"`
	LossesTotal   int64                    `json:"losses_total"`
	Losses        eventlog.Losses          `json:"losses"`
	LastUpload    *time.Time               `json:"last_upload"`
	NextAttempt   *time.Time               `json:"next_attempt"`
	Problems      []string                 `json:"problems"`
	Notes         []string                 `json:"notes"`
}

func (c *cli) addStatus(group *kingpin.CmdClause) {
	cmd := c.command(group, "status", "Say whether telemetry is on, why, and what is in the log. Changes nothing.", c.status)
	c.addJSON(cmd)
	c.addDir(cmd)
}

func (c *cli) status() error {
	a := newStatus(c.settings(), c.settingsFile())
	if dir, err := c.logDir(); err != nil {
		a.Problems = append(a.Problems, err.Error())
	} else {
		a.Dir = dir
		a.lookInto(dir, c.Now())
	}
	out := c.answer()
	if c.json {
		out.json(a)
	} else {
		a.print(out, c.style())
	}
	return out.end(nil)
}

// newStatus is what the settings alone say.
func newStatus(s settings.Settings, file string) *statusAnswer {
	a := &statusAnswer{
		Enabled: s.Enabled, Reason: s.Reason, Level: s.Level, AirGapped: s.AirGapped, MaxBytes: s.MaxBytes,
		Endpoint: s.Endpoint, IntervalHours: int64(s.BatchInterval / time.Hour), SettingsFile: file,
		Problems: []string{}, Notes: append([]string{}, s.Notes...),
		Segments: map[eventlog.State]*part{eventlog.Active: {}, eventlog.Sealed: {}, eventlog.Compacted: {}},
		Losses:   eventlog.Losses{}.Add(eventlog.Losses{}),
	}
	for _, p := range s.Problems {
		a.Problems = append(a.Problems, p.String())
	}
	return a
}

// lookInto adds what the log in dir holds. What cannot be read becomes a
// problem: the rest of the answer is still worth having.
func (a *statusAnswer) lookInto(dir string, now time.Time) {
	snapshot, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		a.Problems = append(a.Problems, err.Error())
		return
	}
	defer snapshot.Close()
	for _, seg := range snapshot.Segments() {
		seg, err := snapshot.Count(seg)
		if err != nil {
			a.Problems = append(a.Problems, err.Error())
		}
		a.add(seg, seg.Number <= snapshot.Floor())
	}
	if a.Oldest != nil {
		age := int64(now.Sub(*a.Oldest).Seconds())
		a.OldestAge = &age
	}
	if _, err := session.DayIDs(dir, now); err != nil {
		a.Problems = append(a.Problems, "nothing can be recorded: "+err.Error())
	}
	if err := snapshot.MetaError(); err != nil {
		a.Problems = append(a.Problems, "the counters of losses cannot be read: "+err.Error())
	}
	a.UsedBytes = snapshot.Bytes()
	a.LogID = snapshot.LogID()
	if since := snapshot.Since(); !since.IsZero() {
		a.Since = &since
	}
	a.Losses = snapshot.Losses().Add(eventlog.Losses{})
	a.LossesTotal = a.Losses.Total()
}

func (a *statusAnswer) add(seg eventlog.Segment, fenced bool) {
	p := a.Segments[seg.State]
	p.Files++
	p.Bytes += seg.Bytes
	a.PendingBytes += seg.Bytes
	if seg.Events > 0 {
		p.Events += seg.Events
		a.PendingEvents += seg.Events
		if fenced {
			a.Fenced += seg.Events
		}
	}
	if !seg.First.IsZero() && (a.Oldest == nil || seg.First.Before(*a.Oldest)) {
		a.Oldest = &seg.First
	}
}
