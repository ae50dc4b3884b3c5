//go:build !torture

package command

import "time"

// chaosTime is how long everybody is let loose; -tags torture is longer.
const chaosTime = 6 * time.Second
