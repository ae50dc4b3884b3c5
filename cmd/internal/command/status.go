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
	ServerAsked   bool                     `json:"server_asked"`
	LastAttempt   *lastAttempt             `json:"last_attempt"`
	InFlight      string                   `json:"batch_in_flight,omitempty"`
	Deletion      *deletionStatus          `json:"deletion"`
	Problems      []string                 `json:"problems"`
	Notes         []string                 `json:"notes"`

	empty bool // there is no log
}

// deletionStatus is the newest request for deletion.
type deletionStatus struct {
	RequestID   string     `json:"request_id"`
	State       string     `json:"state"` // queued, delivered or file
	RequestedAt time.Time  `json:"requested_at"`
	DeliveredAt *time.Time `json:"delivered_at"`
	Receipt     string     `json:"receipt"`
	Path        string     `json:"path,omitempty"`
	Queued      int        `json:"queued"` // requests that still have to be sent
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
	if a.empty {
		c.sayNoLog(a.Dir)
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
	a.empty = isEmpty(snapshot)
	for _, seg := range snapshot.Segments() {
		seg, err := snapshot.Count(seg)
		if err != nil {
			a.Problems = append(a.Problems, err.Error())
		}
		events, bytes := snapshot.Unsent(seg)
		a.add(seg, events, bytes, seg.Number <= snapshot.Floor())
	}
	a.addUploads(snapshot)
	attempt, err := snapshot.LastAttempt()
	if err != nil {
		a.Problems = append(a.Problems, err.Error())
	}
	a.LastAttempt = attemptOf(attempt)
	if a.Oldest != nil {
		age := int64(now.Sub(*a.Oldest).Seconds())
		a.OldestAge = &age
	}
	if err := eventlog.Trouble(dir); err != nil {
		a.Problems = append(a.Problems, err.Error())
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

// addUploads says when events went, when they will, and what was asked to be
// deleted.
func (a *statusAnswer) addUploads(s *eventlog.Snapshot) {
	when := s.Schedule()
	if !when.LastSuccess.IsZero() {
		next := when.LastSuccess.Add(time.Duration(a.IntervalHours) * time.Hour)
		a.LastUpload, a.NextAttempt = &when.LastSuccess, &next
	}
	if !when.NextAttempt.IsZero() {
		a.NextAttempt, a.ServerAsked = &when.NextAttempt, when.ServerAsked
	}
	if !a.Enabled || a.AirGapped {
		a.NextAttempt = nil
	}
	a.InFlight = s.InFlight()
	if err := s.UploadError(); err != nil {
		a.Problems = append(a.Problems, "how far uploads got cannot be read: "+err.Error())
	}
	all, err := s.Deletions()
	if err != nil {
		a.Problems = append(a.Problems, "requests for deletion cannot be read: "+err.Error())
	}
	for _, d := range all {
		a.addDeletion(d)
	}
}

func (a *statusAnswer) addDeletion(d eventlog.Deletion) {
	queued := 0
	if a.Deletion != nil {
		queued = a.Deletion.Queued
	}
	a.Deletion = &deletionStatus{RequestID: d.RequestID, State: "delivered", RequestedAt: d.RequestedAt, Receipt: d.Receipt, Path: d.File, Queued: queued}
	switch {
	case d.Queued():
		a.Deletion.State = "queued"
		a.Deletion.Queued++
	case d.File != "":
		a.Deletion.State = "file"
	default:
		a.Deletion.DeliveredAt = &d.DeliveredAt
	}
}

// add takes in a segment of which so many events and bytes are not sent.
func (a *statusAnswer) add(seg eventlog.Segment, events, bytes int64, fenced bool) {
	p := a.Segments[seg.State]
	p.Files++
	p.Bytes += seg.Bytes
	p.Events += max(seg.Events, 0)
	a.PendingBytes += bytes
	a.PendingEvents += events
	if fenced {
		a.Fenced += events
	}
	if !seg.First.IsZero() && (a.Oldest == nil || seg.First.Before(*a.Oldest)) {
		a.Oldest = &seg.First
	}
}
