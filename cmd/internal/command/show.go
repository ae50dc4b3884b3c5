package command

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"

	"github.com/alecthomas/kingpin/v2"
)

// filter says which events to show; its zero value shows all.
type filter struct {
	limit   int
	event   schema.Name
	session string
	since   time.Time
}

func (f filter) wants(l schema.Line) bool {
	return (f.event == "" || l.Name() == f.event) &&
		(f.session == "" || l.SessionID() == f.session) &&
		(f.since.IsZero() || !l.Timestamp().Before(f.since))
}

// showStyle is how events are shown.
type showStyle struct {
	verbose, explain, follow bool
}

func (c *cli) addShow(group *kingpin.CmdClause) {
	var f filter
	var s showStyle
	cmd := c.command(group, "show", "Show the events in the log, oldest first.",
		func() error { return c.show(f, s) })
	c.addJSON(cmd)
	c.addDir(cmd)
	cmd.Flag("limit", "Only the newest N.").PlaceHolder("N").SetValue(countValue{&f.limit})
	cmd.Flag("event", "Only events of this name.").PlaceHolder("NAME").SetValue(eventValue{&f.event})
	cmd.Flag("session", "Only events of this session id.").PlaceHolder("ID").SetValue(nonEmpty{&f.session})
	cmd.Flag("since", "Only from this time on: 2026-11-23T10:15:00Z, 2026-11-23, 24h or 7d.").
		PlaceHolder("T").SetValue(timeValue{&f.since, c.Now})
	cmd.Flag("follow", "Then wait for more, across rotation; with --json one event a line.").Short('f').BoolVar(&s.follow)
	cmd.Flag("verbose", "Show every field of each event and what it means.").Short('v').BoolVar(&s.verbose)
	cmd.Flag("explain", "The same, with the level of each field and the values it can have.").BoolVar(&s.explain)
}

func (c *cli) show(f filter, s showStyle) error {
	dir, err := c.logDir()
	if err != nil {
		return err
	}
	v := &viewer{filter: f, stderr: c.Stderr}
	snapshot, err := eventlog.OpenSnapshot(dir, &eventlog.ReadOptions{LockTimeout: toolTimeout})
	if err != nil {
		return logError(err, dir, false)
	}
	defer snapshot.Close()
	c.sayWhyEmpty(dir, snapshot)
	out := c.answer()
	events := v.events(snapshot)
	if s.follow {
		events = v.follow(dir, events, out)
	}
	switch {
	case c.json && s.follow:
		showLines(out, events)
	case c.json:
		showJSON(out, events)
	default:
		newTable(out, c.style(), s).show(events)
	}
	v.complain()
	return out.end(v.stopped)
}

// sayWhyEmpty tells a person who finds nothing, or nothing new, what the reason may
// be. Whether telemetry is on does not matter to a log of the caller's own.
func (c *cli) sayWhyEmpty(dir string, log *eventlog.Snapshot) {
	s := c.settings()
	switch {
	case c.dirFlag == "" && !s.Enabled:
		fmt.Fprintf(c.Stderr, "%s: nothing is being recorded, telemetry is off: %s\n", c.Program, why(s.Reason))
	case isEmpty(log):
		c.sayNoLog(dir)
	}
}

// isEmpty reports that there has never been a log, and not that all of it is sent
// or was removed.
func isEmpty(log *eventlog.Snapshot) bool { return len(log.Segments()) == 0 && log.LogID() == "" }

func (c *cli) sayNoLog(dir string) {
	fmt.Fprintf(c.Stderr, "%s: there is no log in %s\n", c.Program, dir)
}

// viewer goes through a snapshot and remembers what it could not show.
type viewer struct {
	filter
	stderr io.Writer
	bad    int64 // lines that are no events

	end     eventlog.Position // behind the newest line of the snapshot
	stopped error             // why following ended early
}

// events are the events wanted, oldest first. A file on disk is not trusted:
// every line is checked before it is shown.
func (v *viewer) events(s *eventlog.Snapshot) iter.Seq[schema.Line] {
	if v.limit > 0 {
		newest := make([]schema.Line, 0, min(v.limit, 1024))
		for l := range v.checked(s.Backward()) {
			if newest = append(newest, l); len(newest) == v.limit {
				break
			}
		}
		slices.Reverse(newest)
		return slices.Values(newest)
	}
	return v.checked(s.Lines())
}

func (v *viewer) checked(entries iter.Seq2[eventlog.Entry, error]) iter.Seq[schema.Line] {
	return func(yield func(schema.Line) bool) {
		for entry, err := range entries {
			if err != nil {
				fmt.Fprintf(v.stderr, "caro: cannot be read: %v\n", err)
				continue
			}
			v.end = later(v.end, entry.End())
			l, err := schema.Parse(entry.Raw)
			if err != nil {
				v.bad++
				continue
			}
			if v.wants(l) && !yield(l) {
				return
			}
		}
	}
}

// complain says how much of the log was not shown.
func (v *viewer) complain() {
	if v.bad > 0 {
		fmt.Fprintf(v.stderr, "caro: %s in the log broke the contract and %s not shown\n", plural(v.bad, "line"), wasWere(v.bad))
	}
}

func wasWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// showJSON writes one array, one event a line.
func showJSON(out *answer, events iter.Seq[schema.Line]) {
	before := "["
	for l := range events {
		_, _ = out.Write([]byte(before))
		_, _ = out.Write(l.Bytes())
		if before = ",\n"; out.err != nil {
			return
		}
	}
	if before == "[" {
		out.line("[]")
		return
	}
	out.line("]")
}
