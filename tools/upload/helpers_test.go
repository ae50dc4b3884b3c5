package upload

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// request is what a receiver got.
type request struct {
	Path   string
	Header http.Header
	Body   []byte // expanded
	Sent   []byte // as it came
	ID     string
	Events []json.RawMessage
	done   <-chan struct{} // closed when the client is gone
}

// receiver is a server that takes events once each, the way the real one does,
// unless answer says otherwise.
type receiver struct {
	*httptest.Server
	t testing.TB

	// answer handles a request itself and returns true; nil handles none. It is
	// told the how-many-th request it is, from 1.
	answer func(n int, w http.ResponseWriter, req request) bool

	// unwanted says which events are refused; nil refuses none. forgetful lets a
	// batch come again with other bytes: its sender lost its state.
	unwanted  func(id string) bool
	forgetful bool

	mu       sync.Mutex
	life     int // how often it was made new
	requests []request
	batches  map[string]stored // by id
	events   map[string]int    // how often an event was stored
	deleted  map[string]string // receipts by request
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t, batches: map[string]stored{}, events: map[string]int{}, deleted: map[string]string{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// reset makes the receiver a new one at another path. What was sent to the old one may
// still come.
func (r *receiver) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life++
	r.requests, r.batches, r.events, r.deleted = nil, map[string]stored{}, map[string]int{}, map[string]string{}
}

func (r *receiver) endpoint() string { return r.URL + r.base() + "/v1/events" }

// base is the beginning of every path, "" before the first reset.
func (r *receiver) base() string {
	if r.life == 0 {
		return ""
	}
	return fmt.Sprintf("/%d", r.life)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, h *http.Request) {
	req, err := readRequest(h)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError) // a killed client
		return
	}
	r.mu.Lock()
	if path.Dir(path.Dir(req.Path)) != "/"+strings.TrimPrefix(r.base(), "/") {
		r.mu.Unlock()
		return // to the old one
	}
	r.requests = append(r.requests, req)
	n := len(r.requests)
	r.mu.Unlock()
	if r.answer != nil && r.answer(n, w, req) {
		return
	}
	r.take(w, req)
}

func readRequest(h *http.Request) (request, error) {
	req := request{Path: h.URL.Path, Header: h.Header.Clone(), done: h.Context().Done()}
	var err error
	if req.Sent, err = io.ReadAll(h.Body); err != nil {
		return req, err
	}
	zip, err := gzip.NewReader(bytes.NewReader(req.Sent))
	if err != nil {
		return req, err
	}
	if req.Body, err = io.ReadAll(zip); err != nil {
		return req, err
	}
	var batch struct {
		Events    []json.RawMessage `json:"events"`
		BatchID   string            `json:"batch_id"`
		RequestID string            `json:"request_id"`
	}
	err = json.Unmarshal(req.Body, &batch)
	req.ID, req.Events = batch.BatchID+batch.RequestID, batch.Events
	return req, err
}

// take stores a batch by its id and its events by theirs, or a deletion.
func (r *receiver) take(w http.ResponseWriter, req request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check(req)
	if strings.HasSuffix(req.Path, "/deletion-requests") {
		receipt := "receipt-" + req.ID[:8]
		r.deleted[req.ID] = receipt
		fmt.Fprintf(w, `{"receipt_id":%q}`, receipt)
		return
	}
	if old, there := r.batches[req.ID]; there {
		if old.body != string(req.Body) && !r.forgetful {
			r.t.Errorf("batch %s was sent again with another body", req.ID)
		}
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, old.answer)
		return
	}
	answer := r.store(req)
	r.batches[req.ID] = stored{string(req.Body), answer}
	_, _ = io.WriteString(w, answer)
}

// stored is a batch and what was answered.
type stored struct{ body, answer string }

// store takes in the events that are wanted and returns the answer.
func (r *receiver) store(req request) string {
	refusals := []string{}
	for i, event := range req.Events {
		id := eventID(event)
		if r.unwanted != nil && r.unwanted(id) {
			refusals = append(refusals, fmt.Sprintf(`{"index":%d,"category":"schema","pointer":"","rule":"pattern"}`, i))
			continue
		}
		r.events[id]++
	}
	return fmt.Sprintf(`{"accepted":%d,"rejected":%d,"refusals":[%s]}`, len(req.Events)-len(refusals), len(refusals), strings.Join(refusals, ","))
}

// check holds a request against the schema and the table of headers.
func (r *receiver) check(req request) {
	file := "upload-batch.schema.json"
	if strings.HasSuffix(req.Path, "/deletion-requests") {
		file = "deletion-request.schema.json"
	}
	var document any
	if err := json.Unmarshal(req.Body, &document); err != nil {
		r.t.Error(err)
	} else if err := compiled(r.t, file).Validate(document); err != nil {
		r.t.Errorf("%s: %v", file, err)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip",
		"Idempotency-Key": req.ID, "X-Caro-Version": "1.2.3", "User-Agent": "caro-telemetry-upload/1.2.3"} {
		if got := req.Header.Get(name); got != want {
			r.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(req.Body) > MaxBodyBytes || len(req.Events) > MaxEvents {
		r.t.Errorf("a batch of %d events and %d bytes", len(req.Events), len(req.Body))
	}
}

func (r *receiver) got() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.requests...)
}

// stored is how many different events arrived.
func (r *receiver) stored() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

var schemas = sync.OnceValue(func() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.LoadURL = func(url string) (io.ReadCloser, error) {
		return schema.Files().Open("v1/" + url[strings.LastIndexByte(url, '/')+1:])
	}
	return c
})

var compiling sync.Mutex // tests run at the same time

func compiled(t testing.TB, file string) *jsonschema.Schema {
	compiling.Lock()
	defer compiling.Unlock()
	s, err := schemas().Compile("https://caro.sh/schemas/telemetry/v1/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func eventID(event []byte) string {
	var e struct {
		EventID string `json:"event_id"`
	}
	_ = json.Unmarshal(event, &e)
	return e.EventID
}

// fixed is a clock that stands where it was put.
type fixed struct {
	mu sync.Mutex
	at time.Time
}

func (f *fixed) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *fixed) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

// start is when these tests take place: now, because files have times of their own.
var start = time.Now().UTC().Truncate(time.Second)

// rig is a log, a clock and a receiver.
type rig struct {
	t     testing.TB
	dir   string
	clock *fixed
	*receiver
	consent Consent
	o       Options
}

func newRig(t testing.TB, events int) *rig { return newRigWith(t, newReceiver(t), events) }

func newRigWith(t testing.TB, r *receiver, events int) *rig {
	g := &rig{t: t, dir: filepath.Join(t.TempDir(), "log"), clock: &fixed{at: start}, receiver: r}
	g.o = Options{
		Endpoint: g.endpoint(), Consent: func() Consent { return g.consent }, Interval: 24 * time.Hour,
		Version: "1.2.3", Now: g.clock.now, Random: func() float64 { return 0 },
	}
	g.record(0, events)
	return g
}

func (g *rig) log() *eventlog.Log {
	g.t.Helper()
	l, err := eventlog.Open(g.dir, &eventlog.Options{Now: g.clock.now})
	if err != nil {
		g.t.Fatal(err)
	}
	return l
}

// record appends events, the first of them with the given number.
func (g *rig) record(from, n int) {
	g.t.Helper()
	if n == 0 {
		return
	}
	lines := make([]schema.Line, n)
	for i := range lines {
		lines[i] = testLine(g.t, from+i)
	}
	if _, err := g.log().Append(lines...); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) seal() {
	g.t.Helper()
	if err := g.log().Seal(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) run() (Result, error) { return Run(g.t.Context(), g.dir, g.o) }

// must runs and wants no error.
func (g *rig) must(want Reason) Result {
	g.t.Helper()
	result, err := g.run()
	if err != nil || result.Reason != want {
		g.t.Fatalf("the run ended with %q and %v, want %q", result.Reason, err, want)
	}
	return result
}

func (g *rig) pending() int {
	g.t.Helper()
	s, err := eventlog.OpenSnapshot(g.dir, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	defer s.Close()
	var n int64
	for _, seg := range s.Segments() {
		seg, err := s.Count(seg)
		if err != nil {
			g.t.Fatal(err)
		}
		unsent, _ := s.Unsent(seg)
		n += unsent
	}
	lines := 0
	for _, err := range s.Pending() {
		if err != nil {
			g.t.Fatal(err)
		}
		lines++
	}
	if lines != int(n) {
		g.t.Errorf("%d events are said to be pending, %d are", n, lines)
	}
	return int(n)
}

func (g *rig) losses() eventlog.Losses {
	g.t.Helper()
	s, err := eventlog.OpenSnapshot(g.dir, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	defer s.Close()
	return s.Losses()
}

func (g *rig) schedule() eventlog.Schedule {
	g.t.Helper()
	s, err := eventlog.OpenSnapshot(g.dir, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	defer s.Close()
	return s.Schedule()
}

// files are the names below a directory of the log.
func (g *rig) files(sub string) (names []string) {
	g.t.Helper()
	entries, err := os.ReadDir(filepath.Join(g.dir, sub))
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// refusedLines are the lines in refused/, and the reasons beside them.
func (g *rig) refusedLines() (lines, reasons []string) {
	g.t.Helper()
	for _, name := range g.files("refused") {
		text, err := os.ReadFile(filepath.Join(g.dir, "refused", name))
		if err != nil {
			g.t.Fatal(err)
		}
		all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if strings.Contains(name, ".reasons.") {
			reasons = append(reasons, all...)
		} else {
			lines = append(lines, all...)
		}
	}
	if len(lines) != len(reasons) {
		g.t.Errorf("%d refused lines, %d reasons", len(lines), len(reasons))
	}
	return lines, reasons
}

func testLine(t testing.TB, i int) schema.Line {
	t.Helper()
	l, err := schema.Parse(fmt.Appendf(nil, `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef",`+
		`"event_id":"%s","error_category":"backend_timeout","error_code":"E1001","component":"inference"}`, testID(i)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testID(i int) string { return fmt.Sprintf("019aaf00-0001-7000-8000-%012x", i) }

// tree is every file below a directory with its content.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
