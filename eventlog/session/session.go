// Package session is what a host program links: one run of it, from Start to
// End. Nothing here blocks the host, prints (but for the first-run question),
// fails or panics; when telemetry is off, nothing is written anywhere.
package session

import (
	"context"
	"os"
	"sync"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"
)

// closeTimeout is how long End may take when the disk or the lock does not
// answer.
const closeTimeout = 200 * time.Millisecond

// signalTimeout is the same when a signal came: the host is on its way out and
// goes on working meanwhile.
const signalTimeout = 50 * time.Millisecond

// developmentVersion is what builds without a version call themselves.
const developmentVersion = "0.0.0-dev"

// Options describe a run of a host. Only Version and Backend have to be set.
type Options struct {
	// Version of the host: SemVer 2.0, at most 40 bytes; "" is a development build.
	Version string
	// Backend is the one the host prefers; FallbackEnabled that it may use another.
	Backend         schema.Backend
	FallbackEnabled bool
	// SafetyLevel and OutputFormat are left out when empty.
	SafetyLevel  schema.SafetyLevel
	OutputFormat schema.OutputFormat

	// Prompt lets the first-run question be asked; nil asks nobody. Terminal
	// is the usual one.
	Prompt *settings.Prompt
	// NoTelemetry is the host's flag --no-telemetry.
	NoTelemetry bool
	// EndOnSignal ends the session on SIGINT and SIGTERM, then lets the signal
	// do what it would have done. A host with handlers of its own leaves it
	// off and calls End from them.
	EndOnSignal bool

	// Uploader and Exporter serve the recorder's Flush and Export.
	Uploader eventlog.Uploader
	Exporter eventlog.Exporter

	// ConfigFile and Dir are the settings file and the directory of the log,
	// "" for the usual places.
	ConfigFile string
	Dir        string
	// Getenv is the environment, nil the real one; Now the clock, nil the real one.
	Getenv func(string) string
	Now    func() time.Time
	// Platform is detected when nil.
	Platform *schema.Platform
}

// Session is one run of a host. Its methods may be called from several
// goroutines, on a nil *Session too, and return at once.
type Session struct {
	recorder *eventlog.Recorder // nil when telemetry is off
	reason   settings.Reason
	now      func() time.Time
	began    time.Time
	firstRun bool

	mu     sync.Mutex
	counts counts
	ended  sync.Once
	over   chan struct{} // closed by End
}

// Start begins a run: it reads the settings, asks the first-run question where
// it may, and records session.start. It never fails: a session that may not or
// cannot record is a silent one.
func Start(o Options) *Session {
	o.complete()
	s := &Session{now: o.Now, began: o.Now(), over: make(chan struct{})}
	watch := settings.NewWatch(o.ConfigFile, o.NoTelemetry, o.Getenv)
	if watch.Settings().MayAsk(o.Prompt, o.Getenv) && settings.CanSave(o.ConfigFile) == nil {
		s.firstRun = ask(o, watch)
	}
	now := watch.Settings()
	s.reason = now.Reason
	if !now.Enabled || o.Dir == "" {
		return s
	}
	s.recorder = eventlog.NewRecorder(eventlog.RecorderOptions{
		Dir: o.Dir, Log: now.Log(), Uploader: o.Uploader, Exporter: o.Exporter, Now: o.Now,
		Allowed: func() (schema.Level, bool) {
			now := watch.Settings()
			return now.Level, now.Enabled
		},
		SessionID: func() (string, error) { return newID(o.Dir, s.began) },
	})
	s.recorder.Record(s.start(o))
	if o.EndOnSignal {
		s.endOnSignal()
	}
	return s
}

func (o *Options) complete() {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	places := settings.Places{Getenv: o.Getenv}
	if o.ConfigFile == "" {
		o.ConfigFile = places.ConfigFile()
	}
	if o.Dir == "" {
		o.Dir = places.StateDir()
	}
	if o.Version == "" {
		o.Version = developmentVersion
	}
	if o.Platform == nil {
		p := DetectPlatform(o.Getenv)
		o.Platform = &p
	}
}

// start is the first event.
func (s *Session) start(o Options) schema.SessionStart {
	e := schema.SessionStart{
		CaroVersion: o.Version, Platform: *o.Platform,
		BackendConfig: schema.BackendConfig{Primary: o.Backend, FallbackEnabled: o.FallbackEnabled},
		SafetyLevel:   o.SafetyLevel, OutputFormat: o.OutputFormat,
	}
	if s.firstRun {
		e.IsFirstRun = new(true)
	}
	return e
}

// Enabled reports whether events are being recorded.
func (s *Session) Enabled() bool { return s != nil && s.recorder.Enabled() }

// Reason says why telemetry was on or off when the session began.
func (s *Session) Reason() settings.Reason {
	if s == nil {
		return settings.ReasonUnset
	}
	return s.reason
}

// Recorder returns what the session records with, nil when telemetry is off.
func (s *Session) Recorder() *eventlog.Recorder {
	if s == nil {
		return nil
	}
	return s.recorder
}

// CommandGenerated records that a command was suggested.
func (s *Session) CommandGenerated(e schema.CommandGenerated) {
	if s.Enabled() {
		s.count(func(c *counts) { c.generated(e) })
		s.recorder.Record(e)
	}
}

// CommandExecuted records that a suggested command was carried out, or would
// have been.
func (s *Session) CommandExecuted(e schema.CommandExecuted) {
	if s.Enabled() {
		s.count(func(c *counts) { c.executed(e) })
		s.recorder.Record(e)
	}
}

// SafetyTriggered records that the safety check stepped in.
func (s *Session) SafetyTriggered(e schema.SafetyTriggered) {
	if s.Enabled() {
		s.count(func(c *counts) { c.safety(e) })
		s.recorder.Record(e)
	}
}

// ErrorOccurred records that something went wrong in the host.
func (s *Session) ErrorOccurred(e schema.ErrorOccurred) {
	if s.Enabled() {
		s.count(func(c *counts) { c.errors++ })
		s.recorder.Record(e)
	}
}

func (s *Session) count(add func(*counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.counts)
}

// End records session.end with what the session counted, and waits until all
// is written, for 200 ms at most. Whatever is recorded after it is dropped. Only
// the first call does anything.
func (s *Session) End(reason schema.ExitReason) {
	if s == nil {
		return
	}
	s.ended.Do(func() { s.end(reason, closeTimeout) })
}

func (s *Session) end(reason schema.ExitReason, within time.Duration) {
	defer close(s.over)
	if s.recorder == nil {
		return
	}
	if s.Enabled() {
		s.mu.Lock()
		e := s.counts.summary()
		s.mu.Unlock()
		e.ExitReason = reason
		e.SessionDurationMS = uint64(max(s.now().Sub(s.began).Milliseconds(), 0))
		s.recorder.Record(e)
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_ = s.recorder.Close(ctx) // what is not written by then is lost: the host comes first
}
