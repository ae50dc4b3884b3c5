// Package command holds caro's commands. They ask: what they do is done by the
// packages below, and nothing here knows how a log is kept or an event checked.
package command

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog/settings"
)

// version is set by the linker (-ldflags "-X …/command.version=1.2.3").
var version = "0.0.0-dev"

func init() {
	// An argument that begins with @ is a file's name like any other.
	kingpin.EnableFileExpansion = false
}

// Main runs a program, caro or one of its separate tools, with the arguments
// and streams of this process and ends it.
func Main(program string) {
	// A reader that went away is seen as an error of the write, so that what
	// is being recorded is still recorded.
	signal.Ignore(syscall.SIGPIPE)
	boundMemory()
	os.Exit(Run(Process{
		Program: program, Name: os.Args[0], Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Now: time.Now,
	}))
}

// Process is all that a command knows of the world outside.
type Process struct {
	Program        string   // which of the programs it is
	Name           string   // as it was called; programs it starts are called the same
	Args           []string // without the name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
}

// Run runs the command that the arguments name and returns its exit code.
func Run(p Process) int {
	c := &cli{Process: p}
	code, err := c.parseAndRun()
	if err != nil {
		return report(p.Stderr, p.Program, err)
	}
	return code
}

// cli is one run of the program: the flags that every command has.
type cli struct {
	Process
	dirFlag    string
	configFlag string
	json       bool
	colour     bool
	telemetry  bool
	help       *answer // what kingpin writes; it panics where it cannot
	run        func() error
}

// ended is how kingpin's terminate gets out of its parser.
type ended struct{ code int }

func (c *cli) parseAndRun() (code int, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case ended:
			code, err = e.code, c.help.end(nil)
		default:
			panic(e)
		}
	}()
	c.Args = negativeValue(c.Args)
	app, ok := c.application()
	if !ok {
		return 0, usageError("no program is called %s", c.Program)
	}
	if len(c.Args) == 0 && c.run == nil {
		return 0, &exitError{exitUsage, "no command given", c.Program + " --help lists the commands"}
	}
	for _, arg := range c.Args {
		if arg == "" {
			return 0, usageError("an empty argument: is a variable unset? (a dash means standard input)")
		}
	}
	if _, err := app.Parse(c.Args); brokenPipe(err) { // of --help-long and --help-man, which are not written to help
		return 0, nil
	} else if err != nil {
		return 0, &exitError{exitUsage, err.Error(), c.Program + " --help lists the commands, --help after a command its flags"}
	}
	return 0, c.run()
}

// negativeValue keeps the value of "config set KEY -1" from being taken for a
// flag, so that the setting can say what it may be.
func negativeValue(args []string) []string {
	last := len(args) - 1
	if last == 3 && args[0] == "config" && args[1] == "set" && len(args[3]) > 1 && args[3][0] == '-' && '0' <= args[3][1] && args[3][1] <= '9' {
		return []string{args[0], args[1], args[2], "--", args[3]}
	}
	return args
}

// program is one of the executables: what it says about itself and how its
// commands, or the one thing it does, are added.
type program struct {
	help string
	add  func(c *cli, app *kingpin.Application)
}

// programs are the executables, each a one-line main under cmd/. They are filled
// in by init, because one of them, the demonstration, runs the others.
var programs map[string]program

func init() {
	programs = map[string]program{
		"caro":                   {"Local, private telemetry of the caro command line tool.", (*cli).addCaro},
		"caro-telemetry-compact": {"Make the sealed segments of the log smaller, and apply its age limits.", (*cli).addCompact},
		"caro-telemetry-export":  {"Write what the log holds to a file, for a site without a network; check such files.", (*cli).addExportProgram},
		"caro-telemetry-ingest":  {"Receive telemetry: serve uploads, and take in files that are carried by hand.", (*cli).addIngest},
		"caro-telemetry-inspect": {"Look into the log, or into files that came from one, and change nothing.", (*cli).addInspect},
		"caro-telemetry-upload":  {"Upload what the log holds, for a cron job.", (*cli).addUpload},
	}
}

func (c *cli) application() (*kingpin.Application, bool) {
	p, ok := programs[c.Program]
	if !ok {
		return nil, false
	}
	app := kingpin.New(c.Program, p.help)
	app.Terminate(func(code int) { panic(ended{code}) })
	c.help = c.answer()
	app.UsageWriter(c.help).ErrorWriter(c.Stderr)
	app.Version(version)
	app.Flag("telemetry", "Record events; --no-telemetry records nothing, whatever the settings say.").
		Default("true").BoolVar(&c.telemetry)
	app.Flag("color", "Use colours on a terminal; NO_COLOR switches them off as well.").
		Default("true").BoolVar(&c.colour)
	app.Flag("config", "Settings file (else ~/.config/caro/config.toml).").
		PlaceHolder("FILE").SetValue(nonEmpty{&c.configFlag})
	p.add(c, app)
	return app, true
}

func (c *cli) addCaro(app *kingpin.Application) {
	group := app.Command("telemetry", "Record, look at and check telemetry events.")
	for _, add := range []func(*kingpin.CmdClause){
		c.addRecord, c.addCheck, c.addShow, c.addStatus, c.addExport, c.addClear, c.addDeleteRemote, c.addFlush, c.addSchema, c.addSimulate,
	} {
		add(group)
	}
	c.addConfig(app)
	c.addDemo(app)
}

// commander is what commands are added to: a program, or a group of commands.
type commander interface {
	Command(name, help string) *kingpin.CmdClause
}

// clause is what flags and arguments are added to: a command, or a program
// that does one thing.
type clause interface {
	Flag(name, help string) *kingpin.FlagClause
	Arg(name, help string) *kingpin.ArgClause
}

// command adds a sub-command that runs run once the whole line is parsed.
func (c *cli) command(to commander, name, help string, run func() error) *kingpin.CmdClause {
	cmd := to.Command(name, help)
	cmd.Action(func(*kingpin.ParseContext) error {
		c.run = run
		return nil
	})
	return cmd
}

// only makes run the one thing a program does; its flags go to the program.
func (c *cli) only(app *kingpin.Application, run func() error) clause {
	c.run = run
	return app
}

func (c *cli) addJSON(cmd clause) {
	cmd.Flag("json", "Answer in JSON (docs/cli-json.md).").BoolVar(&c.json)
}

func (c *cli) addDir(cmd clause) {
	cmd.Flag("dir", "Directory of the log (or "+settings.EnvDir+"; else ~/.local/state/caro/telemetry).").
		PlaceHolder("DIR").SetValue(nonEmpty{&c.dirFlag})
}
