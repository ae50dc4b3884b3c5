package schema

import (
	"bytes"
	"slices"
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
