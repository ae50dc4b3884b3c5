package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/tools/inspect"
)

func (c *cli) addInspect(app *kingpin.Application) {
	c.addSegments(app)
	c.addCat(app)
	c.addGrep(app)
	c.addVerify(app)
	c.addStats(app)
}

// sourceFlags say what is looked into.
type sourceFlags struct {
	files []string
	sent  bool
}

func (c *cli) addSource(cmd *kingpin.CmdClause, f *sourceFlags) {
	c.addDir(cmd)
	addSent(cmd, &f.sent)
	cmd.Arg("file", "Files in the log's place: NDJSON, plain or as .lz4 or .gz, or exports; - is standard input.").
		StringsVar(&f.files)
}

func addSent(cmd clause, sent *bool) {
	cmd.Flag("sent", "Include the segments kept after they were sent.").BoolVar(sent)
}

// source is what flags and arguments name. A file that cannot be opened ends the
// command before anything is read.
func (c *cli) source(f sourceFlags) (inspect.Input, error) {
	in := inspect.Input{Log: eventlog.ReadOptions{LockTimeout: toolTimeout, Sent: f.sent}}
	if len(f.files) == 0 {
		var err error
		in.Dir, err = c.logDir()
		if err == nil && c.dirFlag != "" && !isDir(in.Dir) {
			c.sayNoLog(in.Dir)
		}
		return in, err
	}
	if c.dirFlag != "" || f.sent {
		return in, usageError("give files or a log, not both: --dir and --sent are about a log")
	}
	for _, name := range f.files {
		if isStdin(name) {
			in.Files = append(in.Files, inspect.File{Name: "-", Open: func() (io.ReadCloser, error) { return io.NopCloser(c.Stdin), nil }})
			continue
		}
		if err := readable(name); err != nil {
			return in, err
		}
		in.Files = append(in.Files, inspect.FileAt(name))
	}
	return in, nil
}

// isDir reports whether there is a directory of that name.
func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// readable finds out whether a file can be opened.
func readable(name string) error {
	if isDir(name) {
		return &exitError{exitIO, "cannot read the input: " + name + " is a directory", "--dir looks into a log, without it files are named"}
	}
	file, err := os.Open(name)
	if err != nil {
		return &exitError{exitIO, "cannot read the input: " + err.Error(), "give the name of a file with events, or - for standard input"}
	}
	if err := file.Close(); err != nil {
		return &exitError{exitIO, "cannot read the input: " + err.Error(), ""}
	}
	return nil
}

// watched runs do until it is done or somebody interrupts it, and shows how far it is.
func (c *cli) watched(what string, in *inspect.Input, do func(ctx context.Context) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := c.progress(what)
	defer p.end()
	in.Progress = p.at
	err := do(ctx)
	var aside *inspect.AsideError
	switch {
	case errors.As(err, &aside):
		return &exitError{exitIO, err.Error(), "set TMPDIR to a directory with room for a tenth of what the events take uncompressed"}
	case errors.Is(err, context.Canceled):
		return &exitError{exitFailed, "interrupted", ""}
	case err == nil:
		return nil
	case in.Dir == "":
		return &exitError{exitIO, err.Error(), ""}
	}
	return logError(err, in.Dir, false)
}

// unreadable says on standard error what was passed over.
func (c *cli) unreadable(err error) {
	fmt.Fprintf(c.Stderr, "%s: cannot be read: %s\n", c.Program, visible(err.Error()))
}

// skipped says how many lines were no events.
func (c *cli) skipped(n int64) {
	if n > 0 {
		fmt.Fprintf(c.Stderr, "%s: skipped %s that broke the contract\n", c.Program, plural(n, "line"))
	}
}
