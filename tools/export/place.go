package export

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// sumSuffix is what the file beside an export adds to its name: what sha256sum
// prints about it, for sha256sum -c.
const sumSuffix = ".sha256"

// outDir is where the files go.
func (o Options) outDir() string {
	if o.File != "" {
		return filepath.Dir(o.File)
	}
	return o.Dir
}

// ready looks at the place before the work begins.
func (e *exporter) ready() error {
	switch {
	case e.Out != nil:
		return nil
	case e.File == "":
		if err := e.Log.FS.MkdirAll(e.Dir); err != nil {
			return fmt.Errorf("%w: %w", ErrNoOutput, err)
		}
		return nil
	}
	if e.MaxSize > 0 {
		return nil // the names are not known yet
	}
	return e.free(e.names(1, 1))
}

// free is fs.ErrExist when one of the names is taken and may not be replaced.
func (e *exporter) free(names []string) error {
	for _, name := range names {
		for _, name := range []string{name, name + sumSuffix} {
			if err := e.freeOne(name); err != nil {
				return fmt.Errorf("%w: %w", ErrNoOutput, err)
			}
		}
	}
	return nil
}

// freeOne lets only files be replaced: a device or a link would be gone for
// everybody.
func (e *exporter) freeOne(name string) error {
	info, err := e.Log.FS.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !e.Force && info.Mode().IsRegular():
		return fmt.Errorf("%s: %w", name, fs.ErrExist)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w", name, vfs.ErrNotRegular)
	}
	return nil
}

// names are the files of an export in so many parts; try counts the default
// names, from 1.
func (e *exporter) names(parts, try int) []string {
	name := e.File
	if name == "" {
		name = filepath.Join(e.Dir, "telemetry-export-"+e.at.Format(time.DateOnly))
		if try > 1 {
			name += fmt.Sprint("-", try)
		}
		name += "." + string(e.Format)
	}
	if parts == 1 {
		return []string{name}
	}
	base, suffix := cutSuffix(name)
	width := len(fmt.Sprint(parts))
	names := make([]string, parts)
	for i := range names {
		names[i] = fmt.Sprintf("%s.part%0*dof%d%s", base, width, i+1, parts, suffix)
	}
	return names
}

// cutSuffix splits a name before what says how it is written.
func cutSuffix(name string) (base, suffix string) {
	for _, suffix := range []string{".json.gz", ".ndjson.gz", ".gz"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return base, suffix
		}
	}
	return name, ""
}

// publish gives the finished files their names, one after the other: each is
// complete in itself. Where the names are ours to choose, the next ones are
// taken when somebody was faster.
func (w *writer) publish() error {
	for try := 1; ; try++ {
		names := w.names(len(w.built), try)
		err := w.free(names)
		if err == nil {
			err = w.publishAs(names)
		}
		if err == nil || w.File != "" || len(w.result.Files) > 0 || !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

func (w *writer) publishAs(names []string) error {
	for i, b := range w.built {
		if err := w.publishOne(b, names[i]); err != nil {
			return err
		}
	}
	return w.syncDir()
}

// publishOne renames a file and writes its sum beside it. A sum that is there
// is of another file: it goes first.
func (w *writer) publishOne(b *built, name string) error {
	disk := w.Log.FS
	if w.Force {
		if err := disk.Remove(name + sumSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", ErrNoOutput, err)
		}
	}
	if err := b.rename(name, w.Force); err != nil {
		return fmt.Errorf("%w: %w", ErrNoOutput, err)
	}
	b.Path = name
	w.report(b.File)
	text := b.SHA256 + "  " + filepath.Base(name) + "\n"
	return w.small(name+sumSuffix, fmt.Sprint("sum", b.Part), []byte(text))
}

// small replaces a small file as a whole.
func (e *exporter) small(name, as string, text []byte) error {
	a, err := e.aside(filepath.Dir(name), as)
	if err != nil {
		return err
	}
	defer a.close()
	_, err = a.file.Write(text)
	if err == nil {
		err = a.finish()
	}
	if err == nil {
		err = a.rename(name, true)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return nil
}

func (w *writer) syncDir() error {
	if err := w.Log.FS.SyncDir(w.outDir()); err != nil {
		return fmt.Errorf("sync the directory of the export: %w", err)
	}
	return nil
}
