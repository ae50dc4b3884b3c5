package export

import (
	"bytes"
	"encoding/json"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// DocumentVersion is the version of the document's form.
const DocumentVersion = "1.0"

// Header is what a document says before its events.
type Header struct {
	ExportVersion    string  `json:"export_version"`
	ExportID         string  `json:"export_id"`
	ExportedAt       string  `json:"exported_at"`
	CaroVersion      string  `json:"caro_version"`
	EventCount       int64   `json:"event_count"`
	FirstTimestamp   *string `json:"first_timestamp"`
	LastTimestamp    *string `json:"last_timestamp"`
	PreviousExportID *string `json:"previous_export_id"`
	Part             int     `json:"part"`
	Parts            int     `json:"parts"`
	Filter           *Filter `json:"filter"`
	InflightBatchID  *string `json:"inflight_batch_id"`
}

// Filter says which events were chosen.
type Filter struct {
	Event     schema.Name `json:"event,omitempty"`
	SessionID string      `json:"session_id,omitempty"`
	Since     string      `json:"since,omitempty"`
	Until     string      `json:"until,omitempty"`
}

// overhead is more than a document takes beside its events, in bytes.
const overhead = 8 << 10

// header is what all parts of an export say alike.
func (e *exporter) header(s *eventlog.Snapshot) Header {
	h := Header{
		ExportVersion: DocumentVersion, ExportID: e.ID, ExportedAt: instant(e.at), CaroVersion: e.Version,
		Filter: e.filter(), InflightBatchID: orNull(s.InFlight()),
	}
	if e.chained() {
		h.PreviousExportID = orNull(e.previous())
	}
	return h
}

func (o Options) filter() *Filter {
	if o.Event == "" && o.Since.IsZero() {
		return nil
	}
	f := &Filter{Event: o.Event}
	if !o.Since.IsZero() {
		f.Since = instant(o.Since)
	}
	return f
}

// losses is the report of a log about itself, empty where it has counted nothing yet.
func (e *exporter) losses(s *eventlog.Snapshot) any {
	if s.LogID() == "" {
		return struct{}{}
	}
	return eventlog.LossReport{LogID: s.LogID(), Since: s.Since().UTC(), Losses: s.Losses()}
}

// head is the document up to the first event, and tail what follows the last.
func (h Header) head() ([]byte, error) {
	text, err := marshal(h)
	return append(bytes.TrimSuffix(text, []byte("}")), `,"events":[`+"\n"...), err
}

func tail(losses any, checksum string) ([]byte, error) {
	text, err := marshal(losses)
	return append(append([]byte("\n"+`],"losses":`), text...), `,"checksum":"`+checksumPrefix+checksum+`"}`+"\n"...), err
}

// checksumPrefix names the hash.
const checksumPrefix = "sha256:"

func marshal(v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// instant writes milliseconds, and more digits only for times that have more.
func instant(t time.Time) string {
	layout := "2006-01-02T15:04:05.000Z"
	if t.Nanosecond()%1e6 != 0 {
		layout = "2006-01-02T15:04:05.000000000Z"
	}
	return t.UTC().Format(layout)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
