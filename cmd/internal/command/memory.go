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

func setMemoryLimit(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}
