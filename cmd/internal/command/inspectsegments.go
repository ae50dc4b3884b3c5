package command

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/tools/inspect"
)

func (c *cli) addSegments(app *kingpin.Application) {
	var sent bool
	cmd := c.command(app, "segments", "List the segments of the log, oldest first.", func() error { return c.segments(sent) })
	c.addJSON(cmd)
	c.addDir(cmd)
	addSent(cmd, &sent)
}

func (c *cli) segments(sent bool) error {
	in, err := c.source(sourceFlags{sent: sent})
	if err != nil {
		return err
	}
	var list []inspect.Segment
	err = c.watched("counting", &in, func(ctx context.Context) (err error) {
		list, err = inspect.Segments(ctx, in)
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Err != nil {
			c.unreadable(s.Err)
		}
	}
	out := c.answer()
	if c.json {
		rows := make([]segmentAnswer, len(list))
		for i, s := range list {
			rows[i] = segmentAnswer{s}
		}
		out.json(rows)
		return out.end(nil)
	}
	c.segmentTable(out, list)
	return out.end(nil)
}

// segmentAnswer is a segment in JSON.
type segmentAnswer struct{ inspect.Segment }

func (s segmentAnswer) MarshalJSON() ([]byte, error) {
	var ratio *float64
	if r := s.Ratio(); r > 0 {
		r = math.Round(r*1000) / 1000
		ratio = &r
	}
	return json.Marshal(struct {
		Number       uint64         `json:"number"`
		State        eventlog.State `json:"state"`
		Name         string         `json:"name"`
		Events       int64          `json:"events"`
		Bytes        int64          `json:"bytes"`
		Uncompressed int64          `json:"uncompressed_bytes"`
		Ratio        *float64       `json:"ratio"`
		First        *time.Time     `json:"first"`
		Last         *time.Time     `json:"last"`
		Damaged      bool           `json:"damaged"`
	}{s.Number, s.State, s.Name, s.Events, s.Bytes, s.Uncompressed, ratio, timeOrNull(s.First), timeOrNull(s.Last), s.Err != nil})
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (c *cli) segmentTable(out *answer, list []inspect.Segment) {
	if len(list) == 0 {
		out.line("no segments")
		return
	}
	out.line(c.style().paint(bold, fmt.Sprintf("%6s  %-9s %8s %10s %12s %6s  %-24s %-24s  %s",
		"Number", "State", "Events", "Bytes", "Uncompressed", "Ratio", "First", "Last", "Name")))
	var sum inspect.Segment
	for _, s := range list {
		out.line(fmt.Sprintf("%6d  %-9s %8d %10d %12d %6.2f  %-24s %-24s  %s", s.Number, s.State, s.Events, s.Bytes,
			s.Uncompressed, s.Ratio(), instant(s.First), instant(s.Last), s.Name))
		sum.Events += s.Events
		sum.Bytes += s.Bytes
		sum.Uncompressed += s.Uncompressed
	}
	out.line("Total: ", plural(int64(len(list)), "segment"), ", ", plural(sum.Events, "event"), ", ",
		plural(sum.Bytes, "byte"), " on disk, ", plural(sum.Uncompressed, "byte"), " of events")
}

// instant is a time in UTC as in the events, "-" for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
