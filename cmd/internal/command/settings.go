package command

import (
	"strings"

	"caro.sh/telemetry/eventlog/settings"
)

func (c *cli) places() settings.Places { return settings.Places{Getenv: c.Getenv} }

// settingsFile is where the settings are, "" when nothing tells.
func (c *cli) settingsFile() string {
	if c.configFlag != "" {
		return c.configFlag
	}
	return c.places().ConfigFile()
}

// settings are what holds for this command.
func (c *cli) settings() settings.Settings {
	return settings.Resolve(settings.Input{
		NoTelemetry: !c.telemetry, Getenv: c.Getenv, File: settings.Read(c.settingsFile()),
	})
}

// watch is settings for a command that takes its time: they may change meanwhile.
func (c *cli) watch() *settings.Watch {
	return settings.NewWatch(c.settingsFile(), !c.telemetry, c.Getenv)
}

// soundSettings are for tools that had better not start with half of them: one
// value that cannot be read ends the command.
func (c *cli) soundSettings() (settings.Settings, error) {
	s := c.settings()
	if len(s.Problems) == 0 {
		return s, nil
	}
	return s, brokenSettings(s.Problems)
}

func brokenSettings(problems []settings.Problem) error {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return &exitError{exitSettings, "nothing was done, the settings are broken: " + strings.Join(texts, "\n  "), "correct or remove that setting"}
}

// why is the reason for on or off, with a way to change it where there is one.
func why(r settings.Reason) string {
	if r == settings.ReasonUnset {
		return r.String() + "; caro config set telemetry.enabled true does"
	}
	return r.String()
}

// logDir is the directory the command works on.
func (c *cli) logDir() (string, error) {
	dir := c.dirFlag
	if dir == "" {
		dir = c.places().StateDir()
	}
	if dir == "" {
		return "", &exitError{exitCannotCreate, "cannot tell where the log is: HOME is unset or no absolute path",
			"name a directory with --dir or " + settings.EnvDir}
	}
	return dir, nil
}
