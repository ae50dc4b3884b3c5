package settings

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	for input, want := range map[string]Answer{
		"y\n": Yes, "Y\n": Yes, "yes\n": Yes, "YES\r\n": Yes, " yes \n": Yes,
		"n\n": No, "N\n": No, "no\n": No, "No\n": No,
		"\n": onEnter, "\r\n": onEnter,
		"": NoAnswer, "y": NoAnswer, "yes": NoAnswer, // the input ended: nobody pressed Enter
		"maybe\n": NoAnswer, "yess\n": NoAnswer, "ja\n": NoAnswer, "0\n": NoAnswer, "\x1b\n": NoAnswer,
		strings.Repeat("y", 100) + "\n": NoAnswer,
	} {
		var out bytes.Buffer
		got, err := Ask(&Prompt{In: strings.NewReader(input), Out: &out})
		if err != nil || got != want {
			t.Errorf("%q is answer %d, %v; want %d", input, got, err, want)
		}
		if !strings.HasPrefix(out.String(), Question()) {
			t.Errorf("%q: the question is not asked", input)
		}
	}
}

func TestAskLeavesTheRestOfTheInputToTheHost(t *testing.T) {
	in := strings.NewReader("y\nlist all files\n")
	if a, err := Ask(&Prompt{In: in, Out: io.Discard}); a != Yes || err != nil {
		t.Fatal(a, err)
	}
	rest, _ := io.ReadAll(in)
	if string(rest) != "list all files\n" {
		t.Errorf("the host is left with %q", rest)
	}
}

func TestQuestionSaysWhatItMust(t *testing.T) {
	q := Question()
	for _, want := range []string{
		"session timing and duration", "backend performance", "model's name", "how risky", "run or edited", "error categories",
		"Caro's version", "platform",
		"commands or inputs", "paths or directories", "identifies you",
		"caro telemetry show\n", "caro config set telemetry.enabled false\n", choices,
	} {
		if !strings.Contains(q, want) {
			t.Errorf("the question does not say %q", want)
		}
	}
	for line := range strings.Lines(q) {
		if len(line) > 80 {
			t.Errorf("a line of %d columns", len(line))
		}
	}
}

func TestNobodyIsAskedWhoCannotAnswer(t *testing.T) {
	unset := Settings{Reason: ReasonUnset}
	there := Prompt{In: strings.NewReader(""), Out: io.Discard, Terminal: true}
	if !unset.MayAsk(&there, env()) || !unset.MayAsk(&there, env("CI", "false")) {
		t.Error("somebody at a terminal is not asked")
	}
	piped, json := there, there
	piped.Terminal, json.JSON = false, true
	for name, asked := range map[string]bool{
		"no prompt": unset.MayAsk(nil, env()), "no terminal": unset.MayAsk(&piped, env()), "JSON": unset.MayAsk(&json, env()),
		"CI": unset.MayAsk(&there, env("CI", "true")), "GitHub": unset.MayAsk(&there, env("GITHUB_ACTIONS", "1")),
		"Jenkins":  unset.MayAsk(&there, env("JENKINS_URL", "x")),
		"answered": Settings{Reason: ReasonFile}.MayAsk(&there, env()),
		"broken":   Settings{Reason: ReasonBroken}.MayAsk(&there, env()),
		"DNT":      Settings{Reason: ReasonNoTrack}.MayAsk(&there, env()),
	} {
		if asked {
			t.Errorf("%s: asked", name)
		}
	}
}
