package inspect

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
)

// metaFile is what is checked of meta.json.
type metaFile struct {
	Version        int    `json:"version"`
	LogID          string `json:"log_id"`
	NextNumber     uint64 `json:"next_number"`
	RemovedThrough uint64 `json:"removed_through"`
	Segments       map[string]struct {
		Events int64 `json:"events"`
	} `json:"segments"`
}

const maxMetaBytes = 4 << 20

// tally is how many lines were counted in a segment.
func (m *metaFile) tally(number uint64) (lines int64, cached bool) {
	t, ok := m.Segments[strconv.FormatUint(number, 10)]
	return t.Events, ok
}

// readMeta checks meta.json by itself and against the segments that were listed
// before: numbers only grow.
func (v *verifier) readMeta() {
	const name = "meta.json"
	file, err := v.in.disk().Open(filepath.Join(v.in.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		if len(v.names) > 0 {
			v.about(Note, name, "missing", "is not there; the next program that writes makes one, and counts begin anew")
		}
		return
	}
	if err != nil {
		v.about(Wrong, name, "unreadable", "cannot be read: %v", err)
		return
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxMetaBytes))
	if err = errors.Join(err, file.Close()); err != nil {
		v.about(Wrong, name, "unreadable", "cannot be read: %v", err)
		return
	}
	m := new(metaFile)
	if json.Unmarshal(raw, m) != nil || m.Version != 1 || m.LogID == "" {
		v.about(Wrong, name, "meta", "is damaged; the next program that writes sets it aside, and counts begin anew")
		return
	}
	v.meta = m
	v.numbers()
}

// numbers compares meta.json with the segments.
func (v *verifier) numbers() {
	for _, number := range sortedKeys(v.names) {
		name := v.names[number]
		switch {
		case filepath.Dir(name) != ".":
		case number >= v.meta.NextNumber:
			v.found(Finding{Severity: Wrong, File: name, Segment: number, Offset: -1, Rule: "next-number",
				Text: "meta.json means to give its number to another segment"})
		case number <= v.meta.RemovedThrough && v.there(name):
			v.found(Finding{Severity: Note, File: name, Segment: number, Offset: -1, Rule: "removed",
				Text: "is given up; the next program that writes removes it"})
		}
	}
}

func (v *verifier) there(name string) bool {
	_, err := v.in.disk().Lstat(filepath.Join(v.in.Dir, name))
	return err == nil
}
