package command

import (
	"errors"
	"io"
	"os"

	"caro.sh/telemetry/schema"
)

// violation is the reason err refused a line of length bytes.
func violation(err error, length int) *schema.Violation {
	var v *schema.Violation
	if !errors.As(err, &v) {
		return &schema.Violation{Category: schema.Malformed, Length: length, Rule: "internal"}
	}
	if length > schema.MaxLineBytes && v.Category == schema.TooLong && v.Pointer == "" {
		whole := *v
		whole.Length = length // only its beginning was looked at
		return &whole
	}
	return v
}

// orStdin is files, or standard input when there are none.
func orStdin(files []string) []string {
	if len(files) == 0 {
		return []string{"-"}
	}
	return files
}

// isStdin knows "-" and the empty string that the parser makes of it.
func isStdin(name string) bool { return name == "" || name == "-" }

// eachInput calls do with each file in turn.
func (c *cli) eachInput(files []string, do func(name string, r io.Reader) error) error {
	for _, name := range orStdin(files) {
		if err := c.input(name, do); err != nil {
			return err
		}
	}
	return nil
}

// haveFiles makes sure that all inputs are there.
func haveFiles(files []string) error {
	for _, name := range files {
		if isStdin(name) {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return unreadable(err)
		}
	}
	return nil
}

func unreadable(err error) error {
	return &exitError{exitIO, "cannot read the input: " + err.Error(), "give the name of an NDJSON file, or - for standard input"}
}

func (c *cli) input(name string, do func(string, io.Reader) error) error {
	if isStdin(name) {
		return do("-", c.Stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	return do(name, f)
}
