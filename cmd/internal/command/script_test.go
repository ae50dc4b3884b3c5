package command

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, executables())
}

// executables are the programs the scripts may call.
func executables() map[string]func() {
	all := map[string]func(){}
	for name := range programs {
		all[name] = func() { Main(name) }
	}
	return all
}

// raceOptions keep the race detector from sleeping a second at the end of every
// command; without the detector nobody reads them.
const raceOptions = "atexit_sleep_ms=0"

// TestScripts runs the scripts that could stand in the manual.
func TestScripts(t *testing.T) {
	fixtures, err := filepath.Abs("../../../fixtures")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("FIXTURES", fixtures)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("TZ", "UTC")
			e.Setenv("GORACE", raceOptions)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "bad-input": badInput, "count": count, "tree": tree,
		},
	})
}

// exits runs a command that is to end with a code: exits 65 caro ….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var e *exec.ExitError
	if errors.As(err, &e) {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with %d, not %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// badInput writes a file no text archive can hold: a good line, a bad one, a
// good one. The bad one says "sesame", which must not come out again.
func badInput(ts *testscript.TestScript, _ bool, args []string) {
	const good = `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef","error_category":"unknown","error_code":"E_X","component":"parser"}`
	long := strings.Repeat("sesame", 10<<20/6)
	bad, ok := map[string]string{
		"binary":         "\x7fELF\x00\x01\xff\xfesesame\x00\x1b[31m\r\x00",
		"ten-megabytes":  long,
		"ten-megabytes-": `{"event":"` + long + `"}`,
		"invalid-utf8":   strings.Replace(good, "parser", "sesame\xff\xc0", 1),
		"deep":           strings.Repeat(`{"sesame":`, 400),
		"deep-array":     strings.Repeat(`[`, 4000),
		"duplicate-key":  strings.Replace(good, `"component"`, `"error_code":"SESAME","component"`, 1),
		"nan":            strings.Replace(good, `"parser"`, `NaN`, 1),
		"trailing":       good + ` sesame`,
		"surrogate":      strings.Replace(good, "parser", `sesame\ud800`, 1),
		"other-case":     strings.Replace(good, `"component"`, `"Component"`, 1),
		"null":           strings.Replace(good, `"parser"`, `null`, 1),
		"not-an-object":  `"sesame"`,
	}[args[0]]
	if !ok {
		ts.Fatalf("no bad input is called %s", args[0])
	}
	text := good + "\n" + bad + "\n" + good + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// count checks how many lines the files together have: count N FILE….
func count(ts *testscript.TestScript, _ bool, args []string) {
	lines := 0
	for _, pattern := range args[1:] {
		names, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			ts.Check(err)
			lines += bytes.Count(text, []byte("\n"))
		}
	}
	if strconv.Itoa(lines) != args[0] {
		ts.Fatalf("%d lines, not %s", lines, args[0])
	}
}

// tree writes down everything in a directory, modification times included.
func tree(ts *testscript.TestScript, _ bool, args []string) {
	var list bytes.Buffer
	root := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if !d.IsDir() {
			if text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&list, "%s %s %s %x\n", strings.TrimPrefix(path, root), info.Mode(), info.ModTime(), sha256.Sum256(text))
		return nil
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), list.Bytes(), 0o600))
}
