package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/tools/upload"
)

// exitRefused says that the server wants nothing of it.
const exitRefused = 69

// uploadFlags are the flags of caro-telemetry-upload and of flush.
type uploadFlags struct {
	force, dryRun, verbose bool
	answers                bool // always, and not only to somebody who looks: it is no cron job
	maxBatches             int
	timeout                time.Duration
	cacert                 string
	headers                []string
}

// uploadAnswer is their answer.
type uploadAnswer struct {
	Sent        int64         `json:"sent"`
	Reason      upload.Reason `json:"reason"`
	Batches     int           `json:"batches"`
	Rejected    int64         `json:"rejected"`
	Broken      int64         `json:"broken"`
	Deletions   int           `json:"deletions_delivered"`
	NextAttempt *time.Time    `json:"next_attempt"`
	ServerAsked bool          `json:"server_asked"`
	DryRun      bool          `json:"dry_run"`
	Dir         string        `json:"dir"`
	Problems    []string      `json:"problems"`
}

func (c *cli) addUpload(app *kingpin.Application) {
	c.run = func() error { return nil } // there is something to do without a command: kingpin puts the default here
	run := c.command(app, "run", "Upload what is pending. This is what happens without a command, too.", nil)
	c.addUploadFlags(run.Default(), uploadFlags{})
	c.addSchedule(app)
}

func (c *cli) addFlush(group *kingpin.CmdClause) {
	cmd := c.command(group, "flush", "Upload what is pending, as caro-telemetry-upload does, and say what became of it.", nil)
	c.addUploadFlags(cmd, uploadFlags{answers: true})
}

func (c *cli) addUploadFlags(cmd *kingpin.CmdClause, f uploadFlags) {
	cmd.Action(func(*kingpin.ParseContext) error {
		c.run = func() error { return c.upload(f) }
		return nil
	})
	c.addJSON(cmd)
	c.addDir(cmd)
	cmd.Flag("force", "Do not wait for the interval, nor after a failure. What the server asked for is waited for.").BoolVar(&f.force)
	cmd.Flag("dry-run", "Print what would be sent, one batch a line, and send and change nothing.").BoolVar(&f.dryRun)
	cmd.Flag("max-batches", "End after so many batches.").PlaceHolder("N").SetValue(countValue{&f.maxBatches})
	cmd.Flag("timeout", "Give up a request after this time.").Default("30s").SetValue(spanValue{&f.timeout})
	cmd.Flag("verbose", "Say what happens.").Short('v').BoolVar(&f.verbose)
	cmd.Flag("cacert", "Trust the certificates in this file (PEM) instead of the system's.").PlaceHolder("FILE").SetValue(nonEmpty{&f.cacert})
	cmd.Flag("header", "Send a header whose value is the first line of a file. May be repeated.").PlaceHolder("NAME=FILE").StringsVar(&f.headers)
}

func (c *cli) upload(f uploadFlags) error {
	s, err := c.soundSettings()
	if err != nil {
		return err
	}
	dir, err := c.logDir()
	if err != nil {
		return err
	}
	if err := notReceived(dir); err != nil {
		return err
	}
	o, err := c.uploadOptions(s, f)
	if err != nil {
		return err
	}
	out := c.answer()
	var result upload.Result
	if f.dryRun {
		if result, err = upload.Preview(dir, o, out); brokenPipe(err) {
			err = nil // whoever looked had seen enough
		}
	} else {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		result, err = upload.Run(ctx, dir, o)
		stop()
	}
	for _, p := range result.Problems {
		fmt.Fprintf(c.Stderr, "%s: %v\n", c.Program, p)
	}
	a := newUploadAnswer(result, dir, f)
	switch {
	case c.json:
		out.json(a)
	case f.dryRun:
		c.sayUpload(a, err == nil && (f.verbose || isTerminal(c.Stderr)))
	case err == nil && (f.verbose || f.answers || isTerminal(c.Stdout)):
		out.line(a.summary())
	}
	return out.end(c.uploadError(err, a, f, dir))
}

func newUploadAnswer(r upload.Result, dir string, f uploadFlags) uploadAnswer {
	a := uploadAnswer{
		Sent: r.Sent, Reason: r.Reason, Batches: r.Batches, Rejected: r.Rejected, Broken: r.Broken, Deletions: r.Deletions,
		ServerAsked: r.ServerAsked, DryRun: f.dryRun, Dir: dir, Problems: []string{},
	}
	if f.dryRun {
		a.Sent = 0
	}
	if !r.NextAttempt.IsZero() {
		a.NextAttempt = &r.NextAttempt
	}
	for _, p := range r.Problems {
		a.Problems = append(a.Problems, p.Error())
	}
	return a
}

func (c *cli) sayUpload(a uploadAnswer, wanted bool) {
	if wanted {
		fmt.Fprintf(c.Stderr, "%s: %s\n", c.Program, a.summary())
	}
}

// summary is the answer in words.
func (a uploadAnswer) summary() string {
	switch a.Reason {
	case upload.Off:
		return "telemetry is off, nothing is sent"
	case upload.AirGapped:
		return "air-gapped, nothing is ever sent from here"
	case upload.Busy:
		return "another program is at work in " + a.Dir
	case upload.NotDue:
		return "not due before " + a.NextAttempt.Local().Format(localLayout) + "; --force does not wait"
	case upload.BackOff:
		if a.ServerAsked {
			return "the server asked to wait until " + a.NextAttempt.Local().Format(localLayout)
		}
		return "waiting after a failure until " + a.NextAttempt.Local().Format(localLayout) + "; --force does not wait"
	case upload.Nothing:
		return "nothing to send in " + a.Dir
	}
	if a.DryRun {
		return "this would be sent: " + batches(a.Batches)
	}
	text := "sent " + plural(a.Sent, "event") + " in " + batches(a.Batches)
	if a.Rejected > 0 {
		text += "; the server refused " + plural(a.Rejected, "event") + ", see " + a.Dir + "/refused"
	}
	if a.Broken > 0 {
		text += "; " + plural(a.Broken, "line") + " broke the contract"
	}
	return text
}

func batches(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}

// uploadError gives an error of an upload its exit code.
func (c *cli) uploadError(err error, a uploadAnswer, f uploadFlags, dir string) error {
	var refused *upload.RefusedError
	var later *upload.DeferredError
	switch {
	case errors.As(err, &refused):
		return &exitError{exitRefused, err.Error(), c.refusedHint(refused.Status)}
	case errors.As(err, &later):
		return &exitError{exitTryAgain, err.Error(), "everything is kept; the next attempt is at " + later.NextAttempt.Format(time.RFC3339)}
	case err == nil && a.Reason == upload.BackOff && a.ServerAsked && f.force:
		return &exitError{exitTryAgain, a.summary(), "--force does not overrule the server"}
	case errors.Is(err, context.Canceled):
		return &exitError{exitFailed, "interrupted; what was not sent is kept", ""}
	}
	return logError(err, dir, false)
}

// refusedHint says what to look at when the server wants none of it.
func (c *cli) refusedHint(status int) string {
	endpoint := "telemetry.endpoint (" + c.settings().Endpoint + ")"
	switch {
	case status == http.StatusNotFound:
		return "everything is kept; does " + endpoint + " end in the address that takes events, such as /v1/events?"
	case status >= 300 && status < 400:
		return "everything is kept; nothing is sent to where another address points: set " + endpoint + " to the right one"
	}
	return "everything is kept; look at " + endpoint + ", the proxy and --header, then run it again"
}

// uploadOptions are what the settings, the environment and the flags ask for.
func (c *cli) uploadOptions(s settings.Settings, f uploadFlags) (upload.Options, error) {
	watch := c.watch()
	o := upload.Options{
		Log:      *s.Log(),
		Endpoint: s.Endpoint, Interval: s.BatchInterval, Force: f.force, MaxBatches: f.maxBatches, Timeout: f.timeout,
		Version: version, Now: c.Now,
		Consent: func() upload.Consent {
			now := watch.Settings()
			return upload.Consent{Off: !now.Enabled, AirGapped: now.AirGapped, OptedOut: now.FileSaysOff}
		},
	}
	o.Log.LockTimeout = toolTimeout
	if f.verbose {
		o.Say = func(format string, args ...any) {
			fmt.Fprintf(c.Stderr, c.Program+": "+format+"\n", args...)
		}
	}
	var err error
	if o.Proxy, err = c.proxyFromEnvironment(); err != nil {
		return o, err
	}
	if o.Header, err = readHeaders(f.headers); err != nil {
		return o, err
	}
	o.RootCAs, err = readCertificates(f.cacert)
	return o, err
}

// reserved headers say what is sent; a gateway needs none of them.
var reserved = []string{"Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Host", "User-Agent",
	"X-Caro-Version", "Idempotency-Key", "Accept", "Connection"}

// readHeaders reads header values from files, so that no secret stands in a
// crontab or a list of processes.
func readHeaders(flags []string) (http.Header, error) {
	h := http.Header{}
	for _, flag := range flags {
		name, file, ok := strings.Cut(flag, "=")
		if !ok || name == "" || file == "" || strings.Trim(name, tokenBytes) != "" {
			return nil, usageError("--header is NAME=FILE, the name of a header and the file its value is in")
		}
		for _, r := range reserved {
			if strings.EqualFold(r, name) {
				return nil, usageError("--header cannot set %s", r)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, &exitError{exitIO, "cannot read the value of header " + name + ": " + err.Error(), ""}
		}
		value, _, _ := strings.Cut(string(text), "\n")
		value = strings.TrimSpace(value)
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || value == "" {
			return nil, usageError("the first line of %s cannot be the value of a header", file)
		}
		h.Add(name, value)
	}
	return h, nil
}

const tokenBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func readCertificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &exitError{exitIO, "cannot read the certificates: " + err.Error(), ""}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, usageError("there is no certificate (PEM) in %s", file)
	}
	return pool, nil
}

// spanValue is a flag that is a length of time above 0.
type spanValue struct{ to *time.Duration }

func (v spanValue) Set(s string) error {
	d, err := parseSpan(s)
	if err != nil || d <= 0 {
		return errors.New("a length of time is such as 30s, 2m, 12h or 90d")
	}
	*v.to = d
	return nil
}

func (v spanValue) String() string { return "" }
