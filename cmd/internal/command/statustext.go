package command

import (
	"fmt"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

func (a *statusAnswer) print(out *answer, st style) {
	row := func(name, text string) { out.line(st.paint(bold, fmt.Sprintf("%-13s", name)), text) }
	state := st.paint(yellow, "off")
	if a.Enabled {
		state = st.paint(green, "on")
	}
	row("Telemetry", state+" ("+why(a.Reason)+")")
	row("Level", string(a.Level))
	if a.AirGapped {
		row("Air-gapped", "yes: nothing ever uses a network")
	}
	row("Settings", orNone(a.SettingsFile))
	row("Log", orNone(a.Dir))
	a.printLog(row)
	a.printUpload(row)
	a.printDeletion(row)
	for _, p := range a.Problems {
		row("Problem", st.paint(red, p))
	}
	for _, n := range a.Notes {
		row("Note", n)
	}
	if p := a.Segments[eventlog.Active]; p.Files > 0 {
		out.line("hint: follow it with tail -F ", a.Dir, "/", eventlog.ActiveName, "; tail -f falls silent when the file is rotated")
	}
}

// printLog says what the log holds and what it lost.
func (a *statusAnswer) printLog(row func(name, text string)) {
	row("Pending", plural(a.PendingEvents, "event")+", "+plural(a.PendingBytes, "byte"))
	for _, state := range []eventlog.State{eventlog.Active, eventlog.Sealed, eventlog.Compacted} {
		if p := a.Segments[state]; p.Files > 0 {
			row("  "+string(state), fmt.Sprintf("%s, %s in %s", plural(p.Events, "event"), plural(p.Bytes, "byte"), plural(int64(p.Files), "file")))
		}
	}
	if a.Fenced > 0 {
		row("", plural(a.Fenced, "event")+" of them from before an opt-out, never uploaded")
	}
	if a.Oldest != nil {
		row("Oldest", a.Oldest.Local().Format(localLayout)+" ("+age(time.Duration(*a.OldestAge)*time.Second)+")")
	}
	row("Disk", fmt.Sprintf("%d of %s", a.UsedBytes, plural(a.MaxBytes, "byte")))
	lost := a.Losses
	lost.Cleared = 0 // that was asked for
	row("Lost", plural(lost.Total(), "event"))
	for _, l := range lossRows(lost) {
		row("", l)
	}
	if a.Losses.Cleared > 0 {
		row("Removed", plural(a.Losses.Cleared, "event")+": cleared, exported, or removed by an opt-out")
	}
}

// printUpload says where events go, when they last went and when they will.
func (a *statusAnswer) printUpload(row func(name, text string)) {
	if a.AirGapped {
		return
	}
	row("Endpoint", fmt.Sprintf("%s, every %s", a.Endpoint, plural(a.IntervalHours, "hour")))
	last := "never"
	if a.LastUpload != nil {
		last = a.LastUpload.Local().Format(localLayout)
	}
	row("Last upload", last)
	if text := a.LastAttempt.failed(); text != "" {
		row("Last attempt", text)
	}
	if a.NextAttempt != nil {
		text := a.NextAttempt.Local().Format(localLayout)
		if a.ServerAsked {
			text += " (the server asked for that)"
		}
		row("Next attempt", text)
	}
}

// printDeletion says what became of the newest request for deletion.
func (a *statusAnswer) printDeletion(row func(name, text string)) {
	d := a.Deletion
	if d == nil {
		return
	}
	switch d.State {
	case "queued":
		row("Deletion", "asked for "+d.RequestedAt.Local().Format(localLayout)+", queued as request "+d.RequestID)
	case "file":
		row("Deletion", "asked for "+d.RequestedAt.Local().Format(localLayout)+", the request is in "+d.Path)
	default:
		row("Deletion", "confirmed "+d.DeliveredAt.Local().Format(localLayout)+", receipt "+orNone(d.Receipt))
	}
	if d.Queued > 1 || d.Queued == 1 && d.State != "queued" {
		row("", plural(int64(d.Queued), "request")+" still to be sent")
	}
}

func orNone(path string) string {
	if path == "" {
		return "nowhere"
	}
	return path
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
	say(l.Cleared, "cleared, by hand or after an export")
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
