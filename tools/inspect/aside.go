package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// AsideError says that what did not fit into memory could not be kept in Dir.
type AsideError struct {
	Dir string
	Err error
}

func (e *AsideError) Error() string {
	return fmt.Sprintf("keep numbers aside in %s: %v", e.Dir, e.Err)
}

func (e *AsideError) Unwrap() error { return e.Err }

// aside is a file of parts that did not fit into memory: their tables, and the facts
// that came for them since. It holds hashes, numbers and times, and nobody else sees
// it: it is removed as soon as it is open, or, where that cannot be done, at the end.
// The zero aside has no file yet.
type aside struct {
	dir   string
	file  *os.File
	end   int64
	waits [parts]queue
}

// queue are the facts of a part, in the order in which they came.
type queue struct {
	blocks []block
	fresh  []byte // not yet written
}

// block is a range of the file.
type block struct {
	at    int64
	bytes int
}

const blockBytes = 8 << 10

func (a *aside) write(data []byte) error {
	if a.file == nil {
		f, err := os.CreateTemp(a.dir, ".caro-stats-*")
		if err != nil {
			return a.failed(err)
		}
		a.file = f
		_ = os.Remove(f.Name()) // Windows keeps it until it is closed
	}
	_, err := a.file.WriteAt(data, a.end)
	a.end += int64(len(data))
	return a.failed(err)
}

func (a *aside) read(data []byte, at int64) error {
	_, err := a.file.ReadAt(data, at)
	return a.failed(err)
}

func (a *aside) failed(err error) error {
	if err == nil {
		return nil
	}
	dir := a.dir
	if dir == "" {
		dir = os.TempDir()
	}
	return &AsideError{dir, err}
}

func (a *aside) close() {
	if a.file != nil {
		_ = a.file.Close()
		_ = os.Remove(a.file.Name())
	}
}

// save takes a part's tables out of memory.
func (a *aside) save(p *part) error {
	for _, t := range p.tables() {
		t.at = a.end
		if len(t.slots) == 0 {
			continue
		}
		if err := a.write(t.slots); err != nil {
			return err
		}
		t.slots = nil
	}
	return nil
}

// restore takes them back.
func (a *aside) restore(p *part) error {
	for _, t := range p.tables() {
		t.slots = make([]byte, t.room*t.width())
		if len(t.slots) == 0 {
			continue
		}
		if err := a.read(t.slots, t.at); err != nil {
			return err
		}
	}
	return nil
}

// put keeps a fact for a part.
func (a *aside) put(n int, f *fact) error {
	q := &a.waits[n]
	if len(q.fresh)+factBytes > blockBytes {
		if err := a.write(q.fresh); err != nil {
			return err
		}
		q.blocks = append(q.blocks, block{a.end - int64(len(q.fresh)), len(q.fresh)})
		q.fresh = q.fresh[:0]
	}
	if q.fresh == nil {
		q.fresh = make([]byte, 0, blockBytes)
	}
	q.fresh = f.append(q.fresh)
	return nil
}

// facts goes through what was put for a part.
func (a *aside) facts(n int, do func(*fact)) error {
	q := &a.waits[n]
	text := make([]byte, blockBytes)
	for _, b := range q.blocks {
		if err := a.read(text[:b.bytes], b.at); err != nil {
			return err
		}
		if err := eachFact(text[:b.bytes], do); err != nil {
			return a.failed(err)
		}
	}
	return a.failed(eachFact(q.fresh, do))
}

func eachFact(text []byte, do func(*fact)) error {
	var f fact
	for len(text) > 0 {
		n := f.read(text)
		if n <= 0 {
			return errors.New("it does not hold what was written")
		}
		text = text[n:]
		do(&f)
	}
	return nil
}

// factBytes is the most a fact takes there, factMemory what it takes in memory.
const (
	factBytes  = 3*8 + 4 + 7 + 4*binary.MaxVarintLen64
	factMemory = 72
)

// append writes a fact.
func (f *fact) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(to, f.id)
	to = binary.LittleEndian.AppendUint64(to, f.run)
	to = binary.LittleEndian.AppendUint64(to, f.generation)
	to = binary.LittleEndian.AppendUint32(to, f.install)
	to = append(to, f.event, f.backend, f.os, f.arch, f.shell, f.word, uint8(one(f.yes)))
	to = binary.AppendVarint(to, f.at)
	to = binary.AppendUvarint(to, f.amount)
	to = binary.AppendVarint(to, f.retries)
	return binary.AppendUvarint(to, uint64(f.text))
}

// read reads what append wrote and returns how many bytes that was, 0 or less where it
// is something else.
func (f *fact) read(from []byte) int {
	const fixed = 3*8 + 4 + 7
	if len(from) < fixed {
		return 0
	}
	f.id = binary.LittleEndian.Uint64(from)
	f.run = binary.LittleEndian.Uint64(from[8:])
	f.generation = binary.LittleEndian.Uint64(from[16:])
	f.install = binary.LittleEndian.Uint32(from[24:])
	f.event, f.backend, f.os, f.arch, f.shell, f.word, f.yes = from[28], from[29], from[30], from[31], from[32], from[33], from[34] == 1
	at := fixed
	var text uint64
	for _, number := range []func([]byte) int{
		func(b []byte) (n int) { f.at, n = binary.Varint(b); return n },
		func(b []byte) (n int) { f.amount, n = binary.Uvarint(b); return n },
		func(b []byte) (n int) { f.retries, n = binary.Varint(b); return n },
		func(b []byte) (n int) { text, n = binary.Uvarint(b); return n },
	} {
		n := number(from[at:])
		if n <= 0 {
			return n
		}
		at += n
	}
	f.text = uint32(text)
	return at
}
