package upload

import (
	"context"
	"errors"

	"caro.sh/telemetry/eventlog"
)

// Uploader is what a host hands to its recorder: a run with these options each
// time the host flushes.
type Uploader struct{ Options Options }

var _ eventlog.Uploader = Uploader{}

// Upload runs and returns how many events arrived and how many have to wait. That
// they have to wait is no error.
func (u Uploader) Upload(ctx context.Context, dir string) (transmitted, deferred int64, err error) {
	result, err := Run(ctx, dir, u.Options)
	var later *DeferredError
	if errors.As(err, &later) {
		err = nil
	}
	pending, countErr := pending(dir, u.Options)
	return result.Sent, pending, errors.Join(err, countErr)
}

func pending(dir string, o Options) (n int64, err error) {
	s, err := eventlog.OpenSnapshot(dir, &eventlog.ReadOptions{FS: o.Log.FS, LockTimeout: o.Log.LockTimeout})
	if err != nil {
		return 0, err
	}
	for _, seg := range s.Segments() {
		if seg.Number <= s.Floor() {
			continue
		}
		seg, _ = s.Count(seg) // what cannot be read is not pending either
		unsent, _ := s.Unsent(seg)
		n += unsent
	}
	return n, s.Close()
}
