package schema

import "strings"

// A pointer is the way to where a decoder is. It prints only names the schemas
// know, so that a key somebody invented is never repeated.
type pointer []string

func (p *pointer) push(name string) { *p = append(*p, name) }

func (p *pointer) pop() { *p = (*p)[:len(*p)-1] }

// String is the JSON pointer up to the first unknown name. Known names need no
// escaping.
func (p pointer) String() string {
	var b strings.Builder
	for _, name := range p {
		if !knownNames()[name] {
			break
		}
		b.WriteString("/" + name)
	}
	return b.String()
}
