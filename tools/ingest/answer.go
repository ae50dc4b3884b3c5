package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// How long somebody is asked to wait, in seconds.
const (
	retryBusy = 5
	retryFull = 60
)

// answer is what a request is answered. At most one of raw and body is set; where
// both are missing it is made of the rest.
type answer struct {
	status     int
	raw        []byte
	body       any
	counts     *counts
	problem    *problem
	retryAfter int
	headers    map[string]string
	received   int64
}

// counts are the sums of a batch.
type counts struct {
	Accepted int       `json:"accepted"`
	Rejected int       `json:"rejected"`
	Refusals []Refusal `json:"refusals"`
}

// problem says why a request was not done. Nothing in it repeats what was sent.
type problem struct {
	Error   string `json:"error"`
	Message string `json:"message"`
	// Details say where a document is wrong; index is missing when it is not
	// about one event.
	Details    []detail `json:"details,omitempty"`
	RetryAfter int      `json:"retry_after,omitempty"`
}

type detail struct {
	Index    *int            `json:"index,omitempty"`
	Category schema.Category `json:"category"`
	Pointer  string          `json:"pointer"`
	Rule     string          `json:"rule"`
}

func refuse(status int, code, message string) answer {
	return answer{status: status, problem: &problem{Error: code, Message: message}}
}

func busy(message string) answer {
	a := refuse(http.StatusTooManyRequests, "busy", message)
	a.retryAfter = retryBusy
	return a
}

// stored200 is the answer to a batch. One that was stored before gets the same
// numbers again, so that a client which missed the first answer has all of it.
func stored200(t taken) answer {
	c := &counts{t.answer.Accepted, t.answer.Rejected, t.answer.Refusals}
	if c.Refusals == nil {
		c.Refusals = []Refusal{}
	}
	a := answer{status: http.StatusOK}
	if t.again {
		a = refuse(http.StatusConflict, "already_stored", "this batch was stored before")
	}
	a.counts = c
	return a
}

// failed is the answer to a request that err stopped.
func (h *handler) failed(err error) answer {
	var large *http.MaxBytesError
	var bad *BadExportError
	var v *schema.Violation
	switch {
	case errors.Is(err, ErrTooLarge), errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, "too_large", "too many events or bytes: send less at once")
	case errors.As(err, &bad):
		return invalid(bad.Document, bad.Refusals)
	case errors.As(err, &v):
		return invalid(v, nil)
	case errors.Is(err, ErrOtherContent):
		return refuse(http.StatusUnprocessableEntity, "other_content", "this id was used for something else")
	case errors.Is(err, errBusy), errors.Is(err, eventlog.ErrLocked):
		return busy("too many requests at once")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "timeout", "the body took too long to come")
	case errors.Is(err, ErrFull):
		return unavailable("full", "there is no room: try again later")
	case errors.Is(err, errIncomplete):
		return refuse(http.StatusBadRequest, "incomplete", "the body did not come whole")
	}
	return h.notDone(err)
}

// notDone is the answer where nobody knows whether a request was done, or will be:
// the client may ask again. One that half-closes its connection, which ends the
// request's context, may well read it.
func (h *handler) notDone(err error) answer {
	if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrBroken) && !errors.Is(err, context.Canceled) {
		what := err.Error()
		if path := (*os.PathError)(nil); errors.As(err, &path) {
			what = path.Op + ": " + path.Err.Error()
		}
		h.store.o.Log.Error("a request could not be done", "error", what)
	}
	return unavailable("unavailable", "the receiver is not working: try again later")
}

func unavailable(code, message string) answer {
	a := refuse(http.StatusServiceUnavailable, code, message)
	a.retryAfter = retryFull
	return a
}

// invalid is the answer to a document that breaks the contract.
func invalid(v *schema.Violation, refusals []Refusal) answer {
	a := refuse(http.StatusBadRequest, "invalid", "the document breaks its schema: see details")
	if v != nil {
		a.problem.Details = append(a.problem.Details, detail{nil, v.Category, v.Pointer, v.Rule})
		if v.Category == schema.Malformed {
			a.problem.Error, a.problem.Message = "malformed", "the document cannot be read: see details"
		}
	}
	for _, r := range refusals {
		a.problem.Details = append(a.problem.Details, detail{&r.Index, r.Category, r.Pointer, r.Rule})
	}
	return a
}

func (a *answer) header(name, value string) {
	if a.headers == nil {
		a.headers = map[string]string{}
	}
	a.headers[name] = value
}

// about notes how much was read for it.
func (a answer) about(b *body) answer { return a.sized(int64(len(b.raw))) }

func (a answer) sized(n int64) answer {
	a.received = n
	return a
}

func (a answer) accepted() int {
	if a.counts == nil {
		return 0
	}
	return a.counts.Accepted
}

func (a answer) rejected() int {
	if a.counts == nil {
		return 0
	}
	return a.counts.Rejected
}

// text is the body as JSON.
func (a answer) text() ([]byte, error) {
	switch {
	case a.raw != nil:
		return a.raw, nil
	case a.body != nil:
		return json.Marshal(a.body)
	}
	if a.problem != nil {
		a.problem.RetryAfter = a.retryAfter
	}
	return json.Marshal(struct {
		*problem
		*counts
	}{a.problem, a.counts})
}

func (a answer) write(w http.ResponseWriter, method string) {
	text, err := a.text()
	if err != nil {
		text = []byte(`{"error":"internal","message":"this is a mistake in the receiver"}`)
	}
	if a.raw == nil {
		text = append(text, '\n')
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	for name, value := range a.headers {
		header.Set(name, value)
	}
	if a.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	if a.status == http.StatusRequestTimeout {
		header.Set("Connection", "close")
	}
	w.WriteHeader(a.status)
	if method != http.MethodHead {
		_, _ = w.Write(text) // the client is gone: it will ask again
	}
}
