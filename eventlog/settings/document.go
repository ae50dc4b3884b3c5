package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"caro.sh/telemetry/eventlog/vfs"
)

// maxFileBytes bounds what is read as settings: the time a parser takes may grow
// with the square of it, and a host waits for that.
const maxFileBytes = 64 << 10

// byteOrderMark begins files of some Windows editors; TOML does not know it.
var byteOrderMark = []byte("\ufeff")

// Document is config.toml as it was read. The zero value is a file that is not
// there.
type Document struct {
	// Path is the name it was read by, "" when nothing tells where it is.
	Path string
	// Problem says why it cannot be used, nil when it can or is not there.
	Problem *Problem

	target string // Path with links followed, where a new version is put
	text   []byte
	values map[string]any // of the table [telemetry]
}

// Read reads the settings file. A file that is not there says nothing; one
// that is there and cannot be read has a Problem.
func Read(path string) Document {
	d := Document{Path: path, target: path}
	if path == "" {
		return d
	}
	target, err := followLinks(path)
	if err == nil {
		d.target = target
		d.text, err = readFile(target)
	}
	if errors.Is(err, fs.ErrNotExist) && !exists(path) {
		return d
	}
	if err != nil {
		d.Problem = &Problem{Where: path, What: "cannot be read: " + reason(err)}
		return d
	}
	d.parse()
	return d
}

// followLinks resolves symbolic links: people keep their settings elsewhere
// and link to them.
func followLinks(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(target)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readFile reads a regular file and waits for nothing.
func readFile(path string) ([]byte, error) {
	f, err := vfs.Disk.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = errors.New("it is longer than 64 KB")
	}
	return text, err
}

// reason is what went wrong without the path, which stands before it.
func reason(err error) string {
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, vfs.ErrNotRegular):
		return "it is no regular file"
	case errors.Is(err, fs.ErrNotExist):
		return "the link leads nowhere"
	case errors.As(err, &pathErr):
		return pathErr.Err.Error()
	}
	return err.Error()
}

// parse reads the table. Only the place of an error is said, never the text
// there.
func (d *Document) parse() {
	var all map[string]any
	err := toml.Unmarshal(bytes.TrimPrefix(d.text, byteOrderMark), &all)
	if err != nil {
		what := "is not TOML"
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column := at.Position()
			what += fmt.Sprintf(" (line %d, column %d)", line, column)
		}
		d.Problem = &Problem{Where: d.Path, What: what}
		return
	}
	values, there := all[table]
	if !there {
		return
	}
	var ok bool
	if d.values, ok = values.(map[string]any); !ok {
		d.Problem = &Problem{Where: d.Path + ": " + table, What: "is not a table", Allowed: "[" + table + "] with one setting a line"}
	}
}

// says reports whether the file itself has enabled as want.
func (d Document) says(want string) bool {
	v, there := d.values[keyEnabled.name]
	text, ok := keyEnabled.fromTOML(v)
	return there && ok && text == want
}

// unknownKeys notes what is in the table and means nothing here. A name is
// repeated only when it is shaped like one.
func (d Document) unknownKeys() []string {
	var notes []string
	for name := range d.values {
		if slices.ContainsFunc(keys, func(k *key) bool { return k.name == name }) {
			continue
		}
		shown := "a key of [" + table + "]"
		if isName(name) {
			shown = table + "." + name
		}
		notes = append(notes, fmt.Sprintf("%s: %s is not a setting and is ignored", d.Path, shown))
	}
	slices.Sort(notes)
	return notes
}

func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 40
}
