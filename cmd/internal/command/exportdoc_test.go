package command

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestAirgapTour walks the way of an export from one machine to another as
// docs/airgap.md shows it.
func TestAirgapTour(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the tour shows what the tools of Linux print")
	}
	for _, program := range []string{"bash", "jq", "zcat", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s to run the tour with", program)
		}
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	tour(t, root, "docs/airgap.md", 10)
}
