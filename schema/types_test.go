package schema

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// typedEvents has one of every typed event.
func typedEvents() []Event {
	return []Event{SessionStart{}, SessionEnd{}, CommandGenerated{}, CommandExecuted{},
		SafetyTriggered{}, ErrorOccurred{}}
}

func TestEveryEventHasItsType(t *testing.T) {
	var names []Name
	for _, e := range typedEvents() {
		names = append(names, e.EventName())
	}
	if !slices.Equal(names, Names()) {
		t.Errorf("types are for %q, events are %q", names, Names())
	}
}

// The Go types and the schemas say the same, field by field and both ways:
// the same names in the same order, the same types, the same optionality.
func TestTypesMatchSchemas(t *testing.T) {
	for _, e := range typedEvents() {
		plan := plans()[e.EventName()]
		var head []string
		for _, p := range plan.children[:4] {
			head = append(head, p.name)
		}
		if want := []string{"event", "timestamp", "session_id", "event_id"}; !slices.Equal(head, want) {
			t.Errorf("%s begins with %q", e.EventName(), head)
		}
		compareType(t, string(e.EventName()), reflect.TypeOf(e), plan.children[4:])
	}
}

// compareType compares a struct with the properties of an object.
func compareType(t *testing.T, at string, typ reflect.Type, properties []*property) {
	t.Helper()
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(typ) {
		if len(f.Index) == 1 && f.Type != reflect.TypeFor[Header]() {
			fields = append(fields, f)
		}
	}
	if len(fields) != len(properties) {
		t.Errorf("%s: the type has %d fields, the schema %d", at, len(fields), len(properties))
		return
	}
	for i, f := range fields {
		p := properties[i]
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != p.name {
			t.Errorf("%s: field %d is %s in the type, %s in the schema", at, i, name, p.name)
			continue
		}
		if optional := option == "omitempty"; optional == p.required {
			t.Errorf("%s.%s: omitempty is %v, required is %v", at, name, optional, p.required)
		}
		compareField(t, at+"."+name, f.Type, p)
	}
}

// compareField compares one field's type with its property. An optional field
// is a pointer unless its empty value is never legal.
func compareField(t *testing.T, at string, typ reflect.Type, p *property) {
	t.Helper()
	pointer := typ.Kind() == reflect.Pointer
	if pointer {
		typ = typ.Elem()
	}
	if want := !p.required && p.kind != "string"; pointer != want {
		t.Errorf("%s: pointer is %v, want %v", at, pointer, want)
	}
	switch typ.Kind() {
	case reflect.Struct:
		if p.kind != "object" {
			t.Errorf("%s: a struct for a %s", at, p.kind)
		}
		compareType(t, at, typ, p.children)
		return
	case reflect.String:
		compareEnum(t, at, typ, p)
	}
	kinds := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number",
		reflect.Uint32: "integer", reflect.Uint64: "integer"}
	if kinds[typ.Kind()] != p.kind {
		t.Errorf("%s: %s for a %s", at, typ, p.kind)
	}
	if p.kind == "integer" {
		if isMilliseconds := p.maximum == 1<<53-1; isMilliseconds != (typ.Kind() == reflect.Uint64) || !isMilliseconds && p.maximum != 1<<32-1 {
			t.Errorf("%s: %s for a maximum of %v", at, typ, p.maximum)
		}
	}
}

// compareEnum checks that a string type lists exactly what the schema lists.
func compareEnum(t *testing.T, at string, typ reflect.Type, p *property) {
	t.Helper()
	values, ok := typ.MethodByName("Values")
	if !ok {
		if len(p.enum) > 0 {
			t.Errorf("%s: the schema has an enum, %s has not", at, typ)
		}
		return
	}
	var got []string
	list := values.Func.Call([]reflect.Value{reflect.Zero(typ)})[0]
	for i := range list.Len() {
		got = append(got, list.Index(i).String())
	}
	if !slices.Equal(got, p.enum) {
		t.Errorf("%s: %s lists %q, the schema %q", at, typ, got, p.enum)
	}
}

func TestGoNamesBecomeTheContracts(t *testing.T) {
	for goos, want := range map[string]OS{"darwin": "macos", "linux": "linux", "windows": "windows",
		"freebsd": "unknown", "": "unknown", "macos": "unknown"} {
		if got := OSFromGo(goos); got != want {
			t.Errorf("OSFromGo(%q) = %s, want %s", goos, got, want)
		}
	}
	for goarch, want := range map[string]Arch{"amd64": "x86_64", "arm64": "aarch64", "arm": "arm",
		"riscv64": "unknown", "386": "unknown", "": "unknown"} {
		if got := ArchFromGo(goarch); got != want {
			t.Errorf("ArchFromGo(%q) = %s, want %s", goarch, got, want)
		}
	}
	for name, want := range map[string]Shell{"bash": "bash", "/bin/bash": "bash", "-zsh": "zsh", "/usr/local/bin/fish": "fish",
		"/bin/sh": "sh", `C:\Windows\System32\cmd.exe`: "cmd", "pwsh": "powershell", "/usr/bin/pwsh": "powershell",
		"PowerShell.exe": "powershell", "nu": "unknown", "dash": "unknown", "": "unknown", "/": "unknown", "/home/bash/nu": "unknown"} {
		if got := ShellFromName(name); got != want {
			t.Errorf("ShellFromName(%q) = %s, want %s", name, got, want)
		}
	}
}

func TestLevelsIncludeTheOnesBefore(t *testing.T) {
	for i, level := range Levels() {
		for j, other := range Levels() {
			if got := level.Includes(other); got != (i >= j) {
				t.Errorf("%s includes %s: %v", level, other, got)
			}
		}
		if parsed, err := ParseLevel(string(level)); err != nil || parsed != level {
			t.Errorf("ParseLevel(%q) = %q, %v", level, parsed, err)
		}
		if level.Includes("") || Level("").Includes(level) {
			t.Errorf("the zero level is not below %s", level)
		}
	}
	for _, bad := range []string{"", "Minimal", "verbose", "normal "} {
		if level, err := ParseLevel(bad); err == nil || level != "" || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("ParseLevel(%q) = %q, %v", bad, level, err)
		}
	}
}
