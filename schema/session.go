package schema

// SessionStart says that the program was started, and on what kind of machine.
type SessionStart struct {
	Header        `json:"-"`
	CaroVersion   string        `json:"caro_version"`
	Platform      Platform      `json:"platform"`
	BackendConfig BackendConfig `json:"backend_config"`
	SafetyLevel   SafetyLevel   `json:"safety_level,omitempty"`
	OutputFormat  OutputFormat  `json:"output_format,omitempty"`
	IsFirstRun    *bool         `json:"is_first_run,omitempty"`
}

// Platform is the kind of machine.
type Platform struct {
	OS    OS    `json:"os"`
	Arch  Arch  `json:"arch"`
	Shell Shell `json:"shell"`
}

// BackendConfig says how the model backends are set.
type BackendConfig struct {
	Primary         Backend `json:"primary"`
	FallbackEnabled bool    `json:"fallback_enabled"`
}

// SessionEnd sums up one run of the program.
type SessionEnd struct {
	Header            `json:"-"`
	SessionDurationMS uint64        `json:"session_duration_ms"`
	CommandsGenerated uint32        `json:"commands_generated"`
	CommandsExecuted  uint32        `json:"commands_executed"`
	ErrorsEncountered uint32        `json:"errors_encountered"`
	ExitReason        ExitReason    `json:"exit_reason,omitempty"`
	SafetyBlocks      *uint32       `json:"safety_blocks,omitempty"`
	Retries           *uint32       `json:"retries,omitempty"`
	Performance       *Performance  `json:"performance,omitempty"`
	RetryPattern      *RetryPattern `json:"retry_pattern,omitempty"`
}

// Performance says how long things took in one run.
type Performance struct {
	InferenceTimeMS Percentiles `json:"inference_time_ms"`
	ExecutionTimeMS Percentiles `json:"execution_time_ms"`
}

// Percentiles says how a set of durations is spread, in milliseconds, by
// nearest rank.
type Percentiles struct {
	P50 uint64 `json:"p50"`
	P90 uint64 `json:"p90"`
	P95 uint64 `json:"p95"`
	P99 uint64 `json:"p99"`
	Max uint64 `json:"max"`
}

// RetryPattern counts the commands of one run by how often each was retried.
type RetryPattern struct {
	None        uint32 `json:"none"`
	One         uint32 `json:"one"`
	Two         uint32 `json:"two"`
	ThreeOrMore uint32 `json:"three_or_more"`
}

// EventName returns NameSessionStart.
func (SessionStart) EventName() Name { return NameSessionStart }

// WithHeader returns e with its header replaced.
func (e SessionStart) WithHeader(h Header) Event { e.Header = h; return e }

// EventName returns NameSessionEnd.
func (SessionEnd) EventName() Name { return NameSessionEnd }

// WithHeader returns e with its header replaced.
func (e SessionEnd) WithHeader(h Header) Event { e.Header = h; return e }
