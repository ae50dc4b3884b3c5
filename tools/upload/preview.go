package upload

import (
	"errors"
	"io"

	"caro.sh/telemetry/eventlog"
)

// Preview writes the bodies that a run would send now, one a line, byte for byte
// but for the time they say and the compression. It asks what the user allows,
// not whether an upload is due, and neither sends nor changes anything.
func Preview(dir string, o Options, w io.Writer) (Result, error) {
	r, err := newRunner(dir, o)
	if err != nil {
		r.result.Reason = Failed
		return r.result, err
	}
	if consent := r.o.Consent(); consent.OptedOut || r.forbidden(consent) != "" {
		r.end(r.forbidden(consent), Off)
		return r.result, nil
	}
	s, err := eventlog.OpenSnapshot(dir, &eventlog.ReadOptions{FS: r.o.Log.FS, LockTimeout: r.o.Log.LockTimeout})
	if err == nil {
		err = errors.Join(r.preview(s, w), s.Close())
	}
	if err != nil {
		r.result.Reason = Failed
	}
	return r.result, err
}

func (r *runner) preview(s *eventlog.Snapshot, w io.Writer) error {
	r.result.Reason = Nothing
	for b, err := range s.Batches(r.o.limits(), r.o.Now()) {
		if err != nil {
			r.problem(err)
			continue
		}
		r.result.Broken += int64(b.Bad())
		if len(b.Lines) == 0 {
			continue
		}
		if _, err := w.Write(append(Body(b, b.Lines), '\n')); err != nil {
			return err
		}
		r.result.Reason = Done
		r.result.Batches++
		r.result.Sent += int64(len(b.Lines))
		if r.result.Batches == r.o.MaxBatches {
			r.result.Reason = Limit
			return nil
		}
	}
	return nil
}
