package command

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
)

// clearAnswer is the answer of clear.
type clearAnswer struct {
	Events   int64  `json:"events"`
	Bytes    int64  `json:"bytes"`
	Segments int    `json:"segments"`
	Dir      string `json:"dir"`
}

func (c *cli) addClear(group *kingpin.CmdClause) {
	var yes bool
	cmd := c.command(group, "clear", "Remove all events from the log, kept copies of sent ones included.",
		func() error { return c.clear(yes) })
	c.addJSON(cmd)
	c.addDir(cmd)
	addYes(cmd, &yes)
}

func addYes(cmd clause, yes *bool) {
	cmd.Flag("yes", "Do not ask.").Short('y').BoolVar(yes)
}

func (c *cli) clear(yes bool) error {
	dir, err := c.logDir()
	if err != nil {
		return err
	}
	if err := notReceived(dir); err != nil {
		return err
	}
	if err := c.confirm(yes, "Remove all events in "+dir+"?"); err != nil {
		return err
	}
	a := clearAnswer{Dir: dir}
	o := c.settings().Log()
	o.LockTimeout = toolTimeout
	log, err := eventlog.OpenExisting(dir, o)
	if err == nil {
		var cleared eventlog.Cleared
		cleared, err = log.Clear(eventlog.ClearOptions{Copies: true})
		a.Events, a.Bytes, a.Segments = cleared.Events, cleared.Bytes, cleared.Segments
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	out := c.answer()
	switch {
	case c.json:
		out.json(a)
	case err == nil && a.Bytes == 0:
		out.line("nothing to clear in ", dir)
	case err == nil && a.Segments == 0:
		out.line("removed the copies kept of events that were sent or refused, ", plural(a.Bytes, "byte"), ", from ", dir)
	case err == nil:
		out.line("removed ", plural(a.Events, "event"), " from ", dir)
	}
	return out.end(logError(err, dir, false))
}

// confirm asks somebody at a terminal. Where nobody can be asked, --yes has to
// be given.
func (c *cli) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(c.Stdin) || !isTerminal(c.Stderr) {
		return &exitError{exitUsage, "nothing was removed: there is nobody to ask", "--yes does it without asking"}
	}
	fmt.Fprint(c.Stderr, question+" [y/N] ")
	text, err := settings.ReadAnswer(c.Stdin)
	if err != nil {
		fmt.Fprintln(c.Stderr)
	}
	switch strings.ToLower(text) { // anything that is not a yes is a no
	case "y", "yes":
		return nil
	}
	return &exitError{exitFailed, "nothing was removed", ""}
}
