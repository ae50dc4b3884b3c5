package export

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caro.sh/telemetry/schema"
)

var update = flag.Bool("update", false, "write the files of fixtures/exports")

const golden = "../../fixtures/exports"

// goldenFiles are exports of fixtures/sessions.ndjson at a fixed time with a
// fixed id.
func goldenFiles(t *testing.T, place string) {
	t.Helper()
	dir := logOf(t, 0, sessions(t))
	whole := to(filepath.Join(place, "sessions.json.gz"))
	errorsOnly := to(filepath.Join(place, "errors.json.gz"))
	errorsOnly.Event = schema.NameErrorOccurred
	lines := to(filepath.Join(place, "errors.ndjson.gz"))
	lines.Event, lines.Format = schema.NameErrorOccurred, Lines
	parts := to(filepath.Join(place, "parts.json.gz"))
	parts.MaxSize = MinSize
	split := logOf(t, 0, append(sessions(t), sessions(t)...))
	for _, o := range []Options{whole, errorsOnly, lines} {
		run(t, dir, o)
	}
	run(t, split, parts)
}

// goldenDamage is what the bad files have in another way than errors.json.gz.
var goldenDamage = map[string][2]string{
	"bad-count.json.gz":   {`"event_count":15`, `"event_count":16`},
	"bad-event.json.gz":   {`"event":"error.occurred","timestamp"`, `"event":"error.happened","timestamp"`},
	"bad-schema.json.gz":  {`"checksum":"sha256:`, `"checksum":"sha256:00`},
	"bad-value.json.gz":   {`"error_code":"E_`, `"error_code":"F_`},
	"bad-private.json.gz": {`"component":"`, `"component":"/home/alice/`},
}

// TestFormStaysWhatItIs compares with files made earlier: receivers have to read
// those. The compressor may change what it makes of the same document.
func TestFormStaysWhatItIs(t *testing.T) {
	place := quickDir(t)
	if *update {
		place = golden
		for _, name := range goldenNames(t, golden) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	goldenFiles(t, place)
	if *update {
		base := string(unzip(t, filepath.Join(place, "errors.json.gz")))
		for name, change := range goldenDamage {
			if err := os.WriteFile(filepath.Join(place, name), zip(t, strings.Replace(base, change[0], change[1], 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	good := 0
	for _, name := range goldenNames(t, golden) {
		base := filepath.Base(name)
		_, err := CheckFile(t.Context(), name, nil)
		if strings.HasPrefix(base, "bad-") {
			if !errors.As(err, new(*BadFileError)) {
				t.Errorf("%s is taken: %v", base, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", base, err)
			continue
		}
		good++
		if !bytes.Equal(unzip(t, name), unzip(t, filepath.Join(place, base))) {
			t.Errorf("%s is not what is written today; -update writes it anew", base)
		}
	}
	if good < 4 || len(goldenNames(t, place)) < good {
		t.Errorf("only %d good files", good)
	}
}

func goldenNames(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
