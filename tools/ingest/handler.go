package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI describes the protocol for machines (OpenAPI 3.1, JSON).
func OpenAPI() []byte { return openAPI }

// HandlerOptions are the limits of a receiver; the zero value means the defaults.
type HandlerOptions struct {
	MaxBodyBytes   int64         // of a batch as it comes; 0 is 1 MiB
	MaxBatchBytes  int64         // of a batch uncompressed; 0 is MaxBatchBytes
	MaxExportBytes int64         // of an export as it comes; 0 is 256 MiB
	MaxRate        float64       // of posts a second; 0 is as many as there are
	Token          string        // that posts have to bring; "" asks for none
	QueueWait      time.Duration // how long a batch waits for its turn; 0 is 5 seconds
	ReadTimeout    time.Duration // how long a body may take that is no export's; 0 is 30 seconds
	Stall          time.Duration // how long 16 KiB of a body may take; 0 is 5 seconds
}

func (o HandlerOptions) withDefaults() HandlerOptions {
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = MaxBatchBytes
	}
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = MaxBatchBytes
	}
	if o.MaxExportBytes == 0 {
		o.MaxExportBytes = 256 << 20
	}
	if o.QueueWait == 0 {
		o.QueueWait = 5 * time.Second
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = readTimeout
	}
	if o.Stall == 0 {
		o.Stall = 5 * time.Second
	}
	return o
}

const (
	maxBatches   = 32   // read and not yet answered
	maxExports   = 2    // taken in at once
	maxSpooled   = 16   // exports on their way, and waiting for their turn
	maxRequests  = 1024 // posts at once, each with its headers
	readTimeout  = 30 * time.Second
	maxWaiting   = 64 << 20 // bytes of bodies that are on their way
	exportWindow = 10 * time.Minute
)

// handler answers requests. What it holds of bodies is bounded by the number of
// batches in its slots and the bytes of those that are still coming.
type handler struct {
	store   *Store
	o       HandlerOptions
	limiter *rate.Limiter // nil: no limit
	slots   chan struct{}
	exports chan struct{}
	spooled chan struct{}
	flying  chan struct{} // all posts
	budget  budget
	token   [sha256.Size]byte
}

// NewHandler answers the protocol of docs/upload.md for a store.
func NewHandler(s *Store, o HandlerOptions) http.Handler {
	h := &handler{store: s, o: o.withDefaults(), slots: make(chan struct{}, maxBatches),
		exports: make(chan struct{}, maxExports), spooled: make(chan struct{}, maxSpooled),
		flying: make(chan struct{}, maxRequests), token: sha256.Sum256([]byte(o.Token))}
	h.budget.left.Store(maxWaiting)
	if o.MaxRate > 0 {
		h.limiter = rate.NewLimiter(rate.Limit(o.MaxRate), max(1, int(o.MaxRate)))
	}
	return h
}

// A route is one address of the protocol.
type route struct {
	name   string // in metrics and logs
	method string
	answer func(*handler, http.ResponseWriter, *http.Request) answer
}

var routes = map[string]route{
	"/v1/events":            {"events", http.MethodPost, (*handler).events},
	"/v1/exports":           {"exports", http.MethodPost, (*handler).export},
	"/v1/deletion-requests": {"deletion_requests", http.MethodPost, (*handler).deletion},
	"/healthz":              {"healthz", http.MethodGet, (*handler).healthz},
	"/readyz":               {"readyz", http.MethodGet, (*handler).readyz},
	"/openapi.json":         {"openapi", http.MethodGet, (*handler).openAPI},
}

// ServeHTTP answers one request and counts it.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	route, ok := routes[r.URL.Path]
	if !ok {
		route.name = "other"
	}
	a := h.guarded(route, ok, w, r)
	a.write(w, r.Method)
	took := time.Since(start)
	m := h.store.o.Metrics
	m.requests.WithLabelValues(route.name, strconv.Itoa(a.status)).Inc()
	m.seconds.WithLabelValues(route.name).Observe(took.Seconds())
	if a.status == http.StatusTooManyRequests {
		m.busy.Inc()
	}
	h.store.o.Log.Debug("request", "route", route.name, "status", a.status, "bytes", a.received,
		"accepted", a.accepted(), "rejected", a.rejected(), "ms", took.Milliseconds())
}

// guarded answers, whatever the code does: a panic is this receiver's fault, and
// says nothing of what was sent.
func (h *handler) guarded(route route, known bool, w http.ResponseWriter, r *http.Request) (a answer) {
	defer func() {
		if recover() != nil {
			h.store.o.Log.Error("a request could not be answered: this is a mistake in the receiver", "route", route.name)
			a = refuse(http.StatusInternalServerError, "internal", "this is a mistake in the receiver")
		}
	}()
	switch {
	case !known:
		return refuse(http.StatusNotFound, "not_found", "there is nothing at this address; GET /openapi.json lists what there is")
	case r.Method != route.method && (r.Method != http.MethodHead || route.method != http.MethodGet):
		a := refuse(http.StatusMethodNotAllowed, "method_not_allowed", "this address takes "+route.method)
		a.header("Allow", route.method)
		return a
	case route.method == http.MethodPost && !h.allowed(r):
		a := refuse(http.StatusUnauthorized, "unauthorized", "send the receiver's token: Authorization: Bearer …")
		a.header("WWW-Authenticate", "Bearer")
		return a
	case route.method == http.MethodPost && h.limiter != nil && !h.limiter.Allow():
		return busy("too many requests a second")
	}
	if route.method == http.MethodPost {
		select {
		case h.flying <- struct{}{}:
			defer func() { <-h.flying }()
		default:
			return busy("too many requests at once")
		}
	}
	return route.answer(h, w, r)
}

// allowed reports whether a request brings the token, in constant time.
func (h *handler) allowed(r *http.Request) bool {
	if h.o.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], h.token[:]) == 1
}

// events takes an upload batch.
func (h *handler) events(w http.ResponseWriter, r *http.Request) answer {
	body, bad := h.body(w, r, h.o.MaxBodyBytes)
	if bad != nil {
		return *bad
	}
	defer h.budget.release(body)
	release, bad := h.slot(r.Context())
	if bad != nil {
		return *bad
	}
	defer release()
	b, err := h.unpack(body)
	if err != nil {
		return h.failed(err).about(body)
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" && idOf([]byte(key)) != b.id {
		return refuse(http.StatusBadRequest, "invalid", "Idempotency-Key and batch_id differ").about(body)
	}
	t, err := h.store.submit(r.Context(), job{batch: b})
	if err != nil {
		return h.failed(err).about(body)
	}
	return stored200(t).about(body)
}

// unpack decompresses and reads a batch.
func (h *handler) unpack(body *body) (*batch, error) {
	text, release, err := body.text(h.o.MaxBatchBytes)
	if err != nil {
		return nil, err
	}
	defer release()
	return readBatch(text)
}

// deletion takes a request for deletion.
func (h *handler) deletion(w http.ResponseWriter, r *http.Request) answer {
	body, bad := h.body(w, r, maxRequestBytes)
	if bad != nil {
		return *bad
	}
	defer h.budget.release(body)
	text, release, err := body.text(maxRequestBytes)
	if err != nil {
		return h.failed(err).about(body)
	}
	defer release()
	receipt, err := h.store.Delete(r.Context(), text)
	if err != nil {
		return h.failed(err).about(body)
	}
	status := http.StatusOK
	if !receipt.Erased {
		status = http.StatusAccepted
	}
	return answer{status: status, body: receipt}.about(body)
}

// export takes an export. It is kept in a file until it has proved sound.
func (h *handler) export(w http.ResponseWriter, r *http.Request) answer {
	if bad := exportType(r); bad != nil {
		return *bad
	}
	select {
	case h.spooled <- struct{}{}:
		defer func() { <-h.spooled }()
	default:
		return busy("other exports are being taken in")
	}
	deadline := time.Now().Add(exportWindow)
	_ = http.NewResponseController(w).SetWriteDeadline(deadline) // else the server's own holds
	f, err := os.CreateTemp(h.store.path(""), spoolStart+"*")
	if err != nil {
		return h.failed(errors.Join(ErrFull, err))
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }() // what is left is removed at the next start
	n, err := h.spool(f, h.pace(w, http.MaxBytesReader(w, r.Body, h.o.MaxExportBytes), deadline))
	if err != nil {
		return h.failed(err)
	}
	// One that is still coming must not keep those waiting that are here.
	release, bad := wait(r.Context(), h.exports, time.Until(deadline))
	if bad != nil {
		return bad.sized(n)
	}
	defer release()
	done, err := h.store.ImportExport(r.Context(), f)
	if err != nil {
		return h.failed(err).sized(n)
	}
	if done.Again {
		a := refuse(http.StatusConflict, "already_stored", "this export was taken in before")
		a.counts = &counts{Accepted: int(done.Events), Refusals: []Refusal{}}
		return a.sized(n)
	}
	return answer{status: http.StatusOK, counts: &counts{Accepted: int(done.Events), Refusals: []Refusal{}}}.sized(n)
}

func (h *handler) healthz(http.ResponseWriter, *http.Request) answer {
	return answer{status: http.StatusOK, body: map[string]string{"status": "ok"}}
}

// readyz says whether batches are taken, as far as the last one shows.
func (h *handler) readyz(http.ResponseWriter, *http.Request) answer {
	if err := h.store.Ready(); err != nil {
		return h.failed(err)
	}
	return answer{status: http.StatusOK, body: map[string]string{"status": "ready"}}
}

func (h *handler) openAPI(http.ResponseWriter, *http.Request) answer {
	return answer{status: http.StatusOK, raw: openAPI}
}
