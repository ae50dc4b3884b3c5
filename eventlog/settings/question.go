package settings

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Answer is what somebody said to the first-run question.
type Answer int

// The answers. NoAnswer is everything that is neither yes nor no: nothing is
// stored, nothing collected, and the question comes again next time.
const (
	NoAnswer Answer = iota
	Yes
	No
)

// Prompt is how a host lets somebody be asked.
type Prompt struct {
	// In is where the answer is read from, byte by byte and not beyond its
	// line; Out, which should be standard error, is where the question goes.
	In  io.Reader
	Out io.Writer
	// Terminal says that both are terminals: there is somebody to ask.
	Terminal bool
	// JSON says that the host's output is for a program, not for a person.
	JSON bool
}

// ciVariables are set by systems that build and test without anybody there.
var ciVariables = []string{
	"CI", "CONTINUOUS_INTEGRATION", "BUILD_NUMBER", "BUILD_ID", "RUN_ID", "GITHUB_ACTIONS", "GITLAB_CI",
	"TRAVIS", "CIRCLECI", "APPVEYOR", "BUILDKITE", "DRONE", "TEAMCITY_VERSION", "TF_BUILD",
	"JENKINS_URL", "CODEBUILD_BUILD_ID", "BITBUCKET_BUILD_NUMBER", "HEROKU_TEST_RUN_ID", "CIRRUS_CI",
}

// InCI reports whether the environment looks like one where nobody can answer.
func InCI(getenv func(string) string) bool {
	for _, name := range ciVariables {
		if v := getenv(name); v != "" && v != "0" && !strings.EqualFold(v, "false") {
			return true
		}
	}
	return false
}

// MayAsk reports whether the first-run question may be asked: nobody has said
// anything yet, and somebody is there to answer.
func (s Settings) MayAsk(p *Prompt, getenv func(string) string) bool {
	return p != nil && p.In != nil && p.Out != nil && p.Terminal && !p.JSON &&
		s.Reason == ReasonUnset && !InCI(getenv)
}

// Question is the first-run question as it is printed.
func Question() string {
	return fmt.Sprintf(question, choices)
}

const question = `
Caro can record how it is doing, in a file on this machine, to be sent to the
Caro team later. May it?

  Collected:        session timing and duration, backend performance (with the
                    model's name), how risky a suggestion was judged, whether
                    it was run or edited, error categories, Caro's version,
                    platform (system, architecture, shell)
  Never collected:  commands or inputs, paths or directories,
                    anything that identifies you

  Look at it:       caro telemetry show
  Switch it off:    caro config set telemetry.enabled false

Enable telemetry? %s `

// Ask puts the question and reads one line. The end of the input, a text that
// is neither yes nor no, and an error are no answer.
func Ask(p *Prompt) (Answer, error) {
	if _, err := io.WriteString(p.Out, Question()); err != nil {
		return NoAnswer, fmt.Errorf("ask about telemetry: %w", err)
	}
	line, err := ReadAnswer(p.In)
	if err != nil {
		_, _ = io.WriteString(p.Out, "\n") // what the host prints next begins a line of its own
		if errors.Is(err, io.EOF) {
			return NoAnswer, nil
		}
		return NoAnswer, fmt.Errorf("read the answer about telemetry: %w", err)
	}
	switch strings.ToLower(line) {
	case "":
		return onEnter, nil
	case "y", "yes":
		return Yes, nil
	case "n", "no":
		return No, nil
	}
	return NoAnswer, nil
}

// ReadAnswer reads a line and nothing behind it, which belongs to the host, and
// returns it without the white space around it. What is longer than an answer
// can be comes back cut, and is none.
func ReadAnswer(r io.Reader) (string, error) {
	const most = 64
	var line []byte
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		switch {
		case n > 0 && b[0] == '\n':
			if len(line) > most {
				return string(line), nil
			}
			return strings.TrimSpace(string(line)), nil
		case n > 0 && len(line) <= most:
			line = append(line, b[0])
		case err != nil:
			return "", err
		}
	}
}

// Thanks is said after an answer.
func Thanks(a Answer) string {
	switch a {
	case Yes:
		return "Telemetry is on. Switch it off with: caro config set telemetry.enabled false\n"
	case No:
		return "Telemetry stays off. Nothing is recorded.\n"
	}
	return "No answer: nothing is recorded, and nothing is stored.\n"
}
