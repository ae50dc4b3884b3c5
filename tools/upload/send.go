package upload

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// Body is what is sent for some events of a batch, before compression. The same
// events of the same batch give the same bytes.
func Body(b *eventlog.Batch, lines []schema.Line) []byte {
	var body bytes.Buffer
	body.WriteString(`{"events":[`)
	for i, l := range lines {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(l.Bytes())
	}
	id := b.ID
	if len(lines) != len(b.Lines) {
		id = eventlog.BatchID(lines)
	}
	fmt.Fprintf(&body, `],"batch_id":%q,"client_timestamp":%q,"losses":%s}`, id, b.ClientTimestamp, b.Losses)
	return body.Bytes()
}

// limits keep a body within MaxBodyBytes.
func limits() eventlog.Limits {
	return eventlog.Limits{Events: MaxEvents, Bytes: MaxBodyBytes - envelopeBytes}
}

// post sends one body and makes an answer of whatever happens.
func (r *runner) post(ctx context.Context, to string, id string, body []byte, events int) answer {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := zip.Write(body)
	if err = errors.Join(err, zip.Close()); err != nil {
		return answer{kind: later, what: "cannot compress: " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, &packed)
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
