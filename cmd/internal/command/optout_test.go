//go:build linux

package command

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryPrintedOptOutIsObeyed takes each line of the "opt-out" blocks of the
// documentation, runs it as printed where telemetry is on, and then a host.
// Nothing may be written in the state directory and no socket made.
func TestEveryPrintedOptOutIsObeyed(t *testing.T) {
	if err := exec.Command("strace", "-o", "/dev/null", "true").Run(); err != nil {
		t.Skipf("no strace here: %v", err)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	lines := optOuts(t, root)
	if len(lines) < 6 {
		t.Fatalf("only %d opt-outs are printed", len(lines))
	}
	for i, line := range lines {
		t.Run(strings.Fields(line)[0]+fmt.Sprint(i), func(t *testing.T) {
			home, trace := tryOptOut(t, root, line, true)
			if _, err := os.Lstat(filepath.Join(home, ".local")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
			if sockets.Match(trace) {
				t.Errorf("a socket was made:\n%s", sockets.Find(trace))
			}
			if !bytes.Contains(trace, []byte("execve(")) {
				t.Error("nothing was traced")
			}
			// An opt-out for good is one where there is something already, too.
			home, _ = tryOptOut(t, root, line, false)
			if _, err := os.Lstat(filepath.Join(home, ".local/state/caro/telemetry")); err != nil {
				t.Errorf("the run before was not recorded, so that this test shows nothing: %v", err)
			}
			text, err := os.ReadFile(filepath.Join(home, ".local/state/caro/telemetry/events.ndjson"))
			if n := bytes.Count(text, []byte("\n")); n > 1 || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%d events, %v", n, err)
			}
		})
	}
}

var sockets = regexp.MustCompile(`(?m)^.*\b(socket|connect|sendto|bind)\(.*$`)

var optOutBlock = regexp.MustCompile("(?s)```sh opt-out\n(.*?)```")

func optOuts(t *testing.T, root string) (lines []string) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range optOutBlock.FindAllSubmatch(text, -1) {
			lines = append(lines, strings.Split(strings.TrimSpace(string(block[1])), "\n")...)
		}
	}
	return lines
}

// tryOptOut runs a line and a host in a home where telemetry is on; fresh says
// that nothing was recorded there before.
func tryOptOut(t *testing.T, root, line string, fresh bool) (home string, trace []byte) {
	t.Helper()
	dir := t.TempDir()
	home = filepath.Join(dir, "home")
	config := filepath.Join(home, ".config", "caro")
	bin := filepath.Join(dir, "bin")
	traced := filepath.Join(dir, "trace")
	caro, err := exec.LookPath("caro")
	if err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec strace -f -A -o %s -e trace=execve,network %s \"$@\"\n", traced, caro)
	for _, err := range []error{
		os.MkdirAll(config, 0o700), os.MkdirAll(bin, 0o700), os.WriteFile(filepath.Join(bin, "caro"), []byte(wrapper), 0o700),
		os.WriteFile(filepath.Join(config, "config.toml"), []byte("[telemetry]\nenabled = true\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "event.ndjson"), []byte(goodLine), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	script := "shopt -s expand_aliases\n"
	if !fresh {
		script += "caro telemetry record event.ndjson || exit\n"
	}
	script += line + "\ncaro telemetry record event.ndjson || exit\ncaro telemetry status\n"
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + home, "GORACE=" + raceOptions}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Telemetry    off")) {
		t.Fatalf("%v\n%s", err, out)
	}
	trace, err = os.ReadFile(traced)
	if err != nil {
		t.Fatal(err)
	}
	return home, trace
}
