package export

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/schema"
)

var testNow = time.Date(2026, 11, 23, 10, 15, 30, 123e6, time.UTC)

const testID = "019aafc2-1d5b-7c3e-9a41-6b0f2e8d7c15"

// sessions are the events of the fixture.
func sessions(t testing.TB) (lines []schema.Line) {
	t.Helper()
	text, err := os.ReadFile("../../fixtures/sessions.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	for raw := range bytes.Lines(text) {
		line, err := schema.Parse(bytes.TrimSuffix(raw, []byte{'\n'}))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// quickDir is a directory of the test's own, in memory where there is such a
// place: these tests are about what is written, not about how fast a disk syncs.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "export")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// logOf makes a log of lines in so many sealed segments and an active one.
func logOf(t testing.TB, sealed int, lines []schema.Line) (dir string) {
	t.Helper()
	dir = filepath.Join(quickDir(t), "log")
	l, err := eventlog.Open(dir, &eventlog.Options{Now: clock, MaxBytes: 32 * eventlog.MB})
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed + 1 {
		from, to := i*len(lines)/(sealed+1), (i+1)*len(lines)/(sealed+1)
		if _, err := l.Append(lines[from:to]...); err != nil {
			t.Fatal(err)
		}
		if i < sealed {
			if err := l.Seal(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func clock() time.Time { return testNow }

// to are options for an export to a file, or below a directory that ends in a slash.
func to(path string) Options {
	o := Options{Log: eventlog.Options{Now: clock, LockTimeout: time.Second}, ID: testID, Version: "1.2.3"}
	if strings.HasSuffix(path, "/") {
		o.Dir = path
	} else {
		o.File = path
	}
	return o
}

func run(t testing.TB, dir string, o Options) Result {
	t.Helper()
	r, err := Run(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ndjson(lines []schema.Line) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		b.Write(l.Bytes())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// unzip reads a file with the standard library's idea of gzip.
func unzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// decoded is a document as anybody's JSON library reads it.
type decoded struct {
	Header
	Events   []json.RawMessage `json:"events"`
	Losses   map[string]any    `json:"losses"`
	Checksum string            `json:"checksum"`
}

func decode(t testing.TB, path string) (d decoded) {
	t.Helper()
	if err := json.Unmarshal(unzip(t, path), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d decoded) ndjson() []byte {
	var b bytes.Buffer
	for _, e := range d.Events {
		b.Write(e)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func TestDocumentHoldsTheLogByteForByte(t *testing.T) {
	lines := sessions(t)
	want := ndjson(lines)
	for _, sealed := range []int{0, 3} {
		t.Run(fmt.Sprint(sealed, " sealed"), func(t *testing.T) {
			dir := logOf(t, sealed, lines)
			before := tree(t, dir)
			file := filepath.Join(quickDir(t), "x.json.gz")
			r := run(t, dir, to(file))
			d := decode(t, file)
			if !bytes.Equal(d.ndjson(), want) {
				t.Error("the events are not those of the log, in its order")
			}
			sum := fmt.Sprintf("%x", sha256.Sum256(want))
			if d.Checksum != "sha256:"+sum || d.EventCount != int64(len(lines)) || d.ExportID != testID || d.CaroVersion != "1.2.3" {
				t.Errorf("the document says %+v, checksum %s", d.Header, d.Checksum)
			}
			if d.Filter != nil || d.PreviousExportID != nil || d.Part != 1 || d.Parts != 1 || *d.FirstTimestamp > *d.LastTimestamp {
				t.Errorf("the document says %+v", d.Header)
			}
			if sealed == 0 != (len(d.Losses) == 0) {
				t.Errorf("losses are %v", d.Losses)
			}
			if r.Events != d.EventCount || r.ID != testID || len(r.Files) != 1 || r.Files[0].Checksum != sum || r.Files[0].Path != file {
				t.Errorf("the result is %+v", r)
			}
			report, err := CheckFile(t.Context(), file, nil)
			if err != nil || !report.SumFile || report.Bytes != r.Bytes() || report.SHA256 != r.Files[0].SHA256 {
				t.Errorf("checked: %+v, %v", report, err)
			}
			if after := tree(t, dir); !maps.Equal(before, after) {
				t.Error("the log was changed")
			}
			info, err := os.Stat(file)
			if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
				t.Errorf("the file is %v, %v", info.Mode(), err)
			}
			wantNames(t, filepath.Dir(file), "x.json.gz", "x.json.gz.sha256")
		})
	}
}

// tree is what is in a directory, and when it was changed.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = fmt.Sprint(info.Mode(), info.ModTime(), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("there are %v, want %v", got, want)
	}
}

func TestSameLogIDAndTimeMakeTheSameBytes(t *testing.T) {
	lines := sessions(t)
	a, b := filepath.Join(quickDir(t), "a.json.gz"), filepath.Join(quickDir(t), "b.json.gz")
	oa, ob := to(a), to(b)
	oa.Workers, ob.Workers = 1, 7
	run(t, logOf(t, 0, lines), oa)
	run(t, logOf(t, 0, lines), ob)
	if !bytes.Equal(read(t, a), read(t, b)) {
		t.Error("two exports of the same differ")
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNothingToExportMakesNoFile(t *testing.T) {
	empty := filepath.Join(quickDir(t), "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(quickDir(t), "garbage")
	if err := os.Mkdir(garbage, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(garbage, "events.ndjson"), []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(quickDir(t), "missing")
	for _, dir := range []string{missing, empty, garbage} {
		for _, clear := range []bool{false, true} {
			before, _ := os.ReadDir(dir)
			o := to(filepath.Join(quickDir(t), "x.json.gz"))
			o.Clear = clear
			r := run(t, dir, o)
			if len(r.Files) != 0 || r.Events != 0 || r.ID != "" || r.Cleared.Segments != 0 {
				t.Errorf("%s: %+v", dir, r)
			}
			wantNames(t, filepath.Dir(o.File))
			if after, _ := os.ReadDir(dir); !clear && len(after) != len(before) {
				t.Errorf("%s was changed", dir)
			}
		}
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a log was made")
	}
}

func TestDamagedLogGivesItsGoodLines(t *testing.T) {
	lines := sessions(t)[:300]
	dir := logOf(t, 3, lines)
	segments := segmentNames(t, dir)
	edit := func(name string, change func([]byte) []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), change(read(t, filepath.Join(dir, name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := bytes.Replace(lines[0].Bytes(), []byte(`"caro_version":"`), []byte(`"caro_version":"/home/sesame`), 1)
	edit(segments[0], func(text []byte) []byte { // garbage in front, refused in between, blanked at the end
		return slicesConcat([]byte("\x00\xffsesame\n"), text, refused, []byte("\n"), bytes.Repeat([]byte(" "), 200), []byte("\n"))
	})
	edit(segments[1], func(text []byte) []byte { // one line is far too long, and goes on
		return slicesConcat(bytes.Repeat([]byte("x"), 200<<10), []byte("\n"), text)
	})
	edit("events.ndjson", func(text []byte) []byte { return append(text, text[:50]...) }) // torn, or being written
	file := filepath.Join(quickDir(t), "x.json.gz")
	r := run(t, dir, to(file))
	if got := decode(t, file).ndjson(); !bytes.Equal(got, ndjson(lines)) {
		t.Errorf("%d bytes of events, want %d", len(got), len(ndjson(lines)))
	}
	want := map[schema.Category]int64{schema.Malformed: 1, schema.Path: 1}
	if !maps.Equal(r.Refused, want) || r.Bad() != 2 || len(r.Damaged) != 1 || r.Damaged[0].Name != segments[1] {
		t.Errorf("refused %v, damaged %v", r.Refused, r.Damaged)
	}
	// None of it keeps the log from being cleared: nothing that could be an event is left.
	o := to(filepath.Join(quickDir(t), "x.json.gz"))
	o.Clear = true
	r = run(t, dir, o)
	if r.Events != 300 || r.Kept != 0 || r.Cleared.Segments != 4 || len(segmentNames(t, dir)) != 0 {
		t.Errorf("cleared: %+v", r)
	}
}

func slicesConcat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func segmentNames(t testing.TB, dir string) (names []string) {
	t.Helper()
	s, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, seg := range s.Segments() {
		if seg.State != eventlog.Active {
			names = append(names, seg.Name)
		}
	}
	return names
}

// What cannot be read may be worth a repair: it stays, and so does what follows.
func TestClearKeepsWhatCouldNotBeRead(t *testing.T) {
	lines := sessions(t)[:400]
	dir := logOf(t, 3, lines)
	segments := segmentNames(t, dir)
	if err := os.Remove(filepath.Join(dir, segments[1])); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, segments[1]+".lz4"), []byte("sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := to(filepath.Join(quickDir(t), "x.json.gz"))
	o.Clear = true
	r := run(t, dir, o)
	if r.Events != 300 || r.Kept != 2 || r.Cleared.Segments != 1 || len(r.Damaged) != 1 {
		t.Errorf("%+v", r)
	}
	if left := segmentNames(t, dir); len(left) != 3 || left[0] != segments[1]+".lz4" {
		t.Errorf("left are %v", left)
	}
}

func TestClearRemovesWhatIsInTheFileAndNothingElse(t *testing.T) {
	lines := sessions(t)
	dir := logOf(t, 2, lines)
	o := to(filepath.Join(quickDir(t), "x.json.gz"))
	o.Clear = true
	r := run(t, dir, o)
	if r.Events != int64(len(lines)) || r.Cleared.Events != r.Events || r.Cleared.Segments != 3 {
		t.Errorf("%+v", r)
	}
	s, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range s.Lines() {
		t.Fatal("something is left")
	}
	if s.Losses().Cleared != r.Events {
		t.Errorf("%d counted as cleared", s.Losses().Cleared)
	}
	o.File += "2"
	if again := run(t, dir, o); len(again.Files) != 0 {
		t.Errorf("there was more: %+v", again)
	}
}

// Sealing to clear makes no room: what is about to be exported is not evicted.
func TestClearEvictsNothingFromAFullLog(t *testing.T) {
	lines := sessions(t)
	dir := filepath.Join(quickDir(t), "log")
	l, err := eventlog.Open(dir, &eventlog.Options{Now: clock, MaxBytes: eventlog.MinMaxBytes})
	if err != nil {
		t.Fatal(err)
	}
	for evicted := false; !evicted; {
		if _, err := l.Append(lines...); err != nil {
			t.Fatal(err)
		}
		evicted = lossesOf(t, dir).Evicted > 0
	}
	if _, err := l.Append(lines...); err != nil {
		t.Fatal(err)
	}
	before := lossesOf(t, dir).Evicted
	o := to(filepath.Join(quickDir(t), "x.json.gz"))
	o.Clear, o.Log.MaxBytes = true, eventlog.MinMaxBytes
	if r := run(t, dir, o); r.Events == 0 || lossesOf(t, dir).Evicted != before {
		t.Errorf("%d events, %d evicted before and %d after", r.Events, before, lossesOf(t, dir).Evicted)
	}
}

func lossesOf(t testing.TB, dir string) eventlog.Losses {
	t.Helper()
	s, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Losses()
}

func TestFiltersChooseAndAreWrittenDown(t *testing.T) {
	lines := sessions(t)
	dir := logOf(t, 1, lines)
	since := lines[len(lines)/2].Timestamp()
	for name, test := range map[string]struct {
		o    func(*Options)
		want func(schema.Line) bool
		says string
	}{
		"event": {func(o *Options) { o.Event = schema.NameErrorOccurred },
			func(l schema.Line) bool { return l.Name() == schema.NameErrorOccurred }, `{"event":"error.occurred"}`},
		"since": {func(o *Options) { o.Since = since },
			func(l schema.Line) bool { return !l.Timestamp().Before(since) }, `{"since":"` + instant(since) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			o := to(filepath.Join(quickDir(t), "x.json.gz"))
			o.ChainFile = filepath.Join(quickDir(t), "chain.json")
			test.o(&o)
			run(t, dir, o)
			var want []schema.Line
			for _, l := range lines {
				if test.want(l) {
					want = append(want, l)
				}
			}
			d := decode(t, o.File)
			if !bytes.Equal(d.ndjson(), ndjson(want)) || len(want) == 0 || len(want) == len(lines) {
				t.Errorf("%d events, want %d", len(d.Events), len(want))
			}
			if says, _ := json.Marshal(d.Filter); string(says) != test.says {
				t.Errorf("the filter is %s, want %s", says, test.says)
			}
			if _, err := CheckFile(t.Context(), o.File, nil); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(o.ChainFile); !errors.Is(err, fs.ErrNotExist) {
				t.Error("it joined the chain")
			}
			o.Clear, o.Force = true, true
			if _, err := Run(t.Context(), dir, o); err == nil || len(segmentNames(t, dir)) != 1 {
				t.Error("it cleared")
			}
		})
	}
}

func TestPartsAreCompleteInThemselves(t *testing.T) {
	lines := sessions(t)
	many := make([]schema.Line, 0, 8*len(lines))
	for range 8 {
		many = append(many, lines...)
	}
	dir := logOf(t, 2, many)
	o := to(quickDir(t) + "/")
	o.MaxSize, o.Clear = MinSize, true
	r := run(t, dir, o)
	n := len(r.Files)
	if n < 4 || r.Events != int64(len(many)) || r.Cleared.Events != r.Events {
		t.Fatalf("%d files with %d events", n, r.Events)
	}
	var all []byte
	for i, f := range r.Files {
		want := filepath.Join(o.Dir, fmt.Sprintf("telemetry-export-2026-11-23.part%0*dof%d.json.gz", len(fmt.Sprint(n)), i+1, n))
		if f.Path != want || f.Bytes > MinSize || f.Part != i+1 {
			t.Errorf("%+v, want %s of at most %d bytes", f, want, MinSize)
		}
		if i < n-1 && f.Bytes < MinSize/2 {
			t.Errorf("part %d has only %d bytes", f.Part, f.Bytes)
		}
		report, err := CheckFile(t.Context(), f.Path, nil)
		if err != nil || report.Part != i+1 || report.Parts != n || report.ExportID != testID || report.Events != f.Events {
			t.Errorf("part %d: %+v, %v", i+1, report, err)
		}
		all = append(all, decode(t, f.Path).ndjson()...)
	}
	if !bytes.Equal(all, ndjson(many)) {
		t.Error("the parts together are not the log")
	}
}

func TestFilesAreNotOverwritten(t *testing.T) {
	dir := logOf(t, 1, sessions(t)[:100])
	place := quickDir(t) + "/"
	for i, want := range []string{"telemetry-export-2026-11-23.json.gz", "telemetry-export-2026-11-23-2.json.gz", "telemetry-export-2026-11-23-3.json.gz"} {
		if r := run(t, dir, to(place)); r.Files[0].Path != filepath.Join(place, want) {
			t.Errorf("export %d is %s", i+1, r.Files[0].Path)
		}
	}
	file := filepath.Join(quickDir(t), "x.json.gz")
	for _, taken := range []string{file, file + ".sha256"} {
		if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), dir, to(file))
		if !errors.Is(err, ErrNoOutput) || !errors.Is(err, fs.ErrExist) || string(read(t, taken)) != "mine" {
			t.Errorf("%v", err)
		}
		if err := os.Remove(taken); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, to(file))
	o := to(file)
	o.Force, o.ID = true, "019aafc2-1d5b-7c3e-9a41-6b0f2e8d7c16"
	run(t, dir, o)
	if r, err := CheckFile(t.Context(), file, nil); err != nil || r.ExportID != o.ID || !r.SumFile {
		t.Errorf("%+v, %v", r, err)
	}
	link := filepath.Join(quickDir(t), "x.json.gz")
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	o.File = link
	if _, err := Run(t.Context(), dir, o); !errors.Is(err, vfs.ErrNotRegular) {
		t.Errorf("a link was replaced: %v", err)
	}
	if _, err := Run(t.Context(), dir, to(filepath.Join(quickDir(t), "missing", "x"))); !errors.Is(err, ErrNoOutput) {
		t.Errorf("%v", err)
	}
}

func TestChainNamesTheExportBefore(t *testing.T) {
	dir := logOf(t, 1, sessions(t)[:100])
	place := quickDir(t)
	o := to("")
	o.ChainFile = filepath.Join(place, "deep", "chain.json")
	previous := ""
	for i := range 3 {
		o.ID = fmt.Sprintf("019aafc2-1d5b-7c3e-9a41-6b0f2e8d7c%02d", i)
		o.File = filepath.Join(place, fmt.Sprint(i, ".json.gz"))
		r := run(t, dir, o)
		d := decode(t, o.File)
		if got := ""; d.PreviousExportID != nil {
			got = *d.PreviousExportID
			if got != previous {
				t.Errorf("export %d names %q, want %q", i, got, previous)
			}
		} else if i > 0 {
			t.Errorf("export %d names none", i)
		}
		if r.PreviousID != previous || r.ChainErr != nil {
			t.Errorf("export %d: %+v", i, r)
		}
		previous = o.ID
		// Neither lines nor a stream join.
		stream := o
		stream.File, stream.Out, stream.ID = "", io.Discard, testID
		run(t, dir, stream)
		lines := o
		lines.File, lines.Format, lines.ID = o.File+".nd", Lines, testID
		run(t, dir, lines)
	}
	if err := os.WriteFile(o.ChainFile, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Force = true
	if r := run(t, dir, o); r.ChainErr == nil || r.PreviousID != "" || r.Events == 0 {
		t.Errorf("with a damaged chain: %+v", r)
	}
	if r := run(t, dir, o); r.ChainErr != nil || r.PreviousID != o.ID {
		t.Errorf("after a damaged chain: %+v", r)
	}
	o.ChainFile = filepath.Join(o.File, "no", "directory.json")
	if r := run(t, dir, o); r.ChainErr == nil || r.Events == 0 {
		t.Errorf("where no chain can be kept: %+v", r)
	}
}

func TestStreamIsTheFile(t *testing.T) {
	dir := logOf(t, 1, sessions(t))
	file := filepath.Join(quickDir(t), "x.json.gz")
	run(t, dir, to(file))
	var out bytes.Buffer
	o := to("")
	o.Out, o.TempDir = &out, quickDir(t)
	r := run(t, dir, o)
	if !bytes.Equal(out.Bytes(), read(t, file)) || r.Files[0].Path != "" || r.Bytes() != int64(out.Len()) {
		t.Errorf("the stream differs from the file: %+v", r)
	}
	wantNames(t, o.TempDir)
}

func TestLinesAreTheEventsAlone(t *testing.T) {
	lines := sessions(t)
	o := to(quickDir(t) + "/")
	o.Format = Lines
	r := run(t, logOf(t, 1, lines), o)
	if r.Files[0].Path != filepath.Join(o.Dir, "telemetry-export-2026-11-23.ndjson.gz") || r.ID != "" {
		t.Errorf("%+v", r)
	}
	if !bytes.Equal(unzip(t, r.Files[0].Path), ndjson(lines)) {
		t.Error("the lines are not those of the log")
	}
	report, err := CheckFile(t.Context(), r.Files[0].Path, nil)
	if err != nil || report.Format != Lines || report.Events != r.Events || report.Checksum != r.Files[0].Checksum {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestEndedExportLeavesNothing(t *testing.T) {
	dir := logOf(t, 1, sessions(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := to(filepath.Join(quickDir(t), "x.json.gz"))
	o.Clear = true
	if _, err := Run(ctx, dir, o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	wantNames(t, filepath.Dir(o.File))
	if len(segmentNames(t, dir)) != 2 {
		t.Error("it cleared")
	}
}

func TestProgressGoesFromNothingToAll(t *testing.T) {
	dir := logOf(t, 5, sessions(t))
	o := to(filepath.Join(quickDir(t), "x.json.gz"))
	var last, all int64
	calls := 0
	o.Progress = func(done, total int64) {
		if done < last || done > total {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last, all = done, total
		calls++
	}
	run(t, dir, o)
	if last != all || calls < 6 {
		t.Errorf("it ended at %d of %d after %d calls", last, all, calls)
	}
}

func TestLeftoversOfTheDeadAreRemoved(t *testing.T) {
	dir := logOf(t, 0, sessions(t)[:10])
	place := quickDir(t)
	if err := os.WriteFile(filepath.Join(place, asidePrefix+"019aafc2-0000-7c3e-9a41-6b0f2e8d7c15-spool"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, to(filepath.Join(place, "x.json.gz")))
	wantNames(t, place, "x.json.gz", "x.json.gz.sha256")
}

func TestExporterServesARecorder(t *testing.T) {
	lines := sessions(t)
	n, err := Exporter{to(quickDir(t) + "/")}.Export(t.Context(), logOf(t, 1, lines))
	if err != nil || n != int64(len(lines)) {
		t.Errorf("%d, %v", n, err)
	}
}

// The commands docs/airgap.md gives for other people's tools.
func TestJqAndSha256sumAgree(t *testing.T) {
	for _, program := range []string{"sh", "zcat", "jq", "sha256sum", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s", program)
		}
	}
	file := filepath.Join(quickDir(t), "x.json.gz")
	r := run(t, logOf(t, 1, sessions(t)), to(file))
	for command, want := range map[string]string{
		`zcat x.json.gz | jq -e '.event_count == (.events|length)'`:               "true\n",
		`zcat x.json.gz | jq -c '.events[]' | sha256sum`:                          r.Files[0].Checksum + "  -\n",
		`zcat x.json.gz | jq -r .checksum`:                                        "sha256:" + r.Files[0].Checksum + "\n",
		`zcat x.json.gz | sed -n 's/^\({"event":.*}\),\{0,1\}$/\1/p' | sha256sum`: r.Files[0].Checksum + "  -\n",
		`sha256sum -c x.json.gz.sha256`:                                           "x.json.gz: OK\n",
		`gzip -t x.json.gz && echo good`:                                          "good\n",
	} {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = filepath.Dir(file)
		if got, err := cmd.CombinedOutput(); err != nil || string(got) != want {
			t.Errorf("$ %s\n%s%v", command, got, err)
		}
	}
}
