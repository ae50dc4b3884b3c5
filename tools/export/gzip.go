package export

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// A file is one gzip member (RFC 1952) put together from deflated pieces, of
// which each was ended with a flush: so the events can be compressed before
// what stands in front of them is known, and by several cores.

// gzipHeader says deflate, no name, no time, no system: nothing that differs
// from run to run.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// deflate compresses text up to a byte boundary, to be followed by more.
func deflate(w *flate.Writer, to *bytes.Buffer, text []byte) error {
	w.Reset(to)
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Flush()
}

// finish compresses the last piece.
func finish(w *flate.Writer, to *bytes.Buffer, text []byte) error {
	w.Reset(to)
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close()
}

// gzipTrailer ends a member.
func gzipTrailer(sum sum) []byte {
	trailer := binary.LittleEndian.AppendUint32(nil, sum.crc)
	return binary.LittleEndian.AppendUint32(trailer, uint32(sum.length)) // modulo 2^32, as the format has it
}

// sum is the CRC-32 of a text and the text's length.
type sum struct {
	crc    uint32
	length int64
}

func sumOf(text []byte) sum { return sum{crc32.ChecksumIEEE(text), int64(len(text))} }

var zeros [64 << 10]byte

// then is the sum of two texts one after the other, made from theirs. A CRC is
// linear: moved on over as many zeros as the second text has bytes, the first
// one only has to be added. The complements undo those that Update makes.
func (s sum) then(next sum) sum {
	crc := ^s.crc
	for left := next.length; left > 0; left -= int64(len(zeros)) {
		crc = crc32.Update(crc, crc32.IEEETable, zeros[:min(left, int64(len(zeros)))])
	}
	return sum{^crc ^ next.crc, s.length + next.length}
}

// counter counts and passes on.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
