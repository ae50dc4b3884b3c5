package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/klauspost/compress/gzip"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// Body is what is sent for some events of a batch, before compression. The same
// events of the same batch give the same bytes.
func Body(b *eventlog.Batch, lines []schema.Line) []byte {
	var body bytes.Buffer
	_ = writeBody(&body, b, lines) // a buffer takes everything
	return body.Bytes()
}

func writeBody(w io.Writer, b *eventlog.Batch, lines []schema.Line) error {
	before := []byte(`{"events":[`)
	for _, l := range lines {
		if _, err := w.Write(before); err != nil {
			return err
		}
		if _, err := w.Write(l.Bytes()); err != nil {
			return err
		}
		before = []byte{','}
	}
	_, err := fmt.Fprintf(w, `],"batch_id":%q,"client_timestamp":%q,"losses":%s}`, partID(b, lines), b.ClientTimestamp, b.Losses)
	return err
}

// partID is the id that some of a batch's events are sent under.
func partID(b *eventlog.Batch, lines []schema.Line) string {
	if len(lines) == len(b.Lines) {
		return b.ID
	}
	return eventlog.BatchID(lines)
}

// parcel is a compressed body.
type parcel struct {
	packed bytes.Buffer
	bytes  int // before compression
	err    error
}

// zippers are kept, because each holds a megabyte. The fastest level: the events
// are packed to a sixth by it already.
var zippers = sync.Pool{New: func() any {
	zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // there is that level
	return zip
}}

// pack compresses what write writes.
func pack(write func(io.Writer) error) *parcel {
	p := new(parcel)
	zip := zippers.Get().(*gzip.Writer)
	defer zippers.Put(zip)
	zip.Reset(&p.packed)
	size := counter{w: zip}
	p.err = errors.Join(write(&size), zip.Close())
	p.bytes = size.n
	return p
}

// counter counts what is written through it.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += n
	return n, err
}

// posted is an answer and the size of what was asked, before compression.
type posted struct {
	answer
	bytes int
}

// send sends some events of a batch.
func (r *runner) send(ctx context.Context, b *eventlog.Batch, lines []schema.Line) posted {
	p := pack(func(w io.Writer) error { return writeBody(w, b, lines) })
	return posted{r.post(ctx, r.o.Endpoint, partID(b, lines), p, len(lines)), p.bytes}
}

// post sends one parcel and makes an answer of whatever happens.
func (r *runner) post(ctx context.Context, to string, id string, p *parcel, events int) answer {
	if p.err != nil {
		return answer{kind: later, what: "cannot compress: " + p.err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, &p.packed)
	if err != nil {
		return answer{kind: refuse, what: "the endpoint cannot be used"}
	}
	for name, values := range r.o.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "caro-telemetry-upload/"+r.o.Version)
	req.Header.Set("X-Caro-Version", r.o.Version)
	req.Header.Set("Idempotency-Key", id)
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{kind: later, what: r.network(err)}
	}
	defer resp.Body.Close()
	return read(resp, events, r.o.Now())
}

// network says what went wrong on the way, without the address a proxy may have
// its password in.
func (r *runner) network(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return fmt.Sprintf("no answer within %s", r.o.Timeout)
		}
		err = u.Err
	}
	return "cannot reach the server: " + err.Error()
}

// deletionEndpoint is the endpoint with its last segment replaced.
func deletionEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", errors.New("the endpoint is not an address")
	}
	return u.ResolveReference(&url.URL{Path: "deletion-requests"}).String(), nil
}

// DeletionBody is a request for deletion as schema/v1/deletion-request has it.
func DeletionBody(d eventlog.Deletion) ([]byte, error) {
	return json.Marshal(struct {
		RequestID   string   `json:"request_id"`
		DayIDs      []string `json:"day_ids"`
		RequestedAt string   `json:"requested_at"`
	}{d.RequestID, d.DayIDs, d.RequestedAt.UTC().Format("2006-01-02T15:04:05.000Z")})
}
