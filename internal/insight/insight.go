// Package insight tells how often, how fast and how well is deployed: figures
// over some days, compared with as many days before, and their pictures.
//
// Its one rule: a figure says of how many deployments it was made, and what is
// not known is never counted as nought. What each figure means stands in
// [Definitions], for pages, the API and the documents alike. It reads briefs of
// the ledger, page by page, and keeps no more than an answer for a minute.
package insight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// Ledger is what is read.
type Ledger interface {
	// Briefs returns at most n deployments that pass the filter and stand behind
	// the position, the newest first.
	Briefs(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error)
}

// Query says what a report is about.
type Query struct {
	// Filter names a type, a project and an environment; its other parts take no
	// part. Without an environment it is [shipbell.Production].
	Filter shipbell.Filter
	// Days is one of [Days]; 0 is [DefaultDays].
	Days int
}

// DefaultDays is how many days a report is about where nothing is said.
const DefaultDays = 30

// Days returns how many days a report can be about.
func Days() []int { return []int{7, 30, 90} }

// Report is what a query is answered with. It is shared and must not be changed.
type Report struct {
	Type        shipbell.ProjectType // empty for all
	Project     string               // empty for all
	Environment string
	Days        int
	// At is when the ledger was read.
	At time.Time
	// Since is the start of the first day. The days are those of UTC, and the last
	// one is today, so far.
	Since time.Time
	Total Course
	// KnownBefore reports whether the days before are known: something stands in them,
	// or something older does, of whatever project, so that nothing was.
	KnownBefore bool
	// Rows are the projects with the most deployments, [MaxRows] at most.
	Rows []Row
	// More is how many projects stand in the total alone.
	More int
}

// Row is a project in an environment.
type Row struct {
	Type        shipbell.ProjectType
	Project     string
	Environment string
	Course
}

// Course is how deployments went: in the days of the report, in as many days
// before them, and day by day.
type Course struct {
	Now, Before Figures
	Days        []Day
}

// Figures are what [Definitions] defines.
type Figures struct {
	// Deployments are the successes, failures and canceled ones.
	Deployments, Successes, Failures, Canceled int
	// Skipped are those that were not to happen, Open those without an outcome.
	Skipped, Open int
	// PerDay is the deployment frequency.
	PerDay   float64
	LeadTime Spread
	Recovery Recovery
	Duration Spread
}

// FailureRate returns the change failure rate, from 0 to 1, and whether there was
// anything to fail.
func (f Figures) FailureRate() (rate float64, known bool) {
	tried := f.Successes + f.Failures
	if tried == 0 {
		return 0, false
	}
	return float64(f.Failures) / float64(tried), true
}

// Spread is how long something took.
type Spread struct {
	// Median and P90, the 90th percentile, are those of Count values; zero where
	// there is none.
	Median, P90 time.Duration
	Count       int
	// Known is how many of the Of successes tell it. It is more than Count where
	// several tell of the same.
	Known, Of int
}

// trendAtLeast is of how many values a median must be on both sides to speak of a
// trend.
const trendAtLeast = 3

// Trend returns by which part the median has grown, below 0 where it has become
// less, and whether enough is known on both sides to say so.
func (s Spread) Trend(before Spread) (grown float64, known bool) {
	if s.Count < trendAtLeast || before.Count < trendAtLeast || before.Median <= 0 {
		return 0, false
	}
	return float64(s.Median-before.Median) / float64(before.Median), true
}

// Recovery is how long projects were without a success after a failure.
type Recovery struct {
	Median time.Duration
	// Count is how many recoveries it is the median of.
	Count int
	// Ongoing is how many projects have not recovered yet.
	Ongoing int
}

// Day is one day in UTC.
type Day struct {
	Start                         time.Time
	Successes, Failures, Canceled int
	// Median is that of the durations; zero where none is known.
	Median time.Duration
}

// MaxRows bounds the rows of a report.
const MaxRows = 500

const (
	day = 24 * time.Hour
	// page is how many deployments are read in one transaction.
	page = 5000
)

// readable returns the query with what was not said filled in.
func (q Query) readable() (Query, error) {
	q.Filter = shipbell.Filter{Type: q.Filter.Type, Project: q.Filter.Project, Environment: cmp.Or(q.Filter.Environment, shipbell.Production)}
	q.Days = cmp.Or(q.Days, DefaultDays)
	if !slices.Contains(Days(), q.Days) {
		return q, fmt.Errorf("insights of %d days: %w: 7, 30 or 90", q.Days, shipbell.ErrInvalid)
	}
	return q, nil
}

// read makes a report.
func (i *Insights) read(ctx context.Context, q Query, now time.Time) (Report, error) {
	now = now.UTC()
	w := windowOf(now, q.Days)
	f := q.Filter
	// What starts later than today has a wrong clock, or a typing error.
	f.Since, f.Until = w.before, w.end
	all := newFold(w)
	var after shipbell.Position
	for {
		briefs, err := i.Ledger.Briefs(ctx, f, after, i.page)
		if err != nil {
			return Report{}, fmt.Errorf("insights of %d days: %w", q.Days, err)
		}
		for _, b := range briefs {
			all.add(b)
		}
		if len(briefs) < i.page {
			break
		}
		after = briefs[len(briefs)-1].Position()
	}
	r := Report{Type: f.Type, Project: f.Project, Environment: f.Environment, Days: q.Days, At: now, Since: w.since}
	r.Total, r.Rows = all.close(MaxRows)
	r.More = len(all.rows) - len(r.Rows)
	if before := r.Total.Before; before.Deployments+before.Skipped+before.Open > 0 {
		r.KnownBefore = true
		return r, nil
	}
	older, err := i.Ledger.Briefs(ctx, shipbell.Filter{Until: w.before}, shipbell.Position{}, 1)
	if err != nil {
		return Report{}, fmt.Errorf("insights of %d days: %w", q.Days, err)
	}
	r.KnownBefore = len(older) > 0
	return r, nil
}

// window is the days that a report is about, and as many before.
type window struct {
	days   int
	before time.Time // the start of the days before
	since  time.Time
	now    time.Time
	end    time.Time // of today
}

func windowOf(now time.Time, days int) window {
	today := now.Truncate(day) // days of UTC: they have 24 hours all the year
	w := window{days: days, since: today.Add(-time.Duration(days-1) * day), now: now, end: today.Add(day)}
	w.before = w.since.Add(-time.Duration(days) * day)
	return w
}
