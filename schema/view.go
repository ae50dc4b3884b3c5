package schema

import "time"

// A View is an event that has been checked where it stands, in memory of the
// caller's, without a copy: for reading many lines and passing them on. It says
// what was there when it was made. It is no Line, because whoever owns the
// memory may change it; Line makes one, by a copy that is checked itself.
type View struct {
	line      Line
	canonical bool
}

// ParseView checks one line as Parse does, with the same errors. It allocates
// nothing for a canonical line.
func ParseView(raw []byte) (View, error) {
	if h, ok := accept(raw); ok {
		return View{Line{raw, h}, true}, nil
	}
	line, err := parseOther(raw)
	return View{line: line}, err
}

// Canonical reports whether Bytes is the memory the line was read from. What
// was not canonical has its canonical form in memory of its own.
func (v View) Canonical() bool { return v.canonical }

// Bytes returns the line in canonical form without a newline.
func (v View) Bytes() []byte { return v.line.raw }

// Name returns which event the line is; "" for a zero View.
func (v View) Name() Name { return v.line.Name() }

// Timestamp returns when the event happened, in UTC.
func (v View) Timestamp() time.Time { return v.line.Timestamp() }

// SessionID returns the run the event belongs to.
func (v View) SessionID() string { return v.line.SessionID() }

// EventID returns the line's own id, or "" when it has none.
func (v View) EventID() string { return v.line.EventID() }

// Line returns the line in memory of its own. It is an error if what was
// checked is not there any more.
func (v View) Line() (Line, error) { return Parse(v.line.raw) }
