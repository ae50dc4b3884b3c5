// Package export puts the events of a log that were not sent into a file which
// somebody can look through, carry to another machine and hand in, and checks
// such files. docs/airgap.md shows the whole way.
package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/schema"
)

// Format is how a file is written.
type Format string

const (
	// Document is one JSON document that describes and checks itself, gzipped.
	Document Format = "json.gz"
	// Lines is the events alone, one a line, gzipped. It has no id, so it is in
	// no chain and clears nothing.
	Lines Format = "ndjson.gz"
)

// MinSize is the smallest that Options.MaxSize may be, in bytes.
const MinSize = 64 << 10

// Options of an export; the zero value and a Dir make a document of everything
// that is pending, under a default name.
type Options struct {
	// Log is how the log is opened, and its disk and clock.
	Log eventlog.Options
	// File is the file to write; its directory has to exist. "" is the first
	// default name that is free in Dir, which is made when it is missing.
	File string
	Dir  string
	// Out takes the document instead of a file.
	Out io.Writer
	// TempDir is for what is kept aside until Out can be written, "" the
	// system's. A file is always written aside in its own directory.
	TempDir string
	// Force replaces files that are there.
	Force bool
	// Clear removes from the log what was exported, once the file is durable
	// and has been read back.
	Clear  bool
	Format Format // "" is Document
	// Since and Event choose events, zero values all of them.
	Since time.Time
	Event schema.Name
	// MaxSize is the most bytes a file may have; what is more goes to further
	// ones, each complete in itself. 0 is no limit.
	MaxSize int64
	// Version is Caro's.
	Version string
	// ID is the export's, a UUID version 7; "" makes one up.
	ID string
	// ChainFile keeps the id of the newest export of this log, "" for no chain.
	ChainFile string
	// Workers is how many cores may compress at once; 0 is up to four.
	Workers int
	// Progress is told how far an export is, in bytes of the log's files; nil
	// is nobody. It is called from one goroutine at a time.
	Progress func(done, total int64)
}

// Result is what became of an export. Where there was nothing to export, it
// names no file.
type Result struct {
	ID         string // empty for Lines
	PreviousID string
	Files      []File
	Events     int64
	First      time.Time // of the earliest and latest event
	Last       time.Time
	// Refused counts lines of the log that are no events, by category, and are
	// in no file.
	Refused map[schema.Category]int64
	// Damaged says what of the log could not be read.
	Damaged []*eventlog.DamageError
	// Gone counts segments that somebody else removed before they were read.
	Gone int
	// Cleared is what Clear removed, and Kept the first segment it did not
	// because it could not be read; 0 for none.
	Cleared eventlog.Cleared
	Kept    uint64
	// ChainErr says why the chain of export ids could not be read or carried
	// on; the files are complete all the same.
	ChainErr error
}

// Bytes is the size of all files.
func (r Result) Bytes() (n int64) {
	for _, f := range r.Files {
		n += f.Bytes
	}
	return n
}

// Bad is how many lines of the log are in no file because they are no events.
func (r Result) Bad() (n int64) {
	for _, count := range r.Refused {
		n += count
	}
	return n
}

// File is one file that was written.
type File struct {
	Path   string // empty for Out
	Part   int    // from 1
	Events int64
	Bytes  int64
	// Checksum is SHA-256 over the events, each with a newline, and SHA256 the
	// same over the file, both in hex.
	Checksum string
	SHA256   string
}

// ErrNoOutput means that a file could not be made; the log is untouched.
var ErrNoOutput = errors.New("cannot write the export")

// Run exports what is pending in the log in dir while others append, seal,
// compact and remove. Every line is checked again. A directory that does not
// exist is an empty log. After an error the result says what was done by then:
// a file that it names is complete, and nothing is cleared that is not in one.
func Run(ctx context.Context, dir string, o Options) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, fmt.Errorf("export the log: %w", err)
	}
	e := &exporter{Options: o.withDefaults(), dir: dir}
	if err := e.run(ctx); err != nil {
		return e.result, fmt.Errorf("export the log: %w", err)
	}
	return e.result, nil
}

// check refuses what cannot be meant.
func (o Options) check() error {
	switch {
	case o.Clear && (!o.Since.IsZero() || o.Event != ""):
		return errors.New("only an export of everything can clear")
	case o.Clear && (o.Out != nil || o.Format == Lines):
		return errors.New("only a document in a file can clear: it can be read back and names itself")
	case o.MaxSize != 0 && o.MaxSize < MinSize:
		return fmt.Errorf("a file is at least %d bytes", MinSize)
	case o.MaxSize != 0 && o.Out != nil:
		return errors.New("only files can be split")
	case o.Out == nil && o.File == "" && o.Dir == "":
		return fmt.Errorf("%w: no file is named", ErrNoOutput)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Log.FS == nil {
		o.Log.FS = vfs.Disk
	}
	if o.Log.Now == nil {
		o.Log.Now = time.Now
	}
	if o.Format == "" {
		o.Format = Document
	}
	o.Since = o.Since.Truncate(time.Millisecond) // what is written down is what was done
	return o
}

// Exporter exports for a recorder (eventlog.Exporter) whenever it is asked to.
type Exporter struct{ Options }

// Export returns how many events of the log in dir are in the file.
func (e Exporter) Export(ctx context.Context, dir string) (int64, error) {
	r, err := Run(ctx, dir, e.Options)
	return r.Events, err
}

var _ eventlog.Exporter = Exporter{}

// exporter is one run.
type exporter struct {
	Options
	dir    string
	at     time.Time
	log    *eventlog.Log // nil unless it clears
	result Result
}

func (e *exporter) run(ctx context.Context) error {
	e.at = e.Log.Now().UTC().Truncate(time.Millisecond)
	if e.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		e.ID = id.String()
	}
	if err := e.ready(); err != nil {
		return err
	}
	if !e.Clear {
		_, err := e.export(ctx)
		return err
	}
	log, held, err := e.prepareToClear()
	if log == nil || err != nil {
		return err
	}
	e.log = log
	through, err := e.export(ctx)
	if err == nil && through > 0 {
		e.result.Cleared, err = log.Clear(eventlog.ClearOptions{Through: through})
	}
	return errors.Join(err, held.Close())
}

// prepareToClear takes the maintenance lock and seals the active segment. The
// cap is no matter here: sealing must not evict what is about to be exported.
func (e *exporter) prepareToClear() (*eventlog.Log, io.Closer, error) {
	o := e.Log
	o.MaxBytes = 1 << 62
	log, err := eventlog.OpenExisting(e.dir, &o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	held, err := log.Maintain()
	if err != nil {
		return nil, nil, err
	}
	if err := log.Seal(); err != nil {
		return nil, nil, errors.Join(err, held.Close())
	}
	return log, held, nil
}

// export writes the files and returns the number up to which the log may be
// cleared, 0 for nothing.
func (e *exporter) export(ctx context.Context) (through uint64, err error) {
	s, err := eventlog.OpenSnapshot(e.dir, &eventlog.ReadOptions{FS: e.Log.FS, LockTimeout: e.Log.LockTimeout})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	src := newSource(s, e.Options)
	spool, err := e.spool(ctx, src)
	if err != nil {
		return 0, err
	}
	defer spool.close()
	e.result.Damaged, e.result.Gone, e.result.Refused = src.damaged, src.gone, spool.refused
	if len(spool.parts) == 0 {
		return 0, src.err()
	}
	if err := e.write(ctx, e.header(s), e.losses(s), spool); err != nil {
		return 0, err
	}
	through, e.result.Kept = src.clearable()
	return through, nil
}
