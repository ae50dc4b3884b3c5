package schema

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
)

// Category names the kind of trouble a value or a line was refused for. The set
// is closed: counters, receivers and documentation may list it in full.
type Category string

// The categories in the order of the contract: when several fit, the first wins.
const (
	TooLong        Category = "too_long"
	Malformed      Category = "malformed"
	URLCredentials Category = "url_credentials"
	Secret         Category = "secret"
	Email          Category = "email"
	IP             Category = "ip"
	Path           Category = "path"
	Env            Category = "env"
	Hostname       Category = "hostname"
	Command        Category = "command"
	Encoded        Category = "encoded"
	Unrecognized   Category = "unrecognized"
	SchemaRule     Category = "schema"
)

// Categories lists every category, most harmful first.
func Categories() []Category {
	return []Category{TooLong, Malformed, URLCredentials, Secret, Email, IP, Path,
		Env, Hostname, Command, Encoded, Unrecognized, SchemaRule}
}

// Violation says why a value or a line was refused, and never what it said.
// It is the only error Parse and Inspect return. The refused value is not
// stored in it, so no verb, logger or encoder can print it.
type Violation struct {
	Category Category `json:"category"`
	// Pointer is the JSON pointer (RFC 6901) of the refused value, made of
	// names the schemas know; an unknown key is reported by its parent.
	Pointer string `json:"pointer"`
	// Length is the refused value's length in bytes; for a missing or
	// misplaced value, 0.
	Length int `json:"length"`
	// Rule is the constant name of the rule: a detector's rule, a strict
	// decoding rule or a JSON Schema keyword.
	Rule string `json:"rule"`
}

// Error describes the violation by category, place, length and rule.
func (v *Violation) Error() string {
	if v == nil {
		return "no violation"
	}
	where := v.Pointer
	if where == "" {
		where = "(whole line)"
	}
	return string(v.Category) + " at " + where + " (rule " + v.Rule + ", " + strconv.Itoa(v.Length) + " bytes)"
}

// Format prints Error for every verb, so that %#v and %+v say no more than %v.
func (v *Violation) Format(f fmt.State, verb rune) {
	s := v.Error()
	if verb == 'q' {
		s = strconv.Quote(s)
	}
	_, _ = f.Write([]byte(s))
}

// LogValue gives slog the four fields as a group.
func (v *Violation) LogValue() slog.Value {
	if v == nil {
		return slog.Value{}
	}
	return slog.GroupValue(
		slog.String("category", string(v.Category)),
		slog.String("pointer", v.Pointer),
		slog.Int("length", v.Length),
		slog.String("rule", v.Rule),
	)
}

var (
	_ error          = (*Violation)(nil)
	_ fmt.Formatter  = (*Violation)(nil)
	_ slog.LogValuer = (*Violation)(nil)
	_ json.Marshaler = (*Violation)(nil)
)

// MarshalJSON writes the four fields; a nil violation is null.
func (v *Violation) MarshalJSON() ([]byte, error) {
	type plain Violation
	return json.Marshal((*plain)(v))
}
