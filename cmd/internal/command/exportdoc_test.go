package command

import "testing"

// TestAirgapTour walks the way of an export from one machine to another as
// docs/airgap.md shows it.
func TestAirgapTour(t *testing.T) {
	root := tourRoot(t, "bash", "jq", "zcat", "sha256sum")
	tour(t, root, "docs/airgap.md", 10)
}
