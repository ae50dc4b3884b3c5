//go:build unix

package eventlog

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What keeps a host from recording is named, and what does not is not.
func TestTroubleIsNamedWhereAHostIsSilent(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(dir string) error
		want    bool
	}{
		"nothing there":            {func(string) error { return nil }, false},
		"a log":                    {func(dir string) error { return os.Mkdir(dir, 0o700) }, false},
		"a file for the directory": {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, true},
		"a dangling link":          {func(dir string) error { return os.Symlink("nowhere", dir) }, true},
		"open to everybody":        {func(dir string) error { return openToAll(dir) }, true},
		"a FIFO for the lock":      {func(dir string) error { return fifo(dir, lockName) }, true},
		"a FIFO for the log":       {func(dir string) error { return fifo(dir, ActiveName) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			if err := test.prepare(dir); err != nil {
				t.Fatal(err)
			}
			trouble := Trouble(dir)
			if (trouble != nil) != test.want {
				t.Errorf("trouble: %v", trouble)
			}
			l, err := Open(dir, nil)
			if err == nil {
				_, err = l.Append(testLine(t, 1, 1))
			}
			if (err != nil) != test.want {
				t.Errorf("appending says %v, and trouble %v", err, trouble)
			}
		})
	}
}

func openToAll(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777)
}

func fifo(dir, name string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return unix.Mkfifo(filepath.Join(dir, name), 0o600)
}
