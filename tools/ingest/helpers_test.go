package ingest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"caro.sh/telemetry/eventlog"
)

// noon is when these tests begin, unless the times of files matter to them.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// a clock that tests move by hand.
type clock struct{ atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.Store(noon.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.Add(int64(d)) }

// fixtures are events of real shape, one a line.
var fixtures = func() [][]byte {
	raw, err := os.ReadFile("../../fixtures/sessions.ndjson")
	if err != nil {
		panic(err)
	}
	return bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
}()

// event is the n-th of endlessly many events, each with its own id; day is the
// first half of its session id.
func event(n int, day string) string {
	line := string(fixtures[n%len(fixtures)])
	at := strings.Index(line, `"event_id":"`) + len(`"event_id":"`)
	line = line[:at] + eventID(n) + line[at+uuidBytes:]
	at = strings.Index(line, `"session_id":"`) + len(`"session_id":"`)
	return line[:at] + day + line[at+dayIDBytes:]
}

func eventID(n int) string {
	sum := sha256.Sum256(fmt.Append(nil, n))
	id := uuid.UUID(sum[:16])
	copy(id[:6], []byte{0x01, 0x9b, 0x8c, 0x30, byte(n >> 16), byte(n >> 8)})
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id.String()
}

const someDay = "0123abcd"

// events are events from..to-1 of one day.
func events(from, to int) []string {
	all := make([]string, 0, to-from)
	for n := from; n < to; n++ {
		all = append(all, event(n, someDay))
	}
	return all
}

const losses = `{"log_id":"11111111-2222-4333-8444-555555555555","since":"2026-11-01T00:00:00.000Z","queue_full":3,"evicted":4,"refused":{"path":5}}`

// batchID is the id of the batch of these events.
func batchID(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	id, _ := uuid.FromBytes(sum[:16])
	return id.String()
}

// document is an upload batch.
func document(lines []string) string {
	return `{"events":[` + strings.Join(lines, ",") + `],"batch_id":"` + batchID(lines) +
		`","client_timestamp":"2026-11-23T11:59:00.000Z","losses":` + losses + `}`
}

// exportDocument is an export file, unpacked.
func exportDocument(id, previous string, lines []string) string {
	digest := sha256.New()
	first, last := "null", "null"
	for _, line := range lines {
		fmt.Fprintln(digest, line)
		at := `"` + line[strings.Index(line, `"timestamp":"`)+13:][:24] + `"`
		if first == "null" || at < first {
			first = at
		}
		if last == "null" || at > last {
			last = at
		}
	}
	if previous = `"` + previous + `"`; previous == `""` {
		previous = "null"
	}
	return fmt.Sprintf(`{"export_version":"1.0","export_id":"%s","exported_at":"2026-11-23T11:00:00.000Z","caro_version":"1.3.0","event_count":%d,"first_timestamp":%s,"last_timestamp":%s,"previous_export_id":%s,"part":1,"parts":1,"filter":null,"inflight_batch_id":null,"events":[
%s
],"losses":%s,"checksum":"sha256:%x"}
`, id, len(lines), first, last, previous, strings.Join(lines, ",\n"), losses, digest.Sum(nil))
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.Bytes()
}

// receiver is a store with its handler, which a test may restart.
type receiver struct {
	t       *testing.T
	dir     string
	options Options
	limits  HandlerOptions
	clock   *clock
	store   *Store
	http    http.Handler
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, dir: filepath.Join(t.TempDir(), "log"), clock: newClock()}
	r.options = Options{Now: r.clock.now, NoSync: true}
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) start() *receiver {
	r.t.Helper()
	var err error
	if r.store, err = Open(r.dir, r.options); err != nil {
		r.t.Fatal(err)
	}
	r.http = NewHandler(r.store, r.limits)
	return r
}

func (r *receiver) stop() {
	if r.store == nil {
		return
	}
	if err := r.store.Close(); err != nil {
		r.t.Error(err)
	}
	r.store = nil
}

func (r *receiver) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

// reply is an answer as a client sees it.
type reply struct {
	Status     int `json:"-"`
	Header     http.Header
	Raw        string
	Accepted   int
	Rejected   int
	Refusals   []Refusal
	Error      string
	Details    []detail
	RetryAfter int    `json:"retry_after"`
	ReceiptID  string `json:"receipt_id"`
	Erased     bool
}

func replyOf(t *testing.T, w *httptest.ResponseRecorder) reply {
	t.Helper()
	a := reply{Status: w.Code, Header: w.Result().Header, Raw: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("the answer %q is not JSON: %v", w.Body, err)
	}
	return a
}

// post sends a JSON document as an uploader does.
func (r *receiver) post(path, doc string, header ...string) reply {
	r.t.Helper()
	return r.send(path, zipped(doc), append([]string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, header...)...)
}

func (r *receiver) send(path string, body []byte, header ...string) reply {
	r.t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.http.ServeHTTP(w, req)
	return replyOf(r.t, w)
}

// want fails unless the answer has the status and the numbers.
func (a reply) want(t *testing.T, status, accepted, rejected int) {
	t.Helper()
	if a.Status != status || a.Accepted != accepted || a.Rejected != rejected {
		t.Fatalf("answered %d with %d accepted and %d rejected, want %d, %d, %d: %s", a.Status, a.Accepted, a.Rejected, status, accepted, rejected, a.Raw)
	}
}

// lines are all lines of a log, whatever they say.
func lines(t *testing.T, dir string) []string {
	t.Helper()
	snap, err := eventlog.OpenSnapshot(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var all []string
	for e, err := range snap.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(e.Raw))
	}
	return all
}

// holds fails unless the log has exactly these lines, in any order.
func (r *receiver) holds(want ...[]string) {
	r.t.Helper()
	missing := map[string]int{}
	for _, list := range want {
		for _, line := range list {
			missing[line]++
		}
	}
	for _, line := range lines(r.t, r.dir) {
		missing[line]--
	}
	for line, n := range missing {
		if n != 0 {
			r.t.Fatalf("the log has %d lines too few (or, below 0, too many) of %.120s", n, line)
		}
	}
}

// do sends a request without a body.
func (r *receiver) do(method, path string) reply {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.http.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return replyOf(r.t, w)
}
