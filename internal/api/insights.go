package api

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/shipbell/shipbell/internal/insight"
	"github.com/shipbell/shipbell/internal/wire"
)

// paramDays is the length of the window.
const paramDays = "days"

// insightParams are those that insights go by.
func insightParams() []string { return []string{"type", "project", "environment", paramDays} }

// getInsights answers how deployments went.
func (a *API) getInsights(q query) (any, error) {
	asked, err := a.insightQuery(q.params)
	if err != nil {
		return nil, err
	}
	r, err := a.Insights.Report(q.Context(), asked)
	if err != nil {
		return nil, err
	}
	o := wire.Insights{
		Type: r.Type, Project: r.Project, Environment: r.Environment, Days: r.Days, Since: r.Since.UTC(), At: r.At.UTC(),
		Total: course(r.Total), Projects: []wire.InsightsRow{}, MoreProjects: r.More,
	}
	for _, row := range r.Rows {
		o.Projects = append(o.Projects, wire.InsightsRow{Type: row.Type, Project: row.Project, Environment: row.Environment, Course: course(row.Course)})
	}
	for _, d := range insight.Definitions() {
		o.Definitions = append(o.Definitions, wire.Definition{Name: d.Name, Meaning: d.Meaning, Differs: d.Differs, Unknown: d.Unknown})
	}
	return o, nil
}

func (a *API) insightQuery(v url.Values) (insight.Query, error) {
	f, err := a.filter(v)
	if err != nil {
		return insight.Query{}, err
	}
	q := insight.Query{Filter: f}
	if text := v.Get(paramDays); text != "" {
		q.Days, err = strconv.Atoi(text)
		if err != nil || !slices.Contains(insight.Days(), q.Days) {
			return q, badParam(wire.CodeInvalidParameter, paramDays, "Parameter not understood", "7, 30 or 90")
		}
	}
	return q, nil
}

func course(c insight.Course) wire.Course {
	o := wire.Course{Now: figures(c.Now), Before: figures(c.Before), Series: []wire.Day{}}
	for _, d := range c.Days {
		o.Series = append(o.Series, wire.Day{
			Date: d.Start.UTC().Format(time.DateOnly), Successes: d.Successes, Failures: d.Failures, Canceled: d.Canceled,
			MedianSeconds: known(d.Median, d.Median > 0),
		})
	}
	return o
}

func figures(f insight.Figures) wire.Figures {
	o := wire.Figures{
		Deployments: f.Deployments, Successes: f.Successes, Failures: f.Failures, Canceled: f.Canceled, Skipped: f.Skipped,
		WithoutOutcome: f.Open, DeploymentsPerDay: f.PerDay, LeadTime: spread(f.LeadTime), Duration: spread(f.Duration),
		RecoveryTime: wire.Recovery{MedianSeconds: known(f.Recovery.Median, f.Recovery.Count > 0), Recovered: f.Recovery.Count, Ongoing: f.Recovery.Ongoing},
	}
	if rate, tried := f.FailureRate(); tried {
		o.ChangeFailureRate = &rate
	}
	return o
}

func spread(s insight.Spread) wire.Spread {
	return wire.Spread{MedianSeconds: known(s.Median, s.Count > 0), P90Seconds: known(s.P90, s.Count > 0), Count: s.Count, Known: s.Known, Of: s.Of}
}

// known returns a length in seconds, or nothing where none is known.
func known(d time.Duration, is bool) *float64 {
	if !is {
		return nil
	}
	seconds := d.Seconds()
	return &seconds
}
