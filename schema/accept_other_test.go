package schema

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Levels are gated without decoding, to the same line as with it.
func TestAtLevelIsTheSameWithAndWithoutDecoding(t *testing.T) {
	lines := sessions(t)
	canonicalFixtures(t, func(_ string, raw []byte) { lines = append(lines, raw) })
	cut := 0
	for _, raw := range lines {
		line := parsed(t, raw)
		for _, level := range Levels() {
			if !level.Includes(line.eventLevel()) {
				continue
			}
			got, ok := flatPlanOf(line.Name()).atLevel(raw, level)
			root, _ := decode(raw)
			plan := plans()[line.Name()]
			removed := root.gate(plan, level)
			if want := root.appendCanonical(nil, plan); !ok || !bytes.Equal(got.raw, want) || got.head != headOf(line.Name(), root, plan) {
				t.Fatalf("at %s, %v:\n got %s %+v\nwant %s", level, ok, got, got.head, want)
			}
			if removed {
				cut++
			}
		}
	}
	if cut < 100 {
		t.Errorf("only %d lines had something above the level", cut)
	}
}

func TestParserIsParse(t *testing.T) {
	var p Parser
	var want []string
	var got []Line
	take := func(raw []byte) {
		buffer := bytes.Clone(raw)
		line, err := p.Parse(buffer)
		clear(buffer)
		expected, expectedErr := Parse(raw)
		if !sameRefusal(err, expectedErr) || line.head != expected.head {
			t.Fatalf("got %v, %v, want %v, %v", line, err, expected, expectedErr)
		}
		want, got = append(want, expected.String()), append(got, line)
	}
	for _, name := range Names() {
		take(validFixture(t, name, "exotic"))
	}
	refusedFixtures(t, func(_ string, raw []byte, _ refusal) { take(raw) })
	for _, raw := range sessions(t) {
		take(raw)
	}
	for i, line := range got {
		if line.String() != want[i] {
			t.Fatalf("line %d is %s, was %s", i, line, want[i])
		}
		if grown := append(line.Bytes(), "overwritten"...); i+1 < len(got) && (got[i+1].String() != want[i+1] || len(grown) == 0) {
			t.Fatalf("line %d reaches into the next one", i)
		}
	}
}

func TestParserSharesMemory(t *testing.T) {
	lines := sessions(t)
	var p Parser
	all := func() {
		for _, raw := range lines {
			_, _ = p.Parse(raw)
		}
	}
	all()
	if n := testing.AllocsPerRun(5, all) / float64(len(lines)); n > 0.02 {
		t.Errorf("%v allocations a line", n)
	}
	if !slices.ContainsFunc(lines, func(raw []byte) bool { return len(raw) > 300 }) {
		t.Error("the lines are too short to show anything")
	}
}

func TestParserTakesItsMemoryAgain(t *testing.T) {
	lines := sessions(t)
	var p Parser
	round := func() {
		p.Reset()
		var kept []Line
		for _, raw := range lines {
			if line, err := p.Parse(raw); err == nil {
				kept = append(kept, line)
			}
		}
		for i, line := range kept {
			if line.String() != string(lines[i]) {
				t.Fatalf("line %d is %s since lines of the same round came after it", i, line)
			}
		}
	}
	round()
	round()
	all := func() {
		p.Reset()
		for _, raw := range lines {
			_, _ = p.Parse(raw)
		}
	}
	if n := testing.AllocsPerRun(5, all); n > 0 {
		t.Errorf("%v allocations for %d lines after a Reset", n, len(lines))
	}
}

func TestViewSaysWhatParseSays(t *testing.T) {
	check := func(raw []byte, canonical bool) {
		t.Helper()
		line, wantErr := Parse(raw)
		view, err := ParseView(raw)
		if !sameRefusal(err, wantErr) || string(view.Bytes()) != line.String() || view.Canonical() != canonical {
			t.Fatalf("got %s, %v, %v, want %s, %v", view.Bytes(), view.Canonical(), err, line, wantErr)
		}
		if view.Name() != line.Name() || view.Timestamp() != line.Timestamp() || view.SessionID() != line.SessionID() || view.EventID() != line.EventID() {
			t.Fatalf("the view of %s says something else", line)
		}
		if canonical != (len(view.Bytes()) > 0 && &view.Bytes()[0] == &raw[0]) {
			t.Fatalf("canonical is %v, and the memory is not", canonical)
		}
		if again, err := view.Line(); wantErr == nil && (err != nil || again.String() != line.String() || &again.raw[0] == &raw[0]) {
			t.Fatalf("the line of the view is %s, %v", again, err)
		}
	}
	canonicalFixtures(t, func(_ string, raw []byte) { check(raw, true) })
	for _, name := range Names() {
		check(validFixture(t, name, "exotic"), false)
	}
	refusedFixtures(t, func(_ string, raw []byte, _ refusal) { check(raw, false) })
}

// Whoever changes the memory under a view makes no Line of it.
func TestNoLineIsMadeOfWhatWasNotChecked(t *testing.T) {
	raw := validFixture(t, NameErrorOccurred, "full")
	view, err := ParseView(raw)
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[bytes.Index(raw, []byte("ollama_client")):], "/etc/password")
	if line, err := view.Line(); err == nil || !line.IsZero() {
		t.Errorf("got %s", line)
	}
	if line, err := (View{}).Line(); err == nil || !line.IsZero() {
		t.Errorf("the zero view became %s", line)
	}
}

func TestViewAllocatesNothing(t *testing.T) {
	lines := sessions(t)
	all := func() {
		for _, raw := range lines {
			if view, err := ParseView(raw); err != nil || view.Timestamp().IsZero() {
				t.Error(err)
			}
		}
	}
	all()
	if n := testing.AllocsPerRun(5, all) / float64(len(lines)); n > 0.01 {
		t.Errorf("%v allocations a line", n)
	}
}

func TestParserTakesTheEventATextBeginsWith(t *testing.T) {
	var p Parser
	var lines []Line
	var text []byte
	canonicalFixtures(t, func(_ string, raw []byte) { text = append(append(text, raw...), ',') })
	for rest := text; len(rest) > 0; {
		line, n := p.ParsePrefix(rest)
		if n == 0 || rest[n] != ',' {
			t.Fatalf("%d bytes are taken of %s", n, rest)
		}
		want, err := Parse(rest[:n])
		if err != nil || line.head != want.head || !bytes.Equal(line.raw, want.raw) {
			t.Fatalf("%s is read as %s, %v", rest[:n], line, err)
		}
		lines = append(lines, line)
		rest = rest[n+1:]
	}
	if joined := string(text); len(lines) < len(Names()) || joined[:lines[0].Len()] != lines[0].String() {
		t.Errorf("%d lines, the first one is now %s", len(lines), lines[0])
	}
	for _, other := range []string{"", "{", "[", "null", ` {"event":"session.start"}`, string(text[:lines[0].Len()-1])} {
		if _, n := p.ParsePrefix([]byte(other)); n != 0 {
			t.Errorf("%d bytes are taken of %q", n, other)
		}
	}
	long := `{"event":"` + strings.Repeat("x", MaxLineBytes) + `"}`
	if _, n := p.ParsePrefix([]byte(long)); n != 0 {
		t.Error("a line that is too long is taken")
	}
}
