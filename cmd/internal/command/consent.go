package command

import (
	"fmt"
	"io"
	"strings"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// permission is whether and how a command that adds events may do so.
type permission struct {
	dir      string
	level    schema.Level
	maxBytes int64
	// off is why nothing is recorded; "" when recording.
	off reason
}

// permission asks consent and level as any host does. A log named by the --dir
// flag belongs to the caller: only the cap is asked there, and --no-telemetry,
// which the same caller typed. A level the user has
// chosen is a ceiling for wanted; where none was chosen, wanted decides.
func (c *cli) permission(wanted schema.Level) (permission, error) {
	s := c.settings()
	p := permission{level: s.level, maxBytes: s.maxBytes}
	if c.dirFlag != "" && s.reason != reasonFlag {
		if s.capBad {
			return p, &exitError{exitSettings, "nothing was recorded: " + capProblem(s), "correct or unset " + envCap}
		}
		p.level = schema.Detailed
		if wanted != "" {
			p.level = wanted
		}
		p.dir = c.dirFlag
		return p, nil
	}
	if !s.enabled {
		p.off = s.reason
		c.sayOff(s)
		return p, nil
	}
	if wanted != "" && (!s.levelSet || s.level.Includes(wanted)) {
		p.level = wanted
	}
	dir, err := c.logDir()
	p.dir = dir
	return p, err
}

func capProblem(s settings) string {
	for _, p := range s.problems {
		if strings.HasPrefix(p, envCap) {
			return p
		}
	}
	return envCap + " cannot be read"
}

// sayOff tells a person why nothing is recorded, and what to do about it.
func (c *cli) sayOff(s settings) {
	fmt.Fprintf(c.Stderr, "caro: telemetry is off, nothing is recorded: %s\n", s.reason.explain())
	for _, problem := range s.problems {
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
	log, err := eventlog.Open(p.dir, &eventlog.Options{MaxBytes: p.maxBytes, LockTimeout: toolTimeout})
	return log, logError(err, p.dir, true)
}
