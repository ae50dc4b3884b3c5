package command

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// Environment variables that speak about telemetry.
const (
	envEnabled   = "CARO_TELEMETRY_ENABLED"
	envLevel     = "CARO_TELEMETRY_LEVEL"
	envDir       = "CARO_TELEMETRY_DIR"
	envCap       = "CARO_TELEMETRY_OFFLINE_SPOOL_MAX_MB"
	envAirGapped = "CARO_TELEMETRY_AIR_GAPPED"
	envNoTrack   = "DO_NOT_TRACK"
)

// reason says which rule decided whether telemetry is on. Scripts read it.
type reason string

const (
	reasonFlag        reason = "no_telemetry_flag"
	reasonNoTrack     reason = "do_not_track"
	reasonEnvironment reason = "environment"
	reasonUnset       reason = "unset"
	reasonBroken      reason = "settings_broken"
)

// explain is the reason in words.
func (r reason) explain() string {
	switch r {
	case reasonFlag:
		return "--no-telemetry was given"
	case reasonNoTrack:
		return envNoTrack + " is set"
	case reasonEnvironment:
		return envEnabled + " says so"
	case reasonBroken:
		return "a setting cannot be read"
	}
	return "nobody has switched it on; " + envEnabled + "=true does for one command"
}

// settings are what flags and environment say about telemetry, worked out once.
type settings struct {
	enabled   bool
	reason    reason
	level     schema.Level
	levelSet  bool // somebody chose the level
	airGapped bool
	maxBytes  int64
	// problems name each variable that cannot be read, and what it may say.
	problems []string
	capBad   bool // the cap is among the problems
}

// readSettings works out the settings; the first rule that speaks decides, and
// a value that cannot be read means off whatever else is said.
func readSettings(getenv func(string) string, noTelemetry bool) settings {
	s := settings{level: schema.Standard, maxBytes: eventlog.DefaultMaxBytes}
	on, said := s.boolean(getenv, envEnabled)
	s.airGapped, _ = s.boolean(getenv, envAirGapped)
	s.readLevel(getenv(envLevel))
	s.readCap(getenv(envCap))
	switch {
	case noTelemetry:
		s.reason = reasonFlag
	case tracksNot(getenv(envNoTrack)):
		s.reason = reasonNoTrack
	case len(s.problems) > 0:
		s.reason = reasonBroken
	case said:
		s.enabled, s.reason = on, reasonEnvironment
	default:
		s.reason = reasonUnset
	}
	return s
}

func (s *settings) boolean(getenv func(string) string, key string) (value, said bool) {
	text := getenv(key)
	if text == "" {
		return false, false
	}
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, true
	case "false", "0", "no", "off":
		return false, true
	}
	s.problem(key, "is not a yes or no", "true, false, 1, 0, yes, no, on or off")
	return false, false
}

func (s *settings) readLevel(text string) {
	if text == "" {
		return
	}
	level, err := schema.ParseLevel(text)
	if err != nil {
		s.problem(envLevel, "is not a level", "minimal, standard or detailed")
		return
	}
	s.level, s.levelSet = level, true
}

func (s *settings) readCap(text string) {
	if text == "" {
		return
	}
	const least, most = 2, 10240
	mb, err := strconv.ParseInt(text, 10, 64)
	if err != nil || mb < least || mb > most {
		s.problem(envCap, "is not a size the log can have", fmt.Sprintf("a whole number of MB from %d to %d", least, most))
		s.capBad = true
		return
	}
	s.maxBytes = mb * eventlog.MB
}

// problem never repeats the value: a variable may hold anything by mistake.
func (s *settings) problem(key, what, allowed string) {
	s.problems = append(s.problems, fmt.Sprintf("%s %s; it may be %s", key, what, allowed))
}

func tracksNot(text string) bool {
	return text != "" && text != "0" && !strings.EqualFold(text, "false")
}

// stateDir is the directory of the log: the flag, the variable, or the place
// the XDG base directory specification gives it. It is "" when nothing tells.
func stateDir(getenv func(string) string, flag string) string {
	if flag != "" {
		return flag
	}
	if dir := getenv(envDir); dir != "" {
		return dir
	}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "caro", "telemetry")
	}
	home := getenv("HOME")
	if home == "" && runtime.GOOS == "windows" {
		home = getenv("USERPROFILE")
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".local", "state", "caro", "telemetry")
}
