package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
)

// write makes the files of the spool's parts, all of them aside first, so that
// either all are there under their names or none is.
func (e *exporter) write(ctx context.Context, h Header, losses any, s *spool) error {
	w := &writer{exporter: e, header: h, losses: losses, spool: s}
	defer w.close()
	w.header.Parts = len(s.parts)
	if e.Out != nil {
		return w.stream(ctx)
	}
	for i := range s.parts {
		if err := w.build(ctx, i); err != nil {
			return err
		}
	}
	if err := w.publish(); err != nil {
		return err
	}
	e.carryChain()
	return nil
}

// writer is the last stage of an export.
type writer struct {
	*exporter
	header Header
	losses any
	spool  *spool
	built  []*built
}

func (w *writer) close() {
	for _, b := range w.built {
		b.close()
	}
}

// built is a complete file that has not got its name yet.
type built struct {
	*aside
	File
}

// compose writes one part to w: a head, the events as they are in the spool, a tail.
func (w *writer) compose(ctx context.Context, i int, to io.Writer) error {
	p := w.spool.parts[i]
	head, tail, err := w.frame(i)
	if err != nil {
		return err
	}
	deflater, err := flate.NewWriter(nil, level)
	if err != nil {
		return err
	}
	var first, last bytes.Buffer
	if err := errors.Join(deflate(deflater, &first, head), finish(deflater, &last, tail)); err != nil {
		return err
	}
	trailer := gzipTrailer(sumOf(head).then(p.sum).then(sumOf(tail)))
	for _, r := range []io.Reader{
		bytes.NewReader(gzipHeader), &first, io.NewSectionReader(w.spool.file, p.from, p.to-p.from), &last, bytes.NewReader(trailer),
	} {
		if _, err := io.Copy(to, &patient{ctx, r}); err != nil {
			return err
		}
	}
	return nil
}

// frame is what stands around the events of a part.
func (w *writer) frame(i int) (head, rest []byte, err error) {
	if w.Format == Lines {
		return nil, []byte{'\n'}, nil
	}
	p := w.spool.parts[i]
	h := w.header
	h.EventCount, h.Part = p.events, i+1
	h.FirstTimestamp, h.LastTimestamp = orNull(instant(p.first)), orNull(instant(p.last))
	head, err = h.head()
	if err == nil {
		rest, err = tail(w.losses, p.checksum())
	}
	return head, rest, err
}

// patient reads until its context ends.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// stream writes the only part there is.
func (w *writer) stream(ctx context.Context) error {
	hash := sha256.New()
	count := &counter{w: io.MultiWriter(w.Out, hash)}
	if err := w.compose(ctx, 0, count); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	w.report(w.file(0, count.n, hash.Sum(nil)))
	return nil
}

func (w *writer) file(i int, size int64, sum []byte) File {
	p := w.spool.parts[i]
	return File{Part: i + 1, Events: p.events, Bytes: size, Checksum: p.checksum(), SHA256: fmt.Sprintf("%x", sum)}
}

// report adds a complete file to the result.
func (w *writer) report(f File) {
	r, p := &w.result, w.spool.parts[f.Part-1]
	r.Files = append(r.Files, f)
	r.Events += f.Events
	r.First, r.Last = earlier(r.First, p.first), later(r.Last, p.last)
	if w.Format == Document {
		r.ID = w.ID
	}
	if w.header.PreviousExportID != nil {
		r.PreviousID = *w.header.PreviousExportID
	}
}

// build writes one part aside, makes it durable and, where the log is to be
// cleared, reads it back.
func (w *writer) build(ctx context.Context, i int) error {
	a, err := w.aside(w.outDir(), fmt.Sprint("part", i+1))
	if err != nil {
		return err
	}
	b := &built{aside: a}
	w.built = append(w.built, b)
	hash := sha256.New()
	count := &counter{w: io.MultiWriter(a.file, hash)}
	if err := w.compose(ctx, i, count); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	if err := a.finish(); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	b.File = w.file(i, count.n, hash.Sum(nil))
	if w.Clear {
		return w.readBack(ctx, b)
	}
	return nil
}

// readBack makes sure that what is on the disk is what was to be there.
func (w *writer) readBack(ctx context.Context, b *built) error {
	f, err := w.Log.FS.Open(b.path)
	if err != nil {
		return fmt.Errorf("read the export back: %w", err)
	}
	defer f.Close()
	r, err := Check(ctx, f, nil)
	if err != nil {
		return fmt.Errorf("read the export back: %w", err)
	}
	if r.SHA256 != b.SHA256 || r.Checksum != b.Checksum || r.Events != b.Events {
		return errors.New("read the export back: the disk holds something else than was written")
	}
	return nil
}
