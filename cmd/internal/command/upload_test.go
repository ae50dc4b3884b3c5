package command

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// server is a receiver that takes everything; status answers something else first.
func server(t *testing.T, status int, header ...string) (endpoint string, events *atomic.Int64) {
	t.Helper()
	events = new(atomic.Int64)
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 && status != 0 {
			if len(header) == 2 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(status)
			return
		}
		zip, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		var body struct {
			Events []json.RawMessage `json:"events"`
		}
		if err := json.NewDecoder(zip).Decode(&body); err != nil {
			t.Error(err)
		}
		if strings.HasSuffix(r.URL.Path, "/deletion-requests") {
			fmt.Fprint(w, `{"receipt_id":"receipt-7"}`)
			return
		}
		events.Add(int64(len(body.Events)))
		fmt.Fprintf(w, `{"accepted":%d,"rejected":0,"refusals":[]}`, len(body.Events))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1/events", events
}

// as runs a program in this process with an environment and a clock.
func as(program string, env map[string]string, now time.Time, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = Run(Process{
		Program: program, Name: program, Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string { return env[name] }, Now: func() time.Time { return now },
	})
	return out.String(), errs.String(), code
}

func recorded(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	_, stderr, code := run(strings.NewReader(strings.Repeat(goodLine, n)), "telemetry", "record", "--dir", dir)
	if code != 0 {
		t.Fatal(stderr)
	}
	return dir
}

var cronTime = time.Date(2026, 11, 24, 7, 17, 0, 0, time.UTC)

func TestCronIsSilentAndStatusKnows(t *testing.T) {
	dir := recorded(t, 3)
	endpoint, events := server(t, 0)
	env := map[string]string{"CARO_TELEMETRY_ENABLED": "true", "CARO_TELEMETRY_ENDPOINT": endpoint}
	for range 3 {
		if out, errs, code := as("caro-telemetry-upload", env, cronTime, "--dir", dir); out+errs != "" || code != 0 {
			t.Fatalf("cron would send a mail: %q %q, %d", out, errs, code)
		}
	}
	if events.Load() != 3 {
		t.Errorf("%d events arrived", events.Load())
	}
	out, _, _ := as("caro", env, cronTime, "telemetry", "status", "--dir", dir, "--json")
	for _, want := range []string{`"pending_events":0,"pending_bytes":0,`, `"last_upload":"2026-11-24T07:17:00Z","next_attempt":"2026-11-25T07:17:00Z"`, `"deletion":null`} {
		if !strings.Contains(out, want) {
			t.Errorf("status does not say %s: %s", want, out)
		}
	}
}

func TestFlushSaysWhatBecameOfIt(t *testing.T) {
	dir := recorded(t, 3)
	endpoint, _ := server(t, 0)
	asking, _ := server(t, 503, "Retry-After", "3600")
	on := map[string]string{"CARO_TELEMETRY_ENABLED": "true", "CARO_TELEMETRY_ENDPOINT": endpoint}
	with := func(name, value string) map[string]string {
		env := maps.Clone(on)
		env[name] = value
		return env
	}
	for _, step := range []struct {
		env  map[string]string
		dir  string
		code int
		want string
	}{
		{with("CARO_TELEMETRY_ENABLED", ""), dir, 0, "telemetry is off, nothing is sent\n"},
		{with("CARO_TELEMETRY_AIR_GAPPED", "true"), dir, 0, "air-gapped, nothing is ever sent from here\n"},
		{on, filepath.Join(dir, "none"), 0, "nothing to send in " + filepath.Join(dir, "none") + "\n"},
		{on, dir, 0, "sent 3 events in 1 batch\n"},
		{on, dir, 0, "not due before 2026-11-25 "},
		{with("CARO_TELEMETRY_ENDPOINT", asking), recorded(t, 1), exitTryAgain, "hint: everything is kept; the next attempt is at 2026-11-24T08:17:00Z\n"},
	} {
		out, errs, code := as("caro", step.env, cronTime, "telemetry", "flush", "--dir", step.dir)
		if code != step.code || !strings.Contains(out+errs, step.want) {
			t.Errorf("flush says %q %q, %d, not %q", out, errs, code, step.want)
		}
	}
}

func TestStatusShowsAnAttemptThatFailed(t *testing.T) {
	for status, want := range map[int]string{404: "refused (status 404)", 503: "deferred (status 503)", 0: ""} {
		dir := recorded(t, 3)
		endpoint, _ := server(t, status)
		env := map[string]string{"CARO_TELEMETRY_ENABLED": "true", "CARO_TELEMETRY_ENDPOINT": endpoint}
		as("caro-telemetry-upload", env, cronTime, "--dir", dir)
		out, _, _ := as("caro", env, cronTime, "telemetry", "status", "--dir", dir)
		if _, after, shown := strings.Cut(out, "Last attempt "); shown != (want != "") || shown && !strings.Contains(after, want+"\n") {
			t.Errorf("after %d status says %s", status, out)
		}
		out, _, _ = as("caro", env, cronTime, "telemetry", "status", "--dir", dir, "--json")
		outcome, _, _ := strings.Cut(want, " ")
		said := fmt.Sprintf(`"last_attempt":{"time":"2026-11-24T07:17:00Z","status":%d,"outcome":"%s"}`, status, outcome)
		if status == 0 {
			said = `"last_attempt":{"time":"2026-11-24T07:17:00Z","status":200,"outcome":"done"}`
		}
		if !strings.Contains(out, said) {
			t.Errorf("after %d status does not say %s: %s", status, said, out)
		}
	}
}

func TestAServersRetryAfterOutlivesTheProcess(t *testing.T) {
	dir := recorded(t, 3)
	endpoint, events := server(t, 503, "Retry-After", "3600")
	env := map[string]string{"CARO_TELEMETRY_ENABLED": "true", "CARO_TELEMETRY_ENDPOINT": endpoint}
	if _, errs, code := as("caro-telemetry-upload", env, cronTime, "--dir", dir); code != exitTryAgain || !strings.Contains(errs, "2026-11-24T08:17:00Z") {
		t.Fatalf("%q, %d", errs, code)
	}
	later := cronTime.Add(59 * time.Minute)
	if out, errs, code := as("caro-telemetry-upload", env, later, "--dir", dir); out+errs != "" || code != 0 {
		t.Errorf("%q %q, %d", out, errs, code)
	}
	if out, errs, _ := as("caro-telemetry-upload", env, later, "--dir", dir, "-v"); !strings.Contains(out+errs, "the server asked") {
		t.Errorf("-v says %q %q", out, errs)
	}
	if _, errs, code := as("caro-telemetry-upload", env, later, "--dir", dir, "--force"); code != exitTryAgain || events.Load() != 0 {
		t.Errorf("--force: %q, %d, %d events", errs, code, events.Load())
	}
	if out, errs, code := as("caro-telemetry-upload", env, cronTime.Add(time.Hour), "--dir", dir, "--json"); code != 0 || events.Load() != 3 || !strings.HasPrefix(out, `{"sent":3,"reason":"done","batches":1,`) {
		t.Errorf("%q %q, %d", out, errs, code)
	}
}

func TestARefusingServerIsSaid(t *testing.T) {
	for _, code := range []int{301, 401, 404, 411} {
		dir := recorded(t, 3)
		endpoint, _ := server(t, code, "Location", "http://127.0.0.1:1/")
		env := map[string]string{"CARO_TELEMETRY_ENABLED": "true", "CARO_TELEMETRY_ENDPOINT": endpoint}
		out, errs, got := as("caro-telemetry-upload", env, cronTime, "--dir", dir, "--json")
		if got != exitRefused || !strings.Contains(errs, fmt.Sprint("the server answered ", code)) || !strings.Contains(out, `"reason":"refused"`) {
			t.Errorf("%d: %q %q, %d", code, out, errs, got)
		}
		if strings.Contains(errs, "such as /v1/events?") != (code == 404) || strings.Contains(errs, "another address") != (code == 301) ||
			!strings.Contains(errs, "telemetry.endpoint ("+endpoint+")") {
			t.Errorf("%d: the hint is %q", code, errs)
		}
	}
}

func TestAReceiptIsShown(t *testing.T) {
	dir := recorded(t, 3)
	if err := os.WriteFile(filepath.Join(dir, "id.key"), bytes.Repeat([]byte("k"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint, events := server(t, 500)
	env := map[string]string{"CARO_TELEMETRY_ENDPOINT": endpoint} // nobody has switched it on
	out, errs, code := as("caro", env, cronTime, "telemetry", "delete-remote", "--dir", dir, "--yes", "--json")
	if code != 0 || !strings.Contains(out, `"state":"queued","receipt":"","cleared_events":3`) || !strings.Contains(errs, "stays queued") {
		t.Fatalf("%q %q, %d", out, errs, code)
	}
	if out, errs, code := as("caro-telemetry-upload", env, cronTime, "--dir", dir, "--force", "--json"); code != 0 || !strings.Contains(out, `"reason":"off"`) || !strings.Contains(out, `"deletions_delivered":1`) {
		t.Fatalf("%q %q, %d", out, errs, code)
	}
	out, _, _ = as("caro", env, cronTime, "telemetry", "status", "--dir", dir)
	if !strings.Contains(out, "receipt receipt-7\n") || events.Load() != 0 {
		t.Errorf("status says %s", out)
	}
}
