package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

// manyLines is content of lines of all lengths, blanks, fragments under spaces and
// lines that are too long, up to many blocks of them.
func manyLines(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		n := r.IntN(600)
		switch r.IntN(200) {
		case 0:
			n = maxLine + r.IntN(3) - 1
		case 1:
			n = r.IntN(3 * backwardBytes)
		case 2, 3:
			b.Write(bytes.Repeat([]byte(" "), r.IntN(2*maxLine)))
			n = 0
		case 4, 5, 6:
			n = 0
		}
		b.Write(bytes.Repeat([]byte{'a' + byte(r.IntN(26))}, n))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func TestBackwardIsForwardReversed(t *testing.T) {
	const sealed = "events-0000000001-2026-01-05T00-00-00.000.ndjson"
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, form := range []string{"sealed", "active", "compacted"} {
			size := []int{0, 1, 1000, backwardBytes, 5 * backwardBytes}[r.IntN(5)]
			if form == "compacted" {
				size = backwardPacked + r.IntN(backwardPacked)
			}
			content := append(manyLines(r, size), bytes.Repeat([]byte("x"), r.IntN(2)*r.IntN(3*maxLine))...)
			dir := filepath.Join(t.TempDir(), "log")
			name := map[bool]string{true: ActiveName, false: sealed}[form == "active"]
			write(t, filepath.Join(dir, name), string(content))
			if form == "compacted" {
				compactFile(t, filepath.Join(dir, name))
			}
			s := snapshot(t, dir)
			var forward, backward []string
			for e, err := range s.Lines() {
				forward = append(forward, entryText(e, err))
			}
			for e, err := range s.Backward() {
				backward = append(backward, entryText(e, err))
			}
			slices.Reverse(backward)
			if !slices.Equal(forward, backward) {
				t.Errorf("seed %d, %s of %d bytes: %d lines forward, %d backward", seed, form, len(content), len(forward), len(backward))
			}
		}
	}
}

// entryText is an entry, or an error, in a form to compare.
func entryText(e Entry, err error) string {
	var damage *DamageError
	if errors.As(err, &damage) {
		return fmt.Sprintf("%s %d: %v", damage.Name, damage.Offset, damage.Err)
	}
	return fmt.Sprintf("%s %d: %s", e.Name, e.Offset, e.Raw)
}
