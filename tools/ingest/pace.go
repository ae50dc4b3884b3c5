package ingest

import (
	"context"
	"io"
	"net/http"
	"time"
)

// pieceBytes is what has to come of a body within HandlerOptions.Stall: over the
// slowest line that batches are meant for it is 3 KiB a second.
const pieceBytes = 16 << 10

// paced reads a body that keeps coming. What stands still for long holds memory, or
// a place, that others wait for: it is cut.
type paced struct {
	src     io.Reader
	control *http.ResponseController
	stall   time.Duration
	end     time.Time // whatever comes
	piece   int
}

// pace begins to read src, which has to be here at end.
func (h *handler) pace(w http.ResponseWriter, src io.Reader, end time.Time) *paced {
	p := &paced{src: src, control: http.NewResponseController(w), stall: h.o.Stall, end: end}
	p.allow(p.stall)
	return p
}

// allow gives the client more time. A deadline that cannot be set is the server's own.
func (p *paced) allow(more time.Duration) {
	until := time.Now().Add(more)
	if until.After(p.end) {
		until = p.end
	}
	_ = p.control.SetReadDeadline(until)
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.src.Read(b)
	p.piece += n
	switch {
	case err == io.EOF:
		_ = p.control.SetReadDeadline(p.end) // the request would end with a deadline that passes while it is worked on
	case p.piece >= pieceBytes:
		p.piece = 0
		p.allow(p.stall)
	}
	return n, err
}

// slot waits for a turn, but not for long.
func (h *handler) slot(ctx context.Context) (release func(), bad *answer) {
	return wait(ctx, h.slots, h.o.QueueWait)
}

func wait(ctx context.Context, slots chan struct{}, most time.Duration) (release func(), bad *answer) {
	release = func() { <-slots }
	select {
	case slots <- struct{}{}:
		return release, nil
	default:
	}
	wait := time.NewTimer(most)
	defer wait.Stop()
	select {
	case slots <- struct{}{}:
		return release, nil
	case <-wait.C:
	case <-ctx.Done():
	}
	a := busy("too many uploads at once")
	return nil, &a
}
