package dashboard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/insight"
	"github.com/shipbell/shipbell/internal/render"
)

// Insights tells how often, how fast and how well is deployed.
type Insights interface {
	Report(ctx context.Context, q insight.Query) (insight.Report, error)
}

// insightsPage is how deployments went.
type insightsPage struct {
	Form    insightsForm
	Where   string // what the figures are about
	Windows []window
	Figures []figure
	Bars    template.HTML
	Line    template.HTML // empty where Lone says what there is
	Lone    string
	Empty   bool
	Successes, Failures, Canceled,
	Skipped, Open int
	Rows        []insightRow
	More        int
	Definitions []insight.Definition
	At          time.Time
	Days        int
}

// insightsForm is what the figures can be limited to.
type insightsForm struct {
	Days                int
	Types, Environments []option
	Project             string
	Clear               string
}

// window is a choice of how many days.
type window struct {
	Days    int
	Address string
	Here    bool
}

// figure is one number with what it is made of.
type figure struct {
	Def, Name string
	Value     string
	Unit      string
	Of        string // of how many it was made
	Before    string // what it was before
	Change    string // more or less than before, in words
	Tone      string // whether that is good
	Arrow     string
}

// insightRow is a project in the table.
type insightRow struct {
	Key                                   string
	Type                                  shipbell.ProjectType
	Project, Environment                  string
	Address                               string
	Deployments                           int
	PerDay, Failures, Lead, Recovery      string
	Duration, Trend, TrendTone, FailsTone string
	Spark                                 template.HTML
}

const (
	paramDays = "days"
	// unknown stands where nothing is known; it is never a zero.
	unknown = "–"
	// worth is by which part something must have changed to be called a change.
	worth = 0.05
	// tableRows is how many projects the page shows.
	tableRows = 100
)

func (d *Dashboard) insights(w http.ResponseWriter, r *http.Request) {
	f, ok := d.filterOf(w, r, d.Now())
	if !ok {
		return
	}
	v := r.URL.Query()
	q := insight.Query{Filter: f}
	if text := v.Get(paramDays); text != "" {
		q.Days = max(number0(text), -1)
		if q.Days == 0 {
			q.Days = -1 // a word that is no number is not the default
		}
	}
	report, err := d.Insights.Report(r.Context(), q)
	switch {
	case errors.Is(err, shipbell.ErrInvalid):
		d.failParam(w, r, &shipbell.ParamError{Param: paramDays, Accepts: "7, 30 or 90"})
		return
	case err != nil:
		d.failed(w, r, err)
		return
	}
	d.show(w, r, http.StatusOK, "insights", frame{Title: "Insights", Nav: pathInsights, Live: "none", Refresh: 60, Body: d.newInsights(report, v)})
}

func (d *Dashboard) newInsights(r insight.Report, v url.Values) insightsPage {
	cards, _ := d.snapshot()
	p := insightsPage{
		Where: where(r), At: r.At, Days: r.Days, More: r.More, Definitions: insight.Definitions(),
		Successes: r.Total.Now.Successes, Failures: r.Total.Now.Failures, Canceled: r.Total.Now.Canceled,
		Skipped: r.Total.Now.Skipped, Open: r.Total.Now.Open,
		Empty: r.Total.Now.Deployments == 0 && r.Total.Before.Deployments == 0,
		Bars:  insight.Bars("Deployments per day", insight.BarsOf(r.Total.Days), 0),
	}
	p.Line, p.Lone = durations(insight.PointsOf(r.Total.Days))
	p.Form = insightsForm{
		Days: r.Days, Project: r.Project, Clear: pathInsights,
		Types:        choose(types(), string(r.Type)),
		Environments: choose(environments(cards), r.Environment),
	}
	for _, days := range insight.Days() {
		p.Windows = append(p.Windows, window{days, with(pathInsights, insightParams(v), paramDays, strconv.Itoa(days)), days == r.Days})
	}
	p.Figures = figures(r)
	for _, row := range r.Rows[:min(len(r.Rows), tableRows)] {
		p.Rows = append(p.Rows, newInsightRow(row))
	}
	p.More += max(len(r.Rows)-tableRows, 0)
	return p
}

// durations draws how long deployments took, or says it where a line has too little
// to join.
func durations(points []insight.Point) (line template.HTML, words string) {
	switch known := insight.Measured(points); len(known) {
	case 0:
		return "", "How long they took is not known of any day."
	case 1:
		return "", "Known of one day alone: " + known[0].Text + " on " + known[0].Label + "."
	}
	return insight.Line("Median duration per day", points, 0), ""
}

// insightParams are the parameters that the page understands.
func insightParams(v url.Values) url.Values {
	rest := make(url.Values)
	for _, name := range []string{"type", "project", "environment"} {
		if value := v.Get(name); value != "" {
			rest.Set(name, value)
		}
	}
	return rest
}

func where(r insight.Report) string {
	what := "all projects"
	switch {
	case r.Project != "":
		what = line(r.Project)
	case r.Type == shipbell.Worker:
		what = "all Workers"
	case r.Type == shipbell.Pages:
		what = "all Pages projects"
	}
	return what + " in " + line(r.Environment)
}

// figures are the five numbers, each beside what it was in as many days before.
func figures(r insight.Report) []figure {
	now, before := r.Total.Now, r.Total.Before
	then := func(value string) string {
		if value == unknown {
			return fmt.Sprintf("not known of the %d days before", r.Days)
		}
		return fmt.Sprintf("%s in the %d days before", value, r.Days)
	}
	often := perDay(before.PerDay)
	if !r.KnownBefore { // nobody looked then, or nothing of it is kept
		often = unknown
	}
	all := []figure{
		{Def: insight.DefFrequency, Name: "Deployment frequency", Value: perDay(now.PerDay), Unit: "per day", Of: successes(now.Successes), Before: then(often)},
		{Def: insight.DefLeadTime, Name: "Change lead time", Value: lasts(now.LeadTime.Median), Of: spreadOf(now.LeadTime), Before: then(lasts(before.LeadTime.Median))},
		{Def: insight.DefFailureRate, Name: "Change failure rate", Value: rate(now), Of: fmt.Sprintf("%s of %s", number(now.Failures), number(now.Failures+now.Successes)), Before: then(rate(before))},
		{Def: insight.DefRecovery, Name: "Recovery time", Value: lasts(now.Recovery.Median), Of: recoveryOf(now.Recovery), Before: then(lasts(before.Recovery.Median))},
		{Def: insight.DefDuration, Name: "Duration", Value: lasts(now.Duration.Median), Of: spreadOf(now.Duration), Before: then(lasts(before.Duration.Median))},
	}
	all[0].compare(now.PerDay, before.PerDay, before.PerDay > 0, true)
	all[1].grown(now.LeadTime.Trend(before.LeadTime))
	nowRate, known := now.FailureRate()
	beforeRate, knew := before.FailureRate()
	all[2].compare(nowRate, beforeRate, known && knew && beforeRate > 0, false)
	all[3].compare(float64(now.Recovery.Median), float64(before.Recovery.Median), now.Recovery.Count > 0 && before.Recovery.Count > 0, false)
	all[4].grown(now.Duration.Trend(before.Duration))
	return all
}

// compare says by which part a number has grown; more is good, or not.
func (f *figure) compare(now, before float64, known, more bool) {
	if known && before > 0 {
		f.change((now-before)/before, more)
	}
}

// grown says by which part a duration has.
func (f *figure) grown(by float64, known bool) {
	if known {
		f.change(by, false)
	}
}

func (f *figure) change(by float64, more bool) {
	switch {
	case math.Abs(by) < worth:
		f.Change, f.Tone, f.Arrow = "about the same", "off", "→"
	case by > 0:
		f.Change, f.Arrow = percent(by)+" more", "↑"
	default:
		f.Change, f.Arrow = percent(-by)+" less", "↓"
	}
	if f.Tone == "" {
		f.Tone = "warn"
		if by > 0 == more {
			f.Tone = "ok"
		}
	}
}

func percent(part float64) string {
	if part >= 10 {
		return "over 10 times"
	}
	return fmt.Sprintf("%.0f %%", part*100)
}

func perDay(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 10:
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return number(int(math.Round(n)))
}

func rate(f insight.Figures) string {
	part, known := f.FailureRate()
	if !known {
		return unknown
	}
	return fmt.Sprintf("%.1f %%", part*100)
}

// lasts is a duration of any length, for people.
func lasts(d time.Duration) string {
	const long = 48 * time.Hour
	switch {
	case d <= 0:
		return unknown
	case d >= long:
		return strconv.FormatFloat(d.Hours()/24, 'f', 1, 64) + " days"
	}
	return render.Duration(d)
}

func spreadOf(s insight.Spread) string {
	if s.Known == 0 {
		return fmt.Sprintf("known of none of %s", number(s.Of))
	}
	return fmt.Sprintf("9 of 10 within %s; known of %s of %s", lasts(s.P90), number(s.Known), number(s.Of))
}

func successes(n int) string {
	if n == 1 {
		return "1 success"
	}
	return number(n) + " successes"
}

func recoveryOf(r insight.Recovery) string {
	text := "1 recovery"
	if r.Count != 1 {
		text = number(r.Count) + " recoveries"
	}
	if r.Ongoing > 0 {
		text += ", " + number(r.Ongoing) + " not recovered yet"
	}
	return text
}

func newInsightRow(r insight.Row) insightRow {
	o := insightRow{
		Key: string(r.Type) + "/" + r.Project + "/" + r.Environment, Type: r.Type, Project: r.Project, Environment: r.Environment,
		Address:     address(pathDeployments, url.Values{"type": {string(r.Type)}, "project": {r.Project}, "environment": {r.Environment}}),
		Deployments: r.Now.Deployments, PerDay: perDay(r.Now.PerDay), Failures: rate(r.Now), Lead: lasts(r.Now.LeadTime.Median),
		Recovery: lasts(r.Now.Recovery.Median), Duration: lasts(r.Now.Duration.Median),
		Spark: insight.Spark("Median duration per day of "+line(r.Project), insight.PointsOf(r.Days), insight.Size{Width: 120, Height: 24}),
	}
	if r.Now.Recovery.Ongoing > 0 {
		o.Recovery, o.FailsTone = "not yet", "bad"
	}
	var f figure
	f.grown(r.Now.Duration.Trend(r.Before.Duration))
	if f.Change != "" && f.Arrow != "→" {
		o.Trend, o.TrendTone = f.Arrow+" "+f.Change, cmp.Or(f.Tone, "off")
	}
	return o
}
