package dashboard

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	// rowsPerPage is how many deployments a page lists.
	rowsPerPage = 50
	// maxTrail is how many pages back the way is remembered.
	maxTrail = 40
)

// listPage is a part of the timeline.
type listPage struct {
	Form     form
	Days     []dayGroup
	Empty    bool
	Unlisted int
	// Searched is how far back a text was looked for; zero where all was seen.
	Searched time.Time
	Found    int
	Newest   string
	Newer    string
	Older    string
}

// feedOf is the feed of what a filter lets pass.
func feedOf(f shipbell.Filter) string {
	if query := f.Values().Encode(); query != "" {
		return "/feed.atom?" + query
	}
	return "/feed.atom"
}

// dayGroup is the deployments that started on one day.
type dayGroup struct {
	Key, Title string
	Rows       []row
}

// row is a deployment in a list.
type row struct {
	version
	Key, Version string
	Type         shipbell.ProjectType
	Project      string
	Environment  string
	Started      time.Time
	Took         time.Duration
	UnderWay     bool
	Reason       string // of a failure
}

func newRow(d shipbell.Deployment) row {
	r := row{
		version: newVersion(d), Key: "d" + strconv.FormatInt(int64(d.ID), 10), Version: strconv.FormatInt(int64(d.Revision), 10),
		Type: d.Type, Project: d.Project, Environment: d.Brief().Environment, Started: d.StartedAt, Took: d.Took(),
		UnderWay: d.Status == shipbell.Queued || d.Status == shipbell.InProgress,
	}
	if d.Status == shipbell.Failure || d.Frozen() {
		r.Reason = newFault(d).Reason
	}
	return r
}

func (d *Dashboard) list(w http.ResponseWriter, r *http.Request) {
	now := d.Now()
	v := r.URL.Query()
	f, wrong := readFilter(v, now)
	if wrong != nil {
		d.misread(w, r, pathDeployments, "Deployments", f, wrong)
		return
	}
	after, err := shipbell.ParsePosition(v.Get(paramAfter))
	if err != nil {
		d.failParam(w, r, &shipbell.ParamError{Param: paramAfter, Accepts: "a position as a link of this page gives it"})
		return
	}
	found, err := d.Ledger.List(r.Context(), f, after, rowsPerPage)
	if err != nil {
		d.failed(w, r, err)
		return
	}
	cards, _ := d.snapshot()
	p := listPage{
		Form: newForm(pathDeployments, v, f, nil, cards), Found: len(found.Deployments),
		Empty: len(found.Deployments) == 0, Unlisted: found.Unlisted,
	}
	if f.Text != "" && !found.Next.IsZero() && len(found.Deployments) < rowsPerPage {
		p.Searched = found.Next.StartedAt
	}
	for _, dep := range found.Deployments {
		title := day(dep.StartedAt)
		if n := len(p.Days); n == 0 || p.Days[n-1].Title != title {
			p.Days = append(p.Days, dayGroup{Key: dep.StartedAt.UTC().Format(time.DateOnly), Title: title})
		}
		last := &p.Days[len(p.Days)-1]
		last.Rows = append(last.Rows, newRow(dep))
	}
	p.turn(v, after, found.Next)
	d.show(w, r, http.StatusOK, "deployments", frame{Title: "Deployments", Nav: pathDeployments, Live: liveAll, Feed: feedOf(f), Body: p})
}

// turn says where the parts before and behind this one are. A list can be read on
// from a position, not back to it: the way that led here is in the address.
func (p *listPage) turn(v url.Values, after, next shipbell.Position) {
	filter := pure(v)
	var trail []string
	if text := v.Get(paramTrail); text != "" && len(text) < 64*maxTrail {
		trail = strings.Split(text, ",")
	}
	page := func(after string, trail []string) string {
		q := pure(v)
		if after != "" {
			q.Set(paramAfter, after)
		}
		if len(trail) > 0 {
			q.Set(paramTrail, strings.Join(trail, ","))
		}
		return address(pathDeployments, q)
	}
	if !after.IsZero() {
		p.Newest = address(pathDeployments, filter)
		if n := len(trail); n > 0 {
			p.Newer = page(strings.TrimPrefix(trail[n-1], firstPage), trail[:n-1])
		}
	}
	if !next.IsZero() {
		here := after.String()
		if here == "" {
			here = firstPage
		}
		trail = append(trail, here)
		p.Older = page(next.String(), trail[max(len(trail)-maxTrail, 0):])
	}
}

// firstPage stands in a trail for the part without a position.
const firstPage = "-"

// placeAddress is where all deployments of a deployment's place are.
func placeAddress(d shipbell.Deployment) string {
	return address(pathDeployments, url.Values{"type": {string(d.Type)}, "project": {d.Project}, "environment": {d.Brief().Environment}})
}
