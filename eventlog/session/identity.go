package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// KeyName is the file in the log's directory that holds the install's key.
const KeyName = "id.key"

// keyBytes is the length of the key.
const keyBytes = 32

// MaxDayIDs is for how many days back an install lists its ids: as long as a
// receiver keeps events, and the day on which they run out.
const MaxDayIDs = 91

// key is the install's secret. Who has it can tell which days were one
// install's; nobody else can.
type key [keyBytes]byte

// dayID is what all sessions of one UTC day begin with.
func (k key) dayID(day time.Time) string {
	mac := hmac.New(sha256.New, k[:])
	_, _ = io.WriteString(mac, day.UTC().Format(time.DateOnly)) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// newID makes the id of a run: 8 hex digits of the day, then 8 random ones. The
// key is made with the first one.
func newID(dir string, at time.Time) (string, error) {
	k, _, err := readKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		k, err = makeKey(dir)
	}
	if err != nil {
		return "", err
	}
	var own [4]byte
	if _, err := rand.Read(own[:]); err != nil {
		return "", fmt.Errorf("make a session id: %w", err)
	}
	return k.dayID(at) + hex.EncodeToString(own[:]), nil
}

// DayIDs lists the ids of the install whose log is in dir, the newest day
// first: of today and of the 90 days before, but of none before its key was
// made. It is empty when there is no key.
func DayIDs(dir string, now time.Time) ([]string, error) {
	k, made, err := readKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first := made.UTC().Truncate(24 * time.Hour)
	var ids []string
	for day := now.UTC().Truncate(24 * time.Hour); len(ids) < MaxDayIDs; day = day.AddDate(0, 0, -1) {
		if day.Before(first) && len(ids) > 0 {
			break
		}
		ids = append(ids, k.dayID(day))
	}
	return ids, nil
}

// readKey returns the key and when it was made.
func readKey(dir string) (k key, made time.Time, err error) {
	f, err := vfs.Disk.Open(filepath.Join(dir, KeyName))
	if err != nil {
		return k, made, fmt.Errorf("read %s: %w", KeyName, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() != keyBytes {
		err = fmt.Errorf("it has %d bytes, not %d; remove it to begin with a new one", info.Size(), keyBytes)
	}
	if err == nil {
		_, err = io.ReadFull(f, k[:])
	}
	if err != nil {
		return key{}, made, fmt.Errorf("read %s: %w", KeyName, err)
	}
	return k, info.ModTime(), nil
}

// makeKey makes the key, or returns the one that another process made first.
func makeKey(dir string) (k key, err error) {
	if _, err := rand.Read(k[:]); err != nil {
		return k, fmt.Errorf("make %s: %w", KeyName, err)
	}
	tmp, err := os.CreateTemp(dir, ".tmp-id-*") // 0600
	if err != nil {
		return k, fmt.Errorf("make %s: %w", KeyName, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(k[:])
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = vfs.Disk.RenameNew(tmp.Name(), filepath.Join(dir, KeyName))
	}
	if errors.Is(err, fs.ErrExist) {
		k, _, err = readKey(dir)
		return k, err
	}
	if err != nil {
		return k, fmt.Errorf("make %s: %w", KeyName, err)
	}
	return k, vfs.Disk.SyncDir(dir)
}

// RotateKey puts the key aside under the id of a request for deletion, so that
// the next run makes a new one. Done again for the same request, it does nothing:
// the new key is not the one the request is about. Where there is no key, there
// is nothing to do.
func RotateKey(dir, request string) error {
	err := vfs.Disk.RenameNew(filepath.Join(dir, KeyName), retired(dir, request))
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("change %s: %w", KeyName, err)
	}
	if err := vfs.Disk.SyncDir(dir); err != nil {
		return fmt.Errorf("change %s: %w", KeyName, err)
	}
	return nil
}

// DropKey removes the key that was put aside for a request, once that is
// answered.
func DropKey(dir, request string) error {
	if err := vfs.Disk.Remove(retired(dir, request)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an old %s: %w", KeyName, err)
	}
	return nil
}

func retired(dir, request string) string {
	return filepath.Join(dir, KeyName+"."+request)
}
