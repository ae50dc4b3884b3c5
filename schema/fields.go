package schema

// Field describes one field of an event, as its schema does.
type Field struct {
	// Path is the field's place, with dots: "platform.os".
	Path string
	// Type is the JSON Schema type: string, integer, number, boolean, object.
	Type        string
	Description string
	// Level is the first level at which the field is recorded.
	Level Level
	// Required says that the field is there whenever its parent is.
	Required bool
	// Enum lists the only values a field may have; empty when it is open.
	Enum []string
}

// Fields lists an event's fields in canonical order, objects before what is in
// them. It is empty for a name that is no event.
func Fields(name Name) []Field {
	plan := plans()[name]
	if plan == nil {
		return nil
	}
	var list []Field
	plan.each(func(p *property) {
		list = append(list, Field{Path: p.path, Type: p.kind, Description: p.description,
			Level: p.level, Required: p.required, Enum: append([]string(nil), p.enum...)})
	})
	return list
}

// Describe says what an event is, for people; empty for a name that is no event.
func Describe(name Name) string {
	if plan := plans()[name]; plan != nil {
		return plan.description
	}
	return ""
}

// EventLevel is the first level at which an event is recorded; empty for a
// name that is no event.
func EventLevel(name Name) Level {
	if plan := plans()[name]; plan != nil {
		return plan.level
	}
	return ""
}
