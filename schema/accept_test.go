package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sure has accept look at a line twice, so that values of open strings are
// judged and then remembered, and holds whatever it is sure of against the slow
// way: it must take the line too, and make the same of it.
func sure(t testing.TB, raw []byte) bool {
	t.Helper()
	first, ok := accept(raw)
	again, still := accept(raw)
	if ok != still || first != again {
		t.Fatalf("accept changes its mind: %v %v, then %v %v, on\n%s", first, ok, again, still, raw)
	}
	behindIsNothing(t, raw)
	if !ok {
		return false
	}
	line, v := slowly(raw)
	if v != nil {
		t.Fatalf("accepted, and refused by the slow way: %v\n%s", v, raw)
	}
	if !bytes.Equal(line.raw, raw) || line.head != first {
		t.Fatalf("accept says %+v, the slow way %+v\n%s\n%s", first, line.head, raw, line)
	}
	return true
}

// behindIsNothing fails where what follows a text decides how much of it is taken
// for an event, or whether.
func behindIsNothing(t testing.TB, raw []byte) {
	t.Helper()
	h, n := acceptPrefix(raw)
	if whole, ok := accept(raw[:n]); n > 0 && (!ok || whole != h) {
		t.Fatalf("%d bytes are taken, and are no event by themselves: %s", n, raw)
	}
	if n == 0 {
		return
	}
	for _, behind := range []string{"", ",", "}", "]", ` `, `,"x":1}`, `,{"event":`, `"`, `0`, string(raw)} {
		if h2, n2 := acceptPrefix(append(raw[:n:n], behind...)); n2 != n || h2 != h {
			t.Fatalf("%d bytes are taken before %q, else %d of\n%s", n2, behind, n, raw)
		}
	}
}

// slowly is the slow way, from the bytes on.
func slowly(raw []byte) (Line, *Violation) {
	root, v := decode(raw)
	if v != nil {
		return Line{}, v
	}
	return lineOf(root)
}

// canonicalFixtures calls f for each valid fixture in canonical form.
func canonicalFixtures(t testing.TB, f func(name string, raw []byte)) {
	t.Helper()
	for _, name := range Names() {
		for _, variant := range []string{"minimal", "full"} {
			f(string(name)+"-"+variant, validFixture(t, name, variant))
		}
	}
}

func TestAcceptTakesFixturesAndSessions(t *testing.T) {
	canonicalFixtures(t, func(name string, raw []byte) {
		if !sure(t, raw) {
			t.Errorf("%s takes the slow way", name)
		}
	})
	taken, lines := 0, sessions(t)
	for _, raw := range lines {
		if sure(t, raw) {
			taken++
		}
	}
	if 100*taken < 99*len(lines) {
		t.Errorf("only %d of %d lines of the sessions are accepted at once", taken, len(lines))
	}
}

func TestAcceptIsNeverSureOfRefusedFixtures(t *testing.T) {
	refusedFixtures(t, func(name string, raw []byte, _ refusal) {
		if sure(t, raw) {
			t.Errorf("%s is accepted", name)
		}
	})
}

// Every byte of every fixture replaced by every other, removed and doubled, and
// every line cut there.
func TestAcceptIsSureOfNoBrokenLine(t *testing.T) {
	// What begins, ends or breaks something somewhere in a line.
	const interesting = "\x00\n !\"#$%&'()*+,-./0189:;<=>?@AFGZ[\\]^_`afgz{|}~\x7f\x80\xc3\xff"
	tried, taken := 0, 0
	try := func(raw ...[]byte) {
		tried++
		if sure(t, bytes.Join(raw, nil)) {
			taken++
		}
	}
	canonicalFixtures(t, func(_ string, raw []byte) {
		for i := range raw {
			head, tail := raw[:i], raw[i+1:]
			try(head, tail)
			try(head, raw[i:i+1], raw[i:])
			try(head)
			for b := range 256 {
				if !testing.Short() || bytes.IndexByte([]byte(interesting), byte(b)) >= 0 {
					try(head, []byte{byte(b)}, tail)
				}
			}
		}
	})
	t.Logf("%d lines, %d of them accepted", tried, taken)
	if tried < 100_000 || taken < 5_000 {
		t.Errorf("only %d lines were tried, and %d of them good", tried, taken)
	}
}

// Every string of every fixture replaced by every row of the corpus, which the
// detector is held to, and every value by other numbers, words and objects.
func TestAcceptIsSureOfNoForeignValue(t *testing.T) {
	files, err := filepath.Glob("../fixtures/corpus/*.ndjson")
	if err != nil || len(files) == 0 {
		t.Fatal("there is no corpus", err)
	}
	values := slices.Clone(otherValues)
	for _, file := range files {
		for _, row := range readCorpus(t, file) {
			values = append(values, string(appendString(nil, row.Value)))
		}
	}
	tried, taken := 0, 0
	canonicalFixtures(t, func(_ string, raw []byte) {
		for _, at := range valuesIn(t, raw) {
			for _, value := range values {
				tried++
				if sure(t, bytes.Join([][]byte{raw[:at.from], []byte(value), raw[at.to:]}, nil)) {
					taken++
				}
			}
		}
	})
	t.Logf("%d lines, %d of them accepted", tried, taken)
	if tried < 100_000 || taken < 500 {
		t.Errorf("only %d lines were tried, and %d of them good", tried, taken)
	}
}

// otherValues are good somewhere at best.
var otherValues = []string{`0`, `1`, `-0`, `-1`, `00`, `01`, `1.0`, `1e0`, `0.5`, `0.50`, `.5`, `5.`, `1.5`, `0.1234567890123456`, `1e400`,
	`4294967295`, `4294967296`, `9007199254740991`, `9007199254740992`, `9999999999999999`, `18446744073709551616`, `""`,
	`true`, `false`, `null`, `True`, `{}`, `[]`, `{"p50":1}`, `"0"`, `"1.2.3"`, `"a\u0062"`, `"E_X"`, `"x","backend":"mock"`}

// span is where a value stands.
type span struct{ from, to int }

// valuesIn finds the strings, numbers and words of a canonical line.
func valuesIn(t *testing.T, raw []byte) (spans []span) {
	t.Helper()
	for i := 0; i < len(raw); i++ {
		if raw[i] != ':' || raw[i-1] != '"' || raw[i+1] == '{' {
			continue
		}
		var value json.RawMessage
		if err := json.NewDecoder(bytes.NewReader(raw[i+1:])).Decode(&value); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, span{i + 1, i + 1 + len(value)})
	}
	return spans
}

// Members left out, repeated, exchanged and moved.
func TestAcceptIsSureOfOneOrderOnly(t *testing.T) {
	canonicalFixtures(t, func(_ string, raw []byte) {
		members := strings.Split(string(raw[1:len(raw)-1]), `,"`)
		for i := range members {
			for j := range members {
				swapped := append([]string(nil), members...)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				sure(t, []byte("{"+strings.Join(swapped, `,"`)+"}"))
				moved := append(append(append([]string(nil), members[:i]...), members[j]), members[i:]...)
				sure(t, []byte("{"+strings.Join(moved, `,"`)+"}"))
			}
			left := append(append([]string(nil), members[:i]...), members[i+1:]...)
			sure(t, []byte("{"+strings.Join(left, `,"`)+"}"))
		}
	})
}

func TestAcceptAllocatesNothing(t *testing.T) {
	lines := sessions(t)
	all := func() {
		for _, raw := range lines {
			accept(raw)
		}
	}
	all() // open strings are remembered, all there were room for
	if n := testing.AllocsPerRun(5, all) / float64(len(lines)); n > 0.01 {
		t.Errorf("%v allocations a line", n)
	}
}

// sureOther is sure for lines that need not be canonical.
func sureOther(t testing.TB, raw []byte) bool {
	t.Helper()
	root, v := decode(raw)
	if v != nil {
		return false
	}
	got, ok := respelled(root)
	if !ok {
		return false
	}
	want, v := lineOf(root)
	if v != nil {
		t.Fatalf("respelled and accepted, and refused by the slow way: %v\n%s", v, raw)
	}
	if !bytes.Equal(got.raw, want.raw) || got.head != want.head {
		t.Fatalf("respelled as\n%s %+v\nand by the slow way as\n%s %+v", got, got.head, want, want.head)
	}
	return true
}

func TestRespelledLinesAreTheSame(t *testing.T) {
	for _, name := range Names() {
		raw := validFixture(t, name, "exotic")
		if !sureOther(t, raw) {
			t.Errorf("%s-exotic takes the slow way", name)
		}
		for i := range raw {
			sureOther(t, append(append([]byte(nil), raw[:i]...), raw[i+1:]...))
			for _, b := range []byte("\"\\{}[],: 019.-eE+xntf/") {
				changed := bytes.Clone(raw)
				changed[i] = b
				sureOther(t, changed)
			}
		}
		full := validFixture(t, name, "full")
		for _, at := range valuesIn(t, full) {
			for _, value := range append(otherValues, `1e-1`, `0.10`, `-0.0`, `-1e-400`, `1.00000000000000000001`, `[1]`, `"\u006dock"`) {
				sureOther(t, bytes.Join([][]byte{full[:at.from], []byte(value), full[at.to:]}, nil))
			}
		}
	}
	refusedFixtures(t, func(name string, raw []byte, _ refusal) {
		if sureOther(t, raw) {
			t.Errorf("%s is accepted", name)
		}
	})
}

// FuzzAccept: what accept is sure of, the slow way takes and makes the same of.
func FuzzAccept(f *testing.F) {
	canonicalFixtures(f, func(_ string, raw []byte) { f.Add(raw) })
	refusedFixtures(f, func(_ string, raw []byte, _ refusal) { f.Add(raw) })
	f.Fuzz(func(t *testing.T, raw []byte) {
		sure(t, raw)
		sureOther(t, raw)
	})
}

// Instants are the ones of the format, for every day of years of each kind.
func TestAcceptKnowsTheCalendar(t *testing.T) {
	check := func(text string) {
		t.Helper()
		n := instantBytes([]byte(text + `",`))
		if n != 0 && n != len(text) || n != 0 != isInstant(text) {
			t.Fatalf("%s: %d of %d bytes, and it is an instant: %v", text, n, len(text), isInstant(text))
		}
		if n != 0 && !instantOf([]byte(text)).Equal(must(parseInstant(text))) {
			t.Fatalf("%s is read as %v", text, instantOf([]byte(text)))
		}
	}
	for _, year := range []int{0, 1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 2026, 2100, 9999} {
		for month := range 14 {
			for day := range 33 {
				check(fmt.Sprintf("%04d-%02d-%02dT12:30:00Z", year, month, day))
			}
		}
	}
	for n := range 100 {
		check(fmt.Sprintf("2026-11-23T%02d:00:00.000Z", n))
		check(fmt.Sprintf("2026-11-23T00:%02d:00.1Z", n))
		check(fmt.Sprintf("2026-11-23T00:00:%02dZ", n))
	}
	for _, text := range []string{"", "Z", "2026-11-23T10:15:30", "2026-11-23T10:15:30.Z", "2026-11-23T10:15:30.1234567891Z",
		"2026-11-23T10:15:30.123456789Z", "2026-11-23T10:15:30+00:00", "2026-11-23t10:15:30Z", "2026-11-23T10:15:30z",
		"2026-11-23 10:15:30Z", "02026-11-23T10:15:30Z", "2026-11-23T10:15:30,5Z", "2026-11-23T10:15:30.5ZZ"} {
		check(text)
	}
}
