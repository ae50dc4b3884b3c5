package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"
)

// frameMagic is how an LZ4 frame begins (LZ4 Frame Format 1.6.4).
var frameMagic = []byte{0x04, 0x22, 0x4d, 0x18}

const maxFrameHeader = 4 + 2 + 8 + 4 + 1

// frame is what the header of an LZ4 frame says, and where its parts are.
type frame struct {
	sized       bool
	contentSize uint64
	blockSums   bool
	contentSum  bool
	header      int64 // bytes
}

// frameError says at which byte of the file a frame is not what it has to be.
type frameError struct {
	at  int64
	err error
}

func (e *frameError) Error() string { return fmt.Sprintf("byte %d of the file: %v", e.at, e.err) }
func (e *frameError) Unwrap() error { return e.err }

var (
	errNoFrame  = errors.New("no LZ4 frame begins here")
	errCutFrame = errors.New("the LZ4 frame ends early")
	errNoSize   = errors.New("the LZ4 frame does not say its content's size")
	errNoSum    = errors.New("the LZ4 frame has no content checksum")
	errBehind   = errors.New("there is something behind the LZ4 frame")
	errContent  = errors.New("the LZ4 frame cannot be expanded, or its checksum is wrong")
	errSize     = errors.New("the LZ4 frame's content is not of the size it says")
)

func readHeader(file io.ReaderAt) (frame, error) {
	raw := make([]byte, maxFrameHeader)
	n, err := file.ReadAt(raw, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return frame{}, err
	}
	raw = raw[:n]
	if n < 7 {
		return frame{}, &frameError{int64(n), errCutFrame}
	}
	flags := raw[4]
	if string(raw[:4]) != string(frameMagic) || flags>>6 != 1 {
		return frame{}, &frameError{0, errNoFrame}
	}
	f := frame{blockSums: flags&0x10 != 0, sized: flags&0x08 != 0, contentSum: flags&0x04 != 0, header: 7}
	if f.sized {
		f.header += 8
	}
	if flags&0x01 != 0 { // a dictionary
		f.header += 4
	}
	if int64(n) < f.header {
		return frame{}, &frameError{int64(n), errCutFrame}
	}
	if f.sized {
		f.contentSize = binary.LittleEndian.Uint64(raw[6:])
	}
	return f, nil
}

// end is where the frame ends in the file, found from block to block.
func (f frame) end(file io.ReaderAt) (int64, error) {
	at := f.header
	var word [4]byte
	for {
		if _, err := file.ReadAt(word[:], at); err != nil {
			return at, cutAt(at, err)
		}
		at += 4
		size := int64(binary.LittleEndian.Uint32(word[:]) &^ (1 << 31))
		if size == 0 {
			break
		}
		at += size
		if f.blockSums {
			at += 4
		}
	}
	if f.contentSum {
		at += 4
	}
	return at, nil
}

func cutAt(at int64, err error) error {
	if errors.Is(err, io.EOF) {
		err = errCutFrame
	}
	return &frameError{at, err}
}

// checkFrame makes sure that a file of size bytes is one whole LZ4 frame as a
// compacted segment has to be. Its error is a *frameError, or the disk's.
func checkFrame(file io.ReaderAt, size int64) error {
	f, err := readHeader(file)
	if err != nil {
		return err
	}
	end, err := f.end(file)
	switch {
	case err != nil:
		return err
	case end > size:
		return &frameError{size, errCutFrame}
	case end < size:
		return &frameError{end, errBehind}
	case !f.sized:
		return &frameError{4, errNoSize}
	case !f.contentSum:
		return &frameError{4, errNoSum}
	}
	_, err = expandedSize(io.NewSectionReader(file, 0, size))
	switch {
	case errors.Is(err, lz4.ErrInvalidContentSize):
		return &frameError{6, errSize}
	case err != nil:
		return &frameError{0, errContent}
	}
	return nil
}

func expandedSize(src io.Reader) (int64, error) {
	return io.Copy(io.Discard, io.LimitReader(lz4.NewReader(src), maxExpanded))
}

// maxExpanded bounds what is expanded of one file: more than any segment holds.
const maxExpanded = 1 << 30
