package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/tools/ingest"
)

// ingestFlags are the flags of caro-telemetry-ingest.
type ingestFlags struct {
	listen, metrics               string
	fsync                         bool
	tokenFile, cert, key, clients string
	maxBody, maxBatch, maxExport  int64
	maxBytes                      int64
	maxConnections                int
	maxRate                       float64
	retention, header, read       time.Duration
	level                         string
}

func (c *cli) addIngest(app *kingpin.Application) {
	c.addServe(app)
	c.addImport(app)
}

func (c *cli) addServe(app *kingpin.Application) {
	var f ingestFlags
	cmd := c.command(app, "serve", "Answer uploads, exports and requests for deletion (docs/upload.md).", func() error { return c.serve(f) })
	c.addReceiver(cmd, &f)
	cmd.Flag("retention", "How long events are kept.").Default("90d").SetValue(spanValue{&f.retention})
	cmd.Flag("listen", "Address to listen on; with port 0 any port, which is logged.").Default("127.0.0.1:8088").StringVar(&f.listen)
	cmd.Flag("metrics-listen", "Address to show Prometheus metrics on, at /metrics.").PlaceHolder("HOST:PORT").SetValue(nonEmpty{&f.metrics})
	cmd.Flag("token-file", "Ask for the bearer token on the first line of this file.").PlaceHolder("FILE").SetValue(nonEmpty{&f.tokenFile})
	cmd.Flag("tls-cert", "Speak TLS, with the certificates in this file (PEM).").PlaceHolder("FILE").SetValue(nonEmpty{&f.cert})
	cmd.Flag("tls-key", "The key of --tls-cert (PEM).").PlaceHolder("FILE").SetValue(nonEmpty{&f.key})
	cmd.Flag("client-ca", "Ask for client certificates that one in this file (PEM) has signed.").PlaceHolder("FILE").SetValue(nonEmpty{&f.clients})
	cmd.Flag("max-body", "Largest batch as it comes.").Default("1MiB").SetValue(sizeValue{&f.maxBody, 1})
	cmd.Flag("max-batch-bytes", "Largest batch uncompressed.").Default("1MiB").SetValue(sizeValue{&f.maxBatch, 1})
	cmd.Flag("max-export", "Largest export as it comes.").Default("256MiB").SetValue(sizeValue{&f.maxExport, 1})
	cmd.Flag("max-connections", "Connections at once; more wait.").Default("512").SetValue(countValue{&f.maxConnections})
	cmd.Flag("max-rate", "Posts a second, above which the answer is 429.").PlaceHolder("N").SetValue(rateValue{&f.maxRate})
	cmd.Flag("header-timeout", "Time the headers of a request may take.").Default("10s").SetValue(spanValue{&f.header})
	cmd.Flag("read-timeout", "Time a request may take to come; an export has 10 minutes.").Default("30s").SetValue(spanValue{&f.read})
	cmd.Flag("log-level", "debug (every request), info, warn or error.").Default("info").EnumVar(&f.level, "debug", "info", "warn", "error")
}

// addReceiver adds the flags that serve and import share.
func (c *cli) addReceiver(cmd clause, f *ingestFlags) {
	cmd.Flag("dir", "Directory of what was received: a log like any other, never the one of a host.").Required().
		PlaceHolder("DIR").SetValue(nonEmpty{&c.dirFlag})
	cmd.Flag("fsync", "Write to the disk before answering; --no-fsync trusts in the power supply.").Default("true").BoolVar(&f.fsync)
	cmd.Flag("max-size", "Size of the directory at which nothing more is taken.").Default("10GiB").SetValue(sizeValue{&f.maxBytes, eventlog.MinMaxBytes})
}

// serve runs the receiver until it is asked to end.
func (c *cli) serve(f ingestFlags) error {
	defer setMemoryLimit(serverMemory)()
	o, err := f.serveOptions()
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return usageError("--log-level is debug, info, warn or error")
	}
	logger := slog.New(slog.NewJSONHandler(c.Stderr, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return cannotListen("listen", err)
	}
	defer listener.Close()
	if f.metrics != "" {
		if o.Metrics, err = net.Listen("tcp", f.metrics); err != nil {
			return cannotListen("metrics-listen", err)
		}
		defer o.Metrics.Close()
	}
	store, err := ingest.Open(c.dirFlag, f.storeOptions(c, logger))
	if err != nil {
		return receiverError(err, c.dirFlag)
	}
	said := []any{"address", listener.Addr().String(), "tls", o.TLS != nil, "fsync", f.fsync}
	if o.Metrics != nil {
		said = append(said, "metrics", o.Metrics.Addr().String())
	}
	logger.Info("listening", said...)
	err = errors.Join(store.Serve(ctx, listener, o), store.Close())
	logger.Info("ended")
	return receiverError(err, c.dirFlag)
}

func cannotListen(flag string, err error) error {
	return &exitError{exitFailed, err.Error(), "choose an address of this machine and a free port with --" + flag}
}

// receiverError names the code and the remedy for an error of the receiver in dir.
func receiverError(err error, dir string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ingest.ErrHost):
		return &exitError{exitCannotCreate, err.Error(), "name an empty directory, a new one, or a receiver's with --dir; a receiver is known by its " + filepath.Join(dir, "receiver")}
	case errors.Is(err, ingest.ErrDamaged):
		return &exitError{exitIO, err.Error(), "stop the receiver and bring the file back from a backup; one that is moved away is begun anew, and without state.db events whose deletion was requested are taken again"}
	case errors.Is(err, ingest.ErrFull):
		return &exitError{exitIO, err.Error(), "make room on the disk, or raise --max-size"}
	case errors.Is(err, eventlog.ErrLocked):
		return &exitError{exitTryAgain, err.Error(), "one receiver at a time works on " + dir + ": post to the one that serves, or stop it first"}
	case errors.Is(err, os.ErrPermission) || errors.Is(err, eventlog.ErrForeign) || !isDir(dir):
		return &exitError{exitCannotCreate, err.Error(), "choose a directory you may write with --dir"}
	}
	return logError(err, dir, false)
}

func (f ingestFlags) storeOptions(c *cli, logger *slog.Logger) ingest.Options {
	return ingest.Options{MaxBytes: f.maxBytes, Retention: f.retention, NoSync: !f.fsync, Now: c.Now, Log: logger, LockTimeout: toolTimeout}
}

func (f ingestFlags) serveOptions() (o ingest.ServeOptions, err error) {
	o = ingest.ServeOptions{
		Handler:        ingest.HandlerOptions{MaxBodyBytes: f.maxBody, MaxBatchBytes: f.maxBatch, MaxExportBytes: f.maxExport, MaxRate: f.maxRate},
		MaxConnections: f.maxConnections, HeaderTimeout: f.header, ReadTimeout: f.read,
	}
	if f.tokenFile != "" {
		if o.Handler.Token, err = firstLine(f.tokenFile); err != nil {
			return o, err
		}
	}
	o.TLS, err = f.tlsConfig()
	return o, err
}

// firstLine reads a token. A file without one is a mistake, not an open door.
func firstLine(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", &exitError{exitUsage, "cannot read the token: " + err.Error(), "--token-file names a file with the token on its first line"}
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return "", usageError("--token-file: the first line is empty")
	}
	return string(line), nil
}

func (f ingestFlags) tlsConfig() (*tls.Config, error) {
	if f.cert == "" && f.key == "" && f.clients == "" {
		return nil, nil
	}
	if f.cert == "" || f.key == "" {
		return nil, usageError("TLS needs --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, &exitError{exitUsage, "cannot use the certificate: " + err.Error(), "--tls-cert and --tls-key name a certificate and its key, both PEM"}
	}
	o := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if f.clients == "" {
		return o, nil
	}
	text, err := os.ReadFile(f.clients)
	if err != nil {
		return nil, &exitError{exitUsage, "cannot read the client certificates: " + err.Error(), "--client-ca names a file of certificates (PEM)"}
	}
	o.ClientCAs, o.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !o.ClientCAs.AppendCertsFromPEM(text) {
		return nil, usageError("--client-ca: there is no certificate in the file")
	}
	return o, nil
}

// sizeValue is a flag that is a size, of at least so much: bytes, or a number with KiB,
// MiB or GiB.
type sizeValue struct {
	to    *int64
	least int64
}

func (v sizeValue) Set(s string) error {
	digits := strings.TrimRight(s, "KMGiB")
	shift, known := map[string]int{"": 0, "K": 10, "KiB": 10, "M": 20, "MiB": 20, "G": 30, "GiB": 30}[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || !known || n < 1 {
		return errors.New("a size is a number of bytes, or one with KiB, MiB or GiB behind it")
	}
	if n<<shift < v.least {
		return fmt.Errorf("such a size is at least %s", plural(v.least, "byte"))
	}
	*v.to = n << shift
	return nil
}

func (v sizeValue) String() string { return "" }
