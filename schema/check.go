package schema

import (
	"cmp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// check judges a decoded line: its event's closed schema first, then the
// detector on every string that is not held by an enum or an exact shape. It
// returns the event's name, or the most harmful violation, by the order of
// Categories and then by the order of the line.
func check(root *node) (Name, *Violation) {
	name, v := eventName(root)
	if v != nil {
		return "", v
	}
	plan := plans()[name]
	c := checker{root: root, plan: plan}
	if err := validators()[name]().Validate(root.plain(plan)); err != nil {
		c.explain(err)
	}
	c.inspect(root, plan)
	return name, c.worst()
}

// eventName picks the schema a line is judged by.
func eventName(root *node) (Name, *Violation) {
	value := root.member("event")
	if value == nil {
		return "", &Violation{Category: SchemaRule, Pointer: "/event", Rule: "required"}
	}
	if value.kind != kindString {
		return "", &Violation{Category: SchemaRule, Pointer: "/event", Length: value.length(), Rule: "type"}
	}
	if name := Name(value.text); plans()[name] != nil {
		return name, nil
	}
	return "", named("/event", value, "enum")
}

// named is the violation of a value that broke a schema keyword. A string the
// detector knows for something worse is called that.
func named(pointer string, value *node, keyword string) *Violation {
	if value.kind == kindString {
		if v := Inspect(pointer, value.text); v != nil && v.Category != Unrecognized {
			return v
		}
	}
	return &Violation{Category: SchemaRule, Pointer: pointer, Length: value.length(), Rule: keyword}
}

// A checker collects what is wrong with one line.
type checker struct {
	root  *node
	plan  *property
	found []*Violation
}

func (c *checker) add(v *Violation) { c.found = append(c.found, v) }

// explain turns the validator's errors, whose texts quote the line, into
// violations, which cannot.
func (c *checker) explain(err error) {
	failed, ok := err.(*jsonschema.ValidationError)
	if !ok {
		c.add(&Violation{Category: SchemaRule, Rule: "internal"})
		return
	}
	if len(failed.Causes) > 0 {
		for _, cause := range failed.Causes {
			c.explain(cause)
		}
		return
	}
	keyword := failed.AbsoluteKeywordLocation
	keyword = keyword[strings.LastIndexByte(keyword, '/')+1:]
	value, p := c.find(failed.InstanceLocation)
	switch keyword {
	case "required":
		c.missing(value, p)
	case "additionalProperties":
		c.unknown(value, p)
	default:
		c.add(named(p.pointer, value, keyword))
	}
}

// find follows a pointer the validator reported. It can only hold names the
// schema has: closed objects are not looked into.
func (c *checker) find(pointer string) (*node, *property) {
	value, p := c.root, c.plan
	for _, name := range strings.Split(pointer, "/")[1:] {
		value, p = value.member(name), p.child(name)
	}
	return value, p
}

// missing reports each required property that an object lacks, at the place
// where it should be.
func (c *checker) missing(object *node, p *property) {
	for _, child := range p.children {
		if child.required && object.member(child.name) == nil {
			c.add(&Violation{Category: SchemaRule, Pointer: child.pointer, Rule: "required"})
		}
	}
}

// unknown reports an object's first key that its schema does not have.
func (c *checker) unknown(object *node, p *property) {
	for i := range object.members {
		if key := object.members[i].name; p.child(key) == nil {
			c.add(&Violation{Category: SchemaRule, Pointer: p.pointer, Length: len(key), Rule: "additionalProperties"})
			return
		}
	}
}

// inspect lets the detector look at every open string that the schema passed.
func (c *checker) inspect(object *node, p *property) {
	for i := range object.members {
		value, child := &object.members[i].value, p.child(object.members[i].name)
		switch {
		case child == nil:
		case value.kind == kindObject:
			c.inspect(value, child)
		case value.kind == kindString && !child.exact && !c.failed(child.pointer):
			if v := Inspect(child.pointer, value.text); v != nil {
				c.add(v)
			}
		}
	}
}

// failed reports whether something was found at a place.
func (c *checker) failed(pointer string) bool {
	return slices.ContainsFunc(c.found, func(v *Violation) bool { return v.Pointer == pointer })
}

// worst is the violation to report, nil when there is none.
func (c *checker) worst() *Violation {
	if len(c.found) == 0 {
		return nil
	}
	rank, order := Categories(), c.order()
	return slices.MinFunc(c.found, func(a, b *Violation) int {
		return cmp.Or(
			cmp.Compare(slices.Index(rank, a.Category), slices.Index(rank, b.Category)),
			cmp.Compare(order(a.Pointer), order(b.Pointer)),
			strings.Compare(a.Pointer, b.Pointer),
			strings.Compare(a.Rule, b.Rule),
		)
	})
}

// order ranks pointers by where they stand in the line; a missing value comes
// after everything that is there.
func (c *checker) order() func(pointer string) int {
	places := map[string]int{"": 0}
	var visit func(*node, *property)
	visit = func(n *node, p *property) {
		for i := range n.members {
			if child := p.child(n.members[i].name); child != nil {
				places[child.pointer] = len(places)
				visit(&n.members[i].value, child)
			}
		}
	}
	visit(c.root, c.plan)
	return func(pointer string) int {
		if place, ok := places[pointer]; ok {
			return place
		}
		return len(places)
	}
}
