//go:build !torture

package command

// memorySessions make the log that memory is measured on: 90 MB; with -tags torture
// 5 GB.
const memorySessions = 22_000
