package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// place is a position in the log and the number of events before it in its
// segment, so that what is behind it can be counted without reading.
type place struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
	Events  int64  `json:"events"`
}

// reaches reports whether p is at other or behind it.
func (p place) reaches(other place) bool {
	return p.Segment > other.Segment || p.Segment == other.Segment && p.Offset >= other.Offset
}

// flight is a batch that was sent, or was about to be: all that is needed to
// send the same bytes again.
type flight struct {
	BatchID string `json:"batch_id"`
	From    place  `json:"from"`
	To      place  `json:"to"` // the next segment's beginning where nothing is left in this one
	Events  int64  `json:"events"`
	// ClientTimestamp and Losses are frozen with the batch.
	ClientTimestamp string          `json:"client_timestamp"`
	Losses          json.RawMessage `json:"losses"`
}

// skip is a segment that the uploader gave up on somewhere, because of an opt-out
// or of damage: what lies behind is not sent, whatever the position says.
type skip struct {
	place
	Unknown int64 `json:"unknown"` // events of a batch that was in flight
}

// uploadState is what upload.json holds.
type uploadState struct {
	Version int `json:"version"`
	// Position is behind what was sent.
	Position place `json:"position"`
	// InFlight is written before the batch is sent, and so are those in Ahead, the
	// next ones of the same segment, which may be on their way too; Held is a batch
	// before them of which the server refused every event.
	InFlight *flight   `json:"in_flight"`
	Ahead    []*flight `json:"ahead,omitempty"`
	Held     *flight   `json:"held,omitempty"`
	Skipped  []skip    `json:"skipped,omitempty"`
	Schedule
}

// Schedule is when uploads went and may go.
type Schedule struct {
	LastSuccess time.Time `json:"last_success,omitzero"`
	// NextAttempt is the end of a back-off, and ServerAsked that the server
	// asked for it; Failures are those in a row.
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	ServerAsked bool      `json:"server_asked,omitempty"`
	Failures    int       `json:"failures"`
	// WholeRefusals counts batches in a row of which every event was refused.
	WholeRefusals int `json:"whole_refusals"`
}

const uploadVersion = 1

// maxUploadBytes bounds what is read as upload.json.
const maxUploadBytes = 1 << 20

var errBadUpload = errors.New("upload.json is damaged")

// readUpload returns an empty state where there is no file, and errBadUpload
// with a state that begins at counted when it cannot be understood.
func readUpload(disk vfs.FS, dir string, counted place) (*uploadState, error) {
	empty := &uploadState{Version: uploadVersion}
	raw, err := readSmall(disk, filepath.Join(dir, uploadName), maxUploadBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read upload.json: %w", err)
	}
	u := new(uploadState)
	if err := json.Unmarshal(raw, u); err != nil || !u.sound() {
		empty.Position = counted
		return empty, errBadUpload
	}
	return u, nil
}

// sound reports whether a state says something that can be.
func (u *uploadState) sound() bool {
	ok := u.Version == uploadVersion && u.Position.Offset >= 0 && u.Position.Events >= 0 && u.Failures >= 0
	if u.InFlight == nil && len(u.Ahead) > 0 {
		return false
	}
	last := u.InFlight
	for _, f := range u.Ahead {
		ok = ok && f != nil && f.From == last.To
		if last = f; !ok {
			return false
		}
	}
	for _, f := range append(u.onTheWay(), u.Held) {
		if f != nil {
			ok = ok && f.From.Offset >= 0 && f.To.reaches(f.From) && f.Events >= 0 && f.BatchID != "" && len(f.Losses) > 0
		}
	}
	return ok
}

// readSmall reads a file that is expected to stay as long as it is, up to most
// bytes.
func readSmall(disk vfs.FS, name string, most int64) ([]byte, error) {
	f, err := disk.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	content := bytes.NewBuffer(make([]byte, 0, min(info.Size(), most)+bytes.MinRead))
	_, err = content.ReadFrom(io.LimitReader(f, most))
	return content.Bytes(), err
}

// loadUpload is readUpload for whoever holds the lock and is not the uploader:
// damage is left for that one to set aside.
func (l *Log) loadUpload(m *meta, ls *listing) error {
	if _, there := ls.sizes[uploadName]; !there {
		return nil
	}
	u, err := readUpload(l.fs, l.dir, m.Counted)
	if err != nil && !errors.Is(err, errBadUpload) {
		return err
	}
	m.upload = u
	return nil
}

// firstFree is the lowest number that no segment had which was sent, for a log
// that lost its meta.json.
func (l *Log) firstFree() (uint64, error) {
	u, err := readUpload(l.fs, l.dir, place{})
	if err != nil && !errors.Is(err, errBadUpload) {
		return 0, err
	}
	free := max(1, u.Position.Segment)
	sent, err := sentSegments(l.fs, l.dir)
	for number := range sent {
		free = max(free, number+1)
	}
	return free, err
}

// sentSegments lists the segments in sent/ by number.
func sentSegments(disk vfs.FS, dir string) (map[uint64]string, error) {
	entries, err := disk.ReadDir(filepath.Join(dir, sentDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", sentDir, err)
	}
	sent := map[uint64]string{}
	for _, e := range entries {
		if number, _, ok := parseSegment(e.Name()); ok {
			sent[number] = e.Name()
		}
	}
	return sent, nil
}

func (u *uploadState) skipOf(number uint64) (skip, bool) {
	if u == nil {
		return skip{}, false
	}
	for _, s := range u.Skipped {
		if s.Segment == number {
			return s, true
		}
	}
	return skip{}, false
}

// sentWhole reports whether everything in a segment was sent. What lies below
// the floor was not: see RaiseFloor.
func (u *uploadState) sentWhole(number, floor uint64) bool {
	_, skipped := u.skipOf(number)
	return u != nil && !skipped && number < u.Position.Segment && number > floor
}

// sentUpTo is the place in a segment up to which it was sent; whole segments
// apart.
func (u *uploadState) sentUpTo(number uint64) place {
	if s, skipped := u.skipOf(number); skipped {
		return s.place
	}
	if u != nil && number == u.Position.Segment {
		return u.Position
	}
	return place{Segment: number}
}

// fate splits the events of a segment into those nobody has sent and those that
// may have arrived. The rest was sent.
func (u *uploadState) fate(number uint64, events int64, floor uint64) (unsent, unknown int64) {
	if u == nil {
		return events, 0
	}
	if u.sentWhole(number, floor) {
		return 0, 0
	}
	left := max(events-u.sentUpTo(number).Events, 0)
	if s, skipped := u.skipOf(number); skipped {
		unknown = s.Unknown
	} else {
		unknown = u.unanswered(number)
	}
	unknown = min(unknown, left)
	return left - unknown, unknown
}

// fence gives up on what an opt-out put below the floor.
func (u *uploadState) fence(floor uint64) (changed bool) {
	if u.Position.Segment > floor || floor == 0 {
		return false
	}
	at := skip{place: u.Position}
	if f := u.InFlight; f != nil && f.From.Segment <= floor {
		if f.From.Segment == at.Segment {
			at.Unknown = u.unanswered(at.Segment)
		} else {
			u.Skipped = append(u.Skipped, skip{place{Segment: f.From.Segment}, u.unanswered(f.From.Segment)})
		}
		u.InFlight, u.Ahead = nil, nil
	}
	if at.Events > 0 || at.Unknown > 0 {
		u.Skipped = append(u.Skipped, at)
	}
	u.Position, u.Held = place{Segment: floor + 1}, nil
	return true
}

// prune forgets places in segments that are gone.
func (u *uploadState) prune(ls *listing) {
	u.Skipped = slices.DeleteFunc(u.Skipped, func(s skip) bool {
		name, _ := ls.name(s.Segment)
		return name == ""
	})
}

func (l *Log) saveUpload(u *uploadState) error {
	raw, err := json.Marshal(u)
	if err == nil {
		err = l.replaceFile(uploadName, append(raw, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write upload.json: %w", err)
	}
	return nil
}
