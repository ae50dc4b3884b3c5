package command

import "testing"

// TestMetricsAreCountedAgainAsThePageSays runs what docs/metrics.md tells strangers to
// count with.
func TestMetricsAreCountedAgainAsThePageSays(t *testing.T) {
	root := tourRoot(t, "bash", "jq")
	tour(t, root, "docs/metrics.md", 6)
}
