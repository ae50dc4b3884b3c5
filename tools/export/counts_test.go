//go:build !torture

package export

// torture is false in the everyday run: fewer rounds of the same tests. The
// full counts run with -tags torture; docs/testing.md has both.
const torture = false
