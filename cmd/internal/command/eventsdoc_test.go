package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caro.sh/telemetry/schema"
)

// TestEventsPageSaysWhatTheSchemasSay holds docs/events.md to the schemas it is
// made from; -update writes it again.
func TestEventsPageSaysWhatTheSchemasSay(t *testing.T) {
	page := filepath.Join("..", "..", "..", "docs", "events.md")
	want := eventsPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/events.md is not what the schemas say (%v): go test ./cmd/internal/command -run EventsPage -update", err)
	}
}

func eventsPage() string {
	var b strings.Builder
	b.WriteString(`# Events

Every event there is, with every field. This page is made from the
[JSON Schemas](../schema/v1), which also check each event; a test compares them.

An event is recorded from its level on, and so is a field: at ` + "`minimal`" + ` only the events
and fields marked minimal, at ` + "`standard`" + ` those and the standard ones, at ` + "`detailed`" + ` all.
A field that is *required* is there whenever its event, or the object it is in, is.

| event | level | |
|---|---|---|
`)
	for _, name := range schema.Names() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", name, strings.ReplaceAll(string(name), ".", ""), schema.EventLevel(name), schema.Describe(name))
	}
	for _, name := range schema.Names() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| field | level | type | |\n|---|---|---|---|\n", name, schema.Describe(name))
		for _, f := range schema.Fields(name) {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Path, f.Level, typeText(f), f.Description)
		}
	}
	return b.String()
}

func typeText(f schema.Field) string {
	text := f.Type
	if len(f.Enum) > 0 {
		text = "`" + strings.Join(f.Enum, "` `") + "`"
	}
	if f.Required {
		text += ", required"
	}
	return text
}
