package inspect

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"caro.sh/telemetry/tools/simulate"
)

// TestStatsAreTheSameFromAside counts with less and less memory: nothing aside, some
// parts from somewhere on, all from the beginning.
func TestStatsAreTheSameFromAside(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := simulated(t, simulate.Options{Sessions: 300, Seed: 1, Start: epoch, Days: 3})
	text = slices.Concat(text, damaged(r, shuffled(r, text)))
	for _, by := range [][]Dimension{nil, {ByDay}, {ByModel, ByOS}, {ByBackend, ByVersion}} {
		for _, repeats := range []bool{false, true} {
			o := StatsOptions{By: by, Repeats: repeats}
			want := asJSON(t, statsOf(t, text, o))
			for _, known := range []bool{false, true} {
				for _, memory := range []int{1, 150_000, 300_000, 600_000} {
					f := fileOf("-", text)
					if !known {
						f.Size = 0
					}
					o.Memory, o.TempDir = memory, t.TempDir()
					report, err := Stats(context.Background(), Input{Files: []File{f}}, o)
					if err != nil {
						t.Fatal(err)
					}
					if got := asJSON(t, report); got != want {
						t.Fatalf("by %v, repeats %v, size known %v, %d bytes:\n%s", by, repeats, known, memory, firstDifference(got, want))
					}
					if left, err := os.ReadDir(o.TempDir); err != nil || len(left) > 0 {
						t.Errorf("left in the directory for what is aside: %v, %v", left, err)
					}
				}
			}
		}
	}
}

// TestStatsSayWhereNothingCanBeAside: without a place for what does not fit there is
// no report.
func TestStatsSayWhereNothingCanBeAside(t *testing.T) {
	text := simulated(t, simulate.Options{Sessions: 300, Seed: 1, Start: epoch, Days: 3})
	o := StatsOptions{Memory: 600_000, TempDir: filepath.Join(t.TempDir(), "missing")}
	f := fileOf("-", text)
	f.Size = 0 // so that there are tables before they have to go
	report, err := Stats(context.Background(), Input{Files: []File{f}}, o)
	var aside *AsideError
	if !errors.As(err, &aside) || aside.Dir != o.TempDir || !errors.Is(err, fs.ErrNotExist) || report != nil {
		t.Errorf("%v, %v", report, err)
	}
}

func TestAFactComesBackFromAside(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var put []fact
	var a aside
	a.dir = t.TempDir()
	defer a.close()
	any64 := func() uint64 { return r.Uint64() >> r.IntN(64) }
	for range 3000 {
		f := fact{
			run: any64(), id: any64(), generation: any64(), at: int64(any64()), amount: any64(), retries: int64(any64()) - 1,
			install: uint32(any64()), text: uint32(any64()), event: uint8(r.IntN(6)), backend: uint8(r.IntN(9)),
			os: uint8(r.IntN(9)), arch: uint8(r.IntN(9)), shell: uint8(r.IntN(9)), word: uint8(r.IntN(9)), yes: r.IntN(2) == 0,
		}
		put = append(put, f)
		if err := a.put(7, &f); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.waits[7].blocks) < 2 {
		t.Fatal("nothing was written")
	}
	var got []fact
	if err := a.facts(7, func(f *fact) { got = append(got, *f) }); err != nil || !slices.Equal(got, put) {
		t.Errorf("%d facts, %v; want the same %d", len(got), err, len(put))
	}
	text := put[0].append(nil)
	for n := range text {
		if err := eachFact(text[:n], func(*fact) {}); (err != nil) != (n > 0) {
			t.Errorf("the first %d bytes of a fact: %v", n, err)
		}
	}
}

func TestASpreadCountsWhatIsThereOften(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var s spread
	var list []uint64
	for range 40_000 {
		value := uint64(r.IntN(3))
		if r.IntN(4) == 0 {
			value = 1<<53 - 1 - uint64(r.IntN(1000))
		}
		s.add(value)
		list = append(list, value)
	}
	if got, want := asJSON(t, s.quantiles()), asJSON(t, obviousQuantiles(list)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if len(s.known) > 1003+40_000/mostTimes {
		t.Errorf("%d entries", len(s.known))
	}
}
