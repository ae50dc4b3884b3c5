package session

import (
	"os"
	"os/signal"
	"syscall"

	"caro.sh/telemetry/schema"
)

// endOnSignal waits for a signal or the session's end, whichever comes first.
// A signal the host ignores is left alone.
func (s *Session) endOnSignal() {
	var wanted []os.Signal
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		if !signal.Ignored(sig) {
			wanted = append(wanted, sig)
		}
	}
	if len(wanted) == 0 {
		return
	}
	got := make(chan os.Signal, 1)
	signal.Notify(got, wanted...)
	go func() {
		defer signal.Stop(got)
		select {
		case sig := <-got:
			s.ended.Do(func() { s.end(schema.ExitUserAbort, signalTimeout) })
			signal.Stop(got)
			raise(sig)
		case <-s.over:
		}
	}()
}
