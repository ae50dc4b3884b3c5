package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/vfs"
	"caro.sh/telemetry/eventlog/vfs/faultfs"
)

const deletionID = "7f9c2ba4-e88f-4e7a-9c0b-7d1e5a3b2c11"

func deletionRequest(days ...string) string {
	return `{"request_id":"` + deletionID + `","day_ids":["` + strings.Join(days, `","`) + `"],"requested_at":"2026-11-23T10:00:00.000Z"}`
}

// TestStatuses goes through what can be wrong with a request.
func TestStatuses(t *testing.T) {
	r := newReceiver(t)
	r.limits = HandlerOptions{MaxBatchBytes: 600 << 10, MaxExportBytes: 600 << 10}
	r.start()
	good := document(events(0, 2))
	packed := zipped(good)
	const (
		kind     = "Content-Type"
		encoding = "Content-Encoding"
		jsonType = "application/json"
	)
	replaced := func(old, new string) []byte {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in the document", old)
		}
		return []byte(strings.Replace(good, old, new, 1))
	}
	for name, c := range map[string]struct {
		path    string
		body    []byte
		header  []string
		status  int
		code    string
		details string // category, pointer, rule
	}{
		"no content type":     {"/v1/events", packed, nil, 415, "unsupported_media_type", ""},
		"text":                {"/v1/events", packed, []string{kind, "text/plain"}, 415, "unsupported_media_type", ""},
		"other charset":       {"/v1/events", packed, []string{kind, "application/json; charset=latin1"}, 415, "unsupported_media_type", ""},
		"brotli":              {"/v1/events", packed, []string{kind, jsonType, encoding, "br"}, 415, "unsupported_media_type", ""},
		"gzip twice":          {"/v1/events", packed, []string{kind, jsonType, encoding, "gzip, gzip"}, 415, "unsupported_media_type", ""},
		"packed, not said":    {"/v1/events", packed, []string{kind, jsonType}, 400, "malformed", "malformed  json"},
		"said, not packed":    {"/v1/events", []byte(good), []string{kind, jsonType, encoding, "gzip"}, 400, "malformed", "malformed  gzip"},
		"cut gzip":            {"/v1/events", packed[:len(packed)-6], []string{kind, jsonType, encoding, "gzip"}, 400, "malformed", "malformed  gzip"},
		"garbage behind gzip": {"/v1/events", append(bytes.Clone(packed), "sesame"...), []string{kind, jsonType, encoding, "gzip"}, 400, "malformed", "malformed  gzip"},
		"empty":               {"/v1/events", nil, []string{kind, jsonType}, 400, "malformed", "malformed  json"},
		"a page":              {"/v1/events", []byte("<html>sesame</html>"), []string{kind, jsonType}, 400, "malformed", "malformed  json"},
		"deep":                {"/v1/events", []byte(`{"losses":` + strings.Repeat(`[`, 5e5)), []string{kind, jsonType}, 400, "malformed", "malformed  json"},
		"deep and whole":      {"/v1/events", replaced(losses, strings.Repeat(`[`, 1e5)+strings.Repeat(`]`, 1e5)), []string{kind, jsonType}, 400, "malformed", "malformed /losses depth"},
		"no batch id":         {"/v1/events", replaced(`"batch_id"`, `"sesame_id"`), []string{kind, jsonType}, 400, "invalid", "schema  additionalProperties"},
		"bad batch id":        {"/v1/events", replaced(`"batch_id":"`, `"batch_id":"x`), []string{kind, jsonType}, 400, "invalid", "schema /batch_id pattern"},
		"no events":           {"/v1/events", []byte(document(nil)), []string{kind, jsonType}, 400, "invalid", "schema /events minItems"},
		"events are no list":  {"/v1/events", []byte(`{"events":{},"batch_id":"` + eventID(1) + `","client_timestamp":"2026-11-23T11:59:00.000Z","losses":` + losses + `}`), []string{kind, jsonType}, 400, "invalid", "schema /events type"},
		"missing losses":      {"/v1/events", replaced(`,"losses":`+losses, ``), []string{kind, jsonType}, 400, "invalid", "schema  required"},
		"unknown loss":        {"/v1/events", replaced(`"queue_full"`, `"sesame"`), []string{kind, jsonType}, 400, "invalid", "schema /losses additionalProperties"},
		"negative loss":       {"/v1/events", replaced(`"queue_full":3`, `"queue_full":-3`), []string{kind, jsonType}, 400, "invalid", "schema /losses/queue_full minimum"},
		"loss twice":          {"/v1/events", replaced(`"queue_full":3`, `"queue_full":3,"queue_full":4`), []string{kind, jsonType}, 400, "malformed", "malformed /losses duplicate-key"},
		"no real day":         {"/v1/events", replaced(`"client_timestamp":"2026-11-23`, `"client_timestamp":"2026-02-31`), []string{kind, jsonType}, 400, "invalid", "schema /client_timestamp format"},
		"invalid UTF-8":       {"/v1/events", replaced(`"queue_full"`, "\"\xff\""), []string{kind, jsonType}, 400, "malformed", "malformed /losses utf8"},
		"other key":           {"/v1/events", packed, []string{kind, jsonType, encoding, "gzip", "Idempotency-Key", eventID(5)}, 400, "invalid", ""},
		"too many events":     {"/v1/events", zipped(document(events(0, 1001))), []string{kind, jsonType, encoding, "gzip"}, 413, "too_large", ""},
		"too many bytes":      {"/v1/events", zipped(good + strings.Repeat(" ", 600<<10)), []string{kind, jsonType, encoding, "gzip"}, 413, "too_large", ""},
		"too long as it is":   {"/v1/events", []byte(good + strings.Repeat(" ", 600<<10)), []string{kind, jsonType}, 413, "too_large", ""},
		"too long to read":    {"/v1/events", make([]byte, 2<<20), []string{kind, jsonType}, 413, "too_large", ""},
		"nothing there":       {"/v1/sesame", packed, []string{kind, jsonType}, 404, "not_found", ""},
		"a trick":             {"/v1/../v1/events", packed, []string{kind, jsonType}, 404, "not_found", ""},
		"export: text":        {"/v1/exports", packed, []string{kind, "text/plain"}, 415, "unsupported_media_type", ""},
		"export: no export":   {"/v1/exports", packed, []string{kind, "application/gzip"}, 400, "invalid", "schema  additionalProperties"},
		"export: too large":   {"/v1/exports", make([]byte, 700<<10), []string{kind, "application/gzip"}, 413, "too_large", ""},
		"deletion: empty":     {"/v1/deletion-requests", []byte(`{}`), []string{kind, jsonType}, 400, "invalid", "schema  required"},
		"deletion: bad day":   {"/v1/deletion-requests", []byte(deletionRequest("sesame00")), []string{kind, jsonType}, 400, "invalid", "schema /day_ids/0 pattern"},
		"deletion: twice":     {"/v1/deletion-requests", []byte(deletionRequest(someDay, someDay)), []string{kind, jsonType}, 400, "invalid", "schema /day_ids uniqueItems"},
		"deletion: events":    {"/v1/deletion-requests", []byte(`{"events":[],` + deletionRequest(someDay)[1:]), []string{kind, jsonType}, 400, "invalid", "schema  additionalProperties"},
		"deletion: too large": {"/v1/deletion-requests", make([]byte, 20<<10), []string{kind, jsonType}, 413, "too_large", ""},
	} {
		a := r.send(c.path, c.body, c.header...)
		if a.Status != c.status || a.Error != c.code || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: answered %d %s, want %d %s", name, a.Status, a.Raw, c.status, c.code)
		}
		if strings.Contains(a.Raw, "sesame") {
			t.Errorf("%s: the answer repeats what was sent: %s", name, a.Raw)
		}
		if c.details == "" {
			continue
		}
		if len(a.Details) != 1 || fmt.Sprintf("%s %s %s", a.Details[0].Category, a.Details[0].Pointer, a.Details[0].Rule) != c.details {
			t.Errorf("%s: details are %s, want %s", name, a.Raw, c.details)
		}
	}
	for path, method := range map[string]string{"/v1/events": "GET", "/v1/exports": "PUT", "/v1/deletion-requests": "DELETE", "/healthz": "POST"} {
		if a := r.do(method, path); a.Status != 405 || a.Header.Get("Allow") == "" {
			t.Errorf("%s %s: answered %d", method, path, a.Status)
		}
	}
	r.holds()
	r.send("/v1/events", []byte(good), kind, "application/json; charset=UTF-8").want(t, 200, 2, 0)
	r.send("/v1/events", packed, kind, jsonType, encoding, "GZIP", "Idempotency-Key", batchID(events(0, 2))).want(t, 409, 2, 0)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		if a := r.get(path); a.Status != 200 || !strings.Contains(a.Raw, want) {
			t.Errorf("%s: %d %s", path, a.Status, a.Raw)
		}
	}
}

func TestTokenIsAskedForWhereSomethingIsSent(t *testing.T) {
	r := newReceiver(t)
	r.limits.Token = "open-sesame"
	r.start()
	doc := document(events(0, 1))
	for _, bad := range []string{"", "Bearer", "Bearer open-sesam", "Basic open-sesame", "open-sesame"} {
		if a := r.post("/v1/events", doc, "Authorization", bad); a.Status != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" || strings.Contains(a.Raw, "sesame") {
			t.Errorf("%q: answered %d %s", bad, a.Status, a.Raw)
		}
	}
	r.post("/v1/events", doc, "Authorization", "Bearer open-sesame").want(t, 200, 1, 0)
	if a := r.get("/healthz"); a.Status != 200 {
		t.Errorf("healthz answered %d", a.Status)
	}
}

func TestTooFastIsAnswered429(t *testing.T) {
	r := newReceiver(t)
	r.limits.MaxRate = 0.001
	r.start()
	r.post("/v1/events", document(events(0, 1))).want(t, 200, 1, 0)
	a := r.post("/v1/events", document(events(1, 2)))
	if a.Status != 429 || a.RetryAfter < 1 || a.Header.Get("Retry-After") != fmt.Sprint(a.RetryAfter) {
		t.Errorf("answered %d %s", a.Status, a.Raw)
	}
}

func TestTooManyAtOnceIsAnswered429(t *testing.T) {
	r := newReceiver(t)
	r.limits.QueueWait = time.Nanosecond
	r.start()
	h := r.http.(*handler)
	for range maxBatches {
		h.slots <- struct{}{}
	}
	if a := r.post("/v1/events", document(events(0, 1))); a.Status != 429 || a.RetryAfter < 1 {
		t.Errorf("no slot: %d %s", a.Status, a.Raw)
	}
	for range maxBatches {
		<-h.slots
	}
	h.budget.left.Store(firstRead - 1)
	if a := r.post("/v1/events", document(events(0, 1))); a.Status != 429 {
		t.Errorf("no budget: %d %s", a.Status, a.Raw)
	}
	h.budget.left.Store(firstRead)
	r.post("/v1/events", document(events(0, 1))).want(t, 200, 1, 0)
	if left := h.budget.left.Load(); left != firstRead {
		t.Errorf("%d bytes of the budget were not given back", firstRead-left)
	}
	for range maxSpooled {
		h.spooled <- struct{}{}
	}
	if a := r.send("/v1/exports", nil, "Content-Type", "application/gzip"); a.Status != 429 {
		t.Errorf("exports: %d %s", a.Status, a.Raw)
	}
	for range maxRequests {
		h.flying <- struct{}{}
	}
	if a := r.post("/v1/deletion-requests", deletionRequest(someDay)); a.Status != 429 {
		t.Errorf("requests: %d %s", a.Status, a.Raw)
	}
	if a := r.do(http.MethodGet, "/healthz"); a.Status != 200 {
		t.Errorf("health: %d %s", a.Status, a.Raw)
	}
}

// After a failed sync nothing is acknowledged, and the receiver ends.
func TestFailedSyncIsNotAcknowledged(t *testing.T) {
	r := newReceiver(t)
	var failing sync.Map
	r.options.NoSync = false
	r.options.FS = faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		if _, on := failing.Load("on"); on && op.Kind == "sync" && strings.HasSuffix(op.Name, "events.ndjson") {
			return faultfs.Outcome{Err: io.ErrUnexpectedEOF}
		}
		return faultfs.Outcome{}
	})
	r.start()
	r.post("/v1/events", document(events(0, 1))).want(t, 200, 1, 0)
	failing.Store("on", true)
	r.post("/v1/events", document(events(1, 2))).want(t, 503, 0, 0)
	failing.Delete("on")
	r.post("/v1/events", document(events(1, 2))).want(t, 503, 0, 0)
	r.clock.advance(time.Hour)
	if a := r.get("/readyz"); a.Status != 503 {
		t.Errorf("readyz answered %d", a.Status)
	}
	select {
	case err := <-r.store.Failed():
		if err == nil {
			t.Error("failed without a reason")
		}
	default:
		t.Error("nobody is told to end")
	}
	r.restart()
	r.post("/v1/events", document(events(1, 2))).want(t, 200, 1, 0)
}

// What was appended and could not be synced at once is synced before the batch is
// acknowledged when it comes again, and before a new receiver goes by it.
func TestDuplicatesAreSyncedBeforeTheyAreAcknowledged(t *testing.T) {
	r := newReceiver(t)
	var locks, fail, syncs atomic.Int64
	r.options.NoSync = false
	r.options.FS = faultfs.New(vfs.Disk, func(op faultfs.Op) faultfs.Outcome {
		switch {
		case op.Kind == "sync" && strings.HasSuffix(op.Name, "events.ndjson"):
			syncs.Add(1)
		case op.Kind == "lock" && locks.Add(1) == fail.Load():
			return faultfs.Outcome{Err: eventlog.ErrLocked}
		}
		return faultfs.Outcome{}
	})
	r.start()
	r.post("/v1/events", document(events(0, 1))).want(t, 200, 1, 0)
	fail.Store(locks.Load() + 2) // the append's lock, then the sync's
	before := syncs.Load()
	r.post("/v1/events", document(events(1, 2))).want(t, 429, 0, 0)
	if syncs.Load() != before {
		t.Fatal("the sync did not fail")
	}
	r.post("/v1/events", document(events(1, 2))).want(t, 200, 1, 0)
	if syncs.Load() == before {
		t.Error("acknowledged without a sync")
	}
	r.holds(events(0, 2))
	before = syncs.Load()
	r.restart()
	if syncs.Load() == before {
		t.Error("a new receiver took lines into its index that are not synced")
	}
}

// served runs the receiver on loopback for one test.
func (r *receiver) served(o ServeOptions) (url string, metrics string) {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	o.Metrics = m
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.store.Serve(ctx, l, o) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		r.stop()
	})
	return "http://" + l.Addr().String(), "http://" + m.Addr().String()
}

// The bomb is many members, which one reader unpacks one after the other, so that
// making it takes no time. A buffer that grows to 8 MiB by doubling asks for at
// most 32 MiB; how many of the 16 requests get a used one is the pool's affair.
func TestGzipBombIsStoppedByBytesRead(t *testing.T) {
	r := newReceiver(t).start()
	url, _ := r.served(ServeOptions{})
	var member bytes.Buffer
	z, _ := gzip.NewWriterLevel(&member, gzip.BestCompression)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	packed := bytes.Repeat(member.Bytes(), 512) // 512 MiB in 0.5 MiB
	const most = 16 * 32 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			req, _ := http.NewRequest("POST", url+"/v1/events", bytes.NewReader(packed))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Content-Encoding", "gzip")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != 413 {
				t.Errorf("answered %d", resp.StatusCode)
			}
		})
	}
	clients.Wait()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > most {
		t.Errorf("16 bombs made the receiver allocate %d MiB", used>>20)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestSlowClientsAreCutAndOthersServed(t *testing.T) {
	r := newReceiver(t)
	r.start()
	url, _ := r.served(ServeOptions{HeaderTimeout: 100 * time.Millisecond, ReadTimeout: 300 * time.Millisecond, MaxConnections: 100})
	address := strings.TrimPrefix(url, "http://")
	dial := func(text string) net.Conn {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var slow []net.Conn
	for range 60 {
		slow = append(slow, dial("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"ev"))
		slow = append(slow, dial("POST /v1/events HTTP/1.1\r\nHost"))
	}
	if err := postOnce(url+"/v1/events", zipped(document(events(0, 10)))); err != nil {
		t.Errorf("beside slow clients: %v", err)
	}
	for i, c := range slow {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		answer, err := io.ReadAll(c)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("connection %d was not cut: %v", i, err)
		}
		if i%2 == 0 && !bytes.Contains(answer, []byte(" 408 ")) {
			t.Errorf("a slow body was answered %.60q", answer)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestManyClientsAtOnce(t *testing.T) {
	r := newReceiver(t).start()
	url, _ := r.served(ServeOptions{})
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := range 6 {
				at := 1000*c + 100*i // neighbours overlap: half of a batch is the next one's
				if err := postOnce(url+"/v1/events", zipped(document(events(at, at+200)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	var want []string
	for c := range 8 {
		want = append(want, events(1000*c, 1000*c+700)...)
	}
	r.holds(want)
	http.DefaultClient.CloseIdleConnections()
}

// TestLogsAndAnswersSayNothingOfEventsOrClients posts a batch whose every part is
// recognisable, good and bad, and looks for it.
func TestLogsAndAnswersSayNothingOfEventsOrClients(t *testing.T) {
	r := newReceiver(t)
	var said bytes.Buffer
	var lock sync.Mutex
	r.options.Log = slog.New(slog.NewJSONHandler(lockedWriter{&lock, &said}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.options.Metrics = NewMetrics()
	r.start()
	url, metrics := r.served(ServeOptions{})
	bad := `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"feedfacefeedface","error_category":"unknown","error_code":"SESAME","component":"/home/sesame"}`
	for _, doc := range []string{document([]string{bad, event(3, "feedface")}), "{\"sesame\":1}", deletionRequest("feedface"), "sesame"} {
		for path := range routes {
			req, _ := http.NewRequest("POST", url+path+"?sesame=1", strings.NewReader(doc))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("User-Agent", "sesame")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if containsAny(string(text), "sesame", "SESAME", "feedface") {
				t.Errorf("%s answered %s", path, text)
			}
		}
	}
	resp, err := http.Get(metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	shown, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if to := r.store.server(nil, ServeOptions{}).ErrorLog.Writer(); to != io.Discard {
		t.Error("net/http's own messages, which name clients, go somewhere")
	}
	lock.Lock()
	defer lock.Unlock()
	if !strings.Contains(said.String(), `"route":"events"`) {
		t.Errorf("the log says nothing of a request: %s", &said)
	}
	for _, text := range []string{said.String(), string(shown)} {
		if containsAny(text, "sesame", "SESAME", "feedface", "127.0.0.1", deletionID) {
			t.Errorf("it is said: %s", text)
		}
	}
}

type lockedWriter struct {
	lock *sync.Mutex
	to   *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.to.Write(p)
}

func containsAny(text string, these ...string) bool {
	for _, s := range these {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// FuzzHandler sends anything to every address.
func FuzzHandler(f *testing.F) {
	f.Add("/v1/events", []byte(document(events(0, 1))), "application/json", "")
	f.Add("/v1/events", zipped(document(events(0, 1))), "application/json", "gzip")
	f.Add("/v1/exports", zipped(exportDocument(eventID(1), "", events(0, 1))), "application/gzip", "")
	f.Add("/v1/deletion-requests", []byte(deletionRequest(someDay)), "application/json", "")
	s, err := Open(f.TempDir(), Options{NoSync: true, EraseWait: time.Nanosecond})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	r := &receiver{http: NewHandler(s, HandlerOptions{})}
	f.Fuzz(func(t *testing.T, path string, body []byte, kind, encoding string) {
		if _, known := routes[path]; !known {
			path = "/v1/events"
		}
		r.t = t
		a := r.send(path, body, "Content-Type", kind, "Content-Encoding", encoding)
		if a.Status == 500 || a.Status == 503 {
			t.Fatalf("answered %d %s", a.Status, a.Raw)
		}
	})
}
