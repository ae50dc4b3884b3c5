package command

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the tour's commands really print into README.md")

// step is one command of the tour and what the README says it prints.
type step struct {
	command string
	want    []string
}

// tours are the pages whose console blocks are run, and how many each has at least.
var tours = map[string]int{"README.md": 7, "docs/settings.md": 1, "docs/embedding.md": 1}

// TestReadmeTour runs the commands of the console blocks of the README and of
// other pages, one after the other, and compares what they print. "…" stands
// for anything in a line.
func TestReadmeTour(t *testing.T) {
	root := tourRoot(t, "bash", "jq")
	for page, blocks := range tours {
		t.Run(page, func(t *testing.T) { tour(t, root, page, blocks) })
	}
}

// tourRoot is the project's directory, for a tour that runs these programs.
func tourRoot(t *testing.T, programs ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the tour shows what the tools of Linux print")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s to run the tour with", program)
		}
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func tour(t *testing.T, root, page string, blocks int) {
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	dir := tourDir(t, root)
	parts := strings.Split(string(text), "```console\n")
	for i, part := range parts[1:] {
		block, after, _ := strings.Cut(part, "```")
		var written strings.Builder
		for _, s := range steps(t, block) {
			got := runStep(t, dir, s)
			written.WriteString("$ " + s.command + "\n" + got)
		}
		parts[i+1] = written.String() + "```" + after
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, page), []byte(strings.Join(parts, "```console\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(parts)-1 < blocks {
		t.Errorf("the tour has only %d blocks", len(parts)-1)
	}
}

// tourDir is a directory that looks like the project's to the tour.
func tourDir(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "fixtures"), filepath.Join(dir, "fixtures")); err != nil {
		t.Skipf("cannot link to the fixtures: %v", err)
	}
	return dir
}

func steps(t *testing.T, block string) (list []step) {
	t.Helper()
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, step{command: command})
		} else if len(list) > 0 {
			list[len(list)-1].want = append(list[len(list)-1].want, line)
		} else {
			t.Fatalf("a console block begins with %q", line)
		}
	}
	return list
}

// runStep runs a command and returns its output as the README should show it.
func runStep(t *testing.T, dir string, s step) string {
	t.Helper()
	if file, ok := strings.CutPrefix(s.command, "cat "); ok && !strings.ContainsAny(file, " /<|") {
		// The reader makes this file from what the page shows.
		if err := os.WriteFile(filepath.Join(dir, file), []byte(joinLines(s.want)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-c", s.command)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "home"), "TZ=UTC", "LC_ALL=C", "GORACE=" + raceOptions}
	output, _ := cmd.CombinedOutput() // how a command ended shows in what it prints
	got := strings.ReplaceAll(string(output), filepath.Join(dir, "home"), "/home/you")
	if matches(s.want, got) {
		return joinLines(s.want)
	}
	if !*update {
		t.Errorf("$ %s\nprints\n%s\nthe page says\n%s", s.command, got, joinLines(s.want))
	}
	return got
}

func joinLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// matches compares lines, of which the wanted may contain "…".
func matches(want []string, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(joinLines(want)), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}
