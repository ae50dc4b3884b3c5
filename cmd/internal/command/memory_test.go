//go:build linux

package command

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"caro.sh/telemetry/tools/ingest"
)

// No batch command needs more memory for more events.
func TestBatchCommandsStayBelow64MiB(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a log of many megabytes")
	}
	const limit = 64 << 10 // KiB
	home := t.TempDir()
	store, err := ingest.Open(filepath.Join(home, "uploaded"), ingest.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	server := httptest.NewServer(ingest.NewHandler(store, ingest.HandlerOptions{}))
	defer server.Close()
	environment := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "CARO_TELEMETRY_ENABLED=true",
		"CARO_TELEMETRY_OFFLINE_SPOOL_MAX_MB=10240", "CARO_TELEMETRY_ENDPOINT=" + server.URL + "/v1/events"}
	for _, line := range []string{
		"caro telemetry simulate --days 30 --out events.ndjson --sessions " + strconv.Itoa(memorySessions),
		"caro telemetry check events.ndjson",
		"caro telemetry record --dir log events.ndjson",
		"caro-telemetry-inspect stats events.ndjson",
		"caro-telemetry-inspect stats --by model --by day --dir log",
		"caro-telemetry-inspect verify --dir log",
		"caro-telemetry-inspect cat --dir log",
		"caro-telemetry-export --dir log -o events.json.gz",
		"caro-telemetry-export --verify events.json.gz",
		"caro-telemetry-export --max-size 50M --dir log -o mail.json.gz",
		"caro-telemetry-ingest import --dir carried mail*.json.gz", // one file may have 4 GiB
		"caro-telemetry-compact --dir log",
		"caro-telemetry-inspect stats --dir log",
		"caro-telemetry-upload --force --max-batches 300 --dir log",
		"caro-telemetry-export --clear --dir log -o rest.json.gz",
	} {
		words := strings.Fields(line)
		if last := len(words) - 1; strings.Contains(words[last], "*") {
			files, err := filepath.Glob(filepath.Join(home, words[last]))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %v, %v", line, files, err)
			}
			words = append(words[:last], files...)
		}
		path, err := exec.LookPath(words[0])
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, words[1:]...)
		var stderr bytes.Buffer
		cmd.Dir, cmd.Env, cmd.Stderr = home, environment, &stderr
		start := time.Now()
		peak, err := peakOf(cmd)
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, stderr.String())
		}
		if t.Logf("%6d KiB, %6.2f s: %s", peak, time.Since(start).Seconds(), line); peak > limit {
			t.Errorf("%s took %d KiB, more than %d", line, peak, limit)
		}
	}
}

// peakOf runs a program and returns the most memory it had, in KiB, but for its last
// milliseconds. What wait tells counts this process's own, from before the exec.
func peakOf(cmd *exec.Cmd) (kib int, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	for {
		select {
		case err := <-ended:
			return kib, err
		case <-time.After(2 * time.Millisecond):
			text, _ := os.ReadFile(status)
			for line := range strings.Lines(string(text)) {
				if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
					now, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
					kib = max(kib, now)
				}
			}
		}
	}
}
