package upload

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/schema"
)

// kind sorts answers by what has to be done.
type kind int

const (
	taken  kind = iota // the batch is done
	split              // one part of it is not wanted, or it is too large
	later              // try again
	refuse             // somebody has to look
)

// answer is what came back, reduced to what is needed. Nothing in it is text of
// the server's but a receipt of a known shape.
type answer struct {
	kind     kind
	status   int // 0 where there was none
	what     string
	accepted int64
	rejected int64
	refused  []eventlog.Refusal
	receipt  string
	wait     time.Duration // that the server asked for, 0 for none
}

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 1 << 20

// maxWait is the longest that anybody can make the uploader wait.
const maxWait = 24 * time.Hour

// wire is the JSON of any answer.
type wire struct {
	Accepted *int64 `json:"accepted"`
	Rejected *int64 `json:"rejected"`
	Refusals []struct {
		Index    int    `json:"index"`
		Category string `json:"category"`
		Pointer  string `json:"pointer"`
		Rule     string `json:"rule"`
	} `json:"refusals"`
	ReceiptID  string          `json:"receipt_id"`
	Receipt    string          `json:"receipt"`
	RetryAfter json.RawMessage `json:"retry_after"`
}

// read makes an answer of a response to a request with so many events; -1 is a
// request for deletion.
func read(resp *http.Response, events int, now time.Time) answer {
	a := answer{status: resp.StatusCode, what: "the server answered " + strconv.Itoa(resp.StatusCode)}
	var w wire
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	isJSON := err == nil && len(body) <= maxAnswerBytes && json.Unmarshal(body, &w) == nil
	if !isJSON {
		w = wire{}
	}
	switch s := resp.StatusCode; {
	case s >= 200 && s < 300:
		a.kind = taken
		switch {
		case err != nil:
			a.kind, a.what = later, a.what+", and then its answer broke off"
		case !isJSON || !a.add(w, events):
			a.kind, a.what = later, a.what+", but not as a receiver of telemetry does: is there a login page or a proxy in between?"
		}
	case s == http.StatusConflict:
		a.kind = taken
		if !a.add(w, events) {
			a.accepted = int64(max(events, 0))
		}
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests, s >= 500:
		a.kind = later
		a.wait = retryAfter(resp.Header, w.RetryAfter, now)
	case events > 0 && (s == http.StatusRequestEntityTooLarge || s == http.StatusBadRequest || s == http.StatusUnprocessableEntity):
		a.kind = split
	default:
		a.kind = refuse
	}
	return a
}

// add takes in what was accepted and refused. It is false when the sums are not
// those of the batch.
func (a *answer) add(w wire, events int) bool {
	for _, receipt := range []string{w.ReceiptID, w.Receipt} {
		if a.receipt == "" && receiptShape.MatchString(receipt) {
			a.receipt = receipt
		}
	}
	if events < 0 {
		return a.receipt != ""
	}
	if w.Accepted == nil || w.Rejected == nil || *w.Accepted < 0 || *w.Rejected < 0 || *w.Accepted+*w.Rejected != int64(events) {
		return false
	}
	a.accepted, a.rejected = *w.Accepted, *w.Rejected
	named := map[int]bool{}
	for _, r := range w.Refusals {
		if r.Index < 0 || r.Index >= events || named[r.Index] || int64(len(named)) == a.rejected {
			continue
		}
		named[r.Index] = true
		a.refused = append(a.refused, eventlog.Refusal{Event: r.Index, Status: a.status,
			Category: knownCategory(r.Category), Pointer: shaped(r.Pointer, pointerShape), Rule: shaped(r.Rule, ruleShape)})
	}
	return true
}

// What a server says about an event is kept only in shapes that cannot repeat
// what the event said.
var (
	receiptShape = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)
	pointerShape = regexp.MustCompile(`^(/[a-z0-9_]{1,40}){0,5}$`)
	ruleShape    = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]{0,39}$`)
)

func shaped(text string, shape *regexp.Regexp) string {
	if shape.MatchString(text) {
		return text
	}
	return ""
}

func knownCategory(text string) schema.Category {
	if c := schema.Category(text); slices.Contains(schema.Categories(), c) {
		return c
	}
	return ""
}

// retryAfter is how long the server asks to wait: the header, in seconds or as a
// date by the server's own clock, else retry_after in the body. 0 is not asked,
// or something that is no time.
func retryAfter(h http.Header, body json.RawMessage, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if wait := seconds(text); wait > 0 {
		return wait
	}
	if at, err := http.ParseTime(text); err == nil {
		if server, err := http.ParseTime(h.Get("Date")); err == nil {
			now = server
		}
		return max(0, min(at.Sub(now), maxWait))
	}
	return seconds(strings.Trim(string(body), `"`))
}

// seconds reads a number of seconds, however large, rounded up.
func seconds(text string) time.Duration {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" || len(text) > 100 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if strings.Trim(fraction, "0") != "" {
		n++
	}
	if err != nil || n > int64(maxWait/time.Second) {
		return maxWait // digits only: the one error left is that there are too many
	}
	return time.Duration(n) * time.Second
}
