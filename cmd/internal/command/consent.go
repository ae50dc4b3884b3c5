package command

import (
	"fmt"
	"io"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/ingest"
)

// permission is whether and how a command that adds events may do so.
type permission struct {
	dir   string
	level schema.Level
	log   *eventlog.Options
	// off is why nothing is recorded; "" when recording.
	off settings.Reason
}

// permission asks consent and level as any host does: wanted may only lower the
// level. A log named by the --dir flag belongs to the caller: only the cap is asked
// there, and --no-telemetry, which the same caller typed.
func (c *cli) permission(wanted schema.Level) (permission, error) {
	s := c.settings()
	p := permission{level: s.Level, log: s.Log()}
	p.log.LockTimeout = toolTimeout
	if c.dirFlag != "" && s.Reason != settings.ReasonFlag {
		if bad := capProblems(s); len(bad) > 0 {
			return p, brokenSettings(bad)
		}
		p.level = schema.Detailed
		if wanted != "" {
			p.level = wanted
		}
		p.dir = c.dirFlag
		return p, nil
	}
	if !s.Enabled {
		p.off = s.Reason
		c.sayOff(s)
		return p, nil
	}
	if wanted != "" && s.Level.Includes(wanted) {
		p.level = wanted
	}
	watch := c.watch()
	p.log.Consent = func() bool { return watch.Settings().Enabled }
	dir, err := c.logDir()
	p.dir = dir
	return p, err
}

// capProblems are what keeps the cap from being known: its own value, or a file
// that cannot be read at all.
func capProblems(s settings.Settings) (bad []settings.Problem) {
	for _, p := range s.Problems {
		if p.Key == settings.KeyCap || p.Key == "" {
			bad = append(bad, p)
		}
	}
	return bad
}

// sayOff tells a person why nothing is recorded, and what to do about it.
func (c *cli) sayOff(s settings.Settings) {
	fmt.Fprintf(c.Stderr, "caro: telemetry is off, nothing is recorded: %s\n", why(s.Reason))
	for _, problem := range s.Problems {
		fmt.Fprintf(c.Stderr, "  %s\n", problem)
	}
	fmt.Fprintln(c.Stderr, "hint: caro telemetry status says what decides; --dir DIR records into a log of your own")
}

// drain reads what a host pipes in and forgets it, so that being off never
// breaks the host's pipe.
func (c *cli) drain(files []string) {
	for _, name := range orStdin(files) {
		if isStdin(name) && !isTerminal(c.Stdin) {
			_, _ = io.Copy(io.Discard, c.Stdin)
		}
	}
}

// open opens the log for a tool, which waits for its turn longer than a host.
func (p permission) open() (*eventlog.Log, error) {
	if err := notReceived(p.dir); err != nil {
		return nil, err
	}
	log, err := eventlog.Open(p.dir, p.log)
	return log, logError(err, p.dir, true)
}

// notReceived refuses a receiver's directory: a host's settings say how much of a
// log is kept, and what others sent is not this host's to remove.
func notReceived(dir string) error {
	if !ingest.IsStore(dir) {
		return nil
	}
	return &exitError{exitCannotCreate, dir + " is a receiver's directory, not the log of a host",
		"name the log of a host with --dir; a receiver's is changed by caro-telemetry-ingest and caro-telemetry-compact"}
}
