package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/uuid"
)

const (
	// toolTimeout is how long a tool waits for the log's lock.
	toolTimeout = 10 * time.Second
	// maxRefusals is how many refusals the JSON answer lists.
	maxRefusals = 1000
)

// refusal is one refused line as answers show it: never its content.
type refusal struct {
	File string
	Line int
	Why  *schema.Violation
}

func (r refusal) String() string {
	return fmt.Sprintf("%s:%d: refused: %v", visible(r.File), r.Line, r.Why)
}

// MarshalJSON writes the violation's fields beside the place.
func (r refusal) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		File     string          `json:"file"`
		Line     int             `json:"line"`
		Category schema.Category `json:"category"`
		Pointer  string          `json:"pointer"`
		Length   int             `json:"length"`
		Rule     string          `json:"rule"`
	}{r.File, r.Line, r.Why.Category, r.Why.Pointer, r.Why.Length, r.Why.Rule})
}

// recordAnswer is the answer of record.
type recordAnswer struct {
	Accepted int64           `json:"accepted"`
	Refused  int64           `json:"refused"`
	Skipped  int64           `json:"skipped"`
	Recorded bool            `json:"recorded"`
	Reason   settings.Reason `json:"reason,omitempty"`
	Dir      string          `json:"dir,omitempty"`
	Refusals []refusal       `json:"refusals"`
}

func (c *cli) addRecord(group *kingpin.CmdClause) {
	var files []string
	var level schema.Level
	cmd := c.command(group, "record", "Check events, one JSON object a line, and append the good ones to the log.",
		func() error { return c.record(files, level) })
	c.addJSON(cmd)
	c.addDir(cmd)
	cmd.Flag("level", "Leave off what is above this level: minimal, standard or detailed.").
		PlaceHolder("LEVEL").SetValue(levelValue{&level})
	cmd.Arg("file", "NDJSON files; standard input without one, or for a dash.").StringsVar(&files)
}

func (c *cli) record(files []string, level schema.Level) error {
	p, err := c.permission(level)
	if err != nil {
		return err
	}
	if p.off != "" {
		c.drain(files)
		return c.recorded(recordAnswer{Reason: p.off, Refusals: []refusal{}}, nil)
	}
	if err := haveFiles(files); err != nil { // before there is a log for nothing
		return err
	}
	log, err := p.open()
	if err != nil {
		return err
	}
	r := &recorder{stderr: c.Stderr, log: log, permission: p}
	r.answer = recordAnswer{Recorded: true, Dir: p.dir, Refusals: []refusal{}}
	err = c.eachInput(files, r.read)
	if closeErr := log.Close(); err == nil {
		err = logError(closeErr, p.dir, false)
	}
	if errors.Is(err, eventlog.ErrOff) { // somebody opted out meanwhile
		err = nil
		r.answer.Reason = c.settings().Reason
		c.sayOff(c.settings())
		c.drain(files)
	}
	return c.recorded(r.answer, err)
}

// recorded gives the answer, of which err may be the end.
func (c *cli) recorded(sum recordAnswer, err error) error {
	out := c.answer()
	switch {
	case c.json:
		out.json(sum)
	case sum.Recorded:
		out.line("recorded ", plural(sum.Accepted, "event"), " in ", sum.Dir, sum.others())
	}
	if err == nil && sum.Refused > 0 {
		err = errSaid(exitBadInput)
	}
	return out.end(err)
}

// others names what was not recorded, when there was any.
func (s recordAnswer) others() string {
	var text string
	if s.Refused > 0 {
		text += ", refused " + plural(s.Refused, "line")
	}
	if s.Skipped > 0 {
		text += ", skipped " + plural(s.Skipped, "event") + " above the level"
	}
	return text
}

// recorder appends what passes, a block of input at a time.
type recorder struct {
	permission
	stderr io.Writer
	log    *eventlog.Log
	answer recordAnswer
}

// checked is what was found in a block.
type checked struct {
	parser   schema.Parser
	events   []schema.Line
	skipped  int64
	refusals []refusal // Line is counted from the block's beginning
}

// read records one input to its end.
func (r *recorder) read(name string, input io.Reader) error {
	var failed error // of the log, not of the input
	err := eachBlock(input, func(l line, c *checked) { c.add(name, l, r.level) }, func(before int, c *checked) error {
		failed = r.take(before, c)
		clear(c.events)
		c.events, c.refusals, c.skipped = c.events[:0], c.refusals[:0], 0
		c.parser.Reset()
		return failed
	})
	if err != nil && failed == nil {
		return r.inputError(name, err)
	}
	return err
}

// inputError says how far the input could be read.
func (r *recorder) inputError(name string, err error) error {
	return &exitError{exitIO, fmt.Sprintf("cannot read on in %s: %v", name, err), "what was read up to there is recorded"}
}

// add checks one line.
func (c *checked) add(name string, l line, level schema.Level) {
	event, err := c.parser.Parse(l.text)
	if err == nil {
		var kept bool
		if event, kept = event.AtLevel(level); !kept {
			c.skipped++
			return
		}
		event, err = withID(event)
	}
	if err != nil {
		c.refusals = append(c.refusals, refusal{name, l.number, violation(err, l.length)})
		return
	}
	c.events = append(c.events, event)
}

// withID gives an event that has none an id of its own.
func withID(event schema.Line) (schema.Line, error) {
	if event.HasEventID() {
		return event, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return schema.Line{}, err
	}
	return event.WithEventID(id.String())
}

// take appends the events of a block and counts what was refused.
func (r *recorder) take(before int, c *checked) error {
	refused := map[schema.Category]int64{}
	for _, no := range c.refusals {
		no.Line += before
		fmt.Fprintln(r.stderr, no)
		r.answer.Refused++
		if len(r.answer.Refusals) < maxRefusals {
			r.answer.Refusals = append(r.answer.Refusals, no)
		}
		refused[no.Why.Category]++
	}
	r.answer.Skipped += c.skipped
	n, err := r.log.Append(c.events...)
	r.answer.Accepted += int64(n)
	if errors.Is(err, eventlog.ErrOff) {
		return err
	}
	if err != nil {
		return r.appendError(err)
	}
	if len(refused) == 0 {
		return nil
	}
	if err := r.log.Count(eventlog.Losses{Refused: refused}); err != nil {
		return r.appendError(err)
	}
	return nil
}

// appendError says what was kept before the log could take no more.
func (r *recorder) appendError(err error) error {
	said := logError(err, r.dir, false)
	var e *exitError
	if errors.As(said, &e) {
		e.msg += "; " + plural(r.answer.Accepted, "event") + " of this input " + isAre(r.answer.Accepted) + " recorded"
	}
	return said
}

func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
