package session

import (
	"io"
	"os"

	"golang.org/x/term"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
)

// Terminal is the prompt of a program that talks to its user over standard
// input and standard error.
func Terminal() *settings.Prompt {
	return &settings.Prompt{
		In: os.Stdin, Out: os.Stderr,
		Terminal: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
	}
}

// ask puts the first-run question and stores the answer. It reports whether
// that was a yes. A no removes what an earlier run may have recorded.
func ask(o Options) (yes bool) {
	answer, err := settings.Ask(o.Prompt)
	if err == nil {
		switch answer {
		case settings.Yes:
			err = settings.Set(o.ConfigFile, settings.KeyEnabled, "true")
		case settings.No:
			err = settings.Set(o.ConfigFile, settings.KeyEnabled, "false")
			if err == nil {
				_, err = eventlog.OptOut(o.Dir, nil, false)
			}
		}
	}
	if err != nil {
		_, _ = io.WriteString(o.Prompt.Out, "The answer could not be stored; nothing is recorded.\n")
		return false
	}
	_, _ = io.WriteString(o.Prompt.Out, settings.Thanks(answer))
	return answer == settings.Yes
}
