package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"caro.sh/telemetry/schema"
)

// Report is what is known of a file that was checked and is good.
type Report struct {
	Format Format
	// Envelope is what a document says beside its events; empty for Lines.
	Envelope
	Events      int64
	First, Last time.Time
	// Checksum is of the events, each with a newline, and SHA256 of the file of
	// so many Bytes, both in hex.
	Checksum string
	SHA256   string
	Bytes    int64
	// SumFile says that there was a FILE.sha256, and that it agrees.
	SumFile bool
}

// BadFileError says what is wrong with a file, and where. It repeats nothing of it.
type BadFileError struct {
	Where string // "event 17, byte 4711 of the document"
	Err   error
}

// Error names the place and what is wrong there.
func (e *BadFileError) Error() string { return e.Where + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *BadFileError) Unwrap() error { return e.Err }

func bad(where, format string, args ...any) error {
	return &BadFileError{where, fmt.Errorf(format, args...)}
}

// CheckFile checks an export from its first byte to its last, and against the
// FILE.sha256 beside it if there is one, knowing nothing but the file. visit gets
// each event in turn; nil is nobody. What is wrong with the file is a *BadFileError.
func CheckFile(ctx context.Context, path string, visit func(schema.Line)) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, fmt.Errorf("check the export: %w", err)
	}
	defer f.Close()
	r, err := Check(ctx, f, visit)
	if err == nil {
		r.SumFile, err = checkSumFile(path, r.SHA256)
	}
	return r, err
}

// Check is CheckFile for a file that has no name.
func Check(ctx context.Context, file io.Reader, visit func(schema.Line)) (Report, error) {
	in := &input{ctx: ctx, r: file, hash: sha256.New()}
	c := &checker{in: in, hash: sha256.New(), visit: visit}
	err := c.check()
	if in.err != nil { // whatever came of it
		return Report{}, fmt.Errorf("check the export: %w", in.err)
	}
	if err != nil {
		return Report{}, err
	}
	r := c.report
	r.Checksum = fmt.Sprintf("%x", c.hash.Sum(nil))
	r.SHA256, r.Bytes = fmt.Sprintf("%x", in.hash.Sum(nil)), in.n
	if r.Format == Document {
		err = r.agrees(r)
	}
	return r, err
}

// input is the file on its way: counted and hashed. It tells a disk that fails
// from a file that ends too early.
type input struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	n    int64
	err  error
}

func (i *input) Read(p []byte) (int, error) {
	if i.err = i.ctx.Err(); i.err != nil {
		return 0, i.err
	}
	n, err := i.r.Read(p)
	_, _ = i.hash.Write(p[:n]) // a hash takes everything
	i.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

// checker goes through one file.
type checker struct {
	in     *input
	hash   hash.Hash
	visit  func(schema.Line)
	report Report
}

var firstIsEvent = regexp.MustCompile(`^\s*\{\s*"event"\s*:`)

func (c *checker) check() error {
	in := bufio.NewReaderSize(c.in, 256<<10)
	z, err := gzip.NewReader(in)
	if err != nil {
		return bad("byte 0 of the file", "not a gzip file, or its header is damaged")
	}
	z.Multistream(false)
	s := &scanner{r: bufio.NewReaderSize(z, 2*maxElement), event: c.event}
	start, _ := s.r.Peek(64) // what is wrong with it will be found by reading it
	c.report.Format = Document
	if firstIsEvent.Match(start) {
		c.report.Format = Lines
	}
	if err := s.scan(c.report.Format); err != nil {
		return err
	}
	if c.report.Format == Document {
		if c.report.Envelope, err = readEnvelope(s.envelope); err != nil {
			return err
		}
	}
	if _, err := in.Peek(1); !errors.Is(err, io.EOF) {
		return bad("the end of the file", "more follows behind the end of the gzip data")
	}
	return nil
}

// event judges one event.
func (c *checker) event(raw []byte) error {
	l, err := schema.Parse(raw)
	if err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	c.report.Events++
	c.report.First, c.report.Last = earlier(c.report.First, l.Timestamp()), later(c.report.Last, l.Timestamp())
	_, _ = c.hash.Write(l.Bytes())
	_, _ = c.hash.Write([]byte{'\n'})
	if c.visit != nil {
		c.visit(l)
	}
	return nil
}

// checkSumFile compares with what sha256sum said when the file was made.
func checkSumFile(path, sum string) (there bool, err error) {
	const most = 4 << 10
	name := path + sumSuffix
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("check the export: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return false, fmt.Errorf("check the export: %w", err)
	}
	said, rest, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
	base := filepath.Base(path)
	switch { // the second space is a star where sha256sum read the file as binary
	case len(said) != len(sum) || rest != " "+base && rest != "*"+base:
		return true, bad(filepath.Base(name), "not a line of sha256sum about this file")
	case !strings.EqualFold(said, sum):
		return true, bad(filepath.Base(name), "the SHA-256 in it is not that of the file")
	}
	return true, nil
}
