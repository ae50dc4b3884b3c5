package command

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressAfter is how long something takes before anybody is told how far it is.
const progressAfter = time.Second

// progress draws a bar on a terminal once something has taken more than a second:
// tell it how far it is as often as you like, from one goroutine, and end it. Where
// the total is not known (0), it turns and counts.
type progress struct {
	c     *cli
	what  string
	since time.Time
	bar   *progressbar.ProgressBar
	shown bool // whether there is anybody to see it
}

// progress begins something that may take long; without a name for it nothing is
// shown.
func (c *cli) progress(what string) *progress {
	shown := what != "" && isTerminal(c.Stderr) && c.Getenv("TERM") != "dumb"
	return &progress{c: c, what: what, since: c.Now(), shown: shown}
}

// at says that done of total bytes are behind us.
func (p *progress) at(done, total int64) {
	if !p.shown || p.bar == nil && p.c.Now().Sub(p.since) < progressAfter {
		return
	}
	if p.bar == nil {
		known := total > 0
		if !known {
			total = -1
		}
		// No speed and no time left: the bar begins too late to know them.
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.c.Stderr),
			progressbar.OptionSetDescription(p.what), progressbar.OptionShowBytes(!known),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionThrottle(progressAfter/10), progressbar.OptionClearOnFinish())
	}
	_ = p.bar.Set64(done) // a bar that cannot be drawn is no trouble
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
	p.shown = false
}
