package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/tools/ingest"
)

func (c *cli) addDemo(app *kingpin.Application) {
	var keep bool
	cmd := c.command(app, "demo", "Show the whole life of events, in a temporary directory and on this machine alone.",
		func() error {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return c.demo(ctx, keep)
		})
	cmd.Flag("keep", "Leave the directory for a look around.").BoolVar(&keep)
}

// demo is a run of the demonstration: a home of its own, a receiver on
// loopback, and the commands a user would type.
type demo struct {
	*cli
	ctx      context.Context // ends when somebody interrupts it
	out      *answer
	home     string
	endpoint string
	steps    int
	failed   error
}

func (c *cli) demo(ctx context.Context, keep bool) error {
	home, err := os.MkdirTemp("", "caro-demo")
	if err != nil {
		return &exitError{exitCannotCreate, "cannot make a directory: " + err.Error(), "set TMPDIR to one that can be written"}
	}
	if !keep {
		defer os.RemoveAll(home)
	}
	d := &demo{cli: c, ctx: ctx, out: c.answer(), home: home}
	stop, err := d.receive()
	if err != nil {
		return fmt.Errorf("start a receiver: %w", err)
	}
	defer stop()
	d.out.line("The life of an event, in ", home, " and on this machine alone.")
	d.out.line("  $ export HOME=", home, " CARO_TELEMETRY_ENDPOINT=", d.endpoint, "; cd")
	for _, act := range acts {
		act(d)
		if d.failed != nil {
			break
		}
	}
	if d.failed == nil {
		d.out.line("\n", farewell(keep, home))
	}
	return d.out.end(d.failed)
}

func farewell(keep bool, home string) string {
	if keep {
		return "That was all of it. It is left in " + home + " for a look around."
	}
	return "That was all of it, and nothing of it is left. --keep leaves it for a look around."
}

// receive starts a receiver that is out of order when it is asked first.
func (d *demo) receive() (stop func(), err error) {
	store, err := ingest.Open(filepath.Join(d.home, "received"), ingest.Options{})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	d.endpoint = "http://" + listener.Addr().String() + "/v1/events"
	handler := ingest.NewHandler(store, ingest.HandlerOptions{})
	var asked atomic.Bool
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !asked.Swap(true) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}()
	return func() {
		_ = server.Close()
		<-served
		_ = store.Close()
	}, nil
}

// say begins a step.
func (d *demo) say(text string) {
	d.steps++
	d.out.line("\n", d.style().paint(bold, fmt.Sprintf("%d. %s", d.steps, text)))
}

// typed is one command of the demonstration.
type typed struct {
	program string // caro, unless it is said
	args    string // separated by spaces
	stdin   string // shown as coming from echo
	lines   int    // how much of what it prints is shown; 0 is all
	code    int    // that it ends with
	expect  string // what it has to say
}

// run runs a command as if it had been typed, and shows what it says.
func (d *demo) run(t typed) (printed string) {
	if d.ctx.Err() != nil {
		d.fail("")
	}
	if d.failed != nil {
		return ""
	}
	if t.program == "" {
		t.program = "caro"
	}
	shown := strings.TrimSpace(t.program + " " + t.args)
	if t.stdin != "" {
		shown = "echo '" + t.stdin + "' | " + shown
	}
	d.out.line("  $ ", shown)
	var printedTo, said bytes.Buffer
	code := Run(Process{
		Program: t.program, Name: t.program, Args: strings.Fields(strings.ReplaceAll(t.args, "~", d.home)),
		Stdin: strings.NewReader(t.stdin + "\n"), Stdout: &printedTo, Stderr: &said, Getenv: d.getenv, Now: d.Now,
	})
	text := said.String() + printedTo.String()
	d.show(text, t.lines)
	if code != t.code {
		d.fail("%s ended with %d, not %d", shown, code, t.code)
	}
	if !strings.Contains(text, t.expect) {
		d.fail("%s did not say %q", shown, t.expect)
	}
	return printedTo.String()
}

func (d *demo) show(text string, most int) {
	text = strings.TrimRight(strings.ReplaceAll(text, d.home, "~"), "\n")
	all := strings.Split(text, "\n")
	for i, line := range all {
		if most > 0 && i == most {
			d.out.line("  … ", plural(int64(len(all)-most), "more line"))
			break
		}
		if text != "" {
			d.out.line("  ", line)
		}
	}
	d.out.flush()
}

func (d *demo) fail(format string, args ...any) {
	switch {
	case d.failed != nil:
	case d.ctx.Err() != nil: // the command that was running saw it, too
		d.failed = &exitError{exitFailed, "interrupted", ""}
	default:
		d.failed = &exitError{exitFailed, "the demonstration went wrong: " + fmt.Sprintf(format, args...), "please report it"}
	}
}

// getenv is the environment of the demonstration: what the user's own says
// about telemetry does not matter in it.
func (d *demo) getenv(name string) string {
	switch name {
	case "HOME":
		return d.home
	case "CARO_TELEMETRY_ENDPOINT":
		return d.endpoint
	}
	if strings.HasPrefix(name, "CARO_") || strings.HasPrefix(name, "XDG_") || name == settings.EnvNoTrack {
		return ""
	}
	return d.Getenv(name)
}
