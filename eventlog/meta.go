package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/schema"
)

// meta is what meta.json holds: which numbers are taken, which are given up,
// what was lost, and a cache of what each segment contains.
type meta struct {
	Version int       `json:"version"`
	LogID   string    `json:"log_id"`
	Since   time.Time `json:"since"`
	// NextNumber is what the active segment will be sealed under.
	NextNumber uint64 `json:"next_number"`
	// RemovedThrough is written before segments are unlinked: whatever is
	// still there up to it has been counted already and goes.
	RemovedThrough uint64 `json:"removed_through"`
	// Floor is the highest number recorded before the newest opt-out:
	// segments up to it are never uploaded.
	Floor uint64 `json:"floor,omitzero"`
	// Clock is what age limits are judged by.
	Clock  clock  `json:"clock,omitzero"`
	Losses Losses `json:"losses"`
	// Counted is how far the losses of uploads are in Losses, so that an upload
	// cut short does not count them again.
	Counted place `json:"counted,omitzero"`
	// Segments is a cache, keyed by number; what is missing is counted again.
	Segments map[string]tally `json:"segments"`

	upload *uploadState // what was sent, nil for nothing
}

const metaVersion = 1

// maxMetaBytes bounds what is read as meta.json: 10,240 MB of segments need
// about 100 KB.
const maxMetaBytes = 4 << 20

func newMeta(now time.Time) *meta {
	id := "00000000-0000-0000-0000-000000000000" // no randomness to be had: still a log
	if made, err := uuid.NewRandom(); err == nil {
		id = made.String()
	}
	return &meta{Version: metaVersion, LogID: id, Since: now.UTC().Truncate(time.Millisecond),
		NextNumber: 1, Losses: Losses{Refused: map[schema.Category]int64{}}, Segments: map[string]tally{}}
}

// next is the lowest number that no segment had, also where a writer died before m said
// so, and the segment has been sent since, or removed.
func (m *meta) next(ls *listing, u *uploadState) uint64 {
	next := max(m.NextNumber, ls.newest()+1, m.RemovedThrough+1)
	if u != nil {
		next = max(next, u.Position.Segment)
	}
	return next
}

func (m *meta) tallyOf(number uint64) (tally, bool) {
	t, ok := m.Segments[strconv.FormatUint(number, 10)]
	return t, ok
}

func (m *meta) remember(number uint64, t tally) {
	m.Segments[strconv.FormatUint(number, 10)] = t
}

func (m *meta) forget(number uint64) {
	delete(m.Segments, strconv.FormatUint(number, 10))
}

// errBadMeta says that meta.json is there and cannot be used.
var errBadMeta = errors.New("meta.json is damaged")

// readMeta returns fs.ErrNotExist when there is none yet and errBadMeta when
// it cannot be understood; any other error means that the disk did not answer.
func readMeta(disk vfs.FS, dir string) (*meta, error) {
	f, err := disk.Open(filepath.Join(dir, metaName))
	if err != nil {
		return nil, fmt.Errorf("read meta.json: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxMetaBytes))
	if err != nil {
		return nil, fmt.Errorf("read meta.json: %w", err)
	}
	m := new(meta)
	if err := json.Unmarshal(raw, m); err != nil || m.Version != metaVersion || m.LogID == "" {
		return nil, errBadMeta
	}
	if m.Losses.Refused == nil {
		m.Losses.Refused = map[schema.Category]int64{}
	}
	if m.Segments == nil {
		m.Segments = map[string]tally{}
	}
	return m, nil
}

// loadMeta is readMeta for whoever holds the lock. Counters that cannot be
// read begin anew under a new log id, so that nobody takes the smaller numbers
// for a continuation; the damaged file is kept beside.
func (l *Log) loadMeta() (*meta, error) {
	m, err := readMeta(l.fs, l.dir)
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, fs.ErrNotExist):
		return l.freshMeta()
	case errors.Is(err, errBadMeta):
		if err := l.fs.Rename(l.path(metaName), l.path(badMetaName)); err != nil {
			return nil, fmt.Errorf("set the damaged meta.json aside: %w", err)
		}
		return l.freshMeta()
	}
	return nil, err
}

// freshMeta begins a series. After a damaged one nobody knows when the newest
// opt-out was, so what is sealed by now counts as older. Numbers of segments that
// were sent are not used again.
func (l *Log) freshMeta() (*meta, error) {
	m := newMeta(l.now())
	var err error
	if m.NextNumber, err = l.firstFree(); err != nil {
		return nil, err
	}
	_, err = l.fs.Lstat(l.path(badMetaName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for a damaged meta.json: %w", err)
	}
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return nil, err
	}
	m.Floor = ls.newest()
	return m, nil
}

// saveMeta replaces meta.json durably.
func (l *Log) saveMeta(m *meta) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write meta.json: %w", err)
	}
	if err := l.replaceFile(metaName, append(raw, '\n')); err != nil {
		return fmt.Errorf("write meta.json: %w", err)
	}
	return nil
}

// replaceFile writes aside, syncs, renames and syncs the directory. The name
// aside is fixed: only the holder of the lock uses it.
func (l *Log) replaceFile(name string, content []byte) error {
	tmp := l.path(tmpPrefix + name)
	if err := l.writeAside(tmp, content); err != nil {
		return err
	}
	if err := l.fs.Rename(tmp, l.path(name)); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}

// writeAside makes a new, synced file, in place of one a dead process left.
func (l *Log) writeAside(tmp string, content []byte) error {
	if err := l.fs.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := l.fs.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
