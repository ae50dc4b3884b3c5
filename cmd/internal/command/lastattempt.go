package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/tools/upload"
)

// lastAttempt is the newest line of uploads.ndjson: how sending a batch went.
type lastAttempt struct {
	Time    time.Time `json:"time"`
	Status  int       `json:"status"` // of the answer, 0 where there was none
	Outcome string    `json:"outcome"`
}

// ledgerTail holds more than the longest line of the ledger twice.
const ledgerTail = 8 << 10

// readLastAttempt is nil where no batch was ever sent. A line that a dead uploader
// began and did not end is passed over.
func readLastAttempt(dir string) (*lastAttempt, error) {
	f, err := vfs.Disk.Open(filepath.Join(dir, "uploads.ndjson"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the ledger of uploads cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the ledger of uploads cannot be read: %w", err)
	}
	tail := make([]byte, min(info.Size(), ledgerTail))
	n, _ := f.ReadAt(tail, info.Size()-int64(len(tail))) // what was read tells enough
	for _, line := range slices.Backward(bytes.Split(tail[:n], []byte("\n"))) {
		var e eventlog.LedgerEntry
		if json.Unmarshal(line, &e) == nil && e.Outcome != "" {
			return &lastAttempt{e.Time, e.Status, e.Outcome}, nil
		}
	}
	return nil, nil
}

// failed says in words that the attempt was no success, "" when it was one.
func (l *lastAttempt) failed() string {
	if l == nil || l.Outcome == string(upload.Done) {
		return ""
	}
	answer := "no answer"
	if l.Status != 0 {
		answer = fmt.Sprint("status ", l.Status)
	}
	return fmt.Sprintf("%s: %s (%s)", l.Time.Local().Format(localLayout), l.Outcome, answer)
}
