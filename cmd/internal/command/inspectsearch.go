package command

import (
	"context"
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/tools/inspect"
)

// searchFlags are the flags of cat and grep.
type searchFlags struct {
	sourceFlags
	filter     inspect.Filter
	where      []string
	jq         string
	raw        bool
	pattern    string
	invert     bool
	ignoreCase bool
	count      bool
}

func (c *cli) addCat(app *kingpin.Application) {
	var f searchFlags
	cmd := c.command(app, "cat", "Print events as they are in the log, oldest first.", func() error { return c.cat(f) })
	c.addSearch(cmd, &f)
	cmd.Flag("raw", "Print every line as it is, also what is no event.").BoolVar(&f.raw)
}

func (c *cli) addGrep(app *kingpin.Application) {
	var f searchFlags
	cmd := c.command(app, "grep", "Print events whose line matches; exit code 1 when there is none.", func() error { return c.grep(f) })
	cmd.Arg("pattern", "A regular expression (RE2), searched in the line as it stands in the log.").Required().StringVar(&f.pattern)
	c.addSearch(cmd, &f)
	cmd.Flag("invert-match", "Print what does not match.").Short('v').BoolVar(&f.invert)
	cmd.Flag("ignore-case", "Take upper and lower case for the same.").Short('i').BoolVar(&f.ignoreCase)
	cmd.Flag("count", "Print only how many events match.").Short('c').BoolVar(&f.count)
}

func (c *cli) addSearch(cmd *kingpin.CmdClause, f *searchFlags) {
	cmd.Flag("event", "Only events of this name.").PlaceHolder("NAME").SetValue(eventValue{&f.filter.Event})
	cmd.Flag("session", "Only events of this session id.").PlaceHolder("ID").SetValue(nonEmpty{&f.filter.Session})
	c.addSpan(cmd, &f.filter.Since, &f.filter.Until)
	cmd.Flag("where", "Only events with 'FIELD=VALUE', or != < > <= >= between them, such as platform.os=linux; repeat it for more.").
		PlaceHolder("CONDITION").StringsVar(&f.where)
	cmd.Flag("jq", "Print what this jq expression makes of each event, one value a line.").
		PlaceHolder("EXPR").SetValue(nonEmpty{&f.jq})
	c.addSource(cmd, &f.sourceFlags)
}

func (c *cli) addSpan(cmd clause, since, until *time.Time) {
	const forms = ": 2026-11-23T10:15:00Z, 2026-11-23, 24h or 7d."
	cmd.Flag("since", "Only from this time on"+forms).PlaceHolder("T").SetValue(timeValue{since, c.Now})
	cmd.Flag("until", "Only before this time"+forms).PlaceHolder("T").SetValue(timeValue{until, c.Now})
}

// options is what the flags ask for.
func (f *searchFlags) options() (inspect.SearchOptions, error) {
	o := inspect.SearchOptions{Filter: f.filter, Raw: f.raw, Invert: f.invert}
	for _, text := range f.where {
		condition, err := inspect.ParseCondition(text)
		if err != nil {
			return o, usageError("--where: %v", err)
		}
		o.Where = append(o.Where, condition)
	}
	if f.jq != "" {
		var err error
		if o.JQ, err = inspect.ParseExpression(f.jq); err != nil {
			return o, usageError("--jq: %v", err)
		}
	}
	asks := f.filter.Event != "" || f.filter.Session != "" || !f.filter.Since.IsZero() || !f.filter.Until.IsZero()
	if f.raw && (asks || len(f.where) > 0 || f.jq != "") {
		return o, usageError("--raw prints every line, also what is no event: it goes with nothing that asks about events")
	}
	return o, nil
}

func (c *cli) cat(f searchFlags) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	_, err = c.search(f, o, true)
	return err
}

func (c *cli) grep(f searchFlags) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	if f.ignoreCase {
		f.pattern = "(?i)" + f.pattern
	}
	if o.Pattern, err = regexp.Compile(f.pattern); err != nil {
		return usageError("the pattern is no regular expression: %v", err)
	}
	if f.count && o.JQ != nil {
		return usageError("--count prints a number, --jq prints values: give one of them")
	}
	sum, err := c.search(f, o, !f.count)
	if err != nil {
		return err
	}
	if f.count {
		out := c.answer()
		out.json(sum.Matched)
		if err := out.end(nil); err != nil {
			return err
		}
	}
	if sum.Matched == 0 {
		return errSaid(exitFailed)
	}
	return nil
}

// search prints what is found, and then says what was not looked at.
func (c *cli) search(f searchFlags, o inspect.SearchOptions, print bool) (inspect.Searched, error) {
	in, err := c.source(f.sourceFlags)
	if err != nil {
		return inspect.Searched{}, err
	}
	o.Unreadable = c.unreadable
	out := c.answer()
	var sum inspect.Searched
	var w io.Writer
	what := "reading"
	if print {
		w = out
	}
	if print && isTerminal(c.Stdout) {
		what = "" // what is printed shows how far it is
	}
	err = c.watched(what, &in, func(ctx context.Context) (err error) {
		sum, err = inspect.Search(ctx, in, w, o)
		if errors.Is(err, out.err) && out.err != nil {
			return nil // end says it
		}
		return err
	})
	c.skipped(sum.Skipped)
	if sum.Failed > 0 && err == nil {
		err = errSaid(exitFailed)
	}
	return sum, out.end(err)
}
