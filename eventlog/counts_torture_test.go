//go:build torture

package eventlog

const torture = true
