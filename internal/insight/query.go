package insight

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/shipbell/shipbell"
)

// ParamDays is the name of the parameter of a URL that says how long the window is.
const ParamDays = "days"

// usualDays is the window when none is asked for.
const usualDays = 30

const acceptedDays = "7, 30 or 90"

// Windows returns the lengths of a window, in days.
func Windows() []int { return []int{7, usualDays, 90} }

// Params returns the names of the parameters that [ParseQuery] reads.
func Params() []string { return []string{"type", "project", "environment", ParamDays} }

// Query says what a report is about. Of the filter its type, its project and its
// environment count: all types, all projects and [shipbell.Production] where they
// are empty. What else it says takes no part: a failure rate of failures only would
// be none. No days are 30.
type Query struct {
	Filter shipbell.Filter
	Days   int
}

// ParseQuery reads a query out of the parameters of a URL. Its error is a
// [*shipbell.ParamError].
func ParseQuery(v url.Values, now time.Time) (Query, error) {
	f, err := shipbell.ParseFilter(v, now)
	if err != nil {
		return Query{}, err
	}
	q := Query{Filter: f}
	if text := v.Get(ParamDays); text != "" {
		if q.Days, err = strconv.Atoi(text); err != nil || q.Days == 0 {
			return Query{}, &shipbell.ParamError{Param: ParamDays, Accepts: acceptedDays}
		}
	}
	w, err := q.window()
	if err != nil {
		return Query{}, err
	}
	return w.query(), nil
}

// Values returns the parameters that [ParseQuery] reads; those that mean what is
// meant without them are left out.
func (q Query) Values() url.Values {
	f := shipbell.Filter{Type: q.Filter.Type, Project: q.Filter.Project, Environment: q.Filter.Environment}
	if f.Environment == shipbell.Production {
		f.Environment = ""
	}
	v := f.Values()
	if q.Days != 0 && q.Days != usualDays {
		v.Set(ParamDays, strconv.Itoa(q.Days))
	}
	return v
}

// window is what counts of a query, with all that is meant by nothing filled in:
// queries with the same window have the same answer.
type window struct {
	typ                  shipbell.ProjectType
	project, environment string
	days                 int
}

func (q Query) window() (window, error) {
	w := window{
		typ: q.Filter.Type, project: q.Filter.Project,
		environment: cmp.Or(q.Filter.Environment, shipbell.Production), days: cmp.Or(q.Days, usualDays),
	}
	if !slices.Contains(Windows(), w.days) {
		return window{}, &shipbell.ParamError{Param: ParamDays, Accepts: acceptedDays}
	}
	return w, nil
}

// query is the shortest that has the window.
func (w window) query() Query {
	return Query{Filter: shipbell.Filter{Type: w.typ, Project: w.project, Environment: w.environment}, Days: w.days}
}
