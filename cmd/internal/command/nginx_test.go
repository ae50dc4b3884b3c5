//go:build linux

package command

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUploadThroughNginx puts a real proxy between the uploader and the
// receiver: one that answers for a receiver that is away, and one that takes
// small bodies only.
func TestUploadThroughNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	c := newChaos(t)
	c.gentle.Store(true)
	small := startNginx(t, nginx, c.endpoint, "8k")
	large := startNginx(t, nginx, c.endpoint, "2m")

	c.endpoint = large + "/v1/events"
	if out, err := c.run(nil, "caro", "telemetry", "simulate", "--sessions", "50"); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	gone := httptest.NewServer(http.NotFoundHandler()) // an address where nobody is any more
	c.endpoint = startNginx(t, nginx, gone.URL, "2m") + "/v1/events"
	gone.Close()
	pending := c.pending(t)
	if _, err := c.run(nil, "caro-telemetry-upload", "--force"); exitCode(err) != exitTryAgain {
		t.Errorf("with nobody behind the proxy the upload ended with %v", err)
	}
	if n := c.pending(t); n != pending || n == 0 {
		t.Errorf("%d events were pending, and %d are", pending, n)
	}
	for _, proxy := range []string{small, large} {
		c.endpoint = proxy + "/v1/events"
		if out, err := c.run(nil, "caro", "telemetry", "simulate", "--sessions", "50"); err != nil {
			t.Fatalf("%s, %v", out, err)
		}
		if out, err := c.run(nil, "caro-telemetry-upload", "--force", "--json"); err != nil || c.pending(t) != 0 {
			t.Errorf("%s, %v: %d are pending", out, err, c.pending(t))
		}
	}
	c.judgeAll(t, 3*50)
}

func exitCode(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return 0
}

// judgeAll counts the sessions that arrived.
func (c *chaos) judgeAll(t *testing.T, sessions int) {
	t.Helper()
	out, err := c.run(nil, "caro-telemetry-inspect", "grep", "--dir", filepath.Join(c.home, "received"), "-c", `"event":"session.start"`)
	if err != nil || string(out) != fmt.Sprintf("%d\n", sessions) {
		t.Errorf("%s sessions arrived of %d, %v", out, sessions, err)
	}
}

// startNginx starts a proxy on loopback and returns its address.
func startNginx(t *testing.T, nginx, upstream, most string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	host := strings.TrimSuffix(upstream, "/v1/events")
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; client_max_body_size %[3]s; location / { proxy_pass %[4]s; proxy_connect_timeout 2s; } }
}`, dir, address, most, host)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", file, "-p", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Skipf("nginx does not start here: %s", text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
