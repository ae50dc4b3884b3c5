package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal reports whether stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// style paints text on a terminal that wants colours; the zero style does not.
type style struct{ on bool }

func (c *cli) style() style {
	return style{c.colour && c.Getenv("NO_COLOR") == "" && c.Getenv("TERM") != "dumb" && isTerminal(c.Stdout)}
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s style) paint(code, text string) string {
	if !s.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// answer writes a command's answer. It remembers the first error, so that a
// command may write as if nothing could go wrong and ask once at the end.
type answer struct {
	w   *bufio.Writer
	err error
}

func (c *cli) answer() *answer { return &answer{w: bufio.NewWriterSize(c.Stdout, 64<<10)} }

func (a *answer) Write(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.w.Write(p)
	a.err = err
	return n, err
}

// line writes parts and a newline.
func (a *answer) line(parts ...string) {
	for _, p := range parts {
		_, _ = io.WriteString(a, p)
	}
	_, _ = io.WriteString(a, "\n")
}

// json writes v as one line.
func (a *answer) json(v any) {
	enc := json.NewEncoder(a)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil && a.err == nil {
		a.err = err
	}
}

// flush sends what is written so far on its way.
func (a *answer) flush() {
	if a.err == nil {
		a.err = a.w.Flush()
	}
}

// end flushes and returns err, or what went wrong with writing. A reader that
// went away wanted no more: that is no error.
func (a *answer) end(err error) error {
	a.flush()
	switch {
	case err != nil:
		return err
	case a.err == nil || brokenPipe(a.err):
		return nil
	}
	return &exitError{exitIO, "cannot write the answer: " + a.err.Error(), ""}
}

func brokenPipe(err error) bool {
	const windowsNoData = syscall.Errno(232) // the pipe is being closed
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, windowsNoData)
}

// visible is text without the characters that steer a terminal, which the names of
// files may hold: they are written as Go writes them in a string.
func visible(text string) string {
	var b strings.Builder
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		if strconv.IsGraphic(r) && (r != utf8.RuneError || n > 1) {
			b.WriteString(text[:n])
		} else {
			b.WriteString(strings.Trim(strconv.QuoteToGraphic(text[:n]), `"`))
		}
		text = text[n:]
	}
	return b.String()
}

// plural is "1 event" or "12 events".
func plural(n int64, noun string) string {
	text := strconv.FormatInt(n, 10) + " " + noun
	if n == 1 {
		return text
	}
	return text + "s"
}
