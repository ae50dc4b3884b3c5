//go:build torture

package command

import "time"

const chaosTime = time.Minute
