//go:build beta

package settings

// In a beta Enter means yes. Nothing is collected before somebody has answered,
// here as elsewhere.
const (
	onEnter = Yes
	choices = "[Y/n]"
)
