package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"caro.sh/telemetry/schema"
)

// Envelope is a document without its events.
type Envelope struct {
	Header
	Losses json.RawMessage `json:"losses"`
	// Promised is the checksum the document claims.
	Promised string `json:"checksum"`
}

// aboutAll is where what is wrong with a document as a whole is reported.
const aboutAll = "the document"

// readEnvelope judges a document of which the events were taken out.
func readEnvelope(text []byte) (Envelope, error) {
	var e Envelope
	if !utf8.Valid(text) || !json.Valid(text) {
		return e, bad(aboutAll, "what stands around the events is not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if twice(d) {
		return e, bad(aboutAll, "a key is there twice")
	}
	d = json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return e, bad(aboutAll, "what stands around the events is not JSON")
	}
	if err := validate(v); err != nil {
		return e, err
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, bad(aboutAll, "a number is not spelled as a whole one")
	}
	return e, nil
}

// twice reports whether any object of a text has a key more than once. The text
// is known to be JSON.
func twice(d *json.Decoder) bool {
	token, err := d.Token()
	if err != nil {
		return false
	}
	open, isDelim := token.(json.Delim)
	if !isDelim {
		return false
	}
	seen := map[any]bool{}
	for d.More() {
		if open == '{' {
			key, _ := d.Token()
			if seen[key] {
				return true
			}
			seen[key] = true
		}
		if twice(d) {
			return true
		}
	}
	_, _ = d.Token()
	return false
}

const schemaBase = "https://caro.sh/schemas/telemetry/v1/"

// documentSchema is the published one.
var documentSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true
	c.LoadURL = func(url string) (io.ReadCloser, error) {
		text, err := fs.ReadFile(schema.Files(), "v1/"+strings.TrimPrefix(url, schemaBase))
		return io.NopCloser(bytes.NewReader(text)), err
	}
	return c.Compile(schemaBase + "export.schema.json")
})

// validate says where a document breaks its schema and by which keyword. The
// validator's own messages quote the document.
func validate(v any) error {
	judge, err := documentSchema()
	if err != nil {
		return fmt.Errorf("read the schema of an export: %w", err)
	}
	var broken *jsonschema.ValidationError
	if err := judge.Validate(v); errors.As(err, &broken) {
		for len(broken.Causes) > 0 {
			broken = broken.Causes[0]
		}
		keyword := broken.KeywordLocation[strings.LastIndexByte(broken.KeywordLocation, '/')+1:]
		return bad(aboutAll, "it breaks the schema at %s (rule %s)", pointer(broken.InstanceLocation), keyword)
	}
	return err
}

func pointer(location string) string {
	if location == "" {
		return "its top"
	}
	return location
}

// agrees compares what a document says of its events with what they are.
func (e Envelope) agrees(r Report) error {
	switch {
	case e.EventCount != r.Events:
		return bad(aboutAll, "event_count says %d, counted were %d", e.EventCount, r.Events)
	case !sameInstant(e.FirstTimestamp, r.First):
		return bad(aboutAll, "first_timestamp is not that of the earliest event")
	case !sameInstant(e.LastTimestamp, r.Last):
		return bad(aboutAll, "last_timestamp is not that of the latest event")
	case e.Promised != checksumPrefix+r.Checksum:
		return bad(aboutAll, "the checksum is not that of the events")
	case e.Part > e.Parts:
		return bad(aboutAll, "part %d of %d cannot be", e.Part, e.Parts)
	case e.PreviousExportID != nil && *e.PreviousExportID == e.ExportID:
		return bad(aboutAll, "it names itself as the export before it")
	}
	return nil
}

// sameInstant compares a timestamp, nil for none, with a time, zero for none.
func sameInstant(said *string, is time.Time) bool {
	if said == nil {
		return is.IsZero()
	}
	t, err := time.Parse(time.RFC3339Nano, *said)
	return err == nil && t.Equal(is)
}
