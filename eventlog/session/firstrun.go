package session

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
)

// Terminal is the prompt of a program that talks to its user over standard
// input and standard error. A program in the background has nobody to ask.
func Terminal() *settings.Prompt {
	return &settings.Prompt{
		In: os.Stdin, Out: os.Stderr,
		Terminal: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())) && inForeground(),
	}
}

// ask puts the first-run question and stores the answer, unless somebody has
// decided elsewhere meanwhile. It reports whether it was a yes. A no removes what
// an earlier run may have recorded, and after a yes that is never uploaded.
func ask(o Options, watch *settings.Watch) (yes bool) {
	say := func(text string) { _, _ = io.WriteString(o.Prompt.Out, text) }
	answer, err := settings.Ask(o.Prompt)
	now := watch.Settings()
	switch {
	case err != nil || answer == settings.NoAnswer:
		say(settings.Thanks(settings.NoAnswer))
		return false
	case now.Reason != settings.ReasonUnset:
		say("Telemetry was set elsewhere meanwhile; that holds.\n")
		return false
	}
	if answer == settings.Yes && o.Dir != "" && eventlog.OptIn(o.Dir, now.Log()) != nil {
		say("What was recorded before could not be kept from being uploaded; nothing is recorded.\n")
		return false
	}
	stored := map[settings.Answer]string{settings.Yes: "true", settings.No: "false"}[answer]
	if settings.Set(o.ConfigFile, settings.KeyEnabled, stored) != nil {
		say("The answer could not be stored; nothing is recorded.\n")
		return false
	}
	say(settings.Thanks(answer))
	if answer == settings.No && o.Dir != "" {
		cleared, err := eventlog.OptOut(o.Dir, now.Log(), false)
		if err != nil {
			say("What was recorded before could not be removed; caro telemetry clear does.\n")
		} else if cleared.Events > 0 {
			say(fmt.Sprintf("Removed what was recorded before (events: %d).\n", cleared.Events))
		}
	}
	return answer == settings.Yes
}
