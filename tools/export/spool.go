package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"caro.sh/telemetry/schema"
)

// spool keeps the compressed events aside until it is known what stands in
// front of them: how many there are, of what time, and in how many parts.
type spool struct {
	*aside
	o       Options
	at      int64  // bytes written
	between []byte // a separator as a piece
	parts   []*part
	refused map[schema.Category]int64
}

// part is the events of one file: a range of the spool.
type part struct {
	from, to int64
	sum                // of what the range expands to
	hash     hash.Hash // of the events, each with a newline
	events   int64
	first    time.Time
	last     time.Time
}

func (p *part) checksum() string { return fmt.Sprintf("%x", p.hash.Sum(nil)) }

// spool reads the log once and compresses it on all cores. One pass, because a
// log that others append to, evict from and clear is not the same twice.
func (e *exporter) spool(ctx context.Context, src *source) (*spool, error) {
	a, err := e.aside(e.spoolDir(), "spool")
	if err != nil {
		return nil, err
	}
	s := &spool{aside: a, o: e.Options, refused: map[schema.Category]int64{}}
	if err := s.fill(ctx, src); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (e *exporter) spoolDir() string {
	switch {
	case e.Out == nil:
		return e.outDir()
	case e.TempDir != "":
		return e.TempDir
	}
	return os.TempDir()
}

// fill has chunks packed by several workers and takes them in the order of the log.
func (s *spool) fill(ctx context.Context, src *source) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := s.o.Workers
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), 4) // what takes their pieces off is one goroutine
	}
	l := &line{work: make(chan *chunk), order: make(chan *chunk, workers)}
	var running sync.WaitGroup
	for range workers {
		p, err := newPacker(s.o)
		if err != nil {
			return err
		}
		if len(s.between) == 0 {
			if s.between, err = p.piece(s.o.separator()); err != nil {
				return err
			}
		}
		running.Go(func() { l.pack(p) })
	}
	running.Go(func() { l.read(ctx, src) })
	err := l.take(s)
	if err != nil {
		cancel()
		for c := range l.order {
			<-c.done
		}
	}
	running.Wait()
	return errors.Join(err, l.readErr)
}

// piece is a text of its own, compressed.
func (p *packer) piece(text string) ([]byte, error) {
	var b bytes.Buffer
	err := deflate(p.w, &b, []byte(text))
	return b.Bytes(), err
}

// line is an assembly line: one goroutine reads chunks, several pack them, one
// takes them off in the order in which they were read.
type line struct {
	work  chan *chunk
	order chan *chunk
	spare sync.Pool

	readErr error // why reading ended early; set before order is closed
}

func (l *line) fresh() *chunk {
	if c, ok := l.spare.Get().(*chunk); ok {
		return c.reset()
	}
	return new(chunk).reset()
}

func (l *line) read(ctx context.Context, src *source) {
	defer close(l.order)
	defer close(l.work)
	l.readErr = src.chunks(ctx, l.fresh, func(c *chunk) error {
		select {
		case l.order <- c:
			l.work <- c // workers end only when this is closed
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (l *line) pack(p *packer) {
	for c := range l.work {
		p.pack(c)
	}
}

func (l *line) take(s *spool) error {
	for c := range l.order {
		<-c.done
		if err := s.add(c); err != nil {
			return err
		}
		l.spare.Put(c)
	}
	return nil
}

// add appends a piece to the last part, or to a new one where it would not fit.
func (s *spool) add(c *chunk) error {
	for category, n := range c.refused {
		s.refused[category] += n
	}
	if c.err != nil || len(c.ends) == 0 {
		return c.err
	}
	p := s.partFor(int64(c.packed.Len()))
	if p.events > 0 {
		if err := s.write(s.between); err != nil {
			return err
		}
		p.sum = p.then(sumOf([]byte(s.o.separator())))
	}
	if err := s.write(c.packed.Bytes()); err != nil {
		return err
	}
	p.to = s.at
	p.sum = p.then(sum{c.crc, int64(len(c.text))})
	p.events += int64(len(c.ends))
	p.first, p.last = earlier(p.first, c.first), later(p.last, c.last)
	newline := []byte{'\n'}
	c.events(s.o.separator(), func(event []byte) {
		_, _ = p.hash.Write(event) // a hash takes everything
		_, _ = p.hash.Write(newline)
	})
	return nil
}

func (s *spool) partFor(more int64) *part {
	if n := len(s.parts); n > 0 {
		p := s.parts[n-1]
		if s.o.MaxSize == 0 || p.to-p.from+int64(len(s.between))+more+overhead <= s.o.MaxSize {
			return p
		}
	}
	s.parts = append(s.parts, &part{from: s.at, to: s.at, hash: sha256.New()})
	return s.parts[len(s.parts)-1]
}

func (s *spool) write(piece []byte) error {
	n, err := s.file.Write(piece)
	s.at += int64(n)
	if err != nil {
		return fmt.Errorf("keep events aside in %s: %w", filepath.Dir(s.path), err)
	}
	return nil
}
