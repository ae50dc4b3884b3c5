//go:build !beta

package settings

// Outside of a beta Enter means no.
const (
	onEnter = No
	choices = "[y/N]"
)
