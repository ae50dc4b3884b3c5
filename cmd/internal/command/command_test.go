package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"caro.sh/telemetry/tools/inspect"
)

const goodLine = `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef","error_category":"unknown","error_code":"E_X","component":"parser"}` + "\n"

// run runs caro in this process with an empty environment.
func run(stdin io.Reader, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = Run(Process{
		Program: "caro", Name: "caro", Args: args, Stdin: stdin, Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" }, Now: time.Now,
	})
	return out.String(), errs.String(), code
}

func TestSlowPipeIsRecordedPromptly(t *testing.T) {
	dir := t.TempDir()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		_, _, code := run(r, "telemetry", "record", "--dir", dir)
		ended <- code
	}()
	write := func(s string) {
		t.Helper()
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
	}
	write(goodLine)
	write("{")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(dir, "events.ndjson"))
		if bytes.Count(text, []byte("\n")) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the first line is not in the log while the pipe is open: %q, %v", text, err)
		}
	}
	write(goodLine[1:])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != 0 {
		t.Errorf("record ended with %d", code)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("nobody listens") }

func TestRecordGoesOnWhenNobodyReadsItsComplaints(t *testing.T) {
	dir := t.TempDir()
	code := Run(Process{
		Program: "caro", Name: "caro", Args: []string{"telemetry", "record", "--dir", dir},
		Stdin:  strings.NewReader(strings.Repeat("sesame\n"+goodLine, 3)),
		Stdout: io.Discard, Stderr: failingWriter{},
		Getenv: func(string) string { return "" }, Now: time.Now,
	})
	text, err := os.ReadFile(filepath.Join(dir, "events.ndjson"))
	if code != exitBadInput || err != nil || bytes.Count(text, []byte("\n")) != 3 {
		t.Errorf("ended with %d and %q, %v", code, text, err)
	}
}

// A host that pipes into record must not get a broken pipe because telemetry is off.
func TestRecordTakesItsInputWhenOff(t *testing.T) {
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		_, _, code := run(r, "telemetry", "record")
		_ = r.CloseWithError(io.ErrClosedPipe)
		ended <- code
	}()
	for range 100 {
		if _, err := io.WriteString(w, strings.Repeat(goodLine, 100)); err != nil {
			t.Fatalf("the host's write failed: %v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != 0 {
		t.Errorf("record ended with %d", code)
	}
}

// brokenReader gives some lines and then an error.
type brokenReader struct{ left io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.left.Read(p)
	if err == io.EOF {
		err = errors.New("the disk is gone")
	}
	return n, err
}

func TestRecordKeepsWhatItCouldRead(t *testing.T) {
	dir := t.TempDir()
	stdout, stderr, code := run(brokenReader{strings.NewReader(goodLine + goodLine)}, "telemetry", "record", "--dir", dir)
	if code != exitIO || !strings.HasPrefix(stdout, "recorded 2 events in ") || !strings.Contains(stderr, "the disk is gone") {
		t.Errorf("ended with %d, said %q and %q", code, stdout, stderr)
	}
}

func TestInputIsReadInLines(t *testing.T) {
	long := strings.Repeat("x", 4096)
	type read struct {
		number, length int
		text           string
	}
	for name, test := range map[string]struct {
		input string
		want  []read
	}{
		"nothing":          {"", nil},
		"blank":            {"\n \t\n\r\n", nil},
		"plain":            {"a\nbc\n", []read{{1, 1, "a"}, {2, 2, "bc"}}},
		"CRLF":             {"a\r\n\r\nb\r\n", []read{{1, 1, "a"}, {3, 1, "b"}}},
		"one CR of two":    {"a\r\r\n", []read{{1, 2, "a\r"}}},
		"no last newline":  {"a\nb", []read{{1, 1, "a"}, {2, 1, "b"}}},
		"CR at the end":    {"a\r", []read{{1, 1, "a"}}},
		"CR inside":        {"a\rb\n", []read{{1, 3, "a\rb"}}},
		"as long as it is": {long + "\r\nb", []read{{1, 4096, long}, {2, 1, "b"}}},
		"one too long":     {long + "y\nb", []read{{1, 4097, long + "y"}, {2, 1, "b"}}},
		"far too long":     {strings.Repeat(long, 200) + "\r\nb\n", []read{{1, 4096 * 200, long + "x"}, {2, 1, "b"}}},
		"long and blank":   {strings.Repeat(" ", 5000) + "\n", []read{{1, 5000, strings.Repeat(" ", 4097)}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, input := range []io.Reader{strings.NewReader(test.input), iotest.OneByteReader(strings.NewReader(test.input))} {
				var got []read
				err := eachBlock(input, func(l line, found *[]read) {
					*found = append(*found, read{l.number, l.length, string(l.text)})
				}, func(before int, found *[]read) error {
					for _, r := range *found {
						r.number += before
						got = append(got, r)
					}
					*found = nil
					return nil
				})
				if err != nil || !slices.Equal(got, test.want) {
					t.Errorf("error %v, %d lines; want %d", err, len(got), len(test.want))
					for _, r := range got {
						t.Logf("line %d of %d bytes", r.number, r.length)
					}
				}
			}
		})
	}
}

// What stats puts aside has nothing to do with the log's disk.
func TestAFullTemporaryDirectoryIsNotTheLogs(t *testing.T) {
	c := &cli{Process: Process{Stderr: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now}}
	full := &inspect.AsideError{Dir: "/tmp", Err: syscall.ENOSPC}
	for _, in := range []inspect.Input{{Dir: "log"}, {Files: []inspect.File{inspect.FileAt("x")}}} {
		var e *exitError
		err := c.watched("counting", &in, func(context.Context) error { return fmt.Errorf("count: %w", full) })
		if !errors.As(err, &e) || e.code != exitIO || !strings.Contains(e.msg, "/tmp") || !strings.Contains(e.hint, "TMPDIR") {
			t.Errorf("%+v", err)
		}
	}
}

// A full disk is no reason to keep the settings elsewhere.
func TestSettingsOnAFullDisk(t *testing.T) {
	var e *exitError
	err := configError(&os.PathError{Op: "write", Path: "config.toml", Err: syscall.ENOSPC})
	if !errors.As(err, &e) || e.code != exitIO || !strings.Contains(e.hint, "CARO_TELEMETRY_ENABLED=false") {
		t.Errorf("%+v", err)
	}
}
