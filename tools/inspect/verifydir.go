package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"caro.sh/telemetry/eventlog"
)

// The names of the directory, as docs/format.md has them. They are known here a
// second time on purpose: who checks a log should not share its mistakes.
var (
	segmentName = regexp.MustCompile(`^events-([0-9]{10})-([-0-9T.]{23})\.ndjson(\.lz4)?$`)
	backupName  = regexp.MustCompile(`^events-([-0-9T.]{23})\.ndjson$`)
	retiredKey  = regexp.MustCompile(`^id\.key\.[0-9a-f-]{36}$`)
	refusedName = regexp.MustCompile(`^[0-9]{10,}-[0-9]{10,}(\.reasons)?\.ndjson$`)

	ownFiles = []string{"events.ndjson", ".lock", ".maint.lock", "meta.json", "upload.json", "uploads.ndjson",
		"deletions.json", "id.key"}
	setAside   = []string{"meta.json.bad", "upload.json.bad"}
	ownFolders = []string{"sent", "refused", "receiver"}
)

const stampLayout = "2006-01-02T15-04-05.000"

// entry is a file of the directory.
type entry struct {
	name string // sent/… for what is in a folder
	info fs.FileInfo
}

// segmentOf takes a segment's name apart.
func segmentOf(name string) (number uint64, compacted, ok bool) {
	m := segmentName.FindStringSubmatch(name)
	if m == nil || !isStamp(m[2]) {
		return 0, false, false
	}
	number, err := strconv.ParseUint(m[1], 10, 64)
	return number, m[3] != "", err == nil && number > 0
}

func isStamp(s string) bool {
	_, err := time.Parse(stampLayout, s)
	return err == nil
}

// directory checks everything but lines.
func (v *verifier) directory() error {
	info, err := v.in.disk().Stat(v.in.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", v.in.Dir)
	}
	v.mode("", info, 0o700)
	entries, err := v.list("")
	if err != nil {
		return err
	}
	v.names = map[uint64]string{}
	for _, e := range entries {
		v.Bytes += e.info.Size()
		v.entry(e)
	}
	if v.o.MaxBytes > 0 && v.Bytes > v.o.MaxBytes {
		v.about(Wrong, "", "size", "%d bytes in all files together, and %d are allowed", v.Bytes, v.o.MaxBytes)
	}
	v.twice(entries)
	v.readMeta()
	return v.frames(entries)
}

// list lists files and what is in the folders that belong here.
func (v *verifier) list(folder string) ([]entry, error) {
	names, err := v.in.disk().ReadDir(filepath.Join(v.in.Dir, folder))
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, n := range names {
		name := filepath.Join(folder, n.Name())
		info, err := v.in.disk().Lstat(filepath.Join(v.in.Dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // a tool's, and done with
		case err != nil:
			return nil, err
		case info.IsDir() && folder == "" && slices.Contains(ownFolders, name):
			v.mode(name, info, 0o700)
			below, err := v.list(name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			entries = append(entries, below...)
		default:
			entries = append(entries, entry{name, info})
		}
	}
	return entries, nil
}

// mode checks who may read and write. Windows has other rules.
func (v *verifier) mode(name string, info fs.FileInfo, want fs.FileMode) {
	if got := info.Mode().Perm(); runtime.GOOS != "windows" && got != want {
		v.about(Wrong, name, "mode", "its mode is %#o and has to be %#o", got, want)
	}
}

// entry checks what a file is called and what kind of file it is.
func (v *verifier) entry(e entry) {
	base := filepath.Base(e.name)
	number, _, segment := segmentOf(base)
	switch {
	case !belongs(e.name):
		v.about(Wrong, strconv.QuoteToGraphic(e.name), "foreign", "does not belong here; it counts towards the size of the log")
		return
	case filepath.Dir(e.name) == "receiver":
		return // a receiver's own
	case !e.info.Mode().IsRegular():
		v.about(Wrong, e.name, "kind", "is no regular file")
		return
	}
	v.mode(e.name, e.info, 0o600)
	switch {
	case segment:
		v.Segments++
		if _, compacted, _ := segmentOf(filepath.Base(v.names[number])); v.names[number] == "" || compacted {
			v.names[number] = e.name
		}
	case isBackup(base):
		v.Segments++
		v.about(Note, e.name, "backup", "was rotated and has no number yet; the next program that writes gives it one")
	case base == eventlog.ActiveName:
		v.Segments++
		v.unfinished(e)
	case strings.HasPrefix(base, ".tmp-"):
		v.about(Note, e.name, "leftover", "is being made, or was left by a program that died")
	case slices.Contains(setAside, base):
		v.about(Note, e.name, "set-aside", "was damaged and set aside")
	}
}

// belongs reports whether a log or one of its tools calls a file like that.
func belongs(name string) bool {
	folder, base := filepath.Dir(name), filepath.Base(name)
	_, _, segment := segmentOf(base)
	switch {
	case strings.HasPrefix(base, ".tmp-") || folder == "receiver":
		return true
	case folder == "sent":
		return segment
	case folder == "refused":
		return refusedName.MatchString(base)
	}
	return segment || isBackup(base) || slices.Contains(ownFiles, base) || slices.Contains(setAside, base) ||
		retiredKey.MatchString(base)
}

func isBackup(base string) bool {
	m := backupName.FindStringSubmatch(base)
	return m != nil && isStamp(m[1])
}

// unfinished notes that the active segment ends without a newline.
func (v *verifier) unfinished(e entry) {
	file, err := v.in.disk().Open(filepath.Join(v.in.Dir, e.name))
	if err != nil {
		return // reading its lines says it
	}
	defer file.Close()
	var last [1]byte
	if n, _ := file.ReadAt(last[:], e.info.Size()-1); n == 1 && last[0] != '\n' {
		v.found(Finding{Severity: Note, File: e.name, Offset: e.info.Size(), Rule: "unfinished",
			Text: "ends without a newline: its last line is being written, or its writer died"})
	}
}

// twice finds segments that are there more than once.
func (v *verifier) twice(entries []entry) {
	type form struct {
		number    uint64
		compacted bool
	}
	first := map[form]string{}
	for _, e := range entries {
		number, compacted, ok := segmentOf(filepath.Base(e.name))
		if !ok {
			continue
		}
		this := form{number, compacted}
		if other, again := first[this]; again {
			v.found(Finding{Severity: Wrong, File: e.name, Segment: number, Offset: -1, Rule: "number",
				Text: "has the number of " + other})
			continue
		}
		first[this] = e.name
		if other, both := first[form{number, !compacted}]; both {
			v.found(Finding{Severity: Note, File: e.name, Segment: number, Offset: -1, Rule: "both-forms",
				Text: "is there beside " + other + "; the plain one counts, the next compaction removes the other"})
		}
	}
}

// frames checks every compacted segment as a file, also the one that does not count.
func (v *verifier) frames(entries []entry) error {
	for _, e := range entries {
		number, compacted, ok := segmentOf(filepath.Base(e.name))
		if !ok || !compacted || !belongs(e.name) || !e.info.Mode().IsRegular() {
			continue
		}
		file, err := v.in.disk().Open(filepath.Join(v.in.Dir, e.name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(checkFrame(file, e.info.Size()), file.Close())
		}
		if err == nil {
			continue
		}
		f := Finding{Severity: Wrong, File: e.name, Segment: number, Offset: -1, Rule: "frame", Text: "cannot be read: " + err.Error()}
		var at *frameError
		if errors.As(err, &at) {
			f.Offset, f.Text = at.at, at.err.Error()
		}
		v.badFrames = append(v.badFrames, e.name)
		v.found(f)
	}
	return nil
}
