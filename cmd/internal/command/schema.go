package command

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"caro.sh/telemetry/schema"

	"github.com/alecthomas/kingpin/v2"
)

const schemaSuffix = ".schema.json"

// schemaRow is one event of the list.
type schemaRow struct {
	Name        schema.Name  `json:"name"`
	Level       schema.Level `json:"level"`
	Fields      int          `json:"fields"`
	Description string       `json:"description"`
}

func (c *cli) addSchema(group *kingpin.CmdClause) {
	var name string
	cmd := c.command(group, "schema", "List the events, or print the JSON Schema of one.",
		func() error { return c.schema(name) })
	c.addJSON(cmd)
	cmd.Arg("name", "An event such as session.start, or a shared part or document the list names.").StringVar(&name)
}

func (c *cli) schema(name string) error {
	files, err := schemaFiles()
	if err != nil {
		return err
	}
	if name == "" {
		return c.listSchemas(files)
	}
	file, ok := files[strings.TrimSuffix(name, schemaSuffix)]
	if !ok {
		return &exitError{exitUsage, "there is no schema of that name", "caro telemetry schema lists them"}
	}
	text, err := fs.ReadFile(schema.Files(), file)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	out := c.answer()
	_, _ = out.Write(text)
	return out.end(nil)
}

// schemaFiles maps each schema's short name to its file.
func schemaFiles() (map[string]string, error) {
	paths, err := fs.Glob(schema.Files(), "v1/*"+schemaSuffix)
	if err != nil {
		return nil, fmt.Errorf("list the schemas: %w", err)
	}
	files := make(map[string]string, len(paths))
	for _, p := range paths {
		files[strings.TrimSuffix(strings.TrimPrefix(p, "v1/"), schemaSuffix)] = p
	}
	return files, nil
}

func (c *cli) listSchemas(files map[string]string) error {
	var rows []schemaRow
	for _, name := range schema.Names() {
		rows = append(rows, schemaRow{name, schema.EventLevel(name), len(schema.Fields(name)), schema.Describe(name)})
	}
	out := c.answer()
	if c.json {
		out.json(rows)
		return out.end(nil)
	}
	st := c.style()
	out.line(st.paint(bold, fmt.Sprintf("%-18s %-9s %6s  %s", "Event", "Level", "Fields", "What it says")))
	for _, r := range rows {
		out.line(fmt.Sprintf("%-18s %-9s %6d  %s", r.Name, r.Level, r.Fields, r.Description))
	}
	out.line("")
	out.line("Shared parts and documents: ", strings.Join(otherSchemas(files), ", "))
	out.line("caro telemetry schema NAME prints one.")
	return out.end(nil)
}

// otherSchemas are the names of files that are no event, in order.
func otherSchemas(files map[string]string) []string {
	var others []string
	for name := range files {
		if schema.EventLevel(schema.Name(name)) == "" {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return others
}
