package ingest

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"caro.sh/telemetry/eventlog"
)

// ErrDamaged means that a file in receiver/ is no database, or a damaged one. Of the
// index only one that is in use is said: else it is made again.
var ErrDamaged = errors.New("it is damaged")

// readAtStart is how large a database may be to be read to its end before it is used.
// What was read counts as memory of this process.
const readAtStart = remapBytes

// guard makes ErrDamaged of the panics with which bolt answers damage, and of the faults
// of reading behind the end of a file that was cut.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return do()
}

// openDB opens a database, makes its buckets, and reads it where that is no matter, so
// that damage shows before it is relied on. A second process waits.
func openDB(path string, wait time.Duration, buckets ...[]byte) (*bolt.DB, error) {
	db, err := reopenDB(path, wait)
	if err != nil {
		return nil, err
	}
	err = guard(func() error {
		if err := readDB(db); err != nil {
			return err
		}
		return makeBuckets(db, buckets)
	})
	if err != nil {
		return nil, errors.Join(err, guard(db.Close))
	}
	return db, nil
}

// smallest is how large a database is at least: four pages of 4 KiB.
const smallest = 16 << 10

// reopenDB opens a database that was in order.
func reopenDB(path string, wait time.Duration) (db *bolt.DB, err error) {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 && info.Size() < smallest {
		return nil, ErrDamaged
	}
	err = guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: wait, FreelistType: bolt.FreelistMapType, NoStatistics: true})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("another receiver works on this directory: %w", eventlog.ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, ErrDamaged
	}
	return db, err
}

// readDB reads a small database to its end, and sees that a large one has its end.
func readDB(db *bolt.DB) error {
	return db.View(func(tx *bolt.Tx) error {
		info, err := os.Stat(db.Path())
		if err != nil {
			return err
		}
		if tx.Size() > info.Size() {
			return ErrDamaged
		}
		if info.Size() > readAtStart {
			return nil
		}
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
	})
}

func makeBuckets(db *bolt.DB, buckets [][]byte) error {
	missing := false
	err := db.View(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			missing = missing || tx.Bucket(name) == nil
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}
