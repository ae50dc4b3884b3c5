package command

import (
	"fmt"
	"strings"

	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/export"
)

// pageWidth is how wide the page is, in characters.
const pageWidth = 120

// lookedAt prints the values of the fields in which a program has a choice of words.
const lookedAt = "jq -r '%s | .model_name, .error_code, .component, .caro_version | strings' | sort | uniq -c"

// print writes for whoever answers for the file what it is, what it says, what is
// missing, what no check can know, and leaves room for a signature.
func (a *exportSummary) print(out *answer) {
	row := func(name, text string) { out.line(fmt.Sprintf("%-14s", name), text) }
	out.line("CARO TELEMETRY: SUMMARY OF AN EXPORT\n")
	row("File", fmt.Sprintf("%s, %s", visible(a.Path), plural(a.SizeBytes, "byte")))
	if a.Format == export.Document {
		row("Export", fmt.Sprintf("%s, part %d of %d, made %s by Caro %s", *a.ExportID, a.Part, a.Parts, a.ExportedAt, a.CaroVersion))
		row("Before it", a.before())
	}
	row("Chosen", a.chosen())
	row("Period", a.period())
	row("Events", fmt.Sprint(a.EventCount))
	for _, e := range a.Events {
		wrap(out, fmt.Sprintf("%12d  %-18s ", e.Count, e.Name), e.Description)
	}
	out.line("")
	a.printChecks(out)
	out.line(fmt.Sprintf("%12s  %-32s %s", "Times", "Field", "Meaning"))
	for _, f := range a.fields() {
		wrap(out, fmt.Sprintf("%12d  %-32s ", f.Count, f.Path), f.Description)
	}
	out.line("")
	a.printLosses(out)
	row("Checksum", a.Checksum+" (of the events)")
	row("File SHA-256", a.SHA256)
	out.line("\nRead and released by\n\nName ______________________________  Date ________________  Signature ______________________________")
}

// printChecks claims what was checked, and leaves to a reader what cannot be.
func (a *exportSummary) printChecks(out *answer) {
	wrap(out, "", "The file was read from its first byte to its last. Every event in it was checked against the published schemas, "+
		"which are closed: it holds values for the fields below and for nothing else. The texts in it went through the detector "+
		"of sensitive data: none was found to hold what somebody typed, a command, a path, an address, a name or a secret.\n")
	wrap(out, "", "No check knows what a word means to people. In model_name, error_code, component and caro_version the program "+
		"has a choice of words; this prints all of them, to be read before signing:\n")
	events := ".events[]"
	if a.Format == export.Lines {
		events = "."
	}
	out.line("  zcat FILE | ", fmt.Sprintf(lookedAt, events), "\n")
}

// fields are those of all events, the ones that mean the same put together. The
// numbers of one distribution are one row, which keeps it short.
func (a *exportSummary) fields() (all []summarisedField) {
	type meaning struct{ path, description string }
	place := map[meaning]int{}
	for _, e := range a.Events {
		for _, f := range distributions(e) {
			key := meaning{f.Path, f.Description}
			if i, there := place[key]; there {
				all[i].Count += f.Count
				continue
			}
			place[key] = len(all)
			all = append(all, f)
		}
	}
	return all
}

// distributions puts an object's fields into one where the object is itself in one.
func distributions(e summarisedEvent) (rows []summarisedField) {
	described := map[string]string{}
	for _, f := range schema.Fields(e.Name) {
		described[f.Path] = f.Description
	}
	last := ""
	for _, f := range e.Fields {
		parent, name := f.Path[:max(strings.LastIndexByte(f.Path, '.'), 0)], f.Path[strings.LastIndexByte(f.Path, '.')+1:]
		switch {
		case !strings.Contains(parent, "."):
			rows = append(rows, f)
		case parent == last:
			rows[len(rows)-1].Description = strings.TrimSuffix(rows[len(rows)-1].Description, ")") + ", " + name + ")"
		default:
			rows = append(rows, summarisedField{parent, f.Count, described[parent] + " (" + name + ")"})
		}
		last = parent
	}
	return rows
}

func (a *exportSummary) period() string {
	if a.First == nil {
		return "none"
	}
	const minutes = "2006-01-02 15:04:05 UTC"
	return a.First.Format(minutes) + " to " + a.Last.Format(minutes)
}

// printLosses says which events are not in the file although they were recorded.
func (a *exportSummary) printLosses(out *answer) {
	report, counted := a.losses()
	rows := lossRows(report.Losses)
	if !counted || len(rows) == 0 {
		out.line("Missing       nothing, as far as the log has counted")
		return
	}
	out.line("Missing       by the count of log ", report.LogID, " since ", report.Since.UTC().Format("2006-01-02"), ":")
	for _, r := range rows {
		out.line("              ", r)
	}
}

// wrap writes words behind a prefix, and goes on below their beginning.
func wrap(out *answer, prefix, text string) {
	line, indent := prefix, strings.Repeat(" ", len(prefix))
	empty := true
	for word := range strings.SplitSeq(text, " ") {
		if !empty && len(line)+1+len(word) > pageWidth {
			out.line(line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	out.line(line)
}

// before is the export before this one.
func (a *exportSummary) before() string {
	if a.PreviousID == nil {
		return "none"
	}
	return *a.PreviousID
}
