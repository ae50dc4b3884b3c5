package command

import (
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
)

func (c *cli) addConfig(app *kingpin.Application) {
	group := app.Command("config", "Look at and change the settings.")
	var key, value string
	var keep bool

	get := c.command(group, "get", "Print the value of a setting as it holds.", func() error { return c.configGet(key) })
	c.addJSON(get)
	addKey(get, &key)

	set := c.command(group, "set", "Change a setting in the settings file.", func() error { return c.configSet(key, value, keep) })
	addKey(set, &key)
	set.Arg("value", "What it is to be.").Required().SetValue(nonEmpty{&value})
	addKeepPending(set, &keep)

	unset := c.command(group, "unset", "Remove a setting from the settings file, so that its default holds.",
		func() error { return c.configUnset(key, keep) })
	addKey(unset, &key)
	addKeepPending(unset, &keep)

	list := c.command(group, "list", "List all settings, their values and where those come from.", c.configList)
	c.addJSON(list)
	c.command(group, "path", "Print where the settings file is.", c.configPath)
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
	out.line(path)
	return out.end(nil)
}

// configFile is where the settings are, or would be.
func (c *cli) configFile() (string, error) {
	if path := c.settingsFile(); path != "" {
		return path, nil
	}
	return "", &exitError{exitCannotCreate, "cannot tell where the settings are: HOME is not set", "name a file with --config"}
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

func (c *cli) configSet(key, value string, keep bool) error {
	path, err := c.configFile()
	if err != nil {
		return err
	}
	before := c.settings()
	if err := settings.Set(path, key, value); err != nil {
		return configError(err)
	}
	text := value
	if v, ok := settings.Resolve(settings.Input{Getenv: nothing, File: settings.Read(path)}).Get(key); ok {
		text = v.Text
	}
	return c.changed(key+" = "+text+" in "+path, key, before, keep)
}

func (c *cli) configUnset(key string, keep bool) error {
	path, err := c.configFile()
	if err != nil {
		return err
	}
	before := c.settings()
	if err := settings.Unset(path, key); err != nil {
		return configError(err)
	}
	return c.changed(key+" is not set in "+path, key, before, keep)
}

func nothing(string) string { return "" }

// changed says what was changed, and does what an opt-out does to the log.
func (c *cli) changed(what, key string, before settings.Settings, keep bool) error {
	out := c.answer()
	out.line(what)
	after := c.settings()
	if key != settings.KeyEnabled {
		return out.end(nil)
	}
	if v, _ := after.Get(key); after.FileSaysOn {
		if !after.Enabled {
			out.line("telemetry stays off here: ", why(after.Reason))
		} else if !before.Enabled {
			out.line("telemetry is on; caro telemetry show shows what is recorded")
		}
		return out.end(nil)
	} else if after.Enabled {
		out.line("telemetry is still on here: ", v.Env, " says so")
	}
	return out.end(c.optOut(out, keep))
}

// optOut removes what was recorded, unless it is to be kept.
func (c *cli) optOut(out *answer, keep bool) error {
	dir := c.places().StateDir()
	if dir == "" {
		return nil
	}
	cleared, err := eventlog.OptOut(dir, &eventlog.Options{LockTimeout: toolTimeout}, keep)
	if err != nil {
		var e *exitError
		if errors.As(logError(err, dir, false), &e) {
			e.msg = "the settings are changed, but the events recorded so far are still there: " + e.msg
			e.hint += "; then run caro telemetry clear"
		}
		return e
	}
	if keep {
		out.line("what was recorded so far is kept, and never uploaded")
	} else {
		out.line("removed ", plural(cleared.Events, "pending event"))
	}
	return nil
}

// configError gives an error of the settings its exit code.
func configError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, settings.ErrUnknownKey), errors.Is(err, settings.ErrBadValue):
		return &exitError{exitUsage, err.Error(), ""}
	case errors.Is(err, settings.ErrBroken):
		return &exitError{exitSettings, err.Error(), "telemetry is off while it is so; correct the file by hand"}
	case errors.Is(err, eventlog.ErrLocked):
		return &exitError{exitTryAgain, err.Error(), "another program is changing the settings; try again"}
	}
	return &exitError{exitCannotCreate, err.Error(), "name another file with --config"}
}
