package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"caro.sh/telemetry/schema"
)

// fields are all paths of all events.
var fields = sync.OnceValue(func() map[string]field {
	all := map[string]field{}
	for _, name := range schema.Names() {
		for _, f := range schema.Fields(name) {
			known, again := all[f.Path]
			if again && (len(known.enum) == 0 || len(f.Enum) == 0) {
				f.Enum = nil
			}
			for _, value := range f.Enum {
				if !slices.Contains(known.enum, value) {
					known.enum = append(known.enum, value)
				}
			}
			if len(f.Enum) == 0 {
				known.enum = nil
			}
			known.kind = f.Type
			all[f.Path] = known
		}
	}
	return all
})

// fieldAt is what the schemas say about a path, or an error with names like it.
func fieldAt(path string) (field, error) {
	if f, ok := fields()[path]; ok {
		return f, nil
	}
	near := nearest(path)
	if len(near) == 0 {
		return field{}, fmt.Errorf("no event has a field of that name; caro telemetry schema NAME lists them")
	}
	return field{}, fmt.Errorf("no event has a field of that name; is it %s?", strings.Join(near, " or "))
}

// below are the fields in an object.
func below(path string) []string {
	var names []string
	for other := range fields() {
		if strings.HasPrefix(other, path+".") {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return names
}

// nearest are at most three fields that somebody may have meant.
func nearest(path string) []string {
	type candidate struct {
		path string
		far  int
	}
	var near []candidate
	for known := range fields() {
		far := distance(path, known)
		if last := known[strings.LastIndexByte(known, '.')+1:]; last != known {
			far = min(far, distance(path, last))
		}
		if far <= max(1, len(path)/3) {
			near = append(near, candidate{known, far})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.path, b.path))
	})
	var names []string
	for _, c := range near[:min(3, len(near))] {
		names = append(names, c.path)
	}
	return names
}

// distance is how many letters have to be added, removed or changed to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := before
			if a[i] != b[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
