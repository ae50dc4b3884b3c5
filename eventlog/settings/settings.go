// Package settings knows what a user has decided about telemetry: the table
// [telemetry] of config.toml, the environment, and which of them speaks first.
// It asks the first-run question too.
//
// docs/settings.md is the same for people.
package settings

import (
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// Reason says which rule decided whether telemetry is on. Scripts read it.
type Reason string

// The reasons, in the order in which they speak.
const (
	ReasonFlag        Reason = "no_telemetry_flag"
	ReasonNoTrack     Reason = "do_not_track"
	ReasonBroken      Reason = "settings_broken"
	ReasonEnvironment Reason = "environment"
	ReasonFile        Reason = "settings_file"
	ReasonUnset       Reason = "unset"
)

// String is the reason in words.
func (r Reason) String() string {
	switch r {
	case ReasonFlag:
		return "--no-telemetry was given"
	case ReasonNoTrack:
		return EnvNoTrack + " is set"
	case ReasonBroken:
		return "a setting cannot be read"
	case ReasonEnvironment:
		return EnvEnabled + " says so"
	case ReasonFile:
		return "the settings file says so"
	}
	return "nobody has switched it on"
}

// Source says where a value comes from.
type Source string

// The sources, the strongest first.
const (
	FromEnvironment Source = "environment"
	FromFile        Source = "file"
	FromDefault     Source = "default"
)

// Settings are what holds for one process at one moment.
type Settings struct {
	// Enabled is whether events may be recorded, and Reason why.
	Enabled bool
	Reason  Reason
	// Level is what is recorded at all.
	Level schema.Level
	// BatchInterval is how long the uploader waits between two uploads.
	BatchInterval time.Duration
	// MaxBytes caps the log, all files together.
	MaxBytes int64
	// AirGapped forbids every use of a network.
	AirGapped bool
	// Endpoint is where events are uploaded to.
	Endpoint string
	// Problems are the values that cannot be read. One is enough for off.
	Problems []Problem
	// Notes are things in the file that nobody asked about, such as a key that
	// is not known. They decide nothing.
	Notes []string
	// FileSaysOn and FileSaysOff tell what the file itself says, whatever
	// speaks before it. Off there is an opt-out, in a variable it is not.
	FileSaysOn, FileSaysOff bool

	values []Value
}

// Value is one setting as it holds.
type Value struct {
	Key    string // such as telemetry.level
	Text   string // "" when unset
	Source Source // where it comes from
	Env    string // the variable that overrides the file
}

// Native is the value as a bool, an int64 or a string; nil when it is unset.
func (v Value) Native() any {
	if v.Text == "" {
		return nil
	}
	k, err := findKey(v.Key)
	switch {
	case err != nil || k.quoted:
		return v.Text
	case k.allowed == bools:
		return v.Text == "true"
	}
	return atoi(v.Text)
}

// Problem is a value that cannot be read. It never repeats the value, which
// may be anything by mistake.
type Problem struct {
	Where   string // the variable, or the file and key
	What    string // what is wrong
	Allowed string // what it may say; "" when there is nothing to say
	Key     string // the setting concerned, "" for the file as a whole
}

// String is the problem in one line.
func (p Problem) String() string {
	text := p.Where + " " + p.What
	if p.Allowed != "" {
		text += "; it may be " + p.Allowed
	}
	return text
}

// Values lists every setting with its value and source, in the order of the
// contract.
func (s Settings) Values() []Value { return append([]Value(nil), s.values...) }

// Get returns one setting by its full name.
func (s Settings) Get(name string) (Value, bool) {
	for _, v := range s.values {
		if v.Key == name {
			return v, true
		}
	}
	return Value{}, false
}

// Log returns the options of a log that these settings ask for.
func (s Settings) Log() *eventlog.Options {
	o := &eventlog.Options{MaxBytes: s.MaxBytes}
	if s.AirGapped {
		o.KeepUnsent = -1 // such a site may export once a quarter
	}
	return o
}

// Input is all that decides.
type Input struct {
	// NoTelemetry is the flag --no-telemetry.
	NoTelemetry bool
	// Getenv is the environment.
	Getenv func(string) string
	// File is the settings file as it was read.
	File Document
}

// Resolve works out what holds: the first rule that speaks decides whether
// telemetry is on, and a value that cannot be read means off whatever else is
// set. It is a pure function of its input.
func Resolve(in Input) Settings {
	s := Settings{Notes: in.File.unknownKeys()}
	if in.File.Problem != nil {
		s.Problems = append(s.Problems, *in.File.Problem)
	}
	enabled, source := s.take(&keyEnabled, in)
	s.FileSaysOn, s.FileSaysOff = in.File.says("true"), in.File.says("false")
	s.takeRest(in)
	switch {
	case in.NoTelemetry:
		s.Reason = ReasonFlag
	case tracksNot(in.Getenv(EnvNoTrack)):
		s.Reason = ReasonNoTrack
	case len(s.Problems) > 0:
		s.Reason = ReasonBroken
	case source == FromEnvironment:
		s.Enabled, s.Reason = enabled == "true", ReasonEnvironment
	case source == FromFile:
		s.Enabled, s.Reason = enabled == "true", ReasonFile
	default:
		s.Reason = ReasonUnset
	}
	return s
}

// takeRest works out the settings beside enabled.
func (s *Settings) takeRest(in Input) {
	level, _ := s.take(&keyLevel, in)
	s.Level = schema.Level(level)
	hours, _ := s.take(&keyInterval, in)
	s.BatchInterval = time.Duration(atoi(hours)) * time.Hour
	mb, _ := s.take(&keyCap, in)
	s.MaxBytes = atoi(mb) * eventlog.MB
	gap, _ := s.take(&keyAirGapped, in)
	s.AirGapped = gap == "true"
	s.Endpoint, _ = s.take(&keyEndpoint, in)
}

// take works out one key: the environment, then the file, then the default. A
// value that cannot be read becomes a problem even where another speaks first.
func (s *Settings) take(k *key, in Input) (text string, source Source) {
	text, source = k.standard, FromDefault
	if v, there := in.File.values[k.name]; there {
		if t, ok := k.fromTOML(v); ok {
			text, source = t, FromFile
		} else {
			s.Problems = append(s.Problems, k.problem(in.File.Path+": "+k.full()))
		}
	}
	if v := in.Getenv(k.env); v != "" {
		if t, ok := k.read(v); ok {
			text, source = t, FromEnvironment
		} else {
			s.Problems = append(s.Problems, k.problem(k.env))
		}
	}
	s.values = append(s.values, Value{Key: k.full(), Text: text, Source: source, Env: k.env})
	return text, source
}
