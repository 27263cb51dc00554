package metric

import (
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shipbell/shipbell"
)

// The bounds of what a pusher can make up. Whoever has the token can name any
// project, and every name would stay in the memory of this server and of Prometheus.
const (
	maxProjects     = 500
	maxEnvironments = 5 // of one project
	// MaxMet is how many places should be met before anything is counted there.
	MaxMet = maxProjects / 2
)

// outcomes have a series from the moment when a place is first met: what appears
// with the value 1 is no increase to Prometheus.
var outcomes = []shipbell.Status{shipbell.Success, shipbell.Failure}

var statuses = []shipbell.Status{
	shipbell.Announced, shipbell.Queued, shipbell.InProgress,
	shipbell.Success, shipbell.Failure, shipbell.Canceled, shipbell.Skipped,
}

// place is where deployments go.
type place struct {
	kind                 shipbell.ProjectType
	project, environment string
}

// came is a status to which deployments came in a place.
type came struct {
	place
	status shipbell.Status
}

// deployments counts deployments by place and status.
type deployments struct {
	vec *prometheus.CounterVec

	mu sync.RWMutex
	// environments are those of each project that has series.
	environments map[place][]string
	series       map[came]prometheus.Counter
}

func newDeployments(r prometheus.Registerer) *deployments {
	return &deployments{
		vec: counter(r, "deployments_total", fmt.Sprintf("Deployments that came to a status, by project and environment: "+
			"the first %d projects since the start, and of each the first %d environments; the rest is %q. "+
			"One that turned out to be part of another is in it.", maxProjects, maxEnvironments, other),
			"type", "project", "environment", "status"),
		environments: make(map[place][]string),
		series:       make(map[came]prometheus.Counter),
	}
}

func (d *deployments) count(c came) {
	c.project, c.environment = clean(c.project), clean(c.environment)
	d.mu.RLock()
	series, ok := d.series[c]
	d.mu.RUnlock()
	if !ok {
		series = d.add(c)
	}
	series.Inc()
}

// Meet makes the series of a place before anything is counted there: the first failure
// after a start is an increase to Prometheus only then.
func (m *Metrics) Meet(t shipbell.ProjectType, project, environment string) {
	m.deployments.meet(place{t, clean(project), clean(environment)})
}

// meet makes the series of a place, within the bounds.
func (d *deployments) meet(p place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.met(p)
}

// met returns the place under which it is counted, whose outcomes have series.
func (d *deployments) met(p place) place {
	p = d.within(p)
	for _, s := range outcomes {
		d.of(came{p, s})
	}
	return p
}

// add makes the series of what was not met before, within the bounds.
func (d *deployments) add(c came) prometheus.Counter {
	if c.kind != shipbell.Worker && c.kind != shipbell.Pages {
		c.kind = other
	}
	if !slices.Contains(statuses, c.status) {
		c.status = other
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c.place = d.met(c.place)
	return d.of(c)
}

// within returns the place under which it is counted.
func (d *deployments) within(p place) place {
	project := place{kind: p.kind, project: p.project}
	known, met := d.environments[project]
	switch {
	case slices.Contains(known, p.environment):
	case !met && len(d.environments) >= maxProjects:
		p.project, p.environment = other, other
	case len(known) >= maxEnvironments:
		p.environment = other
	default:
		d.environments[project] = append(known, p.environment)
	}
	return p
}

func (d *deployments) of(c came) prometheus.Counter {
	series, ok := d.series[c]
	if !ok {
		series = d.vec.WithLabelValues(string(c.kind), c.project, c.environment, string(c.status))
		d.series[c] = series
	}
	return series
}
