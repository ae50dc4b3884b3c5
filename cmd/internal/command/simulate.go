package command

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/simulate"

	"github.com/alecthomas/kingpin/v2"
)

// simulateFlags are the command line of simulate.
type simulateFlags struct {
	sessions, days, processes int
	seed                      uint64
	rate                      float64
	start                     time.Time
	level                     schema.Level
	out                       string
	toOut                     bool // out was given; "" is standard output then
	worker                    workerValue
}

// simulateAnswer is the answer of simulate.
type simulateAnswer struct {
	Recorded bool            `json:"recorded"`
	Reason   settings.Reason `json:"reason,omitempty"`
	Sessions int             `json:"sessions"`
	Events   int64           `json:"events"`
	Bytes    int64           `json:"bytes"`
	Seconds  float64         `json:"seconds"`
	Dir      string          `json:"dir,omitempty"`
	Out      string          `json:"out,omitempty"`
}

func (c *cli) addSimulate(group *kingpin.CmdClause) {
	var f simulateFlags
	cmd := c.command(group, "simulate", "Make up realistic sessions and record them, or print them with --out.",
		func() error { return c.simulate(f) })
	c.addJSON(cmd)
	c.addDir(cmd)
	cmd.Flag("sessions", "How many sessions, of about eleven events each.").Default("100").SetValue(countValue{&f.sessions})
	cmd.Flag("seed", "What happens in them: the same seed makes the same sessions.").Default("1").Uint64Var(&f.seed)
	cmd.Flag("rate", "Events a second; as fast as it goes without.").PlaceHolder("N").SetValue(rateValue{&f.rate})
	cmd.Flag("processes", "How many processes record at the same time.").Default("1").SetValue(countValue{&f.processes})
	cmd.Flag("start", "Of the first day (--days ago; with --out 2026-01-05).").PlaceHolder("T").SetValue(timeValue{&f.start, nil})
	cmd.Flag("days", "How many days the sessions are spread over.").Default("7").SetValue(countValue{&f.days})
	cmd.Flag("level", "minimal, standard or detailed; in the user's log not above the settings.").PlaceHolder("LEVEL").SetValue(levelValue{&f.level})
	cmd.Flag("out", "Print to this file, or to standard output for a dash, and record nothing.").PlaceHolder("FILE").
		IsSetByUser(&f.toOut).StringVar(&f.out)
	cmd.Flag("worker", "One of the processes of another simulate.").Hidden().SetValue(&f.worker)
}

func (c *cli) simulate(f simulateFlags) error {
	began := c.Now()
	var sum simulateAnswer
	var err error
	if f.toOut {
		sum, err = c.simulateOut(f)
	} else {
		sum, err = c.simulateLog(f)
	}
	sum.Seconds = c.Now().Sub(began).Round(time.Millisecond).Seconds()
	if f.toOut && isStdin(f.out) {
		return err // standard output holds the events
	}
	out := c.answer()
	switch {
	case c.json:
		out.json(sum)
	case sum.Recorded:
		out.line("recorded ", plural(sum.Events, "event"), " of ", plural(int64(sum.Sessions), "session"), " in ", sum.Dir)
	case sum.Out != "":
		out.line("wrote ", plural(sum.Events, "event"), " of ", plural(int64(sum.Sessions), "session"), " to ", sum.Out)
	}
	return out.end(err)
}

// options are the simulation asked for; started when no --start was given.
func (f simulateFlags) options(started time.Time) simulate.Options {
	if !f.start.IsZero() {
		started = f.start
	}
	return simulate.Options{
		Sessions: f.sessions, Seed: f.seed, Start: started, Days: f.days, Level: f.level,
		IDs: f.worker.key, Worker: f.worker.number, Workers: f.worker.of,
	}
}

// simulateOut prints the events: the same bytes whenever it is run.
func (c *cli) simulateOut(f simulateFlags) (sum simulateAnswer, err error) {
	if f.processes > 1 {
		return sum, usageError("--processes is for recording; --out is written by one")
	}
	sum.Sessions = f.sessions
	var w io.Writer = c.Stdout
	if !isStdin(f.out) {
		file, err := os.Create(f.out)
		if err != nil {
			return sum, &exitError{exitCannotCreate, "cannot write the events: " + err.Error(), ""}
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		w, sum.Out = file, f.out
	}
	o := f.options(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))
	o.IDs = simulate.SeededKey(f.seed)
	out := (&cli{Process: Process{Stdout: w}}).answer()
	sink := &sink{rate: f.rate, send: func(lines []schema.Line) error {
		for _, l := range lines {
			out.line(string(l.Bytes()))
		}
		if f.rate > 0 {
			out.flush()
		}
		return out.err
	}}
	err = sink.run(o)
	sum.Events, sum.Bytes = sink.events, sink.bytes
	if out.err != nil {
		err = nil // out.end says what it was
	}
	return sum, out.end(err)
}

// simulateLog records the events, if it may.
func (c *cli) simulateLog(f simulateFlags) (simulateAnswer, error) {
	p, err := c.permission(f.level)
	if err != nil || p.off != "" {
		return simulateAnswer{Reason: p.off}, err
	}
	f.level = p.level
	if f.worker.of == 0 {
		if _, err := rand.Read(f.worker.key[:]); err != nil {
			return simulateAnswer{}, fmt.Errorf("make ids: %w", err)
		}
		if f.start.IsZero() {
			f.start = c.Now().AddDate(0, 0, -f.days)
		}
	}
	sum := simulateAnswer{Recorded: true, Dir: p.dir, Sessions: f.sessions}
	if f.processes > 1 {
		sum.Events, sum.Bytes, err = c.simulateMany(f, p)
		return sum, err
	}
	log, err := p.open()
	if err != nil {
		return sum, err
	}
	sink := &sink{rate: f.rate, send: func(lines []schema.Line) error {
		err := appendAll(log, lines)
		if errors.Is(err, eventlog.ErrOff) {
			return err
		}
		return logError(err, p.dir, false)
	}}
	err = sink.run(f.options(f.start))
	if closeErr := log.Close(); err == nil {
		err = logError(closeErr, p.dir, false)
	}
	sum.Events, sum.Bytes = sink.events, sink.bytes
	if errors.Is(err, eventlog.ErrOff) { // somebody opted out meanwhile
		err = nil
		sum.Reason = c.settings().Reason
		c.sayOff(c.settings())
	}
	return sum, err
}

// appendAll waits for its turn as long as it takes: a simulation drops nothing.
func appendAll(log *eventlog.Log, lines []schema.Line) error {
	for len(lines) > 0 {
		n, err := log.Append(lines...)
		if err != nil && !errors.Is(err, eventlog.ErrLocked) {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

// sink gathers simulated events and sends them on at a rate.
type sink struct {
	rate float64 // events a second, 0 for no limit
	send func([]schema.Line) error

	events, bytes int64 // sent
	batch         []schema.Line
	batched       int64 // bytes in batch
	began         time.Time
}

// run sends all events of the simulation.
func (s *sink) run(o simulate.Options) error {
	s.began = time.Now()
	for l, err := range simulate.Generate(o) {
		if err != nil {
			return err
		}
		s.batch = append(s.batch, l)
		s.batched += int64(len(l.Bytes())) + 1
		if len(s.batch) >= s.batchSize() {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

// batchSize keeps a slow rate even and a fast one cheap.
func (s *sink) batchSize() int {
	const most, perSecond = 256, 50
	if s.rate == 0 {
		return most
	}
	return min(max(int(s.rate/perSecond), 1), most)
}

func (s *sink) flush() error {
	if len(s.batch) == 0 {
		return nil
	}
	if s.rate > 0 {
		due := time.Duration(float64(s.events) / s.rate * float64(time.Second))
		time.Sleep(time.Until(s.began.Add(due)))
	}
	if err := s.send(s.batch); err != nil {
		return err
	}
	s.events += int64(len(s.batch))
	s.bytes += s.batched
	clear(s.batch)
	s.batch, s.batched = s.batch[:0], 0
	return nil
}
