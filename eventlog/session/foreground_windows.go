package session

// inForeground is always so where there is no job control.
func inForeground() bool { return true }
