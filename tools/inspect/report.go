package inspect

import (
	"encoding/json"
	"time"
)

// Report is what Stats counted. docs/metrics.md defines every number.
type Report struct {
	Tally
	By     []Dimension `json:"by"`
	Total  Metrics     `json:"total"`
	Groups []Group     `json:"groups"`
}

// Tally is what was read.
type Tally struct {
	Events int64 `json:"events"`
	// Duplicates have an id that was read before; WithoutID have none. Duplicates
	// are in no other number.
	Duplicates int64 `json:"duplicates"`
	WithoutID  int64 `json:"without_id"`
	// Skipped lines are no events; Unreadable places were passed over.
	Skipped    int64     `json:"skipped"`
	Unreadable int64     `json:"unreadable"`
	First      time.Time `json:"first,omitzero"`
	Last       time.Time `json:"last,omitzero"`
}

// Group is what was counted where the dimensions have these values; "" where nothing
// says.
type Group struct {
	Values  []string             `json:"-"` // in the order of Report.By
	In      map[Dimension]string `json:"group"`
	Metrics Metrics              `json:"metrics"`
}

func newGroup(by []Dimension, values []string, m Metrics) Group {
	g := Group{Values: values, In: map[Dimension]string{}, Metrics: m}
	for i, d := range by {
		g.In[d] = values[i]
	}
	return g
}

// Metrics are the numbers.
type Metrics struct {
	Events            []Count           `json:"events"`
	Sessions          int64             `json:"sessions"`
	CommandSuccess    Ratio             `json:"command_success_rate"`
	FirstCommand      Quantiles         `json:"time_to_first_command_ms"`
	SafetyBlock       Ratio             `json:"safety_block_rate"`
	FalsePositive     Ratio             `json:"false_positive_rate"`
	WarningOverride   Ratio             `json:"warning_override_rate"`
	Retry             Ratio             `json:"retry_rate"`
	GenerationRetry   Ratio             `json:"generation_retry_rate"`
	SessionCompletion Ratio             `json:"session_completion_rate"`
	UserComplete      Ratio             `json:"user_complete_rate"`
	Backends          []BackendRatio    `json:"backend_success_rate"`
	Inference         []BackendQuantile `json:"inference_time_ms"`
	Errors            []NamedRatio      `json:"errors_per_session"`
	DailyActive       []DayCount        `json:"daily_active_installs"`
	Platforms         Platforms         `json:"platforms"`
}

// Count is how many events of a name there are.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Ratio is a numerator over a denominator.
type Ratio struct {
	Numerator, Denominator int64
}

// Value is the ratio; it is not known over 0.
func (r Ratio) Value() (value float64, known bool) {
	if r.Denominator == 0 {
		return 0, false
	}
	return float64(r.Numerator) / float64(r.Denominator), true
}

// MarshalJSON writes numerator, denominator and ratio, which is null over 0.
func (r Ratio) MarshalJSON() ([]byte, error) {
	var ratio *float64
	if value, known := r.Value(); known {
		ratio = &value
	}
	return json.Marshal(struct {
		Numerator   int64    `json:"numerator"`
		Denominator int64    `json:"denominator"`
		Ratio       *float64 `json:"ratio"`
	}{r.Numerator, r.Denominator, ratio})
}

// Quantiles are nearest-rank percentiles of Count numbers; nil where there is none.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   *uint64 `json:"p50"`
	P90   *uint64 `json:"p90"`
	P95   *uint64 `json:"p95"`
	P99   *uint64 `json:"p99"`
}

// BackendRatio is a ratio of one backend.
type BackendRatio struct {
	Backend string `json:"backend"`
	Ratio   Ratio  `json:"success"`
}

// BackendQuantile are times of one model on one backend; Model is "" where events
// do not say.
type BackendQuantile struct {
	Backend string `json:"backend"`
	Model   string `json:"model"`
	Quantiles
}

// NamedRatio is the ratio of one value of a field.
type NamedRatio struct {
	Name  string `json:"name"`
	Ratio Ratio  `json:"share"`
}

// DayCount is a number of one UTC day.
type DayCount struct {
	Day      string `json:"day"`
	Installs int64  `json:"installs"`
}

// Platforms are the shares of sessions.
type Platforms struct {
	OS    []NamedRatio `json:"os"`
	Arch  []NamedRatio `json:"arch"`
	Shell []NamedRatio `json:"shell"`
}
