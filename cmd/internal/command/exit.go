package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/settings"
)

// Exit codes of all commands, after sysexits.h where it has one.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitBadInput     = 65
	exitCannotCreate = 73
	exitIO           = 74
	exitTryAgain     = 75
	exitSettings     = 78
)

// exitError ends a command with a code. An empty message ends it without a
// word, because everything has been said.
type exitError struct {
	code int
	msg  string
	hint string
}

func (e *exitError) Error() string { return e.msg }

// errSaid ends with code and says nothing more.
func errSaid(code int) error { return &exitError{code: code} }

func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, msg: fmt.Sprintf(format, args...)}
}

// logError names the code and the remedy for an error of the log in dir, if any;
// creating tells a directory that cannot be made from one that cannot be used.
func logError(err error, dir string, creating bool) error {
	switch {
	case err == nil:
		return nil
	case brokenPipe(err): // of standard output: the log's disk has nothing to do with it
		return &exitError{exitIO, err.Error(), ""}
	case errors.Is(err, eventlog.ErrLocked):
		return &exitError{exitTryAgain, err.Error(), "another program holds the log in " + dir + "; try again later"}
	case errors.Is(err, eventlog.ErrFull):
		return &exitError{exitIO, err.Error(), "raise " + settings.EnvCap + " or clear the log"}
	case errors.Is(err, eventlog.ErrForeign):
		return &exitError{exitCannotCreate, err.Error(), "do this as the user whose log it is, without sudo, or name another directory with --dir"}
	case creating:
		return &exitError{exitCannotCreate, err.Error(), "choose a directory you may write with --dir or " + settings.EnvDir}
	}
	return &exitError{exitIO, err.Error(), "look at the disk that holds " + dir}
}

// report says on w what err means to the program and returns the code to end with.
func report(w io.Writer, program string, err error) int {
	if err == nil {
		return exitDone
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: exitFailed, msg: err.Error()}
	}
	if e.msg != "" {
		lines := strings.Split(e.msg, "\n")
		for i, line := range lines {
			lines[i] = visible(line)
		}
		fmt.Fprintf(w, "%s: %s\n", program, strings.Join(lines, "\n"))
	}
	if e.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", e.hint)
	}
	return e.code
}
