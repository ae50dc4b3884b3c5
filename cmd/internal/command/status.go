package command

import (
	"fmt"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"

	"github.com/alecthomas/kingpin/v2"
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
	Reason        reason                   `json:"reason"`
	Level         schema.Level             `json:"level"`
	AirGapped     bool                     `json:"air_gapped"`
	PendingEvents int64                    `json:"pending_events"`
	PendingBytes  int64                    `json:"pending_bytes"`
	Dir           string                   `json:"dir"`
	Segments      map[eventlog.State]*part `json:"segments"`
	Oldest        *time.Time               `json:"oldest"`
	OldestAge     *int64                   `json:"oldest_age_seconds"`
	UsedBytes     int64                    `json:"used_bytes"`
	MaxBytes      int64                    `json:"max_bytes"`
	LogID         string                   `json:"log_id,omitempty"`
	Since         *time.Time               `json:"since"`
	LossesTotal   int64                    `json:"losses_total"`
	Losses        eventlog.Losses          `json:"losses"`
	Problems      []string                 `json:"problems"`
}

func (c *cli) addStatus(group *kingpin.CmdClause) {
	cmd := c.command(group, "status", "Say whether telemetry is on, why, and what is in the log. Changes nothing.", c.status)
	c.addJSON(cmd)
	c.addDir(cmd)
}

func (c *cli) status() error {
	s := c.settings()
	a := statusAnswer{
		Enabled: s.enabled, Reason: s.reason, Level: s.level, AirGapped: s.airGapped, MaxBytes: s.maxBytes,
		Problems: append([]string{}, s.problems...),
		Segments: map[eventlog.State]*part{eventlog.Active: {}, eventlog.Sealed: {}, eventlog.Compacted: {}},
		Losses:   eventlog.Losses{}.Add(eventlog.Losses{}),
	}
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
		a.add(seg)
	}
	if a.Oldest != nil {
		age := int64(now.Sub(*a.Oldest).Seconds())
		a.OldestAge = &age
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

func (a *statusAnswer) add(seg eventlog.Segment) {
	p := a.Segments[seg.State]
	p.Files++
	p.Bytes += seg.Bytes
	a.PendingBytes += seg.Bytes
	if seg.Events > 0 {
		p.Events += seg.Events
		a.PendingEvents += seg.Events
	}
	if !seg.First.IsZero() && (a.Oldest == nil || seg.First.Before(*a.Oldest)) {
		a.Oldest = &seg.First
	}
}

func (a *statusAnswer) print(out *answer, st style) {
	row := func(name, text string) { out.line(st.paint(bold, fmt.Sprintf("%-12s", name)), text) }
	state := st.paint(yellow, "off")
	if a.Enabled {
		state = st.paint(green, "on")
	}
	row("Telemetry", state+" ("+a.Reason.explain()+")")
	row("Level", string(a.Level))
	if a.AirGapped {
		row("Air-gapped", "yes")
	}
	row("Directory", a.Dir)
	row("Pending", plural(a.PendingEvents, "event")+", "+plural(a.PendingBytes, "byte"))
	for _, state := range []eventlog.State{eventlog.Active, eventlog.Sealed, eventlog.Compacted} {
		if p := a.Segments[state]; p.Files > 0 {
			row("  "+string(state), fmt.Sprintf("%s, %s in %s", plural(p.Events, "event"), plural(p.Bytes, "byte"), plural(int64(p.Files), "file")))
		}
	}
	if a.Oldest != nil {
		row("Oldest", a.Oldest.Local().Format(localLayout)+" ("+age(time.Duration(*a.OldestAge)*time.Second)+")")
	}
	row("Disk", fmt.Sprintf("%d of %s", a.UsedBytes, plural(a.MaxBytes, "byte")))
	row("Lost", plural(a.LossesTotal, "event"))
	for _, l := range lossRows(a.Losses) {
		row("", l)
	}
	for _, p := range a.Problems {
		row("Problem", st.paint(red, p))
	}
	if p := a.Segments[eventlog.Active]; p.Files > 0 {
		out.line("hint: follow it with tail -F ", a.Dir, "/", eventlog.ActiveName, "; tail -f falls silent when the file is rotated")
	}
}

// lossRows names each kind of loss that happened.
func lossRows(l eventlog.Losses) []string {
	var rows []string
	say := func(n int64, what string) {
		if n > 0 {
			rows = append(rows, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, category := range schema.Categories() {
		say(l.Refused[category], "refused: "+string(category))
	}
	say(l.Evicted, "removed to keep to the size cap")
	say(l.Expired, "removed for their age")
	say(l.Cleared, "cleared by the user")
	say(l.QueueFull, "not recorded: the queue was full")
	say(l.LockTimeout, "not recorded: the log was locked")
	say(l.IOError, "not recorded: the disk did not take them")
	say(l.Torn, "torn fragments of a writer that died")
	say(l.Unreadable, "in segments removed unread")
	say(l.RejectedByServer, "rejected by the server")
	say(l.Unknown, "of unknown fate")
	return rows
}

// age says roughly how long ago something was.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < 2*time.Minute:
		return plural(int64(d/time.Second), "second") + " ago"
	case d < 2*time.Hour:
		return plural(int64(d/time.Minute), "minute") + " ago"
	case d < 48*time.Hour:
		return plural(int64(d/time.Hour), "hour") + " ago"
	}
	return plural(int64(d/(24*time.Hour)), "day") + " ago"
}
