package inspect

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/simulate"
)

// logOf makes a log of sealed segments, the first ones compacted, and an active one.
func logOf(t *testing.T, compacted, plain int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	log, err := eventlog.Open(dir, &eventlog.Options{MaxBytes: 100 * eventlog.MB})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(seed uint64) {
		var lines []schema.Line
		for l, err := range simulate.Generate(simulate.Options{Sessions: 5, Seed: seed, Start: time.Now().Add(-time.Hour), IDs: simulate.SeededKey(seed)}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l)
		}
		if _, err := log.Append(lines...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range compacted + plain {
		fill(uint64(i))
		if err := log.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	fill(99)
	for _, name := range names(t, dir, "events-*.ndjson")[:compacted] {
		pack(t, name)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pack writes the compacted form of a plain segment beside it.
func pack(t *testing.T, name string, options ...lz4.Option) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := lz4.NewWriter(&packed)
	if len(options) == 0 {
		options = []lz4.Option{lz4.SizeOption(uint64(len(text))), lz4.ChecksumOption(true)}
	}
	if err := w.Apply(options...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, name+".lz4", packed.Bytes())
}

func names(t *testing.T, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, name string, edit func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, edit(text))
}

func verified(t *testing.T, dir string, most int64) (Verdict, []Finding) {
	t.Helper()
	var found []Finding
	v, err := Verify(context.Background(), Input{Dir: dir}, VerifyOptions{MaxBytes: most, Found: func(f Finding) { found = append(found, f) }})
	if err != nil {
		t.Fatal(err)
	}
	return v, found
}

func TestVerifyFindsNothingWrongWithALog(t *testing.T) {
	for _, shape := range [][2]int{{0, 0}, {0, 2}, {2, 1}} {
		v, found := verified(t, logOf(t, shape[0], shape[1]), 100*eventlog.MB)
		if v.Errors+v.Notes > 0 || v.Segments != shape[0]+shape[1]+1 || v.Lines < 40 {
			t.Errorf("%v: %+v %v", shape, v, found)
		}
	}
	if v, found := verified(t, filepath.Join(t.TempDir(), "nowhere"), 1); v != (Verdict{}) || len(found) > 0 {
		t.Errorf("a log that is not there: %+v %v", v, found)
	}
}

// damages are ways to harm a log of two compacted segments, one sealed and the active
// one, and what verification has to say about each.
var damages = []struct {
	rule     string
	severity Severity
	harm     func(t *testing.T, dir string)
}{
	{"path", Wrong, editLine(func(line string) string {
		return strings.Replace(line, `"caro_version":"`, `"caro_version":"/home/sesame/`, 1)
	})},
	{"malformed", Wrong, editLine(func(line string) string { return line[:len(line)/2] })},
	{"malformed", Wrong, editLine(func(string) string { return strings.Repeat("\x00", 300) })},
	{"malformed", Wrong, editLine(func(string) string { return "sesame" })},
	{"schema", Wrong, editLine(func(line string) string { return line[:len(line)-1] + `,"sesame":1}` })},
	{"canonical", Wrong, editLine(func(line string) string { return strings.Replace(line, ":", ": ", 1) })},
	{"canonical", Wrong, editLine(func(line string) string { return line + "\r" })},
	{"too_long", Wrong, editLine(func(string) string { return strings.Repeat("x", 5000) })},
	{"unreadable", Wrong, editLine(func(string) string { return strings.Repeat("x", 70_000) })},
	{"count", Wrong, func(t *testing.T, dir string) {
		change(t, names(t, dir, "events-*.ndjson")[0], func(text []byte) []byte { return text[bytes.IndexByte(text, '\n')+1:] })
	}},
	{"frame", Wrong, editFrame(func(text []byte) []byte { text[len(text)/2] ^= 4; return text })},
	{"frame", Wrong, editFrame(func(text []byte) []byte { text[len(text)-1] ^= 4; return text })},
	{"frame", Wrong, editFrame(func(text []byte) []byte { text[6] ^= 4; return text })},
	{"frame", Wrong, editFrame(func(text []byte) []byte { return text[:len(text)-1] })},
	{"frame", Wrong, editFrame(func(text []byte) []byte { return text[:len(text)/2] })},
	{"frame", Wrong, editFrame(func(text []byte) []byte { return text[:5] })},
	{"frame", Wrong, editFrame(func([]byte) []byte { return nil })},
	{"frame", Wrong, editFrame(func(text []byte) []byte { return append(text, 0) })},
	{"frame", Wrong, editFrame(func(text []byte) []byte { return append(text, text...) })},
	{"frame", Wrong, editFrame(func([]byte) []byte { return []byte(`{"event":"sesame"}`) })},
	{"frame", Wrong, repack(lz4.ChecksumOption(true))},
	{"frame", Wrong, editFrame(sayOtherSize)},
	{"frame", Wrong, func(t *testing.T, dir string) {
		repack(lz4.SizeOption(uint64(size(t, names(t, dir, "events-*.ndjson")[0]))), lz4.ChecksumOption(false))(t, dir)
	}},
	{"mode", Wrong, chmod("", 0o755)},
	{"mode", Wrong, chmod("events.ndjson", 0o644)},
	{"mode", Wrong, chmod("meta.json", 0o640)},
	{"mode", Wrong, func(t *testing.T, dir string) { mkdir(t, filepath.Join(dir, "sent")); chmod("sent", 0o750)(t, dir) }},
	{"foreign", Wrong, put("notes.txt", "sesame")},
	{"foreign", Wrong, put("events-1.ndjson", "")},
	{"foreign", Wrong, put("events-0000000000-2026-11-23T01-47-29.658.ndjson", "")},
	{"foreign", Wrong, put("events-0000000009-2026-13-23T01-47-29.658.ndjson", "")},
	{"foreign", Wrong, func(t *testing.T, dir string) { mkdir(t, filepath.Join(dir, "photos")) }},
	{"kind", Wrong, func(t *testing.T, dir string) {
		if err := os.Symlink("/dev/null", filepath.Join(dir, ".tmp-link")); err != nil {
			t.Skip(err)
		}
	}},
	{"number", Wrong, func(t *testing.T, dir string) {
		name := filepath.Base(names(t, dir, "events-*.ndjson")[0])
		put(name[:len("events-0000000001-")]+"2020-01-01T00-00-00.000.ndjson", "")(t, dir)
	}},
	{"next-number", Wrong, put("events-0000000009-2026-11-23T01-47-29.658.ndjson", "")},
	{"both-forms", Note, func(t *testing.T, dir string) { pack(t, names(t, dir, "events-*.ndjson")[0]) }},
	{"backup", Note, put("events-2026-11-23T01-47-29.658.ndjson", "")},
	{"leftover", Note, put(".tmp-swap-1", "sesame")},
	{"set-aside", Note, put("meta.json.bad", "sesame")},
	{"meta", Wrong, put("meta.json", "sesame")},
	{"meta", Wrong, put("meta.json", `{"version":2,"log_id":"x"}`)},
	{"missing", Note, func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, "meta.json")); err != nil {
			t.Fatal(err)
		}
	}},
	{"removed", Note, func(t *testing.T, dir string) {
		change(t, filepath.Join(dir, "meta.json"), func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"removed_through":0`), []byte(`"removed_through":1`), 1)
		})
	}},
	{"unfinished", Note, func(t *testing.T, dir string) {
		change(t, filepath.Join(dir, "events.ndjson"), func(text []byte) []byte { return append(text, `{"event":"ses`...) })
	}},
}

// editLine changes the third line of the sealed segment; every line before it keeps
// its place.
func editLine(edit func(string) string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		change(t, names(t, dir, "events-*.ndjson")[0], func(text []byte) []byte {
			lines := strings.Split(string(text), "\n")
			lines[0] = edit(lines[0])
			return []byte(strings.Join(lines, "\n"))
		})
	}
}

func editFrame(edit func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) { change(t, names(t, dir, "*.lz4")[0], edit) }
}

// repack compacts the sealed segment, in other ways than the log does.
func repack(options ...lz4.Option) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		name := names(t, dir, "events-*.ndjson")[0]
		pack(t, name, options...)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// sayOtherSize makes a frame say one byte more than it holds, with a header checksum
// that agrees.
func sayOtherSize(frame []byte) []byte {
	size := binary.LittleEndian.Uint64(frame[6:])
	binary.LittleEndian.PutUint64(frame[6:], size+1)
	frame[14] = byte(xxh32(frame[4:14]) >> 8)
	return frame
}

// xxh32 is the hash of fewer than 16 bytes (xxHash specification 0.1.1).
func xxh32(text []byte) uint32 {
	const p1, p2, p3, p4, p5 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1
	h := uint32(p5 + len(text))
	for ; len(text) >= 4; text = text[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(text)*p3, 17) * p4
	}
	for _, b := range text {
		h = bits.RotateLeft32(h+uint32(b)*p5, 11) * p1
	}
	h = (h ^ h>>15) * p2
	h = (h ^ h>>13) * p3
	return h ^ h>>16
}

func TestCheckFrameComparesSizes(t *testing.T) {
	name := names(t, logOf(t, 1, 0), "*.lz4")[0]
	change(t, name, sayOtherSize)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFrame(bytes.NewReader(text), int64(len(text))); !errors.Is(err, errSize) {
		t.Errorf("%v, want %v", err, errSize)
	}
}

func size(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func chmod(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no modes")
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
}

func put(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { write(t, filepath.Join(dir, name), []byte(text)) }
}

func TestVerifyFindsEveryKindOfDamage(t *testing.T) {
	for i, d := range damages {
		t.Run(fmt.Sprintf("%02d-%s", i, d.rule), func(t *testing.T) {
			dir := logOf(t, 2, 1)
			d.harm(t, dir)
			before := tree(t, dir)
			v, found := verified(t, dir, 100*eventlog.MB)
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == d.rule && f.Severity == d.severity }) {
				t.Errorf("no %s %s in %+v", d.severity, d.rule, found)
			}
			if (v.Errors > 0) != (d.severity == Wrong) {
				t.Errorf("%d errors: %+v", v.Errors, found)
			}
			if text, _ := json.Marshal(found); bytes.Contains(text, []byte("sesame")) {
				t.Errorf("content is repeated: %s", text)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("the log was changed:\n%s\n%s", before, after)
			}
		})
	}
}

// tree is everything in a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		var text []byte
		if info.Mode().IsRegular() {
			if text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&list, "%s %v %v %q\n", path, info.Mode(), info.ModTime(), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

func TestVerifySaysWhichByte(t *testing.T) {
	dir := logOf(t, 0, 1)
	name := names(t, dir, "events-*.ndjson")[0]
	var at int
	change(t, name, func(text []byte) []byte {
		at = bytes.IndexByte(text, '\n') + 1
		return append(append(slices.Clone(text[:at]), "broken\n"...), text[at:]...)
	})
	_, found := verified(t, dir, 0)
	want := Finding{Severity: Wrong, File: filepath.Base(name), Segment: 1, Offset: int64(at), Rule: "malformed"}
	if len(found) != 2 { // and the count
		t.Fatalf("%+v", found)
	}
	if found[0].Text = ""; found[0] != want {
		t.Errorf("%+v, want %+v", found[0], want)
	}
}

func TestVerifyHoldsTheLogToItsSize(t *testing.T) {
	dir := logOf(t, 1, 1)
	v, _ := verified(t, dir, 0)
	if over, found := verified(t, dir, v.Bytes-1); over.Errors != 1 || found[0].Rule != "size" {
		t.Errorf("%+v", found)
	}
	if fits, found := verified(t, dir, v.Bytes); fits.Errors != 0 {
		t.Errorf("%+v", found)
	}
}

// TestVerifyFindsEveryFlippedByteOfAFrame flips each byte of a compacted segment and
// cuts it after each.
func TestVerifyFindsEveryFlippedByteOfAFrame(t *testing.T) {
	dir := logOf(t, 1, 0)
	name := names(t, dir, "*.lz4")[0]
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	step := 1 + len(good)/150
	for i := 0; i < len(good); i += step {
		flipped := slices.Clone(good)
		flipped[i] ^= 0x10
		for _, text := range [][]byte{flipped, good[:i]} {
			if bytes.Equal(text, good) {
				continue
			}
			if err := checkFrame(bytes.NewReader(text), int64(len(text))); err == nil {
				t.Fatalf("nothing is found wrong with byte %d of %d (%d bytes)", i, len(good), len(text))
			}
		}
	}
	if err := checkFrame(bytes.NewReader(good), int64(len(good))); err != nil {
		t.Fatal(err)
	}
}
