package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"time"

	"github.com/google/uuid"

	"caro.sh/telemetry/schema"
)

// Limits of the contract.
const (
	MaxEvents     = 1000    // in a batch
	MaxBatchBytes = 1 << 20 // uncompressed
)

// ErrTooLarge means that a document, or what it is packed in, is over a limit.
var ErrTooLarge = errors.New("larger than this receiver takes")

// Refusal says which event was not taken and why, and nothing of what it said.
type Refusal struct {
	Index    int             `json:"index"` // in the batch, from 0
	Category schema.Category `json:"category"`
	Pointer  string          `json:"pointer"`
	Rule     string          `json:"rule"`
}

func refusalOf(index int, err error) Refusal {
	v := violation(err)
	return Refusal{Index: index, Category: v.Category, Pointer: v.Pointer, Rule: v.Rule}
}

// violation is the reason in err, which is always one where documents are judged.
func violation(err error) *schema.Violation {
	var v *schema.Violation
	if errors.As(err, &v) {
		return v
	}
	return malformed("", ruleJSON)
}

// An id names an event, a batch or an export.
type id [16]byte

// A batch is a list of checked events and what is to be remembered of it.
type batch struct {
	id       id // zero: a part of an export, which has its own
	digest   [16]byte
	lines    []schema.Line
	keys     []id
	days     []uint32
	refusals []Refusal
	report   *report
}

// events is how many events the batch was sent with.
func (b *batch) events() int { return len(b.lines) + len(b.refusals) }

// report is what a log says it lost.
type report struct {
	LogID  string          `json:"-"`
	At     time.Time       `json:"at"`   // by the clock of whoever reports
	Seen   int64           `json:"seen"` // when it came, in seconds since 1970
	Losses json.RawMessage `json:"losses"`
}

// readBatch checks an upload batch. Its error is ErrTooLarge or a
// *schema.Violation about the document; events that are refused are in the batch.
func readBatch(body []byte) (*batch, error) {
	b := &batch{lines: make([]schema.Line, 0, MaxEvents)}
	e := newEnvelope(batchSchema())
	events := batchEvents{batch: b, digest: sha256.New()}
	var losses []byte
	doc := scanBytes(body)
	doc.ready = events.ready
	err := doc.walk(func(name string, text []byte) error {
		if name == "losses" {
			losses = append(losses, text...)
		}
		return e.field(name, text)
	}, events.any)
	e.events = b.events()
	if err == nil {
		err = e.finish()
	}
	if err != nil {
		return nil, err
	}
	copy(b.digest[:], events.digest.Sum(nil))
	b.id = idOf([]byte(e.text("batch_id")))
	if b.report, err = reportOf(e, "client_timestamp", losses); err != nil {
		return nil, err
	}
	return b, b.identify(&repeats{})
}

// batchEvents reads the events of a batch.
type batchEvents struct {
	*batch
	digest hash.Hash
	parser schema.Parser
}

// ready takes the event that text begins with, if it is accepted at once.
func (e *batchEvents) ready(text []byte) (int, error) {
	line, n := e.parser.ParsePrefix(text)
	if n == 0 {
		return 0, nil
	}
	if err := e.begin(text[:n]); err != nil {
		return 0, err
	}
	e.lines = append(e.lines, line)
	return n, nil
}

// any takes or refuses an event.
func (e *batchEvents) any(text []byte) error {
	if err := e.begin(text); err != nil {
		return err
	}
	line, err := e.parser.Parse(text)
	if err != nil {
		e.refusals = append(e.refusals, refusalOf(e.events(), err))
		return nil
	}
	e.lines = append(e.lines, line)
	return nil
}

func (e *batchEvents) begin(text []byte) error {
	if e.events() == MaxEvents {
		return ErrTooLarge
	}
	e.digest.Write(text)
	e.digest.Write([]byte{'\n'})
	return nil
}

// reportOf takes the losses out of a checked document; nil where a log has none to
// speak of, and therefore no name yet.
func reportOf(e *envelope, clock string, losses []byte) (*report, error) {
	at, err := time.Parse(time.RFC3339, e.text(clock))
	if err != nil {
		return nil, &schema.Violation{Category: schema.SchemaRule, Pointer: "/" + clock, Rule: "format"}
	}
	values, _ := e.values["losses"].(map[string]any)
	logID, named := values["log_id"].(string)
	if !named {
		return nil, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, losses); err != nil {
		return nil, malformed("/losses", ruleJSON)
	}
	return &report{LogID: logID, At: at, Losses: compact.Bytes()}, nil
}

// identify notes each event's id and day id. One without an id gets one made from
// what it says, so that it is the same whatever brings it; seen is of the document.
func (b *batch) identify(seen *repeats) error {
	b.keys, b.days = make([]id, len(b.lines)), make([]uint32, len(b.lines))
	for i, line := range b.lines {
		key, day, ok := idsOf(line.Bytes())
		if !ok {
			var err error
			if line, err = line.WithEventID(seen.derivedID(line)); err != nil {
				return err
			}
			b.lines[i] = line
			key, day, _ = idsOf(line.Bytes())
		}
		b.keys[i], b.days[i] = key, day
	}
	return nil
}

var (
	sessionIDKey = []byte(`,"session_id":"`)
	eventIDKey   = []byte(`","event_id":"`)
)

const (
	sessionIDBytes = 16
	dayIDBytes     = 8
	uuidBytes      = 36
)

// idsOf reads the event id and the day id of a canonical line; ok is false when
// there is no event id.
func idsOf(line []byte) (key id, day uint32, ok bool) {
	at := bytes.Index(line, sessionIDKey)
	if at < 0 {
		return key, 0, false
	}
	rest := line[at+len(sessionIDKey):]
	if len(rest) < sessionIDBytes {
		return key, 0, false
	}
	day, _ = dayOf(rest[:dayIDBytes])
	rest, ok = bytes.CutPrefix(rest[sessionIDBytes:], eventIDKey)
	if !ok || len(rest) < uuidBytes {
		return key, day, false
	}
	return idOf(rest[:uuidBytes]), day, true
}

// idOf reads a UUID that was checked before; anything else is the zero id.
func idOf(text []byte) id {
	u, err := uuid.ParseBytes(text)
	if err != nil {
		return id{}
	}
	return id(u)
}

// dayOf reads a day id.
func dayOf(text []byte) (uint32, bool) {
	var raw [4]byte
	if len(text) != dayIDBytes {
		return 0, false
	}
	_, err := hex.Decode(raw[:], text)
	return binary.BigEndian.Uint32(raw[:]), err == nil
}
