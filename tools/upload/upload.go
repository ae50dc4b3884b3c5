// Package upload sends what a log holds to a receiver, for a cron job: one
// batch after the other, each until the receiver has said what became of it. While
// it takes all of them, the next ones are on their way meanwhile.
package upload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"caro.sh/telemetry/eventlog"
)

// Limits of the wire.
const (
	MaxEvents      = 1000
	MaxBodyBytes   = 1 << 20
	DefaultTimeout = 30 * time.Second

	envelopeBytes = 8 << 10 // of a body that are not events
)

// Consent is what the user's settings say at one moment.
type Consent struct {
	// Off and AirGapped forbid sending; AirGapped any use of a network.
	Off, AirGapped bool
	// OptedOut says that the settings file itself says off: what is there so
	// far is never uploaded.
	OptedOut bool
}

// Options of a run. Endpoint and Consent have to be set.
type Options struct {
	// Log is how the log is opened.
	Log eventlog.Options
	// Endpoint is where batches go.
	Endpoint string
	// Consent is asked before every request.
	Consent func() Consent
	// Interval is how long to wait after a successful upload; 0 is not at all.
	Interval time.Duration
	// Force ignores the interval and our own back-off, never a server's.
	Force bool
	// DeletionsOnly delivers requests for deletion and uploads nothing.
	DeletionsOnly bool
	// MaxBatches ends the run after so many; 0 is no limit.
	MaxBatches int
	// Timeout is for one request, 0 is DefaultTimeout.
	Timeout time.Duration
	// Version of this program, for the receiver.
	Version string
	// Header is sent along, for a site's own gateway.
	Header http.Header
	// RootCAs replaces the system's certificates, nil does not.
	RootCAs *x509.CertPool
	// Proxy picks a proxy as in http.Transport, nil is none.
	Proxy func(*http.Request) (*url.URL, error)
	// Now is the clock, nil the real one; Random is in [0,1), nil the real thing.
	Now    func() time.Time
	Random func() float64
	// Say is told what happens, for a person who wants to know; nil is nobody.
	Say func(format string, args ...any)

	events int // of a batch, in tests; 0 is MaxEvents
}

// limits keep a body within MaxBodyBytes.
func (o *Options) limits() eventlog.Limits {
	most := eventlog.Limits{Events: MaxEvents, Bytes: MaxBodyBytes - envelopeBytes}
	if o.events > 0 {
		most.Events = o.events
	}
	return most
}

// Reason says why a run ended.
type Reason string

// The reasons.
const (
	Done      Reason = "done"       // nothing is left
	Nothing   Reason = "nothing"    // there was nothing to send
	Limit     Reason = "limit"      // as many batches were sent as were asked for
	NotDue    Reason = "not_due"    // the interval has not passed
	BackOff   Reason = "back_off"   // an earlier attempt failed, or the server asked to wait
	Off       Reason = "off"        // telemetry is off
	AirGapped Reason = "air_gapped" // the network is forbidden
	Busy      Reason = "busy"       // another tool holds the log
	Deferred  Reason = "deferred"   // it failed, and is tried again later
	Refused   Reason = "refused"    // the server refuses; somebody has to look
	Failed    Reason = "failed"     // an error that has nothing to do with a server
)

// Result is what a run did.
type Result struct {
	Reason   Reason
	Sent     int64 // events the receiver took
	Rejected int64 // events it refused
	Broken   int64 // lines that broke the contract and were not sent
	Batches  int   // ended
	// Deletions are requests for deletion that were delivered.
	Deletions int
	// NextAttempt is when a waiting run may go on, zero where that is not known.
	NextAttempt time.Time
	// ServerAsked says that the server set that time.
	ServerAsked bool
	// Problems could be worked around. They contain nothing of an event.
	Problems []error
}

// RefusedError means that the server wants none of it: everything is kept, and
// somebody has to look.
type RefusedError struct {
	Status int // of the answer
	What   string
}

func (e *RefusedError) Error() string { return e.What }

// DeferredError means that it failed and will be tried again.
type DeferredError struct {
	Err         error
	NextAttempt time.Time
}

func (e *DeferredError) Error() string { return e.Err.Error() }

// Unwrap returns what failed.
func (e *DeferredError) Unwrap() error { return e.Err }

// Run delivers requests for deletion, and then uploads what is pending in the log
// in dir, as far as the user, the interval and earlier attempts allow. Whatever
// it returns, the log and its upload.json say exactly what is still to be sent. A
// *RefusedError or *DeferredError tells why it stopped early. Only one uploader
// runs at a time: a second one is Busy at once.
func Run(ctx context.Context, dir string, o Options) (Result, error) {
	r, err := newRunner(dir, o)
	if err == nil {
		err = r.run(ctx)
	}
	if err != nil {
		r.end(r.result.Reason, Failed)
		return r.result, fmt.Errorf("upload: %w", err)
	}
	return r.result, nil
}

// runner is one run.
type runner struct {
	dir    string
	o      Options
	client *http.Client
	log    *eventlog.Log
	claim  *eventlog.Claim
	result Result
	// taken is how many batches in a row the receiver took, and all of each.
	taken int
}

func newRunner(dir string, o Options) (*runner, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log.Now = o.Now
	// A host may have a higher cap than this process knows of. What it still
	// holds is sent, and never removed to make room.
	o.Log.Refuse = true
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	r := &runner{dir: dir, o: o}
	if u, err := url.Parse(o.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return r, errors.New("the endpoint is not an http or https address")
	}
	return r, nil
}

// connect makes the client. Nothing before it can reach a network.
func (r *runner) connect() {
	r.client = &http.Client{
		Transport: &http.Transport{
			Proxy:               r.o.Proxy,
			TLSClientConfig:     &tls.Config{RootCAs: r.o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: r.o.Timeout,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 1 + maxAhead,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (r *runner) run(ctx context.Context) (err error) {
	consent := r.o.Consent()
	r.log, err = eventlog.OpenExisting(r.dir, &r.o.Log)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.end(r.forbidden(consent), Nothing)
		return nil
	case err != nil:
		return err
	}
	if consent.OptedOut {
		if err := r.log.RaiseFloor(); err != nil {
			return err
		}
	}
	requests, err := r.queued()
	if err != nil {
		r.problem(err)
	}
	if err := r.prepareAll(requests); err != nil {
		return err
	}
	if why := r.forbidden(consent); why == AirGapped || why == Off && len(requests) == 0 {
		r.result.Reason = why
		return nil
	}
	r.claim, err = r.log.Claim()
	if errors.Is(err, eventlog.ErrLocked) {
		r.end(r.forbidden(consent), Busy)
		return nil
	}
	if err != nil {
		return err
	}
	r.connect()
	defer r.client.CloseIdleConnections()
	defer func() { r.result.Problems = append(r.result.Problems, r.claim.Problems()...) }()
	return errors.Join(r.work(ctx, requests), r.claim.Close())
}

// work is what is done under the uploader's lock.
func (r *runner) work(ctx context.Context, requests []eventlog.Deletion) error {
	deletionErr := r.deleteRemote(ctx, requests)
	if r.o.DeletionsOnly {
		r.result.Reason = Done
		return deletionErr
	}
	if why := r.allowed(); why != "" {
		r.result.Reason = why
		return deletionErr
	}
	if why := r.waiting(); why != "" {
		r.result.Reason = why
		return deletionErr
	}
	if err := r.log.Seal(); err != nil {
		return errors.Join(deletionErr, err)
	}
	return errors.Join(deletionErr, r.batches(ctx))
}

// end ends a run with the first reason there is.
func (r *runner) end(reasons ...Reason) {
	for _, why := range reasons {
		if why != "" {
			r.result.Reason = why
			return
		}
	}
}

func (r *runner) problem(err error) { r.result.Problems = append(r.result.Problems, err) }

// forbidden says why nothing may be sent, "" when something may. Air-gapped goes
// further than off, and is said first.
func (r *runner) forbidden(c Consent) Reason {
	switch {
	case c.AirGapped:
		return AirGapped
	case c.Off:
		return Off
	}
	return ""
}

// allowed asks the user's settings again. An opt-out that was edited into the
// file counts from now on.
func (r *runner) allowed() Reason {
	consent := r.o.Consent()
	if consent.OptedOut {
		if err := r.log.RaiseFloor(); err != nil {
			r.problem(err)
		}
	}
	return r.forbidden(consent)
}
