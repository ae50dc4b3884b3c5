package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/google/uuid"
)

// link is what a chain file holds: the newest export of a log that was of
// everything, so that the next one can name it and a receiver sees a gap.
type link struct {
	Version    int    `json:"version"`
	ExportID   string `json:"export_id"`
	ExportedAt string `json:"exported_at"`
}

const (
	chainVersion  = 1
	maxChainBytes = 4 << 10
)

// chained reports whether the export joins the chain: a document of everything,
// in a file. Of what went elsewhere nobody knows whether it was kept.
func (o Options) chained() bool {
	return o.ChainFile != "" && o.filter() == nil && o.Out == nil && o.Format == Document
}

// previous is the id of the export before this one, "" for none.
func (e *exporter) previous() string {
	id, err := e.readChain()
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		e.result.ChainErr = fmt.Errorf("the export before this one is not known: read %s: %w", e.ChainFile, err)
	}
	return id
}

func (e *exporter) readChain() (string, error) {
	f, err := e.Log.FS.Open(e.ChainFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxChainBytes))
	if err != nil {
		return "", err
	}
	var l link
	err = json.Unmarshal(text, &l)
	if id, idErr := uuid.Parse(l.ExportID); err != nil || idErr != nil || l.Version != chainVersion || id.String() != l.ExportID {
		return "", errors.New("it is damaged")
	}
	return l.ExportID, nil
}

// carryChain makes this export the one the next will name. It comes after the
// file, for an id in the chain must have a file, and before anything is cleared.
func (e *exporter) carryChain() {
	if !e.chained() {
		return
	}
	text, err := marshal(link{chainVersion, e.ID, instant(e.at)})
	if err == nil {
		err = e.Log.FS.MkdirAll(filepath.Dir(e.ChainFile))
	}
	if err == nil {
		err = e.small(e.ChainFile, "chain", append(text, '\n'))
	}
	if err == nil {
		err = e.Log.FS.SyncDir(filepath.Dir(e.ChainFile))
	}
	if err != nil {
		e.result.ChainErr = errors.Join(e.result.ChainErr, fmt.Errorf("the next export will not name this one: %w", err))
	}
}
