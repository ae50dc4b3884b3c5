package ingest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"caro.sh/telemetry/schema"
)

const (
	maxPieceBytes = 64 << 10 // of an export: its largest member that is no list of events
	chunkEvents   = 4 * MaxEvents
	// maxRefusals is how many refused events of an export are named.
	maxRefusals = 100
	// maxRequestBytes bounds a request for deletion; 91 day ids take 1 KiB.
	maxRequestBytes = 16 << 10
)

// BadExportError says what is wrong with an export. Nothing of it was taken in.
type BadExportError struct {
	Document *schema.Violation // about the document, else nil
	Refusals []Refusal         // the first of the events that break the contract
	Refused  int64             // all of them
}

func (e *BadExportError) Error() string {
	if e.Document != nil {
		return "not a sound export: " + e.Document.Error()
	}
	first := e.Refusals[0]
	return fmt.Sprintf("not a sound export: %d of its events refused, first event %d: %s at %s (rule %s)",
		e.Refused, first.Index, first.Category, first.Pointer, first.Rule)
}

// Imported is what became of a file that was carried in by hand.
type Imported struct {
	ExportID string `json:"export_id,omitempty"`
	Events   int64  `json:"events"`
	Stored   int64  `json:"stored"` // how many of them were new
	Again    bool   `json:"again"`  // it was taken in before
	// Receipt is the answer when the file was a request for deletion.
	Receipt *Receipt `json:"receipt,omitempty"`
}

// Import takes in an export, or a request for deletion written by an air-gapped
// install. It reads the file twice: what is not sound as a whole is not taken in
// at all. Its error is a *BadExportError, ErrOtherContent, or about the disk.
func (s *Store) Import(ctx context.Context, f io.ReadSeeker) (Imported, error) {
	head, err := io.ReadAll(io.LimitReader(f, maxRequestBytes+1))
	if err != nil {
		return Imported{}, err
	}
	if len(head) <= maxRequestBytes && bytes.Contains(head, []byte(`"request_id"`)) {
		receipt, err := s.Delete(ctx, head)
		if v := (*schema.Violation)(nil); errors.As(err, &v) {
			return Imported{}, &BadExportError{Document: v}
		}
		return Imported{Receipt: &receipt}, err
	}
	return s.ImportExport(ctx, f)
}

// ImportExport is Import for a file that is to be an export.
func (s *Store) ImportExport(ctx context.Context, f io.ReadSeeker) (Imported, error) {
	check := newExportCheck()
	if err := s.readExport(f, check.field, check.event); err != nil {
		return Imported{}, badExport(err)
	}
	export, report, err := check.finish(s.o.Now())
	if err != nil {
		return Imported{}, badExport(err)
	}
	done := Imported{ExportID: export.ExportID, Events: export.Events}
	var before exported
	switch found, err := s.records.get(exportBucket, export.key(), &before); {
	case err != nil:
		return Imported{}, err
	case found && before.Checksum != export.Checksum:
		return Imported{}, ErrOtherContent
	case found:
		done.Again = true
		return done, nil
	}
	if done.Stored, err = s.takeExport(ctx, f, export, report); err != nil {
		return Imported{}, err
	}
	s.o.Metrics.exports.Inc()
	return done, nil
}

// badExport makes what is wrong with a document an error about an export; any
// other error stays what it is.
func badExport(err error) error {
	var v *schema.Violation
	if errors.As(err, &v) {
		return &BadExportError{Document: v}
	}
	return err
}

// takeExport submits the events, then writes down that all are in, and returns how
// many were new. When it does not live to do so, they are duplicates next time.
func (s *Store) takeExport(ctx context.Context, f io.ReadSeeker, e *exported, r *report) (fresh int64, err error) {
	b := &batch{report: r}
	var seen repeats
	submit := func() error {
		if err := b.identify(&seen); err != nil {
			return err
		}
		t, err := s.submit(ctx, job{batch: b})
		fresh += int64(t.fresh)
		b = &batch{}
		return err
	}
	err = s.readExport(f, func(string, []byte) error { return nil }, func(text []byte) error {
		line, err := schema.Parse(text)
		if err != nil {
			return err // checked before: the file was changed meanwhile
		}
		if b.lines = append(b.lines, line); len(b.lines) < chunkEvents {
			return nil
		}
		return submit()
	})
	if err == nil {
		err = submit()
	}
	if err != nil {
		return fresh, badExport(err)
	}
	_, err = s.submit(ctx, job{do: func() error { return s.records.put(exportBucket, e.key(), e) }})
	return fresh, err
}

// readExport goes through an export from its beginning, packed or not.
func (s *Store) readExport(f io.ReadSeeker, field func(string, []byte) error, event func([]byte) error) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	src := bufio.NewReaderSize(f, 64<<10)
	magic, err := src.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var doc io.Reader = src
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(src)
		if err != nil {
			return malformed("", ruleGzip)
		}
		defer zip.Close()
		zip.Multistream(false) // an export is one document in one piece
		doc = zip
	}
	limited := &limitedReader{doc, s.o.MaxExportBytes}
	if err := scanReader(limited, maxPieceBytes).walk(field, event); err != nil {
		return gzipTrouble(err)
	}
	return nothingBehind(src)
}

// nothingBehind refuses a file that goes on where its document has ended.
func nothingBehind(src *bufio.Reader) error {
	switch _, err := src.Peek(1); {
	case err == nil:
		return malformed("", ruleTrailing)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// gzipTrouble turns what a decompressor complains about into a refusal.
func gzipTrouble(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &corrupt):
		return malformed("", ruleGzip)
	}
	return err
}

// An exportCheck is what is known of an export while it is read.
type exportCheck struct {
	envelope    *envelope
	losses      []byte
	events      int64
	first, last time.Time
	digest      hash.Hash
	bad         BadExportError
}

func newExportCheck() *exportCheck {
	return &exportCheck{envelope: newEnvelope(exportSchema()), digest: sha256.New()}
}

func (c *exportCheck) field(name string, text []byte) error {
	if name == "losses" {
		c.losses = bytes.Clone(text)
	}
	return c.envelope.field(name, text)
}

// event checks one event and adds it to the sums.
func (c *exportCheck) event(text []byte) error {
	c.digest.Write(text)
	c.digest.Write([]byte{'\n'})
	line, err := schema.Parse(text)
	if err != nil {
		c.bad.Refused++
		if len(c.bad.Refusals) < maxRefusals {
			c.bad.Refusals = append(c.bad.Refusals, refusalOf(int(c.events), err))
		}
	}
	c.events++
	if at := line.Timestamp(); err == nil {
		if c.first.IsZero() || at.Before(c.first) {
			c.first = at
		}
		if at.After(c.last) {
			c.last = at
		}
	}
	return nil
}

// finish compares the sums with what the document says of itself.
func (c *exportCheck) finish(now time.Time) (*exported, *report, error) {
	e := c.envelope
	e.events = int(c.events)
	if err := e.finish(); err != nil {
		return nil, nil, err
	}
	if c.bad.Refused > 0 {
		return nil, nil, &c.bad
	}
	differs := func(name string) (*exported, *report, error) {
		return nil, nil, &schema.Violation{Category: schema.SchemaRule, Pointer: "/" + name, Rule: ruleDiffers}
	}
	switch {
	case e.text("checksum") != "sha256:"+hex.EncodeToString(c.digest.Sum(nil)):
		return differs("checksum")
	case e.number("event_count") != c.events:
		return differs("event_count")
	case !sameInstant(e.text("first_timestamp"), c.first):
		return differs("first_timestamp")
	case !sameInstant(e.text("last_timestamp"), c.last):
		return differs("last_timestamp")
	case e.number("part") > e.number("parts"):
		return differs("part")
	case e.text("previous_export_id") == e.text("export_id"):
		return nil, nil, &schema.Violation{Category: schema.SchemaRule, Pointer: "/previous_export_id", Rule: "not"}
	}
	r, err := reportOf(e, "exported_at", c.losses)
	if err != nil {
		return nil, nil, err
	}
	logID := ""
	if r != nil {
		logID = r.LogID
	}
	return &exported{
		ExportID: e.text("export_id"), Part: e.number("part"), Parts: e.number("parts"), Previous: e.text("previous_export_id"),
		Filtered: e.values["filter"] != nil, LogID: logID, Checksum: e.text("checksum"), Events: c.events,
		ExportedAt: e.text("exported_at"), ReceivedAt: now.UTC(),
	}, r, nil
}

// ruleDiffers refuses a document that does not hold what it says it holds.
const ruleDiffers = "differs-from-events"

// sameInstant compares a text of the document, "" for none, with a time.
func sameInstant(text string, at time.Time) bool {
	if text == "" {
		return at.IsZero()
	}
	t, err := time.Parse(time.RFC3339, text)
	return err == nil && t.Equal(at)
}
