package command

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/signal"
	"syscall"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// follow is events and then what is appended behind them, until somebody ends
// the program or stops reading out. Each event is on its way before the next.
func (v *viewer) follow(dir string, events iter.Seq[schema.Line], out *answer) iter.Seq[schema.Line] {
	return func(yield func(schema.Line) bool) {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		for l := range events {
			if !yield(l) {
				return
			}
		}
		out.flush()
		for l := range v.checked(v.watch(ctx, dir)) {
			if !yield(l) {
				return
			}
			out.flush()
		}
	}
}

// watch is what comes after the snapshot. Damage is passed on; any other error
// ends it and is kept.
func (v *viewer) watch(ctx context.Context, dir string) iter.Seq2[eventlog.Entry, error] {
	return func(yield func(eventlog.Entry, error) bool) {
		for entry, err := range eventlog.Follow(ctx, dir, v.end, nil) {
			var damage *eventlog.DamageError
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !errors.As(err, &damage):
				v.stopped = logError(err, dir, false)
				return
			case !yield(entry, err):
				return
			}
		}
	}
}

// later is the place further on in the log.
func later(a, b eventlog.Position) eventlog.Position {
	if b.Segment > a.Segment || b.Segment == a.Segment && b.Offset > a.Offset {
		return b
	}
	return a
}

// showLines writes one event a line.
func showLines(out *answer, events iter.Seq[schema.Line]) {
	for l := range events {
		out.line(string(l.Bytes()))
	}
}
