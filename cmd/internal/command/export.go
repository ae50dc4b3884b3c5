package command

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/export"
)

// exportFlags are the flags of export and of caro-telemetry-export.
type exportFlags struct {
	output, verify, summary       string
	toOutput, verifies, summaries bool // the flag was given; "" is a dash then
	clear, force                  bool
	since                         time.Time
	event                         schema.Name
	format                        string
	maxSize                       int64
}

func (c *cli) addExport(group *kingpin.CmdClause) {
	f := new(exportFlags)
	f.add(c, c.command(group, "export", "Write all that is pending to a file that can be looked through, carried and handed in.",
		func() error { return c.export(*f) }))
}

func (c *cli) addExportProgram(app *kingpin.Application) {
	f := new(exportFlags)
	f.add(c, c.only(app, func() error { return c.export(*f) }))
}

func (f *exportFlags) add(c *cli, cmd clause) {
	c.addJSON(cmd)
	c.addDir(cmd)
	cmd.Flag("output", "The file to write, or a dash for standard output (else telemetry-export-<UTC date>.json.gz in ~/.cache/caro).").
		Short('o').PlaceHolder("FILE").IsSetByUser(&f.toOutput).StringVar(&f.output)
	cmd.Flag("clear", "Then remove from the log what is in the file, once that is durable and was read back. Run on the first of each month, it exports a month.").BoolVar(&f.clear)
	cmd.Flag("force", "Replace a file that is there.").BoolVar(&f.force)
	cmd.Flag("since", "Only from this time on: 2026-11-23T10:15:00Z, 2026-11-23, 24h or 7d.").
		PlaceHolder("T").SetValue(timeValue{&f.since, c.Now})
	cmd.Flag("event", "Only events of this name.").PlaceHolder("NAME").SetValue(eventValue{&f.event})
	cmd.Flag("max-size", "Write several files of at most this size, each complete in itself: 500K, 20M, 1G.").
		PlaceHolder("N").SetValue(partSizeValue{&f.maxSize})
	cmd.Flag("format", "json.gz, a document that describes and checks itself, or ndjson.gz, the events alone.").
		Default(string(export.Document)).EnumVar(&f.format, string(export.Document), string(export.Lines))
	cmd.Flag("verify", "Check a file from its first byte to its last; nothing else is needed for it.").
		PlaceHolder("FILE").IsSetByUser(&f.verifies).StringVar(&f.verify)
	cmd.Flag("summary", "Check a file and print what it holds, for somebody who answers for it to sign.").
		PlaceHolder("FILE").IsSetByUser(&f.summaries).StringVar(&f.summary)
}

// check refuses flags that contradict each other.
func (f exportFlags) check() error {
	exports := f.toOutput || f.clear || f.force || !f.since.IsZero() || f.event != "" || f.maxSize != 0
	switch stdout := f.toOutput && isStdin(f.output); {
	case f.verifies && f.summaries:
		return usageError("--verify or --summary, not both: a summary is of a file that was verified")
	case (f.verifies || f.summaries) && exports:
		return usageError("--verify and --summary are about a file that is there: they go with --json only")
	case f.clear && (!f.since.IsZero() || f.event != ""):
		return usageError("--clear is for an export of everything: leave out --since and --event")
	case f.clear && (stdout || f.format == string(export.Lines)):
		return usageError("--clear needs a document in a file, which can be read back: leave out --format ndjson.gz and --output -")
	case stdout && (f.maxSize != 0 || f.force):
		return usageError("--max-size and --force are about files: give --output a name")
	}
	return nil
}

func (c *cli) export(f exportFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case f.verifies:
		return c.verifyExport(ctx, f.verify)
	case f.summaries:
		return c.summariseExport(ctx, f.summary)
	}
	s, err := c.soundSettings()
	if err != nil {
		return err
	}
	dir, err := c.logDir()
	if err != nil {
		return err
	}
	o, err := c.exportOptions(f, s, dir)
	if err != nil {
		return err
	}
	if o.Clear {
		if err := notReceived(dir); err != nil {
			return err
		}
	}
	bar := c.progress("exporting")
	o.Progress = bar.at
	result, err := export.Run(ctx, dir, o)
	bar.end()
	return c.exported(newExportAnswer(dir, o, result), o, exportError(err, dir))
}

func (c *cli) exportOptions(f exportFlags, s settings.Settings, dir string) (export.Options, error) {
	o := export.Options{
		Log:  eventlog.Options{MaxBytes: s.MaxBytes, LockTimeout: toolTimeout, Now: c.Now},
		File: f.output, Dir: c.places().CacheDir(), Force: f.force, Clear: f.clear, Format: export.Format(f.format),
		Since: f.since, Event: f.event, MaxSize: f.maxSize, Version: version, ChainFile: c.chainFile(dir),
	}
	if s.AirGapped {
		o.Log.KeepUnsent = -1
	}
	switch stdout := f.toOutput && isStdin(f.output); {
	case stdout && isTerminal(c.Stdout):
		return o, usageError("an export is compressed: send it to a file or a pipe")
	case stdout:
		o.File, o.Out = "", c.Stdout
	case o.File == "" && o.Dir == "":
		return o, &exitError{exitCannotCreate, "cannot tell where to write: HOME is not set", "name a file with --output"}
	}
	return o, nil
}

// chainFile is where the newest export of a log is remembered: outside the log,
// in which an export that clears nothing changes nothing. "" when nothing tells.
func (c *cli) chainFile(dir string) string {
	state := settings.Places{Getenv: func(name string) string {
		if name == settings.EnvDir {
			return ""
		}
		return c.Getenv(name)
	}}.StateDir()
	real, err := filepath.Abs(dir)
	if state == "" || err != nil {
		return ""
	}
	if resolved, err := filepath.EvalSymlinks(real); err == nil {
		real = resolved
	}
	sum := sha256.Sum256([]byte(real))
	return filepath.Join(filepath.Dir(state), "exports", fmt.Sprintf("%x.json", sum[:8]))
}

// exportError names the code and the remedy for what kept an export from being
// made, if anything did.
func exportError(err error, dir string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return &exitError{exitFailed, "interrupted", ""}
	case errors.Is(err, export.ErrNoOutput) && errors.Is(err, fs.ErrExist):
		return &exitError{exitCannotCreate, err.Error(), "--force replaces it"}
	case errors.Is(err, export.ErrNoOutput):
		return &exitError{exitCannotCreate, err.Error(), "choose a place you may write with --output"}
	}
	return logError(err, dir, false)
}

// partSizeValue is a flag that is the size of a file in bytes: 65536, 500K, 20M, 1G. As
// everywhere here, 1 MB is 1,048,576 bytes.
type partSizeValue struct{ to *int64 }

func (v partSizeValue) Set(s string) error {
	digits := strings.TrimRight(strings.ToUpper(s), "KMGIB")
	shift, known := map[string]int{"": 0, "B": 0, "K": 10, "KB": 10, "KIB": 10, "M": 20, "MB": 20, "MIB": 20, "G": 30, "GB": 30, "GIB": 30}[strings.ToUpper(s[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || !known || n<<shift < export.MinSize {
		return fmt.Errorf("a size is at least %dK, written 65536, 500K, 20M or 1G", export.MinSize>>10)
	}
	*v.to = n << shift
	return nil
}

func (v partSizeValue) String() string { return "" }
