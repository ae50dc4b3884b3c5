package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"caro.sh/telemetry/tools/inspect"
)

// rate is a ratio with its name in JSON and CSV, and in words.
type rate struct {
	name, words string
	ratio       inspect.Ratio
}

func ratesOf(m inspect.Metrics) []rate {
	return []rate{
		{"command_success_rate", "Commands run as generated", m.CommandSuccess},
		{"safety_block_rate", "Commands blocked", m.SafetyBlock},
		{"false_positive_rate", "Blocks overridden", m.FalsePositive},
		{"warning_override_rate", "Warnings overridden", m.WarningOverride},
		{"retry_rate", "Retries, by session.end", m.Retry},
		{"generation_retry_rate", "Generations that are retries", m.GenerationRetry},
		{"session_completion_rate", "Sessions that ended", m.SessionCompletion},
		{"user_complete_rate", "Ended by the user being done", m.UserComplete},
	}
}

// percentile is one of the Quantiles.
type percentile struct {
	name string
	of   func(inspect.Quantiles) *uint64
}

var percentiles = []percentile{
	{"p50", func(q inspect.Quantiles) *uint64 { return q.P50 }},
	{"p90", func(q inspect.Quantiles) *uint64 { return q.P90 }},
	{"p95", func(q inspect.Quantiles) *uint64 { return q.P95 }},
	{"p99", func(q inspect.Quantiles) *uint64 { return q.P99 }},
}

// milliseconds is a duration as a number, "" for none.
func milliseconds(n *uint64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatUint(*n, 10)
}

// platformShares are the shares of one part of the platform.
type platformShares struct {
	name, words string
	shares      []inspect.NamedRatio
}

func platformsOf(m inspect.Metrics) []platformShares {
	return []platformShares{
		{"platform_os", "Operating system", m.Platforms.OS},
		{"platform_arch", "Architecture", m.Platforms.Arch},
		{"platform_shell", "Shell", m.Platforms.Shell},
	}
}

// statsTable shows a report to people.
type statsTable struct {
	out   *answer
	style style
}

func (t statsTable) heading(format string, args ...any) {
	t.out.line()
	t.out.line(t.style.paint(bold, strings.TrimRight(fmt.Sprintf(format, args...), " ")))
}

func (t statsTable) row(format string, args ...any) {
	t.out.line(strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (t statsTable) show(r *inspect.Report) {
	t.row("%s of %s, %s to %s", plural(r.Events, "event"), plural(r.Total.Sessions, "session"), instant(r.First), instant(r.Last))
	if r.Duplicates > 0 {
		t.row("%s with an event id that was there before, not counted again", plural(r.Duplicates, "line"))
	}
	t.rates(r.Total)
	t.times(r.Total)
	t.backends(r.Total)
	t.errors(r.Total)
	t.platforms(r.Total)
	t.days(r.Total)
	if len(r.By) > 0 {
		t.groups(r)
	}
}

// percent is a ratio for people, "-" where it is not known.
func percent(r inspect.Ratio) string {
	value, known := r.Value()
	if !known {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*value)
}

func (t statsTable) rates(m inspect.Metrics) {
	t.heading("%-30s %7s  %s", "Rate", "", "of")
	for _, n := range ratesOf(m) {
		t.row("%-30s %7s  %d of %d", n.words, percent(n.ratio), n.ratio.Numerator, n.ratio.Denominator)
	}
}

func (t statsTable) times(m inspect.Metrics) {
	name := func(b inspect.BackendQuantile) string {
		return strings.TrimSpace("inference " + b.Backend + " " + b.Model)
	}
	width := 30
	for _, b := range m.Inference {
		width = max(width, len(name(b)))
	}
	t.heading("%-*s %7s %8s %8s %8s %8s", width, "Milliseconds", "Count", "p50", "p90", "p95", "p99")
	t.quantiles(width, "to the first command", m.FirstCommand)
	for _, b := range m.Inference {
		t.quantiles(width, name(b), b.Quantiles)
	}
}

func (t statsTable) quantiles(width int, what string, q inspect.Quantiles) {
	texts := make([]any, 0, len(percentiles)+3)
	texts = append(texts, width, what, q.Count)
	for _, p := range percentiles {
		texts = append(texts, dash(milliseconds(p.of(q))))
	}
	t.row("%-*s %7d %8s %8s %8s %8s", texts...)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (t statsTable) backends(m inspect.Metrics) {
	if len(m.Backends) == 0 {
		return
	}
	t.heading("%-30s %7s  %s", "Backend success", "", "of")
	for _, b := range m.Backends {
		t.row("%-30s %7s  %d of %d", b.Backend, percent(b.Ratio), b.Ratio.Numerator, b.Ratio.Denominator)
	}
}

func (t statsTable) errors(m inspect.Metrics) {
	if !slices.ContainsFunc(m.Errors, func(e inspect.NamedRatio) bool { return e.Ratio.Numerator > 0 }) {
		return
	}
	t.heading("%-30s %7s  %s", "Errors", "each", "in sessions")
	for _, e := range m.Errors {
		if value, known := e.Ratio.Value(); known && e.Ratio.Numerator > 0 {
			t.row("%-30s %7.4f  %d in %d", e.Name, value, e.Ratio.Numerator, e.Ratio.Denominator)
		}
	}
}

func (t statsTable) platforms(m inspect.Metrics) {
	for _, p := range platformsOf(m) {
		if len(p.shares) == 0 {
			continue
		}
		t.heading("%-30s %7s  %s", p.words, "", "of sessions")
		for _, s := range p.shares {
			t.row("%-30s %7s  %d of %d", s.Name, percent(s.Ratio), s.Ratio.Numerator, s.Ratio.Denominator)
		}
	}
}

func (t statsTable) days(m inspect.Metrics) {
	if len(m.DailyActive) == 0 {
		return
	}
	t.heading("%-30s %7s", "Daily active installs", "")
	for _, d := range m.DailyActive {
		t.row("%-30s %7d", d.Day, d.Installs)
	}
}

// groups shows the main numbers of each group on one line.
func (t statsTable) groups(r *inspect.Report) {
	names := make([]string, len(r.By))
	for i, d := range r.By {
		names[i] = string(d)
	}
	t.heading("%-30s %8s %8s %8s %8s %8s %8s %9s", "By "+strings.Join(names, ", "),
		"Events", "Sessions", "Success", "Blocked", "Retries", "Ended", "First p50")
	for _, g := range r.Groups {
		values := make([]string, len(g.Values))
		for i, v := range g.Values {
			values[i] = dash(v)
		}
		var events int64
		for _, e := range g.Metrics.Events {
			events += e.Count
		}
		m := g.Metrics
		t.row("%-30s %8d %8d %8s %8s %8s %8s %9s", strings.Join(values, " "), events, m.Sessions, percent(m.CommandSuccess),
			percent(m.SafetyBlock), percent(m.Retry), percent(m.SessionCompletion), dash(milliseconds(m.FirstCommand.P50)))
	}
}
