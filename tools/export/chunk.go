package export

import (
	"bytes"
	"errors"
	"hash/crc32"
	"time"

	"github.com/klauspost/compress/flate"

	"caro.sh/telemetry/schema"
)

// level of compression: smaller and faster than zlib's 6. docs/decisions has
// the figures.
const level = 5

// separator stands between two events of a document; in Lines it is "\n".
const separator = ",\n"

// chunk is a piece of the log on its way into a file. It ends on the boundary
// of a byte and needs nothing before it, so pieces can be put one after the other.
type chunk struct {
	raw []byte // lines as they were read

	text    []byte // events as they will be written, without a last separator
	ends    []int  // where the events end in text
	packed  bytes.Buffer
	crc     uint32 // of text
	first   time.Time
	last    time.Time
	refused map[schema.Category]int64
	err     error

	done chan struct{} // closed when all but raw is filled in
}

// reset makes c as good as new, with the memory it has.
func (c *chunk) reset() *chunk {
	c.raw, c.text, c.ends = c.raw[:0], c.text[:0], c.ends[:0]
	c.packed.Reset()
	c.first, c.last, c.refused, c.err = time.Time{}, time.Time{}, nil, nil
	c.done = make(chan struct{})
	return c
}

// packer turns chunks of lines into pieces. It belongs to one goroutine.
type packer struct {
	o Options
	w *flate.Writer
}

func newPacker(o Options) (*packer, error) {
	w, err := flate.NewWriter(nil, level)
	return &packer{o, w}, err
}

// pack checks every line, drops what is not wanted and compresses the rest.
func (p *packer) pack(c *chunk) {
	defer close(c.done)
	for raw := range bytes.Lines(c.raw) {
		line, err := schema.Parse(bytes.TrimSuffix(raw, []byte{'\n'}))
		if err != nil {
			c.refuse(err)
			continue
		}
		if p.o.wants(line) {
			c.add(line, p.o.separator())
		}
	}
	c.crc = crc32.ChecksumIEEE(c.text)
	c.err = deflate(p.w, &c.packed, c.text)
}

// wants reports whether a line is to be exported.
func (o Options) wants(l schema.Line) bool {
	return (o.Event == "" || l.Name() == o.Event) && (o.Since.IsZero() || !l.Timestamp().Before(o.Since))
}

func (o Options) separator() string {
	if o.Format == Lines {
		return "\n"
	}
	return separator
}

func (c *chunk) refuse(err error) {
	if c.refused == nil {
		c.refused = map[schema.Category]int64{}
	}
	category := schema.Malformed
	var v *schema.Violation
	if errors.As(err, &v) {
		category = v.Category
	}
	c.refused[category]++
}

func (c *chunk) add(l schema.Line, separator string) {
	if len(c.ends) > 0 {
		c.text = append(c.text, separator...)
	}
	c.text = append(c.text, l.Bytes()...)
	c.ends = append(c.ends, len(c.text))
	at := l.Timestamp()
	c.first, c.last = earlier(c.first, at), later(c.last, at)
}

// events calls do with each event of the piece.
func (c *chunk) events(separator string, do func([]byte)) {
	from := 0
	for _, end := range c.ends {
		do(c.text[from:end])
		from = end + len(separator)
	}
}

// earlier and later take the zero time for none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) && !b.IsZero() {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
