package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"caro.sh/telemetry/schema"
)

// nonEmpty is a flag's text that must say something.
type nonEmpty struct{ to *string }

func (v nonEmpty) Set(s string) error {
	if s == "" {
		return errors.New("a flag is empty: is a variable unset?")
	}
	*v.to = s
	return nil
}

func (v nonEmpty) String() string { return "" }

// levelValue is the --level flag; "" when it was not given.
type levelValue struct{ to *schema.Level }

func (v levelValue) Set(s string) error {
	level, err := schema.ParseLevel(s)
	if err != nil {
		return errors.New("--level is minimal, standard or detailed")
	}
	*v.to = level
	return nil
}

func (v levelValue) String() string { return "" }

// eventValue is the --event flag: the wire name of an event.
type eventValue struct{ to *schema.Name }

func (v eventValue) Set(s string) error {
	for _, name := range schema.Names() {
		if string(name) == s {
			*v.to = name
			return nil
		}
	}
	return fmt.Errorf("--event is one of %s", joinNames(schema.Names()))
}

func (v eventValue) String() string { return "" }

func joinNames(names []schema.Name) string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	return strings.Join(texts, ", ")
}

// timeValue is a flag that names an instant: RFC 3339, a date (midnight, local
// time), or with ago a span back from now such as 90m, 24h or 7d.
type timeValue struct {
	to  *time.Time
	ago func() time.Time // nil: spans are not allowed
}

func (v timeValue) Set(s string) error {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		*v.to = t
		return nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		*v.to = t
		return nil
	}
	if v.ago == nil {
		return errors.New("a time is 2026-11-23T10:15:00Z or 2026-11-23")
	}
	span, err := parseSpan(s)
	if err != nil {
		return errors.New("a time is 2026-11-23T10:15:00Z, 2026-11-23, or a span back from now such as 90m, 24h or 7d")
	}
	*v.to = v.ago().Add(-span)
	return nil
}

func (v timeValue) String() string { return "" }

// parseSpan reads Go's durations and whole days.
func parseSpan(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		return 0, errors.New("negative span")
	}
	return d, err
}

// countValue is a flag that is a whole number of at least one.
type countValue struct{ to *int }

func (v countValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return errors.New("a count is a whole number of at least 1")
	}
	*v.to = n
	return nil
}

func (v countValue) String() string { return "" }

// rateValue is a flag that is a number of events a second.
type rateValue struct{ to *float64 }

func (v rateValue) Set(s string) error {
	rate, err := strconv.ParseFloat(s, 64)
	if err != nil || !(rate > 0 && rate <= 1e9) {
		return errors.New("--rate is a number of events a second, above 0")
	}
	*v.to = rate
	return nil
}

func (v rateValue) String() string { return "" }
