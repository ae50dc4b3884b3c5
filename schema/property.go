package schema

import "sync"

// A property is one place in an event: the whole event, or a key in it.
type property struct {
	name        string
	path        string // "platform.os"; empty for the event
	pointer     string // "/platform/os"; empty for the event
	kind        string // JSON Schema type
	description string
	level       Level
	required    bool
	enum        []string
	maximum     float64
	// exact says that enum, const or pattern leave no room for anything
	// sensitive, so that the detector need not look.
	exact    bool
	children []*property // in canonical order
}

// child returns the property called name, or nil. A nil property has none.
func (p *property) child(name string) *property {
	if p == nil {
		return nil
	}
	for _, c := range p.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// plans holds one property tree per event, read from the embedded files when
// one is first needed.
var plans = sync.OnceValue(func() map[Name]*property {
	common := must(readDocument("common.schema.json"))
	trees := make(map[Name]*property)
	for _, name := range Names() {
		root := must(readDocument(string(name) + ".schema.json"))
		trees[name] = must(newProperty(root, common)).place("", "")
	}
	return trees
})

// newProperty builds the tree below d.
func newProperty(d, common document) (*property, error) {
	p := &property{kind: d.Type, description: d.Description, level: d.Level,
		enum: d.Enum, maximum: d.Maximum}
	if d.Const != nil {
		p.enum = []string{*d.Const}
	}
	p.exact = d.Exact || len(p.enum) > 0
	required := make(map[string]bool, len(d.Required))
	for _, name := range d.Required {
		required[name] = true
	}
	for _, part := range d.Properties {
		resolved, err := part.resolve(common)
		if err != nil {
			return nil, err
		}
		c, err := newProperty(resolved, common)
		if err != nil {
			return nil, err
		}
		c.name, c.required = part.name, required[part.name]
		p.children = append(p.children, c)
	}
	return p, nil
}

// must is for what is embedded in the program and covered by its tests.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// place gives p and everything below it their paths and pointers.
func (p *property) place(path, pointer string) *property {
	p.path, p.pointer = path, pointer
	for _, c := range p.children {
		below := c.name
		if path != "" {
			below = path + "." + c.name
		}
		c.place(below, pointer+"/"+c.name)
	}
	return p
}

// knownNames holds every key any event may have.
var knownNames = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for _, plan := range plans() {
		plan.each(func(p *property) { known[p.name] = true })
	}
	return known
})

// each calls f for everything below p, in canonical order, parents first.
func (p *property) each(f func(*property)) {
	for _, c := range p.children {
		f(c)
		c.each(f)
	}
}
