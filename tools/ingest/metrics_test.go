package ingest

import (
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exposed are the receiver's own metrics with their labels, after a bit of everything.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	r := newReceiver(t).start()
	bad := strings.Replace(event(1, someDay), `"event":"`, `"event":"x`, 1)
	r.post("/v1/events", document([]string{event(0, someDay), bad})).want(t, 200, 1, 1)
	w := httptest.NewRecorder()
	r.store.MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	all := map[string][]string{}
	for _, line := range strings.Split(w.Body.String(), "\n") {
		m := regexp.MustCompile(`^(caro_ingest_\w+)(?:\{([^}]*)\})? `).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var labels []string
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		all[m[1]] = labels
	}
	return all
}

func TestMetricsAreTheDocumentedOnes(t *testing.T) {
	page, err := os.ReadFile("../../docs/upload.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(caro_ingest_\\w+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		var labels []string
		for _, l := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[2], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		documented[row[1]] = labels
	}
	shown := exposed(t)
	for name, labels := range shown {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if want, ok := documented[base]; !ok || !slices.Equal(labels, want) {
			t.Errorf("%s%v is not in docs/upload.md so", name, labels)
		}
	}
	for name := range documented {
		_, plain := shown[name]
		_, histogram := shown[name+"_count"]
		if !plain && !histogram {
			t.Errorf("%s is in docs/upload.md and not shown", name)
		}
	}
	for _, file := range []string{"grafana-dashboard.json", "alerts.yml"} {
		text, err := os.ReadFile("../../docs/operations/" + file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`caro_ingest_\w+`).FindAllString(string(text), -1)
		if len(names) < 5 {
			t.Errorf("%s is about %d metrics", file, len(names))
		}
		for _, name := range names {
			if _, ok := shown[name]; !ok {
				t.Errorf("%s is in %s and not shown", name, file)
			}
		}
	}
}

// evictions are those that all logs reported, as a scraper sees them.
func (r *receiver) evictions() string {
	w := httptest.NewRecorder()
	r.store.MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	m := regexp.MustCompile(`(?m)^caro_ingest_reported_losses\{reason="evicted"\} (\S+)$`).FindStringSubmatch(w.Body.String())
	return strings.Join(m[min(1, len(m)):], "")
}

func TestReportedLossesAreTheNewestOfEachLog(t *testing.T) {
	r := newReceiver(t)
	r.options.Metrics = NewMetrics()
	r.start()
	send := func(n int, log, at, evicted string) {
		t.Helper()
		doc := strings.Replace(document(events(n, n+1)), "11111111-", log, 1)
		doc = strings.Replace(doc, "2026-11-23T11:59", at, 1)
		r.post("/v1/events", strings.Replace(doc, `"evicted":4`, `"evicted":`+evicted, 1)).want(t, 200, 1, 0)
	}
	send(0, "11111111-", "2026-11-23T11:00", "4")
	send(1, "22222222-", "2026-11-23T11:00", "10")
	send(2, "11111111-", "2026-11-23T12:00", "6")
	send(3, "11111111-", "2026-11-23T10:00", "1") // late
	if got := r.evictions(); got != "16" {
		t.Errorf("%s evicted, want 6 + 10", got)
	}
	r.options.Metrics = NewMetrics()
	r.restart()
	if got := r.evictions(); got != "16" {
		t.Errorf("%s evicted after a restart", got)
	}
}
