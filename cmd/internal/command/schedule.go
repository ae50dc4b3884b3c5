package command

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog/settings"

	"caro.sh/telemetry/eventlog"
)

func (c *cli) addSchedule(app *kingpin.Application) {
	var kind string
	cmd := c.command(app, "schedule", "Print what makes a machine upload regularly. Changes nothing.",
		func() error { return c.schedule(kind) })
	c.addDir(cmd)
	cmd.Flag("print", "cron for a line of a crontab, systemd for a service and its timer.").Required().EnumVar(&kind, "cron", "systemd")
}

// schedule prints an hourly job: whether an upload is due, the uploader knows
// itself. The minute is this install's own, so that a fleet does not come at once.
func (c *cli) schedule(kind string) error {
	dir, err := c.logDir()
	if err != nil {
		return err
	}
	program, err := c.absolute()
	if err != nil {
		return err
	}
	args := []string{program}
	job := settings.Places{Getenv: jobEnv(c.Getenv)}
	for _, place := range []struct{ name, given, here, there string }{
		{"--config", c.configFlag, c.settingsFile(), job.ConfigFile()},
		{"--dir", c.dirFlag, dir, job.StateDir()},
	} {
		if place.given == "" && place.here == place.there {
			continue
		}
		abs, err := filepath.Abs(place.here)
		if err != nil {
			return err
		}
		args = append(args, place.name, abs)
	}
	c.missedByJob()
	out := c.answer()
	minute := ownMinute(dir)
	if kind == "cron" {
		out.line(fmt.Sprintf("%d * * * * %s", minute, cronCommand(args)))
		return out.end(nil)
	}
	_, _ = fmt.Fprintf(out, systemdUnits, systemdCommand(args), minute)
	return out.end(nil)
}

// jobEnv is what a job of cron or systemd has of an environment, as far as it says
// where things are.
func jobEnv(getenv func(string) string) func(string) string {
	return func(name string) string {
		if name == settings.EnvDir || strings.HasPrefix(name, "XDG_") {
			return ""
		}
		return getenv(name)
	}
}

// missedByJob names what this environment says and the job's will not, never what
// it says.
func (c *cli) missedByJob() {
	say := func(env, remedy string) {
		fmt.Fprintf(c.Stderr, "%s: the job does not have %s: %s\n", c.Program, env, remedy)
	}
	for _, v := range c.settings().Values() {
		if v.Source == settings.FromEnvironment {
			say(v.Env, "put "+v.Key+" into the settings file")
		}
	}
	if c.settings().Reason == settings.ReasonNoTrack {
		say(settings.EnvNoTrack, "put "+settings.KeyEnabled+" = false into the settings file")
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if c.Getenv(name) != "" {
			say(name, "set it in the crontab or in the service, too")
		}
	}
}

const systemdUnits = `# ~/.config/systemd/user/caro-telemetry-upload.service
[Unit]
Description=Upload Caro telemetry
After=network-online.target

[Service]
Type=oneshot
ExecStart=%s
SuccessExitStatus=75
TimeoutStartSec=15min
NoNewPrivileges=true

# ~/.config/systemd/user/caro-telemetry-upload.timer
[Unit]
Description=Upload Caro telemetry every hour, when it is due

[Timer]
OnCalendar=*-*-* *:%02d:00
Persistent=true

[Install]
WantedBy=timers.target
`

// ownMinute follows from the log's own id, or where there is no log yet from the
// machine and the place.
func ownMinute(dir string) int {
	id := ""
	if s, err := eventlog.OpenSnapshot(dir, nil); err == nil {
		id = s.LogID()
		_ = s.Close() // nothing was written
	}
	if id == "" {
		host, _ := os.Hostname() // without a name the place has to do
		id = host + "\x00" + dir
	}
	sum := sha256.Sum256([]byte(id))
	return (int(sum[0])<<8 | int(sum[1])) % 60
}

// absolute is the path of this program: cron has another PATH.
func (c *cli) absolute() (string, error) {
	path, err := exec.LookPath(c.Name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", &exitError{exitFailed, "cannot tell where this program is: " + err.Error(), "call it by its path"}
	}
	return path, nil
}

// cronCommand quotes words for the shell and a crontab's own percent sign.
func cronCommand(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if strings.Trim(arg, plainBytes) != "" {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.ReplaceAll(strings.Join(quoted, " "), "%", `\%`)
}

// systemdCommand quotes words the way systemd.service(5) has it.
func systemdCommand(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = strings.ReplaceAll(strings.ReplaceAll(arg, "%", "%%"), "$", "$$")
		if strings.Trim(arg, plainBytes) != "" {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(quoted[i]) + `"`
		}
	}
	return strings.Join(quoted, " ")
}

const plainBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@="
