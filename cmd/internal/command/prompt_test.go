//go:build linux

package command

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// At a terminal clear asks, and takes nothing but a yes for one.
func TestClearAsksAtATerminal(t *testing.T) {
	for typed, cleared := range map[string]bool{
		"y\n": true, "YES\n": true, "\n": false, "n\n": false, "yes please\n": false, "\x04": false, "yesno\n": false,
	} {
		dir := filepath.Join(t.TempDir(), "log")
		if _, stderr, code := run(strings.NewReader(goodLine), "telemetry", "record", "--dir", dir); code != 0 {
			t.Fatal(stderr)
		}
		master, slave := openTerminal(t)
		caro, err := exec.LookPath("caro")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(caro, "telemetry", "clear", "--dir", dir)
		cmd.Env = []string{"HOME=" + t.TempDir(), "GORACE=" + raceOptions}
		cmd.Stdin, cmd.Stderr = slave, slave
		if _, err := master.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		read := make(chan string)
		go func() {
			text, _ := io.ReadAll(master) // ends with an error once nobody has the other end
			read <- string(text)
		}()
		_ = cmd.Run()
		_ = slave.Close()
		said := <-read
		_ = master.Close()
		text, err := os.ReadFile(filepath.Join(dir, "events.ndjson"))
		if err != nil || !strings.Contains(said, "Remove all events in ") {
			t.Errorf("%q: said %q, %v", typed, said, err)
		}
		if gone := len(text) == 0; gone != cleared || cmd.ProcessState.Success() != cleared {
			t.Errorf("%q: cleared %v, ended with %v", typed, gone, cmd.ProcessState)
		}
	}
}

func openTerminal(t *testing.T) (master, slave *os.File) {
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
