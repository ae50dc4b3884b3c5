package command

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// interrupter interrupts a demonstration once it has printed something.
type interrupter struct {
	bytes.Buffer
	at        string
	interrupt func()
}

func (w *interrupter) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.at) {
		w.interrupt()
	}
	return n, err
}

func TestAnInterruptedDemonstrationDidNotGoWrong(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("TMP", os.Getenv("TMPDIR"))
	out := &interrupter{at: "Total: 4 events", interrupt: cancel}
	var errs bytes.Buffer
	c := &cli{Process: Process{
		Program: "caro", Name: "caro", Stdin: strings.NewReader(""), Stdout: out, Stderr: &errs,
		Getenv: func(string) string { return "" }, Now: time.Now,
	}}
	if code := report(&errs, "caro", c.demo(ctx, false)); code != exitFailed || errs.String() != "caro: interrupted\n" {
		t.Errorf("it says %q, %d", errs.String(), code)
	}
	if strings.Contains(out.String(), "$ caro-telemetry-upload") {
		t.Errorf("it went on: %s", out.String())
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
