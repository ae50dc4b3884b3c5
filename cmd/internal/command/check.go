package command

import (
	"encoding/json"
	"fmt"
	"io"

	"caro.sh/telemetry/schema"

	"github.com/alecthomas/kingpin/v2"
)

// verdict is the answer about one line.
type verdict struct {
	File     string          `json:"file"`
	Line     int             `json:"line"`
	Verdict  string          `json:"verdict"`
	Category schema.Category `json:"category,omitempty"`
	Pointer  *string         `json:"pointer,omitempty"`
	Length   *int            `json:"length,omitempty"`
	Rule     string          `json:"rule,omitempty"`
}

// checkAnswer sums up.
type checkAnswer struct {
	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"`
}

func (c *cli) addCheck(group *kingpin.CmdClause) {
	var files []string
	var strings bool
	cmd := c.command(group, "check", "Say which lines record would accept, and why not the others.",
		func() error { return c.check(files, strings) })
	c.addJSON(cmd)
	cmd.Flag("strings", "Each line is a JSON string or plain text: say whether an event could carry it.").BoolVar(&strings)
	cmd.Arg("file", "Files to check; standard input without one, or for a dash.").StringsVar(&files)
}

func (c *cli) check(files []string, strings bool) error {
	judge := judgeEvent
	if strings {
		judge = judgeString
	}
	k := &checker{out: c.answer(), stderr: c.Stderr, json: c.json, judge: judge}
	err := c.eachInput(files, k.read)
	if c.json {
		k.out.json(k.sum)
	} else {
		k.out.line("accepted ", plural(k.sum.Accepted, "line"), ", refused ", plural(k.sum.Refused, "line"))
	}
	if err == nil && k.sum.Refused > 0 {
		err = errSaid(exitBadInput)
	}
	return k.out.end(err)
}

// judgeEvent says why a line is no event; nil when it is one.
func judgeEvent(l line) *schema.Violation {
	if _, err := schema.ParseView(l.text); err != nil {
		return violation(err, l.length)
	}
	return nil
}

// judgeString says why no event could carry the string on a line. A line that
// is a JSON string stands for its value, any other for itself.
func judgeString(l line) *schema.Violation {
	value := string(l.text)
	if l.text[0] == '"' {
		var decoded string
		if json.Unmarshal(l.text, &decoded) == nil {
			value = decoded
		}
	}
	if v := schema.Inspect("", value); v != nil {
		return violation(v, l.length)
	}
	return nil
}

// checker judges lines and says so.
type checker struct {
	out    *answer
	stderr io.Writer
	json   bool
	judge  func(line) *schema.Violation
	sum    checkAnswer
}

// judged is what was found in a block.
type judged struct {
	lines []judgedLine // those refused, and in JSON all
	sum   checkAnswer
}

type judgedLine struct {
	number int
	no     *schema.Violation // nil where it was accepted
}

func (k *checker) read(name string, input io.Reader) error {
	err := eachBlock(input, func(l line, j *judged) {
		no := k.judge(l)
		if no == nil {
			j.sum.Accepted++
		} else {
			j.sum.Refused++
		}
		if no != nil || k.json {
			j.lines = append(j.lines, judgedLine{l.number, no})
		}
	}, func(before int, j *judged) error {
		for _, l := range j.lines {
			k.say(name, before+l.number, l.no)
		}
		k.out.flush()
		k.sum.Accepted += j.sum.Accepted
		k.sum.Refused += j.sum.Refused
		*j = judged{lines: j.lines[:0]}
		return nil
	})
	if err != nil {
		return &exitError{exitIO, fmt.Sprintf("cannot read on in %s: %v", name, err), ""}
	}
	return nil
}

func (k *checker) say(name string, number int, no *schema.Violation) {
	switch {
	case !k.json:
		fmt.Fprintln(k.stderr, refusal{name, number, no})
	case no == nil:
		k.out.json(verdict{File: name, Line: number, Verdict: "accept"})
	default:
		k.out.json(verdict{name, number, "reject", no.Category, &no.Pointer, &no.Length, no.Rule})
	}
}
