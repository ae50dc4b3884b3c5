package eventlog

import (
	"strings"
	"testing"
)

// Times are compared as text; the result is that of reading each of them.
func TestTallyIsThatOfEachLine(t *testing.T) {
	line := func(at string) string { return `{"timestamp":"` + at + "\"}\n" }
	good := line("2026-02-01T00:00:00.000Z") + line("2026-01-01T00:00:00.000Z") + "  \n" + line("2026-03-01T00:00:00.000Z")
	for name, content := range map[string]string{
		"nothing":         "",
		"in any order":    good,
		"another zone":    good + line("2026-01-01T00:30:00.000+01:00") + line("2026-03-01T00:00:00-05:00"),
		"no time":         good + "{}\n" + line("yesterday"),
		"much like times": line("0"+strings.Repeat("/", 22)+"Z") + good + line(strings.Repeat("9", 23)+"Z"),
		"no times at all": line(strings.Repeat("9", 23) + "Z"),
	} {
		got, want := tallyOf([]byte(content)), tallyOneByOne([]byte(content))
		if got != want {
			t.Errorf("%s: %+v; one by one %+v", name, got, want)
		}
	}
}
