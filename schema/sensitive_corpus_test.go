package schema

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// corpusRow is one line of a detector corpus.
type corpusRow struct {
	Value  string `json:"value"`
	Label  string `json:"label"`
	Expect string `json:"expect"`
	Source string `json:"source"`
	Note   string `json:"note"`
}

// allows reports whether the row takes category for right: its label or one of
// those the note lists as "alt=a,b".
func (r corpusRow) allows(category Category) bool {
	if string(category) == r.Label {
		return true
	}
	_, alternatives, found := strings.Cut(r.Note, "alt=")
	alternatives, _, _ = strings.Cut(alternatives, " ")
	return found && slices.Contains(strings.Split(alternatives, ","), string(category))
}

func readCorpus(t *testing.T, name string) []corpusRow {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	var rows []corpusRow
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row corpusRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("row %d: %v", len(rows)+1, err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatal("the corpus has no rows")
	}
	return rows
}

// TestInspectAgreesWithGivenCorpus reads the corpus CARO_DETECTOR_CORPUS names.
// It prints row numbers and sources, never values.
func TestInspectAgreesWithGivenCorpus(t *testing.T) {
	name := os.Getenv("CARO_DETECTOR_CORPUS")
	if name == "" {
		t.Skip("CARO_DETECTOR_CORPUS names no corpus (.ndjson or .ndjson.gz)")
	}
	seen, wrong := map[string]int{}, map[string]int{}
	for i, row := range readCorpus(t, name) {
		seen[row.Label]++
		v := Inspect("", row.Value)
		switch {
		case (row.Expect == "accept") != (v == nil):
			t.Errorf("row %d (%s): want %s, got %v", i+1, row.Source, row.Expect, v)
		case v != nil && !row.allows(v.Category):
			t.Errorf("row %d (%s): want category %s (%s), got %v", i+1, row.Source, row.Label, row.Note, v)
		default:
			continue
		}
		wrong[row.Label]++
	}
	for _, label := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%-16s %5d rows %4d wrong", label, seen[label], wrong[label])
	}
}
