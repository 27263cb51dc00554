// Package metric says in numbers how the server is doing, in the form in which
// Prometheus asks for them.
//
// Its one rule: the number of series is bounded, whatever comes in. Every label is a
// word of a fixed list, a name out of the settings, or one of so many that were met
// first; the rest is counted under "other". Counting never waits, never fails, and
// asks the ledger nothing; what must be asked is asked when somebody looks, and
// remembered for some seconds. Nothing that a pusher wrote is in it but the names of
// projects and environments, and no secret.
package metric

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// namespace stands before every name.
const namespace = "shipbell"

// other is the label of what is beyond a bound, and of words that are not known.
const other = "other"

// lookers bounds who may ask at the same time; each answer costs some memory.
const lookers = 4

// Options are what is asked when somebody looks. What is nil has no series.
type Options struct {
	Version string
	// Channels are the configured ones.
	Channels []shipbell.ChannelID
	// Lanes returns all lanes with their backlogs.
	Lanes func(context.Context) ([]shipbell.Lane, error)
	// Check proves that the store can be written.
	Check func(context.Context) error
	// Hearings says how well each source that asks can be heard by this replica;
	// none while it is another one that asks.
	Hearings func() []shipbell.Hearing
	// Quota is what was asked of Cloudflare, and what it still lets be asked.
	Quota func() Quota
	// Leases are those that this replica wants, and whether it holds them.
	Leases func() map[shipbell.LeaseName]bool
	// Cards counts what is live where by state.
	Cards func() map[string]int
	// Readers counts who follows the feed of changes.
	Readers func() int
	// Now tells the time by which lanes are stored; nil means the system clock.
	Now func() time.Time
}

// Quota is how much was asked of an API that limits it.
type Quota struct {
	Requests  int // sent since the start
	Remaining int // of the limit; -1 where it is not known
	Limit     int // in a window
}

// Metrics counts. Make one with New. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	ingest      ingest
	events      *prometheus.CounterVec
	recorded    map[recorded]prometheus.Counter
	joins       words
	alarms      words
	deployments *deployments
	attempts    *attempts
	store       operations
}

// New makes the metrics, in a registry of their own.
func New(o Options) *Metrics {
	if o.Now == nil {
		o.Now = time.Now
	}
	r := prometheus.NewRegistry()
	m := &Metrics{registry: r}
	m.ingest = newIngest(r)
	m.addLedger(r)
	m.attempts = newAttempts(r, o.Channels)
	m.store = newOperations(r)
	built := gauge(r, "build_info", "The version that runs; the value is always 1.", "version", "go_version")
	built.WithLabelValues(clean(o.Version), runtime.Version()).Set(1)
	r.MustRegister(
		newLook(o),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Path is where the numbers are.
const Path = "/metrics"

// Routes returns what can be asked over HTTP.
func (m *Metrics) Routes() []access.Route {
	return []access.Route{{Method: http.MethodGet, Path: Path, Need: shipbell.ScopeRead, Handler: m.Handler()}}
}

// Handler answers with everything. A part that cannot be read is left out, so that the
// others can still be seen.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            m.registry,
		MaxRequestsInFlight: lookers,
	})
}

// Gatherer returns what everything can be gathered from.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

func counter(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(c)
	return c
}

func gauge(r prometheus.Registerer, name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(g)
	return g
}

func histogram(r prometheus.Registerer, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(h)
	return h
}

// words counts by one label, whose words are known beforehand: all of them are
// there from the start, so that the first of a kind can be seen to be one more.
type words struct {
	vec   *prometheus.CounterVec
	known map[string]prometheus.Counter
}

func newWords[W ~string](vec *prometheus.CounterVec, all []W) words {
	w := words{vec: vec, known: make(map[string]prometheus.Counter)}
	for _, word := range all {
		w.known[string(word)] = vec.WithLabelValues(string(word))
	}
	return w
}

func (w words) count(word string) {
	if c, ok := w.known[word]; ok {
		c.Inc()
		return
	}
	w.vec.WithLabelValues(other).Inc()
}
