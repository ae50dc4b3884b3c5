package schema_test

import (
	"testing"
	"time"

	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/simulate"
)

// What simulate makes up, at every level, takes the fast way.
func TestAcceptTakesSimulatedSessions(t *testing.T) {
	for _, level := range schema.Levels() {
		taken, lines := 0, 0
		for line, err := range simulate.Generate(simulate.Options{Sessions: 300, Seed: 7, Days: 400, Level: level,
			Start: time.Date(2024, 2, 28, 22, 0, 0, 0, time.UTC)}) {
			if err != nil {
				t.Fatal(err)
			}
			if lines++; schema.Accepts(t, line.Bytes()) {
				taken++
			}
		}
		if 100*taken < 99*lines || lines < 300 {
			t.Errorf("at %s %d of %d lines are accepted at once", level, taken, lines)
		}
	}
}
