package command

import (
	"bytes"
	"context"
	"errors"
	"io"

	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/inorder"
)

// line is one non-blank line of input, valid until it was judged.
type line struct {
	number int    // in its block, from 1
	text   []byte // without newline and trailing CR; one byte over the limit is enough to refuse it
	length int    // of the whole line
}

// blockBytes is how much of an input is judged at once: far more than a line, and
// little enough to stay in a core's cache.
const blockBytes = 256 << 10

// block is a piece of an input, and what was found in it.
type block[R any] struct {
	text []byte // whole lines, but for the last of the input, or the beginning of one
	long int    // length of the line that text is the beginning of; 0 for whole lines

	numbers int // how many lines it has, blank ones included
	found   R
}

// eachBlock judges the lines of an input on every core, in bounded memory however
// long they are, and hands what was found to take in the order of the input. before
// is how many lines came before the block. What a writer has sent so far is taken
// without waiting for more.
func eachBlock[R any](input io.Reader, judge func(line, *R), take func(before int, found *R) error) error {
	before := 0
	return inorder.Run(context.Background(), 0, inorder.Stages[block[R]]{
		Read: func(next func() *block[R], send func()) error {
			c := cutter{r: input}
			for b := next(); b != nil; b = next() {
				var err error
				if b.text, b.long, err = c.cut(b.text[:0]); len(b.text) > 0 {
					send()
				}
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		Judge: func(b *block[R]) { b.numbers = eachLine(b.text, b.long, func(l line) { judge(l, &b.found) }) },
		Take: func(b *block[R]) error {
			from := before
			before += b.numbers
			return take(from, &b.found)
		},
		Leave: true, // nobody may ever write to a pipe again
	})
}

// eachLine calls do with the lines of a block that are not blank, and returns how
// many there are with those.
func eachLine(text []byte, long int, do func(line)) (numbers int) {
	if long > 0 {
		do(line{1, text, long})
		return 1
	}
	for raw := range bytes.Lines(text) {
		numbers++
		raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte{'\n'}), []byte{'\r'})
		if len(bytes.Trim(raw, " \t\r")) > 0 || len(raw) > schema.MaxLineBytes {
			do(line{numbers, raw[:min(len(raw), schema.MaxLineBytes+1)], len(raw)})
		}
	}
	return numbers
}

// cutter cuts a stream into blocks behind newlines.
type cutter struct {
	r    io.Reader
	rest []byte // of a line, read with the block before
	err  error  // comes after rest
}

// cut fills memory with what there is to read, at least a line. long is the length
// of a line that is larger than a block, of which only the beginning is returned.
// With an error there may still be text: all of it at io.EOF, whole lines at others.
func (c *cutter) cut(memory []byte) (text []byte, long int, err error) {
	if cap(memory) < blockBytes {
		memory = make([]byte, 0, blockBytes)
	}
	text = append(memory, c.rest...)
	c.rest = c.rest[:0]
	for searched := 0; ; {
		if end := bytes.LastIndexByte(text[searched:], '\n'); end >= 0 {
			end += searched + 1
			c.rest = append(c.rest, text[end:]...)
			return text[:end], 0, nil
		}
		switch {
		case errors.Is(c.err, io.EOF):
			return text, 0, c.err
		case c.err != nil:
			return text[:0], 0, c.err
		case len(text) == blockBytes:
			return c.skip(text)
		}
		searched = len(text)
		n, err := c.r.Read(text[searched:blockBytes])
		text, c.err = text[:len(text)+n], err
	}
}

// skip reads to the end of a line that begins with text, and keeps as much of it as
// is enough to refuse it.
func (c *cutter) skip(text []byte) ([]byte, int, error) {
	kept := append([]byte(nil), text[:schema.MaxLineBytes+1]...)
	length, last := len(text), text[len(text)-1]
	for c.err == nil {
		n, err := c.r.Read(text)
		c.err = err
		part := text[:n]
		end := bytes.IndexByte(part, '\n')
		if end >= 0 {
			c.rest = append(c.rest, part[end+1:]...)
			part = part[:end]
		}
		if length += len(part); len(part) > 0 {
			last = part[len(part)-1]
		}
		if end >= 0 {
			break
		}
	}
	if last == '\r' {
		length--
	}
	if c.err != nil && !errors.Is(c.err, io.EOF) {
		return kept[:0], 0, c.err
	}
	return append(text[:0], kept...), length, nil
}
