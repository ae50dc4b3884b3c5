package command

import (
	"context"
	"fmt"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/tools/ingest"
	"caro.sh/telemetry/tools/inspect"
)

// logVerdict is the answer of verify.
type logVerdict struct {
	Dir string `json:"dir"`
	OK  bool   `json:"ok"`
	inspect.Verdict
	Findings []inspect.Finding `json:"findings"`
}

// maxFindings is how many findings are named one by one.
const maxFindings = 1000

func (c *cli) addVerify(app *kingpin.Application) {
	cmd := c.command(app, "verify", "Check the whole log and change nothing; exit code 65 when something is wrong.", c.verify)
	c.addJSON(cmd)
	c.addDir(cmd)
}

func (c *cli) verify() error {
	in, err := c.source(sourceFlags{})
	if err != nil {
		return err
	}
	if c.dirFlag != "" && !isDir(in.Dir) { // nobody means to verify what is not there
		return &exitError{exitIO, "nothing was verified", "name the directory of a log with --dir"}
	}
	a := logVerdict{Dir: in.Dir, Findings: []inspect.Finding{}}
	o := inspect.VerifyOptions{MaxBytes: c.settings().MaxBytes, Found: func(f inspect.Finding) {
		if len(a.Findings) < maxFindings {
			a.Findings = append(a.Findings, f)
		}
	}}
	if ingest.IsStore(in.Dir) { // the settings cap a host's log
		o.MaxBytes = 0
	}
	err = c.watched("verifying", &in, func(ctx context.Context) (err error) {
		a.Verdict, err = inspect.Verify(ctx, in, o)
		return err
	})
	if err != nil {
		return err
	}
	a.OK = a.Errors == 0
	out := c.answer()
	if c.json {
		out.json(a)
	} else {
		c.showVerdict(out, a)
	}
	if !a.OK {
		return out.end(errSaid(exitBadInput))
	}
	return out.end(nil)
}

func (c *cli) showVerdict(out *answer, a logVerdict) {
	st := c.style()
	for _, f := range a.Findings {
		severity := st.paint(yellow, fmt.Sprintf("%-5s", f.Severity))
		if f.Severity == inspect.Wrong {
			severity = st.paint(red, fmt.Sprintf("%-5s", f.Severity))
		}
		where := f.File
		if where == "" {
			where = "(the directory)"
		}
		if f.Offset >= 0 {
			where += ", byte " + strconv.FormatInt(f.Offset, 10)
		}
		out.line(severity, "  ", where, ": ", f.Text)
	}
	if more := a.Errors + a.Notes - int64(len(a.Findings)); more > 0 {
		out.line("and ", strconv.FormatInt(more, 10), " more")
	}
	out.line("verified ", plural(int64(a.Segments), "segment"), ", ", plural(a.Lines, "line"), ", ", plural(a.Bytes, "byte"),
		" in ", a.Dir, ": ", plural(a.Errors, "error"), ", ", plural(a.Notes, "note"))
}
