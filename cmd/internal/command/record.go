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
	// batchBytes is how much is appended at once while input keeps coming.
	batchBytes = 256 << 10
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
	return fmt.Sprintf("%s:%d: refused: %v", r.File, r.Line, r.Why)
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

// recorder reads lines and appends what passes, a batch at a time.
type recorder struct {
	permission
	stderr io.Writer
	log    *eventlog.Log
	answer recordAnswer

	batch   []schema.Line
	bytes   int
	refused map[schema.Category]int64 // not yet counted in the log
}

// read records one input to its end.
func (r *recorder) read(name string, input io.Reader) error {
	lines := newLineReader(input)
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			return r.flush()
		}
		if err != nil {
			return errors.Join(r.flush(), r.inputError(name, err))
		}
		r.take(name, l)
		if r.bytes >= batchBytes || lines.waiting() {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
}

// inputError says how far the input could be read.
func (r *recorder) inputError(name string, err error) error {
	return &exitError{exitIO, fmt.Sprintf("cannot read on in %s: %v", name, err), "what was read up to there is recorded"}
}

// take puts one line into the batch, or says why not.
func (r *recorder) take(name string, l line) {
	event, err := schema.Parse(l.text)
	if err == nil {
		var kept bool
		if event, kept = event.AtLevel(r.level); !kept {
			r.answer.Skipped++
			return
		}
		event, err = withID(event)
	}
	if err != nil {
		r.refuse(refusal{name, l.number, violation(err, l.length)})
		return
	}
	r.batch = append(r.batch, event)
	r.bytes += len(event.Bytes()) + 1
}

// withID gives an event that has none an id of its own.
func withID(event schema.Line) (schema.Line, error) {
	if event.EventID() != "" {
		return event, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return schema.Line{}, err
	}
	return event.WithEventID(id.String())
}

func (r *recorder) refuse(no refusal) {
	fmt.Fprintln(r.stderr, no)
	r.answer.Refused++
	if len(r.answer.Refusals) < maxRefusals {
		r.answer.Refusals = append(r.answer.Refusals, no)
	}
	if r.refused == nil {
		r.refused = map[schema.Category]int64{}
	}
	r.refused[no.Why.Category]++
}

// flush appends the batch and counts what was refused since the last one.
func (r *recorder) flush() error {
	if len(r.batch) > 0 {
		n, err := r.log.Append(r.batch...)
		r.answer.Accepted += int64(n)
		if errors.Is(err, eventlog.ErrOff) {
			return err
		}
		if err != nil {
			return r.appendError(err)
		}
		clear(r.batch)
		r.batch, r.bytes = r.batch[:0], 0
	}
	if len(r.refused) == 0 {
		return nil
	}
	err := r.log.Count(eventlog.Losses{Refused: r.refused})
	if err != nil {
		return r.appendError(err)
	}
	r.refused = nil
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
