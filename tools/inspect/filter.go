package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"caro.sh/telemetry/schema"
)

// Filter says which events are wanted; its zero value wants all.
type Filter struct {
	Event   schema.Name
	Session string
	Since   time.Time // and after it
	Until   time.Time // before it
	Where   []Condition
}

// Wants reports whether an event passes everything the filter says.
func (f *Filter) Wants(l schema.Line) bool {
	if f.Event != "" && l.Name() != f.Event || f.Session != "" && l.SessionID() != f.Session {
		return false
	}
	if !f.Since.IsZero() && l.Timestamp().Before(f.Since) || !f.Until.IsZero() && !l.Timestamp().Before(f.Until) {
		return false
	}
	for i := range f.Where {
		if !f.Where[i].holds(l) {
			return false
		}
	}
	return true
}

// Condition is what a field has to say. An event without the field does not
// fulfil it, whatever the operator.
type Condition struct {
	path   []string
	op     string
	text   string
	number float64
	isText bool // compare as text, not as numbers
}

// operators, longer ones first where one begins with another.
var operators = []string{"!=", "<=", ">=", "=", "<", ">"}

// ParseCondition reads a condition such as platform.os=linux or
// inference_time_ms>=2000. The field has to be one of the schemas', and the value
// one that it can have.
func ParseCondition(s string) (Condition, error) {
	at := strings.IndexAny(s, "!=<>")
	if at < 0 {
		return Condition{}, fmt.Errorf("a condition is FIELD=VALUE, or has one of != < > <= >= between them")
	}
	c := Condition{}
	for _, op := range operators {
		if strings.HasPrefix(s[at:], op) {
			c.op = op
			break
		}
	}
	if c.op == "" {
		return Condition{}, fmt.Errorf("a condition has one of %s between field and value", strings.Join(operators, " "))
	}
	path := strings.TrimSpace(s[:at])
	c.path = strings.Split(path, ".")
	c.text = strings.TrimSpace(s[at+len(c.op):])
	field, err := fieldAt(path)
	if err != nil {
		return Condition{}, err
	}
	return c, c.fit(path, field)
}

// field is what the schemas of all events say about one path.
type field struct {
	kind string
	enum []string // of all events that have the field; empty where one leaves it open
}

// fit checks that a field can be compared like that.
func (c *Condition) fit(path string, f field) error {
	ordered := c.op != "=" && c.op != "!="
	switch f.kind {
	case "integer", "number":
		n, err := strconv.ParseFloat(c.text, 64)
		if err != nil {
			return fmt.Errorf("%s is a number", path)
		}
		c.number = n
		return nil
	case "object":
		return fmt.Errorf("%s is an object; name a field in it: %s", path, strings.Join(below(path), ", "))
	case "boolean":
		f.enum = []string{"true", "false"}
	}
	c.isText = true
	if ordered {
		return fmt.Errorf("%s is no number: only = and != compare it", path)
	}
	if len(f.enum) == 0 {
		return nil
	}
	for _, value := range f.enum {
		if value == c.text {
			return nil
		}
	}
	return fmt.Errorf("%s is one of %s", path, strings.Join(f.enum, ", "))
}

func (c *Condition) holds(l schema.Line) bool {
	value := valueAt(l, c.path)
	if value == nil {
		return false
	}
	if c.isText {
		return (string(unquoted(value)) == c.text) == (c.op == "=")
	}
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return false
	}
	switch c.op {
	case "=":
		return n == c.number
	case "!=":
		return n != c.number
	case "<":
		return n < c.number
	case ">":
		return n > c.number
	case "<=":
		return n <= c.number
	}
	return n >= c.number
}
