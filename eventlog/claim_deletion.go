package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// Deletion is a request to delete what an install has sent, from the moment its
// user asked to the receipt and beyond.
type Deletion struct {
	RequestID   string    `json:"request_id"`
	DayIDs      []string  `json:"day_ids"`
	RequestedAt time.Time `json:"requested_at"`
	// Through is the highest number recorded by then; those segments are
	// cleared unless KeepLocal.
	Through   uint64 `json:"through"`
	KeepLocal bool   `json:"keep_local,omitempty"`
	// Prepared says that the key was changed and the log cleared.
	Prepared bool `json:"prepared"`
	// File is where the request was written for somebody to carry it.
	File string `json:"file,omitempty"`
	// Receipt and DeliveredAt come with the receiver's answer.
	Receipt     string    `json:"receipt,omitempty"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`

	NextAttempt time.Time `json:"next_attempt,omitzero"`
	ServerAsked bool      `json:"server_asked,omitempty"`
	Failures    int       `json:"failures,omitempty"`
}

// Queued reports whether the request still has to be sent.
func (d Deletion) Queued() bool { return d.DeliveredAt.IsZero() && d.File == "" }

// keptDeletions is how many requests that are done with are remembered.
const keptDeletions = 20

const maxRequestBytes = 1 << 20

var errBadRequests = errors.New("deletions.json is damaged")

func readDeletions(disk vfs.FS, dir string) ([]Deletion, error) {
	raw, err := readSmall(disk, filepath.Join(dir, requestName), maxRequestBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", requestName, err)
	}
	var all []Deletion
	if json.Unmarshal(raw, &all) != nil {
		return nil, fmt.Errorf("%w: ask again with caro telemetry delete-remote once it is moved away", errBadRequests)
	}
	return all, nil
}

// Deletions are the requests for deletion, oldest first.
func (l *Log) Deletions() ([]Deletion, error) { return readDeletions(l.fs, l.dir) }

// SaveDeletion adds a request, or replaces the one with its id, durably.
func (l *Log) SaveDeletion(d Deletion) error {
	if err := l.saveDeletion(d); err != nil {
		return fmt.Errorf("remember the request for deletion: %w", err)
	}
	return nil
}

func (l *Log) saveDeletion(d Deletion) error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	all, err := l.Deletions()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(old Deletion) bool { return old.RequestID == d.RequestID })
	if i >= 0 {
		all[i] = d
	} else {
		all = append(all, d)
	}
	for excess := len(all) - keptDeletions; excess > 0; excess-- {
		done := slices.IndexFunc(all, func(old Deletion) bool { return old.Prepared && !old.Queued() })
		if done < 0 {
			break
		}
		all = slices.Delete(all, done, done+1)
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return l.replaceFile(requestName, append(raw, '\n'))
}

// Deletions are the requests for deletion, oldest first.
func (s *Snapshot) Deletions() ([]Deletion, error) { return readDeletions(s.fs, s.dir) }
