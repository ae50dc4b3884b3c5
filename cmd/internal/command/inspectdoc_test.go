package command

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestMetricsAreCountedAgainAsThePageSays runs what docs/metrics.md tells strangers to
// count with.
func TestMetricsAreCountedAgainAsThePageSays(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the page shows what the tools of Linux print")
	}
	for _, program := range []string{"bash", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s", program)
		}
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	tour(t, root, "docs/metrics.md", 6)
}
