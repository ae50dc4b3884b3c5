package command

import (
	"fmt"
	"io"
	"strings"
	"time"

	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/export"
)

// Where exports are taken in.
const (
	submitURL  = "https://caro.sh/telemetry/upload"
	submitMail = "telemetry@caro.sh"
)

// exportAnswer is the answer of export.
type exportAnswer struct {
	Path       *string                   `json:"path"`
	EventCount int64                     `json:"event_count"`
	SizeBytes  int64                     `json:"size_bytes"`
	ExportID   *string                   `json:"export_id"`
	PreviousID *string                   `json:"previous_export_id"`
	Format     export.Format             `json:"format"`
	First      *time.Time                `json:"first_timestamp"`
	Last       *time.Time                `json:"last_timestamp"`
	Files      []exportedFile            `json:"files"`
	Refused    map[schema.Category]int64 `json:"refused"`
	Damaged    []string                  `json:"damaged"`
	Cleared    exportCleared             `json:"cleared"`
	Dir        string                    `json:"dir"`
	Submit     []string                  `json:"submit"`

	kept uint64
	gone int
	next error // what is wrong with the chain
}

type exportedFile struct {
	Path     string `json:"path"`
	Part     int    `json:"part"`
	Events   int64  `json:"event_count"`
	Bytes    int64  `json:"size_bytes"`
	Checksum string `json:"checksum"`
	SHA256   string `json:"sha256"`
}

type exportCleared struct {
	Events   int64 `json:"events"`
	Bytes    int64 `json:"bytes"`
	Segments int   `json:"segments"`
	// Complete is false where something stays because it could not be read.
	Complete bool `json:"complete"`
}

func newExportAnswer(dir string, o export.Options, r export.Result) exportAnswer {
	a := exportAnswer{
		EventCount: r.Events, SizeBytes: r.Bytes(), ExportID: text(r.ID), PreviousID: text(r.PreviousID), Format: o.Format,
		First: when(r.First), Last: when(r.Last), Files: []exportedFile{}, Refused: r.Refused, Damaged: []string{},
		Cleared: exportCleared{r.Cleared.Events, r.Cleared.Bytes, r.Cleared.Segments, o.Clear && r.Kept == 0},
		Dir:     dir, Submit: []string{submitURL, submitMail}, kept: r.Kept, gone: r.Gone, next: r.ChainErr,
	}
	for _, f := range r.Files {
		a.Files = append(a.Files, exportedFile{f.Path, f.Part, f.Events, f.Bytes, "sha256:" + f.Checksum, f.SHA256})
	}
	if len(r.Files) > 0 {
		a.Path = text(r.Files[0].Path)
	}
	for _, d := range r.Damaged {
		a.Damaged = append(a.Damaged, d.Error())
	}
	if a.Refused == nil {
		a.Refused = map[schema.Category]int64{}
	}
	return a
}

// text and when are what JSON calls null where there is none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// exported answers. Where standard output holds the document, the answer goes to
// standard error.
func (c *cli) exported(a exportAnswer, o export.Options, err error) error {
	a.complain(c)
	out := c.answer()
	switch {
	case o.Out != nil && err == nil:
		a.print(c.Stderr, o)
		return a.verdict(o)
	case o.Out != nil:
		return err
	case c.json:
		out.json(a)
	case err == nil || len(a.Files) > 0:
		a.print(out, o)
	}
	if err == nil {
		err = a.verdict(o)
	}
	return out.end(err)
}

// complain says on standard error what of the log is in no file, and what is odd
// about the files.
func (a exportAnswer) complain(c *cli) {
	for category, n := range lossesInOrder(a.Refused) {
		fmt.Fprintf(c.Stderr, "%s: skipped %s of the log that broke the contract: %s\n", c.Program, plural(n, "line"), category)
	}
	for _, d := range a.Damaged {
		fmt.Fprintf(c.Stderr, "%s: cannot be read: %s\n", c.Program, d)
	}
	if a.gone > 0 {
		fmt.Fprintf(c.Stderr, "%s: %s made room for new events before it was read\n", c.Program, plural(int64(a.gone), "segment"))
	}
	for _, f := range a.Files {
		if f.Path != "" && !strings.HasSuffix(f.Path, ".gz") {
			fmt.Fprintf(c.Stderr, "%s: %s is compressed (gzip), though its name does not end in .gz\n", c.Program, f.Path)
		}
	}
	if a.next != nil {
		fmt.Fprintf(c.Stderr, "%s: %v\n", c.Program, a.next)
	}
}

// lossesInOrder goes through categories as the contract has them.
func lossesInOrder(refused map[schema.Category]int64) func(yield func(schema.Category, int64) bool) {
	return func(yield func(schema.Category, int64) bool) {
		for _, category := range schema.Categories() {
			if n := refused[category]; n > 0 && !yield(category, n) {
				return
			}
		}
	}
}

// print says what was written, what was cleared, and where it can be handed in.
func (a exportAnswer) print(w io.Writer, o export.Options) {
	if len(a.Files) == 0 {
		fmt.Fprintf(w, "nothing to export in %s\n", a.Dir)
		return
	}
	for _, f := range a.Files {
		if f.Path == "" {
			f.Path = "standard output"
		}
		fmt.Fprintf(w, "exported %s to %s, %s\n", plural(f.Events, "event"), f.Path, plural(f.Bytes, "byte"))
	}
	switch {
	case o.Clear && a.kept > 0:
		fmt.Fprintf(w, "cleared %s from %s; what follows stays, with what could not be read\n", plural(a.Cleared.Events, "event"), a.Dir)
	case o.Clear:
		fmt.Fprintf(w, "cleared %s from %s\n", plural(a.Cleared.Events, "event"), a.Dir)
	}
	if o.Format != export.Document { // no receiver takes the events alone
		return
	}
	fmt.Fprintf(w, "submit it at %s\nor by mail to %s\n", submitURL, submitMail)
}

// verdict is the error of an export that did all it could.
func (a exportAnswer) verdict(o export.Options) error {
	if o.Clear && a.kept > 0 {
		return &exitError{exitIO, fmt.Sprintf("segment %d of the log could not be read whole, and was not cleared", a.kept),
			"caro telemetry status says what is left; caro telemetry clear removes it for good"}
	}
	return nil
}
