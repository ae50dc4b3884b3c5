package schema

import (
	"encoding/json"
	"math"
)

// CommandGenerated says that a command was suggested, and how that went.
type CommandGenerated struct {
	Header           `json:"-"`
	GenerationID     string       `json:"generation_id"`
	BackendUsed      Backend      `json:"backend_used"`
	InferenceTimeMS  uint64       `json:"inference_time_ms"`
	SafetyResult     SafetyResult `json:"safety_result"`
	ModelName        string       `json:"model_name,omitempty"`
	InputTokenCount  *uint32      `json:"input_token_count,omitempty"`
	OutputTokenCount *uint32      `json:"output_token_count,omitempty"`
	ConfidenceScore  *float64     `json:"confidence_score,omitempty"`
	RetryCount       *uint32      `json:"retry_count,omitempty"`
}

// SafetyResult is what the safety check found.
type SafetyResult struct {
	RiskLevel       RiskLevel `json:"risk_level"`
	PatternsMatched uint32    `json:"patterns_matched"`
}

// CommandExecuted says how a suggested command was carried out.
type CommandExecuted struct {
	Header                  `json:"-"`
	GenerationID            string           `json:"generation_id"`
	ExecutionMode           ExecutionMode    `json:"execution_mode"`
	ModifiedBeforeExecution bool             `json:"modified_before_execution"`
	ExitCodeCategory        ExitCodeCategory `json:"exit_code_category,omitempty"`
	ExecutionTimeMS         *uint64          `json:"execution_time_ms,omitempty"`
}

// EventName returns NameCommandGenerated.
func (CommandGenerated) EventName() Name { return NameCommandGenerated }

// WithHeader returns e with its header replaced.
func (e CommandGenerated) WithHeader(h Header) Event { e.Header = h; return e }

// MarshalJSON writes a score that JSON has no number for as null, so that it is
// left off where scores are not recorded and refused by name where they are.
func (e CommandGenerated) MarshalJSON() ([]byte, error) {
	type plain CommandGenerated
	if score := e.ConfidenceScore; score == nil || !math.IsNaN(*score) && !math.IsInf(*score, 0) {
		return json.Marshal(plain(e))
	}
	return json.Marshal(struct {
		plain
		ConfidenceScore *float64 `json:"confidence_score"`
	}{plain: plain(e)})
}

// EventName returns NameCommandExecuted.
func (CommandExecuted) EventName() Name { return NameCommandExecuted }

// WithHeader returns e with its header replaced.
func (e CommandExecuted) WithHeader(h Header) Event { e.Header = h; return e }
