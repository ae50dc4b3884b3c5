package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pierrec/lz4/v4"

	"caro.sh/telemetry/schema"
)

// testLine makes a valid event whose id tells who wrote it and the how-many-th
// it is.
func testLine(t testing.TB, writer, i int) schema.Line {
	t.Helper()
	key := [2]int{writer, i}
	if line, ok := parsed.Load(key); ok {
		return line.(schema.Line)
	}
	line, err := schema.Parse(testEvent(writer, i))
	if err != nil {
		t.Fatal(err)
	}
	parsed.Store(key, line)
	return line
}

// parsed keeps test lines, which many tests need again.
var parsed sync.Map

// memoryDir is a test directory where a sync costs nothing, if there is such a
// place: for tests that repeat themselves hundreds of times.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "eventlog")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func testEvent(writer, i int) []byte {
	return fmt.Appendf(nil, `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef",`+
		`"event_id":"%s","error_category":"backend_timeout","error_code":"E1001","component":"inference","recoverable":true}`,
		testID(writer, i))
}

func testID(writer, i int) string {
	return fmt.Sprintf("019aaf00-%04x-7000-8000-%012x", writer, i)
}

func testLines(t testing.TB, writer, n int) []schema.Line {
	t.Helper()
	lines := make([]schema.Line, n)
	for i := range lines {
		lines[i] = testLine(t, writer, i)
	}
	return lines
}

func openLog(t testing.TB, dir string, o *Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendAll(t testing.TB, l *Log, lines ...schema.Line) {
	t.Helper()
	if n, err := l.Append(lines...); err != nil || n != len(lines) {
		t.Fatalf("Append kept %d of %d: %v", n, len(lines), err)
	}
}

// ids reads the whole log as a stranger would and counts every event id. Every
// line has to be a JSON object.
func ids(t testing.TB, dir string) map[string]int {
	t.Helper()
	s, err := OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found := map[string]int{}
	for e, err := range s.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		found[idOf(t, e.Raw)]++
	}
	return found
}

func idOf(t testing.TB, raw []byte) string {
	t.Helper()
	_, rest, ok := bytes.Cut(raw, []byte(`"event_id":"`))
	if !ok || len(rest) < 36 || !json.Valid(raw) {
		t.Fatalf("a line of the log is not an event: %d bytes", len(raw))
	}
	return string(rest[:36])
}

func metaOf(t testing.TB, dir string) *meta {
	t.Helper()
	m, err := readMeta(openLog(t, dir, nil).fs, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return newMeta(openLog(t, dir, nil).now())
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func dirBytes(t testing.TB, dir string) int64 {
	t.Helper()
	var total int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return total
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// fillActive makes an active segment that has room for no more than one more
// test line, and returns how many events are in it.
func fillActive(t testing.TB, dir string, writer int) int {
	t.Helper()
	var b strings.Builder
	n := 0
	for size := len(testEvent(writer, 0)) + 1; b.Len()+2*size <= minSegmentBytes; n++ {
		b.Write(testEvent(writer, n))
		b.WriteByte('\n')
	}
	write(t, filepath.Join(dir, ActiveName), b.String())
	return n
}

func write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// compactFile does what a compactor does to one segment, without its care.
func compactFile(t testing.TB, name string) {
	t.Helper()
	f, err := os.Create(name + ".lz4")
	if err != nil {
		t.Fatal(err)
	}
	content := read(t, name)
	w := lz4.NewWriter(f)
	if err := w.Apply(lz4.ChecksumOption(true), lz4.SizeOption(uint64(len(content)))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close(), os.Remove(name)); err != nil {
		t.Fatal(err)
	}
}
