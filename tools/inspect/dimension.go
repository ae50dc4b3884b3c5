package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Dimension is what numbers can be told apart by.
type Dimension string

// Every Dimension. Those of the platform, and the version, are what the
// session.start of the same session says.
const (
	ByDay     Dimension = "day" // of the event, in UTC
	ByBackend Dimension = "backend"
	ByModel   Dimension = "model"
	ByOS      Dimension = "os"
	ByArch    Dimension = "arch"
	ByShell   Dimension = "shell"
	ByVersion Dimension = "version"
)

// Dimensions lists every dimension.
func Dimensions() []Dimension {
	return []Dimension{ByBackend, ByOS, ByArch, ByShell, ByVersion, ByModel, ByDay}
}

// ParseDimension reads a dimension as flags spell it.
func ParseDimension(s string) (Dimension, error) {
	if d := Dimension(s); slices.Contains(Dimensions(), d) {
		return d, nil
	}
	texts := make([]string, 0, len(Dimensions()))
	for _, d := range Dimensions() {
		texts = append(texts, string(d))
	}
	return "", fmt.Errorf("a dimension is one of %s", strings.Join(texts, ", "))
}

// cell is where an event is counted: a value of each dimension asked for, zero of
// the others. A zero of one asked for means that nothing says.
type cell struct {
	day                      int32
	os, arch, shell, backend uint8
	version, model           uint32
}

// keep clears what was not asked for.
func (c cell) keep(by []Dimension) cell {
	var kept cell
	for _, d := range by {
		switch d {
		case ByDay:
			kept.day = c.day
		case ByBackend:
			kept.backend = c.backend
		case ByModel:
			kept.model = c.model
		case ByOS:
			kept.os = c.os
		case ByArch:
			kept.arch = c.arch
		case ByShell:
			kept.shell = c.shell
		case ByVersion:
			kept.version = c.version
		}
	}
	return kept
}

// values are a cell's values for by, in words.
func (c cell) values(by []Dimension, texts []string) []string {
	list := make([]string, len(by))
	for i, d := range by {
		switch d {
		case ByDay:
			list[i] = dayText(c.day)
		case ByBackend:
			list[i] = backendWords.name(c.backend)
		case ByModel:
			list[i] = texts[c.model]
		case ByOS:
			list[i] = osWords.name(c.os)
		case ByArch:
			list[i] = archWords.name(c.arch)
		case ByShell:
			list[i] = shellWords.name(c.shell)
		case ByVersion:
			list[i] = texts[c.version]
		}
	}
	return list
}

const dayMS = 24 * 60 * 60 * 1000

// dayOf is the UTC day of an instant, counted from 1970.
func dayOf(ms int64) int32 {
	day := ms / dayMS
	if ms%dayMS < 0 {
		day--
	}
	return int32(day)
}

func dayText(day int32) string {
	return time.UnixMilli(int64(day) * dayMS).UTC().Format(time.DateOnly)
}

// sortedKeys lists a map's keys in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
