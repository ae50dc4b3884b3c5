package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"caro.sh/telemetry/schema"
)

// table shows events as rows. Nothing but what schema.Parse let pass reaches
// the terminal, so no escape sequence can.
type table struct {
	out   *answer
	style style
	showStyle
	explained map[schema.Name]map[string]schema.Field // by path
}

func newTable(out *answer, st style, s showStyle) *table {
	return &table{out: out, style: st, showStyle: s, explained: map[schema.Name]map[string]schema.Field{}}
}

// localLayout is a timestamp in local time.
const localLayout = "2006-01-02 15:04:05.000 -0700"

func (t *table) show(events iter.Seq[schema.Line]) {
	var n, size int64
	for l := range events {
		if n == 0 {
			t.out.line(t.style.paint(bold, fmt.Sprintf("%-18s %-29s %6s", "Event", "Timestamp", "Size")))
		}
		n++
		size += int64(len(l.Bytes()))
		t.row(l)
		if t.out.err != nil {
			return
		}
	}
	if !t.follow {
		t.out.line("Total: ", plural(n, "event"), ", ", plural(size, "byte"))
	}
}

func (t *table) row(l schema.Line) {
	name := t.style.paint(colourOf(l.Name()), fmt.Sprintf("%-18s", l.Name()))
	t.out.line(name, " ", l.Timestamp().Local().Format(localLayout), " ", fmt.Sprintf("%6d", len(l.Bytes())))
	if t.verbose || t.explain {
		eachField(l.Bytes(), func(path, value string) { t.field(l.Name(), path, value) })
	}
}

func colourOf(name schema.Name) string {
	switch name {
	case schema.NameErrorOccurred:
		return red
	case schema.NameSafetyTriggered:
		return yellow
	case schema.NameSessionStart, schema.NameSessionEnd:
		return cyan
	}
	return green
}

// field shows a value and what it means; to explain it also says from which
// level on it is recorded and what else it could be.
func (t *table) field(name schema.Name, path, value string) {
	t.out.line("  ", path, " = ", value)
	f, known := t.meaning(name, path)
	if !known {
		return
	}
	t.out.line("      ", t.style.paint(dim, f.Description))
	if t.explain {
		t.out.line("      ", t.style.paint(dim, constraint(f)))
	}
}

// constraint is the level of a field and the values it can have.
func constraint(f schema.Field) string {
	text := "recorded from level " + string(f.Level) + " on"
	if len(f.Enum) > 1 {
		text += "; one of " + strings.Join(f.Enum, ", ")
	}
	return text
}

// meaning is what the schema says about a field.
func (t *table) meaning(name schema.Name, path string) (schema.Field, bool) {
	known, ok := t.explained[name]
	if !ok {
		known = map[string]schema.Field{}
		for _, f := range schema.Fields(name) {
			known[f.Path] = f
		}
		t.explained[name] = known
	}
	f, ok := known[path]
	return f, ok
}

// eachField calls do with the dotted path and the JSON text of every value in
// an event that is not an object, in order.
func eachField(event []byte, do func(path, value string)) {
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	walkObject(d, "", do)
}

// walkObject reads one object; events hold no arrays and are known to be valid.
func walkObject(d *json.Decoder, prefix string, do func(path, value string)) {
	if _, err := d.Token(); err != nil { // the opening brace
		return
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return
		}
		path := strings.TrimPrefix(prefix+"."+fmt.Sprint(key), ".")
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return
		}
		if value[0] == '{' {
			inner := json.NewDecoder(bytes.NewReader(value))
			walkObject(inner, path, do)
			continue
		}
		do(path, unquoted(value))
	}
}

// unquoted shows a string without its quotes.
func unquoted(value json.RawMessage) string {
	if s, err := strconv.Unquote(string(value)); err == nil {
		return s
	}
	return string(value)
}
