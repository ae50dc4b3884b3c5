//go:build torture

package command

const memorySessions = 1_250_000
