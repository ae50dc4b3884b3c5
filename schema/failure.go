package schema

// ErrorOccurred says that something went wrong inside the program. It has no
// message: messages quote what the user typed.
type ErrorOccurred struct {
	Header            `json:"-"`
	ErrorCategory     ErrorCategory `json:"error_category"`
	ErrorCode         string        `json:"error_code"`
	Component         string        `json:"component"`
	Backend           Backend       `json:"backend,omitempty"`
	Recoverable       *bool         `json:"recoverable,omitempty"`
	FallbackAttempted *bool         `json:"fallback_attempted,omitempty"`
}

// EventName returns NameErrorOccurred.
func (ErrorOccurred) EventName() Name { return NameErrorOccurred }

// WithHeader returns e with its header replaced.
func (e ErrorOccurred) WithHeader(h Header) Event { e.Header = h; return e }
