package schema

// SafetyTriggered says that the safety check stepped in, and what it did.
type SafetyTriggered struct {
	Header            `json:"-"`
	GenerationID      string          `json:"generation_id"`
	RiskLevel         RiskLevel       `json:"risk_level"`
	PatternCategory   PatternCategory `json:"pattern_category"`
	ActionTaken       Action          `json:"action_taken"`
	UserOverride      *bool           `json:"user_override,omitempty"`
	SafetyLevelConfig SafetyLevel     `json:"safety_level_config,omitempty"`
}

// EventName returns NameSafetyTriggered.
func (SafetyTriggered) EventName() Name { return NameSafetyTriggered }

// WithHeader returns e with its header replaced.
func (e SafetyTriggered) WithHeader(h Header) Event { e.Header = h; return e }
