package session

import "os"

// raise ends the process as Windows does on Ctrl-C (STATUS_CONTROL_C_EXIT).
func raise(os.Signal) { os.Exit(-1073741510) }
