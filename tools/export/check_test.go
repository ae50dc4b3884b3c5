package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"caro.sh/telemetry/schema"
)

// small is a file of a few events and what it expands to.
func small(t *testing.T, format Format) (path string, document []byte) {
	t.Helper()
	o := to(filepath.Join(quickDir(t), "x."+string(format)))
	o.Format = format
	run(t, logOf(t, 1, sessions(t)[:2]), o)
	return o.File, unzip(t, o.File)
}

// Any byte that is changed or missing is found, or changes nothing.
func TestEveryChangedOrMissingByteIsFound(t *testing.T) {
	for _, format := range []Format{Document, Lines} {
		path, document := small(t, format)
		good := read(t, path)
		try := func(what string, at int, damaged []byte) {
			t.Helper()
			var read bytes.Buffer
			_, err := Check(t.Context(), bytes.NewReader(damaged), nil)
			var b *BadFileError
			if errors.As(err, &b) && b.Where != "" {
				return
			}
			if err == nil {
				z, zErr := gzip.NewReader(bytes.NewReader(damaged))
				if zErr == nil {
					_, zErr = read.ReadFrom(z)
				}
				if zErr == nil && bytes.Equal(read.Bytes(), document) {
					return
				}
			}
			t.Errorf("%s: byte %d %s: %v", format, at, what, err)
		}
		for i := range good {
			for bit := range 8 {
				if torture || bit == i%8 {
					flipped := bytes.Clone(good)
					flipped[i] ^= 1 << bit
					try("flipped", i, flipped)
				}
			}
			try("missing", i, append(bytes.Clone(good[:i]), good[i+1:]...))
			try("the end", i, good[:i])
		}
		for _, more := range []string{"\x00", "\n", string(good)} {
			if _, err := Check(t.Context(), strings.NewReader(string(good)+more), nil); !errors.As(err, new(*BadFileError)) {
				t.Errorf("%s: %d bytes more: %v", format, len(more), err)
			}
		}
	}
}

// With the file of sums beside it, nothing at all goes unnoticed.
func TestSumFileCoversEveryByteOfBothFiles(t *testing.T) {
	path, _ := small(t, Document)
	for _, name := range []string{path, path + sumSuffix} {
		good := read(t, name)
		for i := range good {
			damaged := bytes.Clone(good)
			damaged[i] ^= 0x02
			for _, text := range [][]byte{damaged, append(bytes.Clone(good[:i]), good[i+1:]...)} {
				if name != path && (i == len(good)-1 || strings.EqualFold(string(text), string(good))) {
					continue // the last newline of a line of sha256sum
				}
				if err := os.WriteFile(name, text, 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := CheckFile(t.Context(), path, nil); !errors.As(err, new(*BadFileError)) {
					t.Fatalf("%s, byte %d: %v", filepath.Base(name), i, err)
				}
			}
		}
		if err := os.WriteFile(name, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := CheckFile(t.Context(), path, nil); err != nil || !r.SumFile {
		t.Errorf("%+v, %v", r, err)
	}
}

func zip(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheckSaysWhatIsWrongAndWhere(t *testing.T) {
	_, text := small(t, Document)
	document := string(text)
	first := sessions(t)[0].String()
	for name, test := range map[string]struct{ old, new, want string }{
		"another count":          {`"event_count":2`, `"event_count":5`, "the document: event_count says 5, counted were 2"},
		"another first time":     {`"first_timestamp":"2026`, `"first_timestamp":"2025`, "the document: first_timestamp is not"},
		"another last time":      {`"last_timestamp":"2026`, `"last_timestamp":"2027`, "the document: last_timestamp is not"},
		"no last time":           {document[strings.Index(document, `"last_timestamp":"`):strings.Index(document, `,"previous`)], `"last_timestamp":null`, "the document: last_timestamp is not"},
		"another checksum":       {`"checksum":"sha256:`, `"checksum":"sha256:0`, "the document: it breaks the schema at /checksum (rule pattern)"},
		"another event":          {`"event":"session.start"`, `"event":"session.sesame"`, "event 1, byte 3"},
		"another value":          {`"arch":"x86_64"`, `"arch":"arm"`, "the document: the checksum is not that of the events"},
		"a path":                 {`"caro_version":"1.3.0"`, `"caro_version":"/home/sesame/1.3.0"`, "refused: path at /caro_version"},
		"an event less":          {first + ",\n", "", "event_count says 2, counted were 1"},
		"an event twice":         {first, first + "," + first, "event_count says 2, counted were 3"},
		"no comma":               {first + ",", first, "no comma behind an event"},
		"a comma more":           {"\n],", ",\n],", "an event is missing behind a comma"},
		"a comma for an event":   {first + ",", first + ",,", "not an event"},
		"a number for an event":  {first, "1", "not an event"},
		"a huge event":           {first, `{"sesame":"` + strings.Repeat("sesame", 20_000) + `"}`, "event 1, byte 3"},
		"an endless event":       {first, `{"sesame":"`, "event 1, byte 3"},
		"no events":              {`"events":[`, `"sesame":[`, "it breaks the schema at its top (rule "},
		"events twice":           {`"losses"`, `"events":[],"losses"`, `"events" is there twice`},
		"events spelled twice":   {`"losses"`, `"\u0065vents":[],"losses"`, "a key is there twice"},
		"events are no array":    {document[strings.Index(document, `"events":[`):strings.Index(document, `,"losses"`)], `"events":{}`, "at /events (rule type)"},
		"a key twice":            {`"part":1`, `"part":1,"part":1`, "a key is there twice"},
		"a key more":             {`"part":1`, `"part":1,"sesame":"/home/sesame"`, "it breaks the schema at its top (rule additionalProperties)"},
		"a part of fewer":        {`"part":1`, `"part":2`, "part 2 of 1 cannot be"},
		"a fraction":             {`"part":1,`, `"part":1.0,`, "a number is not spelled as a whole one"},
		"itself before it":       {`"previous_export_id":null`, `"previous_export_id":"` + testID + `"`, "it names itself"},
		"not UTF-8":              {`"1.2.3"`, "\"1.2.\xff\"", "is not JSON"},
		"more behind it":         {"\"}\n", "\"}\nsesame", "is not JSON"},
		"another document":       {"\"}\n", "\"}\n" + `{"export_version":"1.0"}`, "is not JSON"},
		"far too much around it": {`"1.2.3"`, `"` + strings.Repeat("sesame", 20_000) + `"`, "beside the events"},
		"nothing":                {document, "", "is not JSON"},
		"no end":                 {document[len(document)/2:], "", "the document ends too early"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(document, test.old, test.new, 1)
			if changed == document {
				t.Fatalf("%q is not in the document", test.old)
			}
			_, err := Check(t.Context(), bytes.NewReader(zip(t, changed)), nil)
			if !errors.As(err, new(*BadFileError)) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "sesame") {
				t.Errorf("it repeats what is in the file: %v", err)
			}
		})
	}
	for _, text := range []string{"", "sesame", document} {
		if _, err := Check(t.Context(), strings.NewReader(text), nil); err == nil || !strings.Contains(err.Error(), "not a gzip file") {
			t.Errorf("%v", err)
		}
	}
}

// However a document is spelled, what it says counts.
func TestCheckTakesAnySpelling(t *testing.T) {
	_, text := small(t, Document)
	spaced := strings.NewReplacer(`":`, `" :  `, `,"`, ",\r\n\t \"", "[", "[ ", "]", "  ]").Replace(string(text))
	tailFirst := strings.Replace(string(text), "\n}", "}", 1)
	i, j := strings.Index(tailFirst, `"events":`), strings.Index(tailFirst, `"losses"`)
	tailFirst = tailFirst[:i] + strings.TrimSuffix(tailFirst[j:], "}\n") + "," + strings.TrimSuffix(tailFirst[i:j], ",") + "}\n"
	for _, document := range []string{spaced, tailFirst} {
		r, err := Check(t.Context(), bytes.NewReader(zip(t, document)), nil)
		if err != nil || r.Events != 2 {
			t.Errorf("%+v, %v\n%s", r, err, document)
		}
	}
}

// brokenDisk gives a part of a file and then an error.
type brokenDisk struct{ left []byte }

func (b *brokenDisk) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		return 0, errors.New("the disk is gone")
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func TestBrokenDiskIsNoBadFile(t *testing.T) {
	path, _ := small(t, Document)
	good := read(t, path)
	for n := range good {
		_, err := Check(t.Context(), &brokenDisk{good[:n]}, nil)
		if err == nil || errors.As(err, new(*BadFileError)) || !strings.Contains(err.Error(), "the disk is gone") {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

func TestSummaryCountsFields(t *testing.T) {
	lines := sessions(t)
	o := to(filepath.Join(quickDir(t), "x.json.gz"))
	run(t, logOf(t, 1, lines), o)
	var tally Tally
	if _, err := CheckFile(t.Context(), o.File, tally.Add); err != nil {
		t.Fatal(err)
	}
	kinds := tally.Kinds()
	var total int64
	for _, kind := range kinds {
		total += kind.Count
		want := map[string]int64{}
		for _, l := range lines {
			if l.Name() == kind.Name {
				countFields(t, l, want)
			}
		}
		for _, f := range kind.Fields {
			if f.Count != want[f.Path] || f.Description == "" {
				t.Errorf("%s %s: %d, want %d", kind.Name, f.Path, f.Count, want[f.Path])
			}
			delete(want, f.Path)
		}
		if len(want) > 0 {
			t.Errorf("%s: %v are missing", kind.Name, want)
		}
	}
	if total != int64(len(lines)) || len(kinds) != len(schema.Names()) {
		t.Errorf("%d events of %d kinds", total, len(kinds))
	}
}

// countFields counts what encoding/json finds in a line.
func countFields(t *testing.T, l schema.Line, into map[string]int64) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(l.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, object map[string]any)
	walk = func(prefix string, object map[string]any) {
		for key, value := range object {
			if inner, ok := value.(map[string]any); ok {
				walk(prefix+key+".", inner)
				continue
			}
			into[prefix+key]++
		}
	}
	walk("", object)
}
