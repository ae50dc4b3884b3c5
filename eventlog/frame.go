package eventlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/pierrec/lz4/v4"
)

// Level is how hard compaction tries.
type Level int

const (
	Fast Level = iota // the default
	High              // smaller, and several times slower
)

func (l Level) option() lz4.Option {
	if l == High {
		return lz4.CompressionLevelOption(lz4.Level9)
	}
	return lz4.CompressionLevelOption(lz4.Fast)
}

// pack writes one LZ4 frame of size bytes from src, with content size and
// content checksum: without the latter the library does not notice most flipped
// bits.
func pack(dst io.Writer, src io.Reader, size int64, level Level) error {
	w := lz4.NewWriter(dst)
	err := w.Apply(lz4.SizeOption(uint64(size)), lz4.ChecksumOption(true), lz4.BlockSizeOption(lz4.Block1Mb), level.option())
	if err != nil {
		return fmt.Errorf("set up LZ4: %w", err)
	}
	// Not the library's ReadFrom, which a release of it got wrong; whole blocks,
	// which it compresses where they are.
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{src}, make([]byte, 1<<20))
	if err == nil {
		err = w.Close()
	}
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes where there were %d", n, size)
	}
	return err
}

// CompactedSize is the size a sealed segment would have once compacted.
func (s *Snapshot) CompactedSize(seg Segment, level Level) (int64, error) {
	src, name, err := s.source(seg)
	if err != nil {
		return 0, &DamageError{Segment: seg.Number, Name: seg.Name, Err: err}
	}
	defer src.Close()
	var n counter
	if err := pack(&n, src, seg.Bytes, level); err != nil {
		return 0, &DamageError{Segment: seg.Number, Name: name, Err: err}
	}
	return int64(n), nil
}

// counter is a writer that only counts.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Verify reads a compacted segment to its end, checksum included, without holding
// it in memory. One that cannot be read is a *DamageError.
func (s *Snapshot) Verify(seg Segment) error {
	f, err := s.fs.Open(filepath.Join(s.dir, seg.Name))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrGone
	}
	if err != nil {
		return &DamageError{Segment: seg.Number, Name: seg.Name, Err: err}
	}
	defer f.Close()
	n, err := io.Copy(io.Discard, frameReader{lz4.NewReader(f)})
	switch {
	case err != nil:
		err = fmt.Errorf("damaged LZ4 frame: %w", err)
	case n == 0:
		err = errors.New("damaged LZ4 frame: empty")
	default:
		return nil
	}
	return &DamageError{Segment: seg.Number, Name: seg.Name, Offset: n, Err: err}
}
