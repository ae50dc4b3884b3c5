package command

import (
	"context"
	"encoding/csv"
	"runtime/debug"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/tools/inspect"
)

// statsFlags are the flags of stats.
type statsFlags struct {
	sourceFlags
	options  inspect.StatsOptions
	by       []string
	csv      bool
	distinct bool
}

func (c *cli) addStats(app *kingpin.Application) {
	var f statsFlags
	cmd := c.command(app, "stats", "Count what the team steers by (docs/metrics.md defines the numbers).", func() error { return c.stats(f) })
	c.addJSON(cmd)
	cmd.Flag("csv", "Answer in CSV, one number a line.").BoolVar(&f.csv)
	cmd.Flag("by", "Tell apart by backend, os, arch, shell, version, model or day; repeat it for several at once.").
		PlaceHolder("DIMENSION").StringsVar(&f.by)
	cmd.Flag("distinct", "Count events with the same id once; --no-distinct counts them as often as they are there.").
		Default("true").BoolVar(&f.distinct)
	c.addSpan(cmd, &f.options.Since, &f.options.Until)
	c.addSource(cmd, &f.sourceFlags)
}

// countingGC is how much garbage there may be, in percent of what is in use.
const countingGC = 10

func (c *cli) stats(f statsFlags) error {
	o := f.options
	o.Repeats, o.Unreadable = !f.distinct, c.unreadable
	for _, text := range f.by {
		d, err := inspect.ParseDimension(text)
		if err != nil {
			return usageError("--by: %v", err)
		}
		o.By = append(o.By, d)
	}
	if c.json && f.csv {
		return usageError("--json and --csv: give one of them")
	}
	in, err := c.source(f.sourceFlags)
	if err != nil {
		return err
	}
	// Most of the memory is tables that hold no pointers, and looking at them often
	// costs little.
	defer debug.SetGCPercent(debug.SetGCPercent(countingGC))
	var r *inspect.Report
	err = c.watched("counting", &in, func(ctx context.Context) (err error) {
		r, err = inspect.Stats(ctx, in, o)
		return err
	})
	if err != nil {
		return err
	}
	c.skipped(r.Skipped)
	out := c.answer()
	switch {
	case c.json:
		out.json(r)
	case f.csv:
		statsCSV(out, r)
	default:
		statsTable{out, c.style()}.show(r)
	}
	return out.end(nil)
}

// statsCSV writes one number a line: the values of the dimensions, which number it
// is, of what, and the number. The lines of the total leave the dimensions empty and
// say total in the first column.
func statsCSV(out *answer, r *inspect.Report) {
	w := csv.NewWriter(out)
	header := []string{"scope"}
	for _, d := range r.By {
		header = append(header, "by_"+string(d))
	}
	_ = w.Write(append(header, "metric", "backend", "model", "name", "statistic", "numerator", "denominator", "value"))
	csvRows{w, append([]string{"total"}, make([]string, len(r.By))...)}.metrics(r.Total)
	for _, g := range r.Groups {
		csvRows{w, append([]string{"group"}, g.Values...)}.metrics(g.Metrics)
	}
	w.Flush() // out remembers an error
}

// csvRows writes lines that begin the same.
type csvRows struct {
	w     *csv.Writer
	begin []string
}

func (c csvRows) row(fields ...string) {
	_ = c.w.Write(append(append([]string{}, c.begin...), fields...))
}

func (c csvRows) count(metric, name string, n int64) {
	c.row(metric, "", "", name, "count", "", "", strconv.FormatInt(n, 10))
}

func (c csvRows) ratio(metric, backend, name string, r inspect.Ratio) {
	text := ""
	if value, known := r.Value(); known {
		text = strconv.FormatFloat(value, 'g', -1, 64)
	}
	c.row(metric, backend, "", name, "ratio", strconv.FormatInt(r.Numerator, 10), strconv.FormatInt(r.Denominator, 10), text)
}

func (c csvRows) quantiles(metric, backend, model string, q inspect.Quantiles, shown []percentile) {
	c.row(metric, backend, model, "", "count", "", "", strconv.FormatInt(q.Count, 10))
	for _, p := range shown {
		c.row(metric, backend, model, "", p.name, "", "", milliseconds(p.of(q)))
	}
}

func (c csvRows) metrics(m inspect.Metrics) {
	for _, e := range m.Events {
		c.count("events", e.Name, e.Count)
	}
	c.count("sessions", "", m.Sessions)
	for _, n := range ratesOf(m) {
		c.ratio(n.name, "", "", n.ratio)
	}
	c.quantiles("time_to_first_command_ms", "", "", m.FirstCommand, percentiles)
	for _, b := range m.Backends {
		c.ratio("backend_success_rate", b.Backend, "", b.Ratio)
	}
	for _, b := range m.Inference {
		c.quantiles("inference_time_ms", b.Backend, b.Model, b.Quantiles, percentiles)
	}
	for _, e := range m.Errors {
		c.ratio("errors_per_session", "", e.Name, e.Ratio)
	}
	for _, d := range m.DailyActive {
		c.count("daily_active_installs", d.Day, d.Installs)
	}
	for _, p := range platformsOf(m) {
		for _, share := range p.shares {
			c.ratio(p.name, "", share.Name, share.Ratio)
		}
	}
}
