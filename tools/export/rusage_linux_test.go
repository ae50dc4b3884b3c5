package export

import (
	"os"
	"syscall"
)

// peakKiB is the most memory a process that has ended had.
func peakKiB(p *os.ProcessState) (int64, bool) {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, false
	}
	return usage.Maxrss, true
}
