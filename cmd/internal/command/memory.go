package command

import (
	"os"
	"runtime/debug"
)

// batchMemory is what the heap of a batch command may grow to while there is
// anything to collect. The program's own text comes on top, and 64 MiB are promised
// for all of it.
const batchMemory = 36 << 20

// boundMemory suits the collector to one pass over much data, most of which is
// left behind at once: seldom, but before the process grows. GOGC and GOMEMLIMIT
// go before.
func boundMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	setMemoryLimit(batchMemory)
}

// serverMemory is the same for a receiver: what it holds for its clients is
// bounded elsewhere.
const serverMemory = 96 << 20

// importMemory is less than batchMemory: with the pages of the index that are
// mapped, import stays below 64 MiB however large the files are.
const importMemory = 32 << 20

// setMemoryLimit returns how to undo it.
func setMemoryLimit(bytes int64) (undo func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(bytes)
	return func() { debug.SetMemoryLimit(before) }
}
