package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// records are what only the receiver knows: who asked for deletion, and which
// exports were taken in. They are not in the log, so this file is always synced
// and never thrown away.
type records struct{ db *bolt.DB }

// The buckets of state.db.
var (
	deletionBucket = []byte("deletions") // request id → deletion
	exportBucket   = []byte("exports")   // export id and part → exported
)

// deletion is a request for deletion and what became of it.
type deletion struct {
	RequestID   string    `json:"request_id"`
	ReceiptID   string    `json:"receipt_id"`
	DayIDs      []string  `json:"day_ids"`
	RequestedAt string    `json:"requested_at"`
	ReceivedAt  time.Time `json:"received_at"`
	ErasedAt    time.Time `json:"erased_at,omitzero"`
}

// exported is an export that was taken in.
type exported struct {
	ExportID   string    `json:"export_id"`
	Part       int64     `json:"part"`
	Parts      int64     `json:"parts"`
	Previous   string    `json:"previous_export_id,omitempty"`
	Filtered   bool      `json:"filtered"`
	LogID      string    `json:"log_id"`
	Checksum   string    `json:"checksum"`
	Events     int64     `json:"events"`
	ExportedAt string    `json:"exported_at"`
	ReceivedAt time.Time `json:"received_at"`
}

// key tells the parts of an export apart.
func (e *exported) key() []byte { return fmt.Appendf(nil, "%s/%d", e.ExportID, e.Part) }

func openRecords(path string, wait time.Duration) (*records, error) {
	db, err := openDB(path, wait, deletionBucket, exportBucket)
	if err != nil {
		return nil, fmt.Errorf("open %s, which says whose events are to be deleted: %w", path, err)
	}
	return &records{db}, nil
}

// knowsRecords refuses to begin anew with records that were emptied: what was to be
// deleted would be taken again. Where there are none, somebody removed them, and is told
// what that means.
func (s *Store) knowsRecords() error {
	info, err := os.Stat(s.path(stateName))
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing || err == nil && info.Size() > 0 {
		return nil // opening it says what there is to say
	}
	switch active, err := s.active(); {
	case err != nil || active == 0:
		return err // nothing was ever taken
	case missing:
		s.o.Log.Warn("there are events here but no " + stateName + ": events whose deletion was requested before are taken if they come again")
		return nil
	}
	return fmt.Errorf("open %s, which says whose events are to be deleted: %w", s.path(stateName), ErrDamaged)
}

func (r *records) close() error { return r.db.Close() }

// get reads one record into v and reports whether it is there.
func (r *records) get(bucket, key []byte, v any) (found bool, err error) {
	err = r.db.View(func(tx *bolt.Tx) error {
		raw := tx.Bucket(bucket).Get(key)
		if raw == nil {
			return nil
		}
		found = true
		return json.Unmarshal(raw, v)
	})
	if err != nil {
		return false, errors.New("read the receiver's records: one of them is damaged")
	}
	return found, nil
}

// put writes one record, durably.
func (r *records) put(bucket, key []byte, v any) error {
	err := r.db.Update(func(tx *bolt.Tx) error { return putJSON(tx.Bucket(bucket), key, v) })
	if err != nil {
		return fmt.Errorf("write the receiver's records: %w", err)
	}
	return nil
}

// deletions lists all requests there are.
func (r *records) deletions() (all []deletion, err error) {
	err = r.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(deletionBucket).ForEach(func(_, raw []byte) error {
			var d deletion
			if err := json.Unmarshal(raw, &d); err != nil {
				return errors.New("read the requests for deletion: one of them is damaged")
			}
			all = append(all, d)
			return nil
		})
	})
	return all, err
}

// exports lists all exports that are still remembered.
func (r *records) exports() (all []exported, err error) {
	err = r.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(exportBucket).ForEach(func(_, raw []byte) error {
			var e exported
			if err := json.Unmarshal(raw, &e); err != nil {
				return errors.New("read the exports taken in: one of them is damaged")
			}
			all = append(all, e)
			return nil
		})
	})
	return all, err
}
