package metric

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shipbell/shipbell"
)

// quick are the buckets of what usually takes about a millisecond, in seconds.
var quick = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// classes are the labels of answers by the first digit of their code. Those that
// nobody sends are empty.
var classes = [...]string{2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}

// ingest counts the requests with which events come in.
type ingest struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newIngest(r prometheus.Registerer) ingest {
	return ingest{
		requests: counter(r, "ingest_requests_total", "Requests with which events come in, by the class of the answer's code.", "source", "code"),
		seconds: histogram(r, "ingest_duration_seconds", "How long requests with which events come in took to be answered. "+
			"Refused ones (4xx) are not in it: wrong tokens are answered late on purpose.", quick, "source"),
	}
}

// entrance is one path by which events come in.
type entrance struct {
	codes   [len(classes)]prometheus.Counter
	seconds prometheus.Observer
}

func (i ingest) entrance(s shipbell.Source) *entrance {
	e := &entrance{seconds: i.seconds.WithLabelValues(string(s))}
	for n, class := range classes {
		if class != "" {
			e.codes[n] = i.requests.WithLabelValues(string(s), class)
		}
	}
	return e
}

// Ingest counts the requests to the paths by which the sources come in. All others
// pass untouched.
func (m *Metrics) Ingest(next http.Handler, paths map[string]shipbell.Source) http.Handler {
	entrances := make(map[string]*entrance, len(paths))
	for path, source := range paths {
		entrances[path] = m.ingest.entrance(source)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := entrances[r.URL.Path]
		if e == nil {
			next.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		a := &answer{ResponseWriter: w, class: http.StatusOK / 100}
		next.ServeHTTP(a, r)
		if a.class < 2 || a.class >= len(e.codes) {
			return
		}
		e.codes[a.class].Inc()
		if a.class != http.StatusBadRequest/100 {
			e.seconds.Observe(time.Since(start).Seconds())
		}
	})
}

// answer notes the class of an answer's code.
type answer struct {
	http.ResponseWriter
	class int
	wrote bool
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(code int) {
	if !a.wrote && code >= http.StatusOK {
		a.class, a.wrote = code/100, true
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) {
	a.wrote = true
	return a.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
