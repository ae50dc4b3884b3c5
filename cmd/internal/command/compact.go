package command

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/tools/compact"
	"caro.sh/telemetry/tools/ingest"
)

// compactFlags are the flags of caro-telemetry-compact.
type compactFlags struct {
	level   string
	dryRun  bool
	verbose bool
}

// compactAnswer is its answer.
type compactAnswer struct {
	Dir         string   `json:"dir"`
	DryRun      bool     `json:"dry_run"`
	Level       string   `json:"level"`
	Segments    int      `json:"segments"`
	BytesBefore int64    `json:"bytes_before"`
	BytesAfter  int64    `json:"bytes_after"`
	BytesSaved  int64    `json:"bytes_saved"`
	Damaged     []string `json:"damaged"`
	Failed      []string `json:"failed"`
}

var levels = map[string]eventlog.Level{"fast": eventlog.Fast, "high": eventlog.High}

func (c *cli) addCompact(app *kingpin.Application) {
	var f compactFlags
	cmd := c.only(app, func() error { return c.compact(f) })
	c.addJSON(cmd)
	c.addDir(cmd)
	cmd.Flag("level", "fast, or high: smaller and several times slower.").Default("fast").EnumVar(&f.level, "fast", "high")
	cmd.Flag("dry-run", "Say what would be saved and change nothing.").BoolVar(&f.dryRun)
	cmd.Flag("verbose", "Name every segment that was made smaller.").Short('v').BoolVar(&f.verbose)
}

func (c *cli) compact(f compactFlags) error {
	s, err := c.soundSettings()
	if err != nil {
		return err
	}
	dir, err := c.logDir()
	if err != nil {
		return err
	}
	result, err := compact.Run(context.Background(), dir, c.compactOptions(s, f, dir))
	a := compactAnswer{
		Dir: dir, DryRun: f.dryRun, Level: f.level, Segments: result.Segments,
		BytesBefore: result.Before, BytesAfter: result.After, BytesSaved: result.Saved(),
		Damaged: problems(result.Damaged), Failed: problems(result.Failed),
	}
	for _, problem := range a.Damaged {
		fmt.Fprintf(c.Stderr, "%s: cannot be read, and is left as it is: %s\n", c.Program, problem)
	}
	for _, problem := range a.Failed {
		fmt.Fprintf(c.Stderr, "%s: not compacted: %s\n", c.Program, problem)
	}
	out := c.answer()
	switch {
	case c.json:
		out.json(a)
	case err == nil || a.Segments > 0:
		out.line(a.summary())
	}
	if err == nil && len(result.Failed) > 0 {
		err = result.Failed[0].Err
		if !errors.Is(err, eventlog.ErrLocked) && !errors.Is(err, eventlog.ErrFull) {
			return out.end(errSaid(exitIO))
		}
	}
	return out.end(logError(err, dir, false))
}

func (c *cli) compactOptions(s settings.Settings, f compactFlags, dir string) compact.Options {
	o := compact.Options{
		Log:   eventlog.Options{MaxBytes: s.MaxBytes, LockTimeout: toolTimeout, Now: c.Now},
		Level: levels[f.level], DryRun: f.dryRun, OptedOut: s.FileSaysOff,
	}
	if s.AirGapped {
		o.Log.KeepUnsent = -1
	}
	if ingest.IsStore(dir) { // the receiver itself knows how much to keep, and how long; nobody here opted out
		o.Log.MaxBytes, o.Log.KeepUnsent, o.OptedOut = math.MaxInt64/2, -1, false
	}
	if f.verbose {
		o.Progress = func(seg compact.Segment) {
			if seg.After < seg.Before {
				fmt.Fprintf(c.Stderr, "%s: %d to %s\n", seg.Name, seg.Before, plural(seg.After, "byte"))
			}
		}
	}
	return o
}

func problems(segments []compact.Segment) []string {
	texts := make([]string, len(segments))
	for i, seg := range segments {
		texts[i] = seg.Err.Error()
	}
	return texts
}

// summary is the answer in words.
func (a compactAnswer) summary() string {
	if a.Segments == 0 {
		return "nothing to compact in " + a.Dir
	}
	did := "compacted "
	if a.DryRun {
		did = "would compact "
	}
	return fmt.Sprintf("%s%s in %s: %d to %s, %d%% saved", did, plural(int64(a.Segments), "segment"), a.Dir,
		a.BytesBefore, plural(a.BytesAfter, "byte"), 100*a.BytesSaved/a.BytesBefore)
}
