package eventlog

import (
	"strings"
	"syscall"
	"testing"

	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
)

// On a full disk there is no room for the counters either. Opting out and
// clearing remove the events all the same, and count them once there is room.
func TestFullDiskDoesNotKeepWhatIsToGo(t *testing.T) {
	for name, remove := range map[string]func(dir string, o *Options) (Cleared, error){
		"opt out": func(dir string, o *Options) (Cleared, error) { return OptOut(dir, o, false) },
		"clear": func(dir string, o *Options) (Cleared, error) {
			l, err := OpenExisting(dir, o)
			if err != nil {
				return Cleared{}, err
			}
			return l.Clear(ClearOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := grown(t, 2)
			full := true
			disk := faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
				if op.Kind == "remove" && strings.HasPrefix(op.Name, segmentPrefix) {
					full = false
				}
				if full && op.Kind == "create" {
					return faultfs.Outcome{Err: syscall.ENOSPC}
				}
				return faultfs.Outcome{}
			})
			cleared, err := remove(dir, &Options{FS: disk})
			if err != nil || cleared.Events == 0 || full {
				t.Fatalf("%+v, %v", cleared, err)
			}
			if n := len(logged(t, dir)); n != 0 || lossesIn(t, dir).Cleared != cleared.Events {
				t.Errorf("%d events left, %+v of %d counted", n, lossesIn(t, dir), cleared.Events)
			}
		})
	}
}
