package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// ServeOptions say how to serve; the zero value means the defaults.
type ServeOptions struct {
	Handler HandlerOptions
	// MaxConnections at once; more wait to be accepted. 0 is 512.
	MaxConnections int
	// HeaderTimeout and ReadTimeout bound how long a request may take to come;
	// 0 is 10 and 30 seconds. An export has 10 minutes.
	HeaderTimeout, ReadTimeout time.Duration
	// Grace is how long requests have to end when the receiver does; 0 is 20
	// seconds.
	Grace time.Duration
	// TLS is what to speak, nil plain HTTP, which is for loopback and for a
	// proxy in front.
	TLS *tls.Config
	// Metrics is where to show metrics, nil nowhere.
	Metrics net.Listener
}

func (o ServeOptions) withDefaults() ServeOptions {
	if o.MaxConnections == 0 {
		o.MaxConnections = 512
	}
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = 10 * time.Second
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = readTimeout
	}
	if o.Grace == 0 {
		o.Grace = 20 * time.Second
	}
	return o
}

const (
	maxHeaderBytes = 16 << 10
	maxStreams     = 16 // of one HTTP/2 connection
	writeTimeout   = 2 * time.Minute
	idleTimeout    = 2 * time.Minute
)

// Serve answers on a listener until ctx ends, then finishes what was begun. It
// ends by itself with an error when nothing can be acknowledged any more.
func (s *Store) Serve(ctx context.Context, l net.Listener, o ServeOptions) error {
	o = o.withDefaults()
	o.Handler.ReadTimeout = o.ReadTimeout
	main := s.server(NewHandler(s, o.Handler), o)
	l = netutil.LimitListener(l, o.MaxConnections)
	if o.TLS != nil {
		main.TLSConfig = o.TLS
		main.TLSConfig.NextProtos = []string{"h2", "http/1.1"}
		l = tls.NewListener(l, main.TLSConfig)
	}
	servers := []*http.Server{main}
	ended := make(chan error, 2)
	go func() { ended <- main.Serve(l) }()
	if o.Metrics != nil {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.MetricsHandler())
		show := s.server(mux, o)
		servers = append(servers, show)
		go func() { ended <- show.Serve(o.Metrics) }()
	}
	tended := make(chan struct{})
	tending, stop := context.WithCancel(ctx)
	go func() { defer close(tended); s.tendAll(tending) }()
	err := s.untilEnd(ctx, ended)
	stop()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer cancel()
	for _, server := range servers {
		if shutErr := server.Shutdown(grace); shutErr != nil {
			err = errors.Join(err, fmt.Errorf("requests were cut off: %w", shutErr), server.Close())
		}
	}
	<-tended
	return err
}

// untilEnd waits for a reason to end, which is no error when somebody asked.
func (s *Store) untilEnd(ctx context.Context, ended <-chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	}
}

// server is a server with this project's limits, whose own messages, which name
// addresses, go nowhere.
func (s *Store) server(h http.Handler, o ServeOptions) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: o.HeaderTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: log.New(io.Discard, "", 0),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: 256 << 10, MaxReceiveBufferPerStream: 64 << 10},
	}
}

// tendAll looks after the directory, now and every hour.
func (s *Store) tendAll(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := s.Tend(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Error("the receiver cannot look after its directory, and will try again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// MetricsHandler shows the metrics, the size of the directory among them.
func (s *Store) MetricsHandler() http.Handler {
	show := s.o.Metrics.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.measure()
		show.ServeHTTP(w, r)
	})
}
