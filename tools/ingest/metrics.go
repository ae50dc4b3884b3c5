package ingest

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the numbers a receiver shows about itself; docs/upload.md lists
// them. No label holds anything that somebody sent.
type Metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec   // by route and code
	seconds   *prometheus.HistogramVec // by route
	received  prometheus.Counter
	events    *prometheus.CounterVec // by result
	refused   *prometheus.CounterVec // by category
	exports   prometheus.Counter
	deletions prometheus.Counter
	pending   prometheus.Gauge
	erased    prometheus.Counter
	losses    *prometheus.GaugeVec // by reason
	commits   prometheus.Histogram
	grouped   prometheus.Histogram
	logBytes  prometheus.Gauge
	logLimit  prometheus.Gauge
	busy      prometheus.Counter
	ready     prometheus.Gauge
}

// metricPrefix begins the name of every metric that is the receiver's own.
const metricPrefix = "caro_ingest_"

// NewMetrics makes a set of metrics with a registry of its own.
func NewMetrics() *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{
		registry:  r,
		requests:  counters("requests_total", "Requests answered.", "route", "code"),
		received:  counter("received_bytes_total", "Bytes of request bodies read, compressed as they came."),
		events:    counters("events_total", "Events by what became of them: stored, duplicate, rejected, deleted (left out because somebody asked for deletion).", "result"),
		refused:   counters("refused_total", "Events rejected, by category.", "category"),
		exports:   counter("exports_total", "Exports taken in."),
		deletions: counter("deletion_requests_total", "Requests for deletion taken."),
		pending:   gauge("deletion_requests_pending", "Requests for deletion whose events are not erased yet."),
		erased:    counter("erased_events_total", "Events erased from disk because somebody asked for it."),
		losses:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: metricPrefix + "reported_losses", Help: "Events that the logs which report here lost, by reason: the sum of their newest reports."}, []string{"reason"}),
		commits:   histogram("commit_seconds", "Time to take in a group of batches, syncs included.", prometheus.ExponentialBuckets(0.0005, 2, 15)),
		grouped:   histogram("commit_batches", "Batches that shared a sync.", prometheus.ExponentialBuckets(1, 2, 7)),
		logBytes:  gauge("log_bytes", "Size of the directory, all files."),
		logLimit:  gauge("log_limit_bytes", "Size at which nothing more is taken."),
		busy:      counter("busy_total", "Requests sent away because there were too many at once or too fast."),
		ready:     gauge("ready", "1 while batches are taken, 0 after one could not be written."),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: metricPrefix + "request_seconds", Help: "Time to answer a request.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}, []string{"route"}),
	}
	r.MustRegister(m.requests, m.seconds, m.received, m.events, m.refused, m.exports, m.deletions, m.pending, m.erased,
		m.losses, m.commits, m.grouped, m.logBytes, m.logLimit, m.busy, m.ready,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, result := range []string{"stored", "duplicate", "rejected", "deleted"} {
		m.events.WithLabelValues(result) // so that a rate of it begins at 0
	}
	m.ready.Set(1)
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: metricPrefix + name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: metricPrefix + name, Help: help})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: metricPrefix + name, Help: help, Buckets: buckets})
}

// Handler answers with the metrics in the form Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// addLosses adds the counters of one report, or with -1 takes them away again.
// They were checked: each is a number but refused, which holds numbers.
func (m *Metrics) addLosses(raw json.RawMessage, sign float64) {
	var reasons map[string]json.RawMessage
	if json.Unmarshal(raw, &reasons) != nil {
		return
	}
	for reason, value := range reasons {
		var n float64
		if json.Unmarshal(value, &n) == nil {
			m.losses.WithLabelValues(reason).Add(sign * n)
			continue
		}
		var refused map[string]float64
		if json.Unmarshal(value, &refused) == nil {
			for _, n := range refused {
				m.losses.WithLabelValues(reason).Add(sign * n)
			}
		}
	}
}
