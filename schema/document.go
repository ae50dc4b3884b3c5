package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A document is one schema file, or a part of one, read for what a JSON Schema
// validator does not keep: the order of properties, descriptions and levels.
type document struct {
	Ref         string              `json:"$ref"`
	Type        string              `json:"type"`
	Format      string              `json:"format"`
	Description string              `json:"description"`
	Level       Level               `json:"x-caro-level"`
	Exact       bool                `json:"x-caro-exact"`
	Const       *string             `json:"const"`
	Enum        []string            `json:"enum"`
	Maximum     float64             `json:"maximum"`
	Required    []string            `json:"required"`
	Properties  documents           `json:"properties"`
	Defs        map[string]document `json:"$defs"`
}

// documents are named documents in the order in which the file has them.
type documents []namedDocument

type namedDocument struct {
	name string
	document
}

// UnmarshalJSON keeps the order of the keys, which a map would lose.
func (d *documents) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		next := namedDocument{name: fmt.Sprint(key)}
		if err := decoder.Decode(&next.document); err != nil {
			return err
		}
		*d = append(*d, next)
	}
	return nil
}

// readDocument reads one of the embedded files.
func readDocument(file string) (document, error) {
	var d document
	raw, err := files.ReadFile("v1/" + file)
	if err != nil {
		return d, fmt.Errorf("read schema: %w", err)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, fmt.Errorf("read schema %s: %w", file, err)
	}
	return d, nil
}

// resolve replaces a $ref into common by what it names. The referring part's
// own description and level win.
func (d document) resolve(common document) (document, error) {
	if d.Ref == "" {
		return d, nil
	}
	name := strings.TrimPrefix(d.Ref[strings.IndexByte(d.Ref, '#')+1:], "/$defs/")
	target, ok := common.Defs[name]
	if !ok {
		return d, fmt.Errorf("schema refers to %s, which is not there", d.Ref)
	}
	if d.Description != "" {
		target.Description = d.Description
	}
	if d.Level != "" {
		target.Level = d.Level
	}
	return target, nil
}
