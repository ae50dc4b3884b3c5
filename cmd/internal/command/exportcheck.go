package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/export"
)

// exportVerdict is the answer of export --verify.
type exportVerdict struct {
	Path    string `json:"path"`
	Valid   bool   `json:"valid"`
	Where   string `json:"where,omitempty"`
	Problem string `json:"problem,omitempty"`
	*checkedFile
}

// checkedFile is what is known of a file that is good.
type checkedFile struct {
	Format     export.Format `json:"format"`
	ExportID   *string       `json:"export_id"`
	PreviousID *string       `json:"previous_export_id"`
	Part       int           `json:"part"`
	Parts      int           `json:"parts"`
	EventCount int64         `json:"event_count"`
	First      *time.Time    `json:"first_timestamp"`
	Last       *time.Time    `json:"last_timestamp"`
	SizeBytes  int64         `json:"size_bytes"`
	Checksum   string        `json:"checksum"`
	SHA256     string        `json:"sha256"`
	SumFile    bool          `json:"sha256_file"`
}

func newCheckedFile(r export.Report) *checkedFile {
	f := &checkedFile{
		Format: r.Format, ExportID: text(r.ExportID), PreviousID: r.PreviousExportID, Part: max(r.Part, 1), Parts: max(r.Parts, 1),
		EventCount: r.Events, First: when(r.First), Last: when(r.Last), SizeBytes: r.Bytes,
		Checksum: "sha256:" + r.Checksum, SHA256: r.SHA256, SumFile: r.SumFile,
	}
	return f
}

func (c *cli) verifyExport(ctx context.Context, name string) error {
	bar := c.progress("verifying")
	report, err := c.checkExport(ctx, name, nil)
	bar.end()
	a := exportVerdict{Path: dashed(name), Valid: err == nil}
	var bad *export.BadFileError
	switch {
	case errors.As(err, &bad):
		a.Where, a.Problem = bad.Where, bad.Err.Error()
	case err != nil:
		return checkError(err, name)
	default:
		a.checkedFile = newCheckedFile(report)
	}
	out := c.answer()
	switch {
	case c.json:
		out.json(a)
	case err == nil:
		out.line(visible(a.Path), ": good, ", plural(report.Events, "event"), a.part(), ", ", a.Checksum)
	}
	return out.end(checkError(err, name))
}

func (a exportVerdict) part() string {
	if a.Parts == 1 {
		return ""
	}
	return fmt.Sprintf(" in part %d of %d", a.Part, a.Parts)
}

// checkExport checks a file, or standard input for a dash.
func (c *cli) checkExport(ctx context.Context, name string, visit func(schema.Line)) (export.Report, error) {
	if isStdin(name) {
		return export.Check(ctx, c.Stdin, visit)
	}
	return export.CheckFile(ctx, name, visit)
}

// checkError names the code for what is wrong with a file, if anything is.
func checkError(err error, name string) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*export.BadFileError)):
		return &exitError{exitBadInput, dashed(name) + ": " + err.Error(), "ask for the file again, or export it again"}
	case errors.Is(err, context.Canceled):
		return &exitError{exitFailed, "interrupted", ""}
	case errors.Is(err, os.ErrNotExist):
		return &exitError{exitIO, err.Error(), "give the name of a file that export wrote, or - for standard input"}
	}
	return &exitError{exitIO, err.Error(), ""}
}

func dashed(name string) string {
	if isStdin(name) {
		return "-"
	}
	return name
}

// exportSummary is the answer of export --summary.
type exportSummary struct {
	Path string `json:"path"`
	*checkedFile
	ExportedAt  string            `json:"exported_at"`
	CaroVersion string            `json:"caro_version"`
	Filter      *export.Filter    `json:"filter"`
	InFlight    *string           `json:"inflight_batch_id"`
	Events      []summarisedEvent `json:"events"`
	Losses      json.RawMessage   `json:"losses"`
}

type summarisedEvent struct {
	Name        schema.Name       `json:"event"`
	Count       int64             `json:"count"`
	Description string            `json:"description"`
	Fields      []summarisedField `json:"fields"`
}

type summarisedField struct {
	Path        string `json:"field"`
	Count       int64  `json:"count"`
	Description string `json:"description"`
}

func (c *cli) summariseExport(ctx context.Context, name string) error {
	var t export.Tally
	bar := c.progress("reading")
	report, err := c.checkExport(ctx, name, t.Add)
	bar.end()
	if err != nil {
		return checkError(err, name)
	}
	a := newExportSummary(dashed(name), report, t.Kinds())
	out := c.answer()
	if c.json {
		out.json(a)
	} else {
		a.print(out)
	}
	return out.end(nil)
}

func newExportSummary(name string, r export.Report, kinds []export.Kind) *exportSummary {
	a := &exportSummary{
		Path: name, checkedFile: newCheckedFile(r), ExportedAt: r.ExportedAt, CaroVersion: r.CaroVersion,
		Filter: r.Filter, InFlight: r.InflightBatchID, Losses: r.Losses, Events: []summarisedEvent{},
	}
	for _, kind := range kinds {
		e := summarisedEvent{kind.Name, kind.Count, kind.Description, nil}
		for _, f := range kind.Fields {
			e.Fields = append(e.Fields, summarisedField{f.Path, f.Count, f.Description})
		}
		a.Events = append(a.Events, e)
	}
	return a
}

// losses are the log's counters, if it had begun to count.
func (a *exportSummary) losses() (report eventlog.LossReport, counted bool) {
	err := json.Unmarshal(a.Losses, &report)
	return report, err == nil && report.LogID != ""
}

// chosen says in words which events the file holds.
func (a *exportSummary) chosen() string {
	var parts []string
	if f := a.Filter; f != nil {
		for _, p := range []struct{ word, value string }{
			{"", string(f.Event)}, {"of session ", f.SessionID}, {"since ", f.Since}, {"before ", f.Until},
		} {
			if p.value != "" {
				parts = append(parts, p.word+p.value)
			}
		}
	}
	switch {
	case len(parts) > 0:
		return "only " + strings.Join(parts, " ")
	case a.Format == export.Lines:
		return "not said: the file holds the events alone"
	}
	return "everything that had not been sent"
}
