package ingest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A body is what a request brought, as it came.
type body struct {
	raw    []byte
	packed bool
	held   int64 // of the budget
}

// budget bounds the bytes of all bodies that are on their way together.
type budget struct{ left atomic.Int64 }

// take holds n bytes of the budget for the body, if there are so many.
func (b *budget) take(to *body, n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	to.held += n
	return true
}

func (b *budget) release(of *body) { b.left.Add(of.held) }

var (
	// errBusy means that too many bodies are on their way.
	errBusy = errors.New("too many uploads at once")
	// errIncomplete means that a body ended before its end.
	errIncomplete = errors.New("the body did not come whole")
)

const firstRead = 8 << 10

// body reads what a request brings, up to most bytes. Memory grows with what has
// come, not with what was announced.
func (h *handler) body(w http.ResponseWriter, r *http.Request, most int64) (*body, *answer) {
	b := &body{}
	var bad *answer
	if b.packed, bad = contentOf(r); bad != nil {
		return nil, bad
	}
	if r.ContentLength > most {
		a := h.failed(ErrTooLarge)
		return nil, &a
	}
	err := h.fill(b, h.pace(w, http.MaxBytesReader(w, r.Body, most), time.Now().Add(h.o.ReadTimeout)))
	h.store.o.Metrics.received.Add(float64(len(b.raw)))
	if err != nil {
		h.budget.release(b)
		a := h.failed(err).about(b)
		return nil, &a
	}
	return b, nil
}

func (h *handler) fill(b *body, src io.Reader) error {
	for {
		if len(b.raw) == cap(b.raw) {
			more := max(firstRead, cap(b.raw))
			if !h.budget.take(b, int64(more)) {
				return errBusy
			}
			grown := make([]byte, len(b.raw), cap(b.raw)+more)
			copy(grown, b.raw)
			b.raw = grown
		}
		n, err := src.Read(b.raw[len(b.raw):cap(b.raw)])
		b.raw = b.raw[:len(b.raw)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.Join(errIncomplete, err)
		}
	}
}

// contentOf reads the headers about the body: JSON, packed with gzip or not.
func contentOf(r *http.Request) (packed bool, bad *answer) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := parameters["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		a := refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Type has to be application/json")
		return false, &a
	}
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "gzip":
		return true, nil
	case "", "identity":
		return false, nil
	}
	a := refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Encoding has to be gzip, or none")
	a.header("Accept-Encoding", "gzip")
	return false, &a
}

// exportType is contentOf for exports: what they are packed in shows from the file.
func exportType(r *http.Request) *answer {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/gzip" && r.Header.Get("Content-Encoding") == "" {
		return nil
	}
	if _, bad := contentOf(r); bad != nil {
		a := refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Type has to be application/gzip, or application/json")
		return &a
	}
	return nil
}

// zipper unpacks bodies one after the other.
type zipper struct {
	reader *gzip.Reader
	text   bytes.Buffer
}

var zippers = sync.Pool{New: func() any { return new(zipper) }}

// text unpacks the body, up to most bytes. It is valid until release.
func (b *body) text(most int64) (text []byte, release func(), err error) {
	if !b.packed {
		if int64(len(b.raw)) > most {
			return nil, nil, ErrTooLarge
		}
		return b.raw, func() {}, nil
	}
	z := zippers.Get().(*zipper)
	if err := z.unpack(b.raw, most); err != nil {
		zippers.Put(z)
		return nil, nil, err
	}
	return z.text.Bytes(), func() { zippers.Put(z) }, nil
}

func (z *zipper) unpack(packed []byte, most int64) (err error) {
	src := bytes.NewReader(packed)
	if z.reader == nil {
		z.reader, err = gzip.NewReader(src)
	} else {
		err = z.reader.Reset(src)
	}
	if err != nil {
		z.reader = nil
		return malformed("", ruleGzip)
	}
	z.text.Reset()
	n, err := io.Copy(&z.text, io.LimitReader(z.reader, most+1))
	if err != nil {
		return malformed("", ruleGzip)
	}
	if n > most {
		return ErrTooLarge
	}
	return nil
}

// spool writes an export to a file as it comes.
func (h *handler) spool(f *os.File, src io.Reader) (int64, error) {
	n, err := io.Copy(spoolFile{f}, src)
	if err != nil && !errors.Is(err, ErrFull) {
		err = errors.Join(errIncomplete, err)
	}
	h.store.o.Metrics.received.Add(float64(n))
	return n, err
}

// spoolFile tells a disk that takes no more from a client that sends no more.
type spoolFile struct{ f *os.File }

func (s spoolFile) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	if err != nil {
		err = errors.Join(ErrFull, err)
	}
	return n, err
}
