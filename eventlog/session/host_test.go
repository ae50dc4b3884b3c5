//go:build linux

package session_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/schema"
)

// hostVariable makes this test program the host that is under test.
const hostVariable = "SESSION_TEST_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(hostVariable) != "" {
		host(os.Args[1:])
	}
	os.Exit(m.Run())
}

// host is a small program with a session in it. What it prints and how it ends
// must not depend on telemetry.
func host(args []string) {
	if slices.Contains(args, "--no-session") {
		work(nil)
	}
	prompt := session.Terminal()
	prompt.JSON = slices.Contains(args, "--json")
	work(session.Start(session.Options{
		Version: "1.3.0", Backend: schema.BackendMock, Prompt: prompt,
		NoTelemetry: slices.Contains(args, "--no-telemetry"), EndOnSignal: true,
	}))
}

func work(s *session.Session) {
	s.CommandGenerated(schema.CommandGenerated{
		GenerationID: session.NewGenerationID(), BackendUsed: schema.BackendMock,
		SafetyResult: schema.SafetyResult{RiskLevel: schema.RiskSafe},
	})
	fmt.Println("the host's answer")
	if os.Getenv("HOST_WAITS") != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	s.End(schema.ExitUserComplete)
	os.Exit(3)
}

// nobody is the user the host runs as when the tests run as root.
const nobody = 12345

// hostProgram is a copy of this program that another user may run, too.
func hostProgram(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "host")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "host")
	if err := errors.Join(os.WriteFile(program, text, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return program
}

// situation is what a host finds, and scene what comes of it.
type situation struct {
	terminal string // "": none; otherwise what is typed there ("\x04" is the end of the input)
	ci       bool
	noTrack  bool
	flag     bool
	json     bool
	env      string // CARO_TELEMETRY_ENABLED
	config   string // "", "on", "off", "broken"
	home     string // "", "read-only", "missing", "another's" (sudo)
}

type scene struct {
	asked     bool
	stored    string // what the settings file says afterwards: "", "true", "false"
	collected bool
}

func (s situation) String() string {
	parts := []string{fmt.Sprintf("tty %q", s.terminal)}
	for name, on := range map[string]bool{"CI": s.ci, "DNT": s.noTrack, "--no-telemetry": s.flag, "--json": s.json} {
		if on {
			parts = append(parts, name)
		}
	}
	slices.Sort(parts[1:])
	return strings.Join(append(parts, "env "+s.env, "config "+s.config, "home "+s.home), ", ")
}

var configs = map[string]string{
	"on":     "[telemetry]\nenabled = true\n",
	"off":    "[telemetry]\nenabled = false\n",
	"broken": "[telemetry\nenabled = true\n",
}

// TestConsentTable is the table of who is asked, what is stored and what is
// collected.
func TestConsentTable(t *testing.T) {
	const end = "\x04"
	h := newHosts(t)
	for _, row := range []struct {
		situation
		scene
	}{
		{situation{}, scene{}},
		{situation{terminal: "y\n"}, scene{asked: true, stored: "true", collected: true}},
		{situation{terminal: "YES\n"}, scene{asked: true, stored: "true", collected: true}},
		{situation{terminal: "n\n"}, scene{asked: true, stored: "false"}},
		{situation{terminal: "\n"}, scene{asked: true, stored: "false"}},
		{situation{terminal: end}, scene{asked: true}},
		{situation{terminal: "y" + end + end}, scene{asked: true}},
		{situation{terminal: "perhaps\n"}, scene{asked: true}},
		{situation{terminal: "y\n", ci: true}, scene{}},
		{situation{terminal: "y\n", noTrack: true}, scene{}},
		{situation{terminal: "y\n", flag: true}, scene{}},
		{situation{terminal: "y\n", json: true}, scene{}},
		{situation{terminal: "y\n", env: "true"}, scene{collected: true}},
		{situation{terminal: "y\n", env: "false"}, scene{}},
		{situation{terminal: "y\n", env: "perhaps"}, scene{}},
		{situation{terminal: "y\n", config: "on"}, scene{stored: "true", collected: true}},
		{situation{terminal: "y\n", config: "off"}, scene{stored: "false"}},
		{situation{terminal: "y\n", config: "broken"}, scene{stored: "broken"}},
		{situation{terminal: "y\n", home: "read-only"}, scene{}},
		{situation{terminal: "y\n", home: "missing"}, scene{}},
		{situation{terminal: "y\n", home: "another's"}, scene{}},
		{situation{env: "true"}, scene{collected: true}},
		{situation{env: "true", ci: true}, scene{collected: true}},
		{situation{env: "true", config: "off"}, scene{stored: "false", collected: true}},
		{situation{env: "false", config: "on"}, scene{stored: "true"}},
		{situation{env: "true", config: "broken"}, scene{stored: "broken"}},
		{situation{env: "true", noTrack: true, config: "on"}, scene{stored: "true"}},
		{situation{env: "true", flag: true, config: "on"}, scene{stored: "true"}},
		{situation{env: "true", home: "read-only"}, scene{}},
		{situation{env: "true", home: "missing"}, scene{}},
		{situation{env: "true", home: "another's"}, scene{}},
		{situation{config: "on", home: "read-only"}, scene{stored: "true"}},
		{situation{config: "on", home: "another's"}, scene{stored: "true"}},
	} {
		h.play(t, row.situation, row.scene)
	}
}

// TestConsentInEveryCombination goes through all of them. What is to come of
// each follows from the rules of the contract, in their order.
func TestConsentInEveryCombination(t *testing.T) {
	h := newHosts(t)
	every := 1
	if testing.Short() {
		every = 17
	}
	n := 0
	for _, terminal := range []string{"", "y\n", "\x04"} {
		for _, home := range []string{"", "read-only", "missing", "another's"} {
			for _, config := range []string{"", "on", "off", "broken"} {
				for _, env := range []string{"", "true", "false"} {
					for bits := range 8 {
						s := situation{terminal: terminal, home: home, config: config, env: env,
							ci: bits&1 != 0, noTrack: bits&2 != 0, flag: bits&4 != 0}
						if n++; n%every == 0 {
							h.play(t, s, outcome(s))
						}
					}
				}
			}
		}
	}
}

// outcome is the contract, once more.
func outcome(s situation) (want scene) {
	if s.home == "missing" {
		s.config = "" // there is no place for it
	}
	want.stored = map[string]string{"on": "true", "off": "false", "broken": "broken"}[s.config]
	writable := s.home == ""
	enabled := s.env == "true" || s.env == "" && s.config == "on"
	if s.flag || s.noTrack || s.config == "broken" {
		return want
	}
	unset := s.env == "" && s.config == ""
	if unset && s.terminal != "" && !s.ci && writable {
		want.asked = true
		if s.terminal == "y\n" {
			want.stored, enabled = "true", true
		}
	}
	want.collected = enabled && writable
	return want
}

// hosts runs the host as a process.
type hosts struct {
	program string
	root    string // where homes are made
}

func newHosts(t *testing.T) *hosts {
	root := quickDir(t)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return &hosts{program: hostProgram(t), root: root}
}

// play puts the host into a situation and compares what comes of it. On a busy
// disk the host's 200 ms may run out before anything is written; it then loses
// the events, as it should, and is run again.
func (h *hosts) play(t *testing.T, s situation, want scene) {
	t.Helper()
	if s.home == "another's" && os.Geteuid() != 0 {
		return // needs root to stand in for sudo
	}
	late := want
	late.collected = false
	got := h.once(t, s, want)
	for try := 1; try < 5 && got != want && got == late; try++ {
		got = h.once(t, s, want)
	}
	if got != want {
		t.Errorf("%s: %+v, want %+v", s, got, want)
	}
}

// once runs the host and returns what came of it.
func (h *hosts) once(t *testing.T, s situation, want scene) (got scene) {
	t.Helper()
	home := h.home(t, s)
	cmd := exec.Command(h.program, s.args()...)
	cmd.Env = s.environment(home)
	if os.Geteuid() == 0 && s.home != "another's" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	before := tree(t, home)
	stdout, said := run(t, cmd, s.terminal)

	got.asked = strings.Contains(said, "Enable telemetry?")
	got.stored = stored(t, home)
	got.collected = len(recorded(t, filepath.Join(home, ".local/state/caro/telemetry"))) == 3
	if stdout != "the host's answer\n" || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("%s: the host printed %q and ended with %v", s, stdout, cmd.ProcessState)
	}
	if !got.asked && strings.Trim(strings.ReplaceAll(said, s.echo(), ""), "\r\n") != "" {
		t.Errorf("%s: telemetry said %q", s, said)
	}
	if after := tree(t, home); !want.collected && want.stored == stored(t, home) && !want.asked && after != before {
		t.Errorf("%s: the home was\n%s and is\n%s", s, before, after)
	}
	return got
}

// echo is what the terminal shows of what is typed.
func (s situation) echo() string {
	return strings.ReplaceAll(strings.TrimSuffix(s.terminal, "\x04"), "\n", "\r\n")
}

func (s situation) args() (args []string) {
	if s.flag {
		args = append(args, "--no-telemetry")
	}
	if s.json {
		args = append(args, "--json")
	}
	return args
}

func (s situation) environment(home string) []string {
	env := []string{hostVariable + "=1", "PATH=" + os.Getenv("PATH"), "SHELL=/bin/bash"}
	if s.home != "missing" {
		env = append(env, "HOME="+home)
	}
	if s.ci {
		env = append(env, "CI=true")
	}
	if s.noTrack {
		env = append(env, "DO_NOT_TRACK=1")
	}
	if s.env != "" {
		env = append(env, "CARO_TELEMETRY_ENABLED="+s.env)
	}
	return env
}

// home makes the directory the host is at home in.
func (h *hosts) home(t *testing.T, s situation) string {
	t.Helper()
	home, err := os.MkdirTemp(h.root, "home")
	if err != nil {
		t.Fatal(err)
	}
	made := []string{home}
	if text := configs[s.config]; text != "" && s.home != "missing" {
		dir := filepath.Join(home, ".config", "caro")
		file := filepath.Join(dir, "config.toml")
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		made = append(made, filepath.Dir(dir), dir, file)
	}
	for _, path := range made {
		if os.Geteuid() == 0 {
			if err := os.Chown(path, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		if s.home == "read-only" {
			if err := os.Chmod(path, 0o555); err != nil {
				t.Fatal(err)
			}
		}
	}
	return home
}

// stored is what the settings file says.
func stored(t *testing.T, home string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, ".config", "caro", "config.toml"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		t.Fatal(err)
	case strings.Contains(string(text), "[telemetry]\nenabled = true"):
		return "true"
	case strings.Contains(string(text), "[telemetry]\nenabled = false"):
		return "false"
	}
	return "broken"
}

// tree lists everything below a directory with its content.
func tree(t *testing.T, root string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			fmt.Fprintln(&list, path)
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&list, "%s %q\n", path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// run runs the host, at a terminal if something is typed there, and returns
// what it printed on its standard output and elsewhere.
func run(t *testing.T, cmd *exec.Cmd, typed string) (stdout, said string) {
	t.Helper()
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	var read chan string
	if typed != "" {
		master, slave := terminal(t)
		cmd.Stdin, cmd.Stderr = slave, slave
		if _, err := master.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		read = make(chan string)
		go func() {
			text, _ := io.ReadAll(master) // ends with an error once nobody has the other end
			_ = master.Close()
			read <- string(text)
		}()
		defer func() { said = <-read }()
		defer slave.Close()
	}
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String()
}

// terminal makes a pseudo terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals to be had: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no terminals to be had: %v", err)
	}
	return master, slave
}
