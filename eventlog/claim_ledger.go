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

// maxLedgerBytes is the size at which the older half of uploads.ndjson goes.
const maxLedgerBytes = 128 << 10

// LedgerEntry is a line of uploads.ndjson: one attempt to send one batch.
type LedgerEntry struct {
	Time    time.Time `json:"time"`
	BatchID string    `json:"batch_id"`
	Events  int       `json:"events"`
	Bytes   int       `json:"bytes"` // of the body before compression
	// Status is the answer's to the whole batch, 0 where there was none.
	Status   int    `json:"status"`
	Accepted int64  `json:"accepted"`
	Rejected int64  `json:"rejected"`
	Outcome  string `json:"outcome"`
	Receipt  string `json:"receipt,omitempty"`
}

// Note adds an entry to the ledger of uploads.
func (c *Claim) Note(e LedgerEntry) error {
	if err := c.log.note(e); err != nil {
		return fmt.Errorf("write %s: %w", ledgerName, err)
	}
	return nil
}

func (l *Log) note(e LedgerEntry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	f, err := l.fs.OpenRW(l.path(ledgerName))
	if errors.Is(err, fs.ErrNotExist) {
		f, err = l.fs.Create(l.path(ledgerName))
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size()+int64(len(text)) > maxLedgerBytes {
		return errors.Join(l.shortenLedger(f, text), f.Close())
	}
	if err == nil {
		err = appendLine(f, info.Size(), text)
	}
	return errors.Join(err, f.Close())
}

// appendLine writes a line behind what may end in one that a dead writer began.
func appendLine(f vfs.File, size int64, line []byte) error {
	var last [1]byte
	if size > 0 {
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err := f.WriteAt(line, size)
	return err
}

// shortenLedger replaces the ledger by its newer half and text.
func (l *Log) shortenLedger(f io.Reader, text []byte) error {
	old, err := io.ReadAll(io.LimitReader(f, 2*maxLedgerBytes))
	if err != nil {
		return err
	}
	half := old[len(old)/2:]
	if i := bytes.IndexByte(half, '\n'); i >= 0 {
		half = half[i+1:]
	}
	return l.replaceFile(ledgerName, append(bytes.Clone(half), text...))
}

// ledgerTail holds more than the longest line of the ledger twice.
const ledgerTail = 8 << 10

// LastAttempt is the newest entry of the ledger of uploads, nil where no batch was
// ever sent. A line that a dead uploader began and did not end is passed over.
func (s *Snapshot) LastAttempt() (*LedgerEntry, error) {
	f, err := s.fs.Open(filepath.Join(s.dir, ledgerName))
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
		var e LedgerEntry
		if json.Unmarshal(line, &e) == nil && e.Outcome != "" {
			return &e, nil
		}
	}
	return nil, nil
}
