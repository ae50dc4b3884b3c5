package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// Severity says whether a finding is wrong or only worth knowing.
type Severity string

// The severities.
const (
	Wrong Severity = "error"
	Note  Severity = "note"
)

// Finding is something that verification came upon. It never holds a part of an
// event, and of a file that does not belong to the log no more than its name.
type Finding struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file"` // in the directory; "" is the directory itself
	// Segment is the number of the segment, 0 for what is none.
	Segment uint64 `json:"segment,omitzero"`
	// Offset is the byte, in the uncompressed segment for a line; -1 for the whole
	// file.
	Offset int64 `json:"offset"`
	// Rule is a constant name, Text says it in words.
	Rule string `json:"rule"`
	Text string `json:"text"`
}

// Verdict is what verification came to.
type Verdict struct {
	Segments int   `json:"segments"`
	Lines    int64 `json:"lines"`
	Bytes    int64 `json:"bytes"` // of all files of the directory
	Errors   int64 `json:"errors"`
	Notes    int64 `json:"notes"`
}

// VerifyOptions of Verify; the zero value checks no size.
type VerifyOptions struct {
	// MaxBytes is the cap on all files together, 0 for none.
	MaxBytes int64
	// Found is called with each finding, one at a time: the directory's first, then
	// those of the lines in order.
	Found func(Finding)
}

// Verify checks everything about the log in in.Dir, kept copies of sent segments
// included: the directory and what is in it, meta.json, every LZ4 frame, every line.
// It changes nothing, and may run beside programs that do.
func Verify(ctx context.Context, in Input, o VerifyOptions) (Verdict, error) {
	in.Files, in.Log.Sent = nil, true
	v := &verifier{in: in, o: o, lines: map[uint64]int64{}}
	if err := v.directory(); err != nil {
		return v.Verdict, fmt.Errorf("verify the log: %w", err)
	}
	if err := run(ctx, in, stages[broken]{judge: judgeLines, take: v.take}); err != nil {
		return v.Verdict, fmt.Errorf("verify the log: %w", err)
	}
	v.counts()
	return v.Verdict, nil
}

// verifier is one verification.
type verifier struct {
	Verdict
	in    Input
	o     VerifyOptions
	meta  *metaFile         // nil where there is none that can be read
	lines map[uint64]int64  // counted in each segment; -1 where it cannot be
	names map[uint64]string // of segments, the plain form where there are both
	// badFrames have been reported.
	badFrames []string
}

func (v *verifier) found(f Finding) {
	if f.Severity == Wrong {
		v.Errors++
	} else {
		v.Notes++
	}
	if v.o.Found != nil {
		v.o.Found(f)
	}
}

func (v *verifier) about(severity Severity, file, rule, format string, args ...any) {
	v.found(Finding{Severity: severity, File: file, Offset: -1, Rule: rule, Text: fmt.Sprintf(format, args...)})
}

// broken are the lines of a batch that are not as they have to be.
type broken struct {
	parser schema.Parser
	found  []Finding
}

// judgeLines checks that every line is an event in canonical form.
func judgeLines(b *batch, r *broken) {
	r.found = r.found[:0]
	r.parser.Reset()
	for i := range b.lines {
		raw := b.line(i)
		f := Finding{Severity: Wrong, File: b.name, Segment: b.segment, Offset: b.lines[i].offset}
		l, err := r.parser.Parse(raw)
		var violation *schema.Violation
		switch {
		case errors.As(err, &violation):
			f.Rule, f.Text = string(violation.Category), violation.Error()
		case err != nil:
			f.Rule, f.Text = "malformed", "no event"
		case !bytes.Equal(l.Bytes(), raw):
			f.Rule, f.Text = "canonical", "an event that is not in canonical form"
		default:
			continue
		}
		r.found = append(r.found, f)
	}
}

func (v *verifier) take(b *batch, r *broken) error {
	if n := len(b.lines); n > 0 && v.lines[b.segment] >= 0 {
		v.lines[b.segment] += int64(n)
	}
	v.Lines += int64(len(b.lines))
	for _, f := range r.found {
		v.found(f)
	}
	for _, err := range b.damage {
		v.damage(err)
	}
	return nil
}

// damage is a place of a segment that could not be read.
func (v *verifier) damage(err error) {
	f := Finding{Severity: Wrong, Offset: -1, Rule: "unreadable", Text: "cannot be read"}
	var d *eventlog.DamageError
	if errors.As(err, &d) {
		f.File, f.Segment, f.Offset = d.Name, d.Segment, d.Offset
		f.Text = "cannot be read: " + d.Err.Error()
		v.lines[d.Segment] = -1
	}
	switch {
	case errors.Is(err, eventlog.ErrGone):
		f.Severity, f.Rule, f.Text = Note, "gone", "was removed while the log was being read"
	case strings.HasSuffix(f.File, ".lz4") && v.frameKnown(f.File):
		return // checked as a frame, which says more
	}
	v.found(f)
}

// frameKnown reports whether a damaged frame has been reported already.
func (v *verifier) frameKnown(name string) bool { return slices.Contains(v.badFrames, name) }

// counts compares what was read with what meta.json says was counted.
func (v *verifier) counts() {
	if v.meta == nil {
		return
	}
	for _, number := range sortedKeys(v.names) {
		if number <= v.meta.RemovedThrough {
			continue // not read
		}
		said, cached := v.meta.tally(number)
		if read := v.lines[number]; cached && read >= 0 && said != read {
			if _, err := v.in.disk().Lstat(filepath.Join(v.in.Dir, v.names[number])); errors.Is(err, fs.ErrNotExist) {
				continue // cleared, sent or rewritten meanwhile
			}
			v.found(Finding{Severity: Wrong, File: v.names[number], Segment: number, Offset: -1, Rule: "count",
				Text: fmt.Sprintf("meta.json counted %d lines, there are %d", said, read)})
		}
	}
}
