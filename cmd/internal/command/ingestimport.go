package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/tools/ingest"
)

// importEraseWait is how long import waits for the end of an erasure.
const importEraseWait = 10 * time.Minute

// importAnswer is the answer of import.
type importAnswer struct {
	Dir    string         `json:"dir"`
	Events int64          `json:"events"`
	Stored int64          `json:"stored"`
	Bad    int            `json:"bad"`
	Files  []importedFile `json:"files"`
	Gaps   []ingest.Gap   `json:"gaps"`

	hint string // for the mistake that was made, if it is known
}

// importedFile is what became of one file.
type importedFile struct {
	File string `json:"file"`
	ingest.Imported
	Problem  string           `json:"problem,omitempty"`
	Refusals []ingest.Refusal `json:"refusals,omitempty"`
}

func (c *cli) addImport(app *kingpin.Application) {
	var f ingestFlags
	var files []string
	cmd := c.command(app, "import", "Take in exports, and requests for deletion, that were carried here by hand.",
		func() error { return c.importFiles(f, files) })
	c.addJSON(cmd)
	c.addReceiver(cmd, &f)
	cmd.Arg("FILE", "Export (.json.gz or .json) or request for deletion; - is standard input.").Required().StringsVar(&files)
}

func (c *cli) importFiles(f ingestFlags, files []string) error {
	defer setMemoryLimit(importMemory)()
	logger := slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	o := f.storeOptions(c, logger)
	o.EraseWait = importEraseWait
	o.Retention = -1 // how long events are kept is for serve to say
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	store, err := ingest.Open(c.dirFlag, o)
	if err != nil {
		return receiverError(err, c.dirFlag)
	}
	a := importAnswer{Dir: c.dirFlag, Files: []importedFile{}, Gaps: []ingest.Gap{}}
	for _, name := range files {
		if err = c.importOne(ctx, store, name, &a); err != nil {
			break
		}
	}
	gaps, gapErr := store.Gaps()
	if gapErr == nil {
		a.Gaps = gaps
	}
	err = errors.Join(err, gapErr, store.Close())
	out := c.answer()
	if c.json {
		out.json(a)
	} else {
		a.say(out)
	}
	switch {
	case err != nil:
		return out.end(importError(err, c.dirFlag))
	case a.Bad > 0:
		return out.end(&exitError{code: exitBadInput, hint: a.hint})
	}
	return out.end(nil)
}

// importError is receiverError for whoever can be interrupted, or has no input.
func importError(err error, dir string) error {
	var e *exitError
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return &exitError{exitFailed, "interrupted", "the same command goes on where it was"}
	}
	return receiverError(err, dir)
}

// importOne takes in one file. A bad one is noted and keeps no other from it; its
// error means that the rest cannot be done either.
func (c *cli) importOne(ctx context.Context, store *ingest.Store, name string, a *importAnswer) error {
	file := importedFile{File: dashed(name)}
	f, err := c.seekable(name)
	if err == nil {
		defer f.Close()
		file.Imported, err = store.Import(ctx, f)
	}
	var bad *ingest.BadExportError
	var unread *inputError
	switch {
	case errors.As(err, &unread):
		file.Problem, a.hint = unread.Error(), "give the names of exports, or - for standard input"
	case errors.As(err, &bad):
		file.Problem, file.Refusals = bad.Error(), bad.Refusals
	case errors.Is(err, ingest.ErrOtherContent), errors.Is(err, ingest.ErrTooLarge):
		file.Problem = err.Error()
	case err != nil:
		return err
	}
	if file.Problem != "" {
		a.Bad++
		fmt.Fprintf(c.Stderr, "%s: %s: %s\n", c.Program, visible(file.File), visible(file.Problem))
	}
	a.Events += file.Events
	a.Stored += file.Stored
	a.Files = append(a.Files, file)
	return nil
}

// inputError means that an input cannot be read, whatever it holds.
type inputError struct{ err error }

func (e *inputError) Error() string { return "cannot read the input: " + e.err.Error() }

// inputFile tells the errors of an input from those of the receiver.
type inputFile struct{ io.ReadSeekCloser }

func (f inputFile) Read(p []byte) (int, error) {
	n, err := f.ReadSeekCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &inputError{err}
	}
	return n, err
}

// seekable opens a file that is read twice. Standard input is copied aside first.
func (c *cli) seekable(name string) (io.ReadSeekCloser, error) {
	if !isStdin(name) {
		f, err := os.Open(name)
		if err != nil {
			return nil, &inputError{err}
		}
		return inputFile{f}, nil
	}
	f, err := os.CreateTemp("", "caro-import-*")
	if err == nil {
		_, err = io.Copy(f, c.Stdin)
	}
	if err != nil {
		return nil, &exitError{exitIO, "cannot copy standard input: " + err.Error(), "give the name of an export"}
	}
	return removed{f}, nil
}

// removed is a file that goes when it is closed.
type removed struct{ *os.File }

func (r removed) Close() error { return errors.Join(r.File.Close(), os.Remove(r.Name())) }

// say is the answer in words.
func (a importAnswer) say(out *answer) {
	for _, f := range a.Files {
		name := visible(f.File)
		switch {
		case f.Problem != "":
		case f.Receipt != nil && f.Receipt.Erased:
			out.line(name, ": request for deletion carried out, receipt ", f.Receipt.ReceiptID)
		case f.Receipt != nil:
			out.line(name, ": request for deletion taken, receipt ", f.Receipt.ReceiptID, "; the receiver erases the events when it serves")
		case f.Again:
			out.line(name, ": taken in before")
		default:
			out.line(name, ": ", plural(f.Events, "event"), ", ", fmt.Sprint(f.Stored), " of them new")
		}
	}
	for _, g := range a.Gaps {
		if g.Part > 0 {
			out.line("missing: part ", fmt.Sprint(g.Part), " of export ", g.Missing)
			continue
		}
		out.line("missing: export ", g.Missing, ", which ", g.ExportID, " follows")
	}
}
