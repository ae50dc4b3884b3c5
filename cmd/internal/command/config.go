package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/eventlog/vfs"
)

func (c *cli) addConfig(app *kingpin.Application) {
	group := app.Command("config", "Look at and change the settings.")
	var key, value string
	var keep bool

	get := c.command(group, "get", "Print the value of a setting as it holds.", func() error { return c.configGet(key) })
	c.addJSON(get)
	addKey(get, &key)

	set := c.command(group, "set", "Change a setting in the settings file.", func() error { return c.configSet(key, value, keep) })
	c.addJSON(set)
	addKey(set, &key)
	set.Arg("value", "What it is to be.").Required().SetValue(nonEmpty{&value})
	addKeepPending(set, &keep)

	unset := c.command(group, "unset", "Remove a setting from the settings file, so that its default holds.",
		func() error { return c.configUnset(key, keep) })
	c.addJSON(unset)
	addKey(unset, &key)
	addKeepPending(unset, &keep)

	list := c.command(group, "list", "List all settings, their values and where those come from.", c.configList)
	c.addJSON(list)
	c.addJSON(c.command(group, "path", "Print where the settings file is.", c.configPath))
}

func addKey(cmd clause, key *string) {
	cmd.Arg("key", "Name of the setting, such as telemetry.level; config list names all.").Required().SetValue(nonEmpty{key})
}

func addKeepPending(cmd clause, keep *bool) {
	cmd.Flag("keep-pending", "When this switches telemetry off: keep the events that are not sent. They can be shown, exported and cleared, and are never uploaded.").
		BoolVar(keep)
}

func (c *cli) configPath() error {
	path, err := c.configFile()
	if err != nil {
		return err
	}
	out := c.answer()
	if c.json {
		out.json(map[string]string{"file": path})
	} else {
		out.line(path)
	}
	return out.end(nil)
}

// configFile is where the settings are, or would be.
func (c *cli) configFile() (string, error) {
	if path := c.settingsFile(); path != "" {
		return path, nil
	}
	return "", &exitError{exitCannotCreate, "cannot tell where the settings are: HOME is unset or no absolute path", "name a file with --config"}
}

func (c *cli) configGet(key string) error {
	v, ok := c.settings().Get(key)
	if !ok {
		return configError(settings.UnknownKey())
	}
	if _, err := c.soundSettings(); err != nil {
		return err
	}
	out := c.answer()
	if c.json {
		out.json(newConfigValue(v))
	} else {
		out.line(shownValue(v))
	}
	return out.end(nil)
}

func (c *cli) configList() error {
	s := c.settings()
	out := c.answer()
	if c.json {
		values := []configValue{}
		for _, v := range s.Values() {
			values = append(values, newConfigValue(v))
		}
		out.json(values)
	} else {
		for _, v := range s.Values() {
			out.line(fmt.Sprintf("%-32s %-40s %s", v.Key, shownValue(v), sourceText(v)))
		}
	}
	for _, note := range s.Notes {
		fmt.Fprintf(c.Stderr, "caro: %s\n", note)
	}
	_, err := c.soundSettings()
	return out.end(err)
}

// configValue is a setting as JSON shows it.
type configValue struct {
	Key    string          `json:"key"`
	Value  any             `json:"value"` // null when unset
	Source settings.Source `json:"source"`
	Env    string          `json:"environment_variable"`
}

func newConfigValue(v settings.Value) configValue {
	return configValue{v.Key, v.Native(), v.Source, v.Env}
}

func shownValue(v settings.Value) string {
	if v.Text == "" {
		return "unset"
	}
	return v.Text
}

func sourceText(v settings.Value) string {
	if v.Source == settings.FromEnvironment {
		return "from " + v.Env
	}
	return "from the " + string(v.Source)
}

// changeAnswer is the answer of set and unset.
type changeAnswer struct {
	configValue
	File    string `json:"file"`
	Enabled bool   `json:"enabled"` // whether telemetry is on now
	Removed int64  `json:"removed_events"`

	words []string
}

func (a *changeAnswer) say(parts ...string) { a.words = append(a.words, strings.Join(parts, "")) }

func (c *cli) configSet(key, value string, keep bool) error {
	return c.change(key, keep, func(path string) error {
		canonical, err := settings.Canonical(key, value)
		if err == nil && key == settings.KeyEnabled && canonical == "true" {
			err = c.optIn()
		}
		if err != nil {
			return err
		}
		return settings.Set(path, key, value)
	})
}

func (c *cli) configUnset(key string, keep bool) error {
	return c.change(key, keep, func(path string) error { return settings.Unset(path, key) })
}

// change edits the settings file, and does what an opt-out does to the log.
func (c *cli) change(key string, keep bool, edit func(path string) error) error {
	path, err := c.configFile()
	if err != nil {
		return err
	}
	before := c.settings()
	if err := edit(path); err != nil {
		return configError(err)
	}
	after := c.settings()
	stored, _ := settings.Resolve(settings.Input{Getenv: nothing, File: settings.Read(path)}).Get(key)
	a := &changeAnswer{configValue: newConfigValue(stored), File: path, Enabled: after.Enabled}
	if stored.Source == settings.FromFile {
		a.say(key, " = ", stored.Text, " in ", path)
	} else {
		a.say(key, " is not set in ", path)
	}
	if key == settings.KeyEnabled {
		err = c.consented(a, before, after, keep)
	}
	out := c.answer()
	if c.json {
		out.json(a)
	} else {
		for _, line := range a.words {
			out.line(line)
		}
	}
	return out.end(err)
}

func nothing(string) string { return "" }

// consented says what a changed answer means, and clears the log for a no.
func (c *cli) consented(a *changeAnswer, before, after settings.Settings, keep bool) error {
	switch {
	case after.FileSaysOn && !after.Enabled:
		a.say("telemetry stays off here: ", why(after.Reason))
	case after.FileSaysOn && !before.Enabled:
		a.say("telemetry is on; caro telemetry show shows what is recorded")
	}
	if after.FileSaysOn {
		return nil
	}
	if after.Enabled {
		a.say("telemetry is still on here: ", settings.EnvEnabled, " says so")
	}
	if c.otherSettings() {
		a.say("the log is left as it is; caro telemetry clear removes what was recorded")
		return nil
	}
	return c.optOut(a, before, keep)
}

// otherSettings reports whether the settings are not those that the log belongs to.
func (c *cli) otherSettings() bool {
	return c.configFlag != "" && c.configFlag != c.places().ConfigFile()
}

// optIn keeps what is there from before a yes from being uploaded.
func (c *cli) optIn() error {
	dir, s := c.places().StateDir(), c.settings()
	if dir == "" || s.FileSaysOn || c.otherSettings() {
		return nil
	}
	o := s.Log()
	o.LockTimeout = toolTimeout
	err := logError(eventlog.OptIn(dir, o), dir, false)
	var e *exitError
	if errors.As(err, &e) {
		e.msg = "the settings are as they were: " + e.msg
	}
	return err
}

// optOut removes what was recorded, unless it is to be kept.
func (c *cli) optOut(a *changeAnswer, before settings.Settings, keep bool) error {
	dir := c.places().StateDir()
	if dir == "" {
		return nil
	}
	o := before.Log()
	o.LockTimeout = toolTimeout
	cleared, err := eventlog.OptOut(dir, o, keep)
	if err != nil {
		var e *exitError
		if errors.As(logError(err, dir, false), &e) {
			e.msg = "the settings are changed, but the events recorded so far are still there: " + e.msg
			e.hint += "; then run caro telemetry clear"
		}
		return e
	}
	a.Removed = cleared.Events
	if keep {
		a.say("what was recorded so far is kept, and never uploaded")
	} else {
		a.say("removed ", plural(cleared.Events, "pending event"))
	}
	return nil
}

// configError gives an error of the settings its exit code.
func configError(err error) error {
	var e *exitError
	switch {
	case errors.As(err, &e):
		return e
	case err == nil:
		return nil
	case errors.Is(err, settings.ErrUnknownKey), errors.Is(err, settings.ErrBadValue):
		return &exitError{exitUsage, err.Error(), ""}
	case errors.Is(err, settings.ErrBroken):
		return &exitError{exitSettings, err.Error(), "telemetry is off while it is so; correct the file by hand"}
	case errors.Is(err, eventlog.ErrLocked):
		return &exitError{exitTryAgain, err.Error(), "another program is changing the settings; try again"}
	case vfs.IsFull(err):
		return &exitError{exitIO, err.Error(), "make room on that disk; until then " + settings.EnvEnabled + "=false switches telemetry off"}
	}
	return &exitError{exitCannotCreate, err.Error(), "name another file with --config"}
}
