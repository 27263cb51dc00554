package insight_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/insight"
)

// noon is what the clocks of these tests show: half of the last day has passed.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// history is a ledger that holds briefs.
type history struct {
	briefs []shipbell.Brief
	err    error
	mu     sync.Mutex
	asked  []shipbell.Filter // the readings
	// hold is received from before each answer; nil for no waiting.
	hold chan struct{}
	// waits is sent to before that.
	waits chan struct{}
}

func (h *history) Briefs(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error) {
	reads := !f.Since.IsZero() // and does not ask whether anything is older
	if reads {
		h.mu.Lock()
		h.asked = append(h.asked, f)
		h.mu.Unlock()
	}
	if reads && h.hold != nil {
		h.waits <- struct{}{}
		select {
		case <-h.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if h.err != nil {
		return nil, h.err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.SortFunc(h.briefs, func(a, b shipbell.Brief) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.ID, a.ID))
	})
	var found []shipbell.Brief
	for _, b := range h.briefs {
		if len(found) < n && f.MatchBrief(b) && (after.IsZero() || after.Before(b.Position())) {
			found = append(found, b)
		}
	}
	return found, nil
}

// entry is one deployment of a history, in words.
type entry struct {
	at     string // when it started, such as 2026-11-20 10:00
	status shipbell.Status
	took   time.Duration
	commit string // empty: not known
	place  string // project, or project@environment; empty for api
}

func briefs(t *testing.T, entries []entry) []shipbell.Brief {
	t.Helper()
	moment := func(text string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	var all []shipbell.Brief
	for i, e := range entries {
		b := shipbell.Brief{ID: shipbell.DeploymentID(i + 1), Type: shipbell.Worker, Project: "api", Environment: shipbell.Production, Status: e.status, StartedAt: moment(e.at)}
		if e.place != "" {
			b.Project = e.place
			if name, environment, ok := cut(e.place); ok {
				b.Project, b.Environment = name, environment
			}
		}
		if e.status.Final() {
			b.FinishedAt = b.StartedAt.Add(e.took)
		}
		if e.commit != "" {
			b.CommittedAt = moment(e.commit)
		}
		all = append(all, b)
	}
	return all
}

func cut(place string) (name, environment string, ok bool) {
	for i := range place {
		if place[i] == '@' {
			return place[:i], place[i+1:], true
		}
	}
	return place, "", false
}

func report(t *testing.T, h *history, q insight.Query) insight.Report {
	t.Helper()
	r, err := insight.New(insight.Options{Ledger: h, Now: func() time.Time { return noon }}).Report(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	ok     = shipbell.Success
	failed = shipbell.Failure
)

// TestFigures: histories small enough to work out by hand, over 7 days that began
// on 19 November; those before began on the 12th.
func TestFigures(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for _, test := range []struct {
		name        string
		history     []entry
		now, before string // of the total
	}{
		{"nothing", nil,
			"0: 0 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.00 a day; lead -; failure rate -; recovery -; took -",
			"0: 0 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.00 a day; lead -; failure rate -; recovery -; took -"},
		{"each status once",
			[]entry{{at: "2026-11-19 00:00", status: ok, took: m}, {at: "2026-11-19 01:00", status: failed, took: m, place: "web"}, {at: "2026-11-20 00:00", status: shipbell.Canceled, took: m},
				{at: "2026-11-20 01:00", status: shipbell.Skipped}, {at: "2026-11-20 02:00", status: shipbell.Announced}, {at: "2026-11-20 03:00", status: shipbell.Queued}, {at: "2026-11-20 04:00", status: shipbell.InProgress}},
			"3: 1 ok, 1 failed, 1 canceled, 1 skipped, 3 open; 0.15 a day; lead 0 of 1; failure rate 0.50; recovery - and 1 ongoing; took 1m0s, 1m0s, 1 of 1", ""},
		{"the edges of the days",
			[]entry{{at: "2026-11-18 23:59", status: ok, took: m}, {at: "2026-11-19 00:00", status: ok, took: m}, {at: "2026-11-25 23:59", status: ok, took: m},
				{at: "2026-11-26 00:00", status: ok, took: m}, {at: "2026-11-12 00:00", status: ok, took: 3 * m}, {at: "2026-11-11 23:59", status: ok, took: m}},
			"2: 2 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.31 a day; lead 0 of 2; failure rate 0.00; recovery -; took 1m0s, 1m0s, 2 of 2",
			"2: 2 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.29 a day; lead 0 of 2; failure rate 0.00; recovery -; took 2m0s, 3m0s, 2 of 2"},
		{"lead times, of some",
			[]entry{{at: "2026-11-20 10:00", status: ok, took: m, commit: "2026-11-20 09:00"}, {at: "2026-11-21 10:00", status: ok, took: m, commit: "2026-11-21 07:00"},
				{at: "2026-11-22 10:00", status: ok, took: m}, {at: "2026-11-23 10:00", status: failed, took: m, commit: "2026-11-23 09:59"}, {at: "2026-11-23 11:00", status: ok, took: m, commit: "2026-11-23 09:59"}},
			"5: 4 ok, 1 failed, 0 canceled, 0 skipped, 0 open; 0.62 a day; lead 1h2m0s, 3h1m0s, 3 from 3 of 4; failure rate 0.20; recovery 1h0m0s of 1; took 1m0s, 1m0s, 4 of 4", ""},
		{"a commit that goes live again counts once, and where it was first",
			[]entry{{at: "2026-11-18 10:00", status: ok, took: m, commit: "2026-11-18 09:00"}, {at: "2026-11-20 10:00", status: ok, took: m, commit: "2026-11-18 09:00"},
				{at: "2026-11-21 10:00", status: ok, took: m, commit: "2026-11-21 09:00"}, {at: "2026-11-22 10:00", status: ok, took: m, commit: "2026-11-21 09:00"},
				{at: "2026-11-22 10:00", status: ok, took: m, commit: "2026-11-21 09:00", place: "web"}},
			"4: 4 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.62 a day; lead 13h1m0s, 25h1m0s, 2 from 4 of 4; failure rate 0.00; recovery -; took 1m0s, 1m0s, 4 of 4",
			"1: 1 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.14 a day; lead 1h1m0s, 1h1m0s, 1 from 1 of 1; failure rate 0.00; recovery -; took 1m0s, 1m0s, 1 of 1"},
		{"a commit from the future",
			[]entry{{at: "2026-11-20 10:00", status: ok, took: m, commit: "2026-11-20 10:06"}, {at: "2026-11-21 10:00", status: ok, took: m, commit: "2026-11-21 10:11"}},
			"2: 2 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.31 a day; lead 0s, 0s, 1 from 1 of 2; failure rate 0.00; recovery -; took 1m0s, 1m0s, 2 of 2", ""},
		{"a recovery counts from the first failure, for each project and environment",
			[]entry{{at: "2026-11-20 10:00", status: failed, took: m}, {at: "2026-11-20 11:00", status: failed, took: m}, {at: "2026-11-20 11:30", status: shipbell.Canceled, took: m},
				{at: "2026-11-20 11:40", status: ok, took: m, place: "web"}, {at: "2026-11-20 12:00", status: ok, took: 2 * m}, {at: "2026-11-20 13:00", status: ok, took: m},
				{at: "2026-11-20 13:00", status: failed, took: m, place: "api@staging"}, {at: "2026-11-21 10:00", status: failed, took: m}, {at: "2026-11-21 14:00", status: ok, took: m}},
			"8: 4 ok, 3 failed, 1 canceled, 0 skipped, 0 open; 0.62 a day; lead 0 of 4; failure rate 0.43; recovery 3h0m30s of 2; took 1m0s, 2m0s, 4 of 4", ""},
		{"a recovery counts where it ended",
			[]entry{{at: "2026-11-14 10:00", status: failed, took: m}, {at: "2026-11-18 23:00", status: failed, took: m}, {at: "2026-11-19 01:00", status: ok, took: m}},
			"1: 1 ok, 0 failed, 0 canceled, 0 skipped, 0 open; 0.15 a day; lead 0 of 1; failure rate 0.00; recovery 111h0m0s of 1; took 1m0s, 1m0s, 1 of 1",
			"2: 0 ok, 2 failed, 0 canceled, 0 skipped, 0 open; 0.00 a day; lead -; failure rate 1.00; recovery -; took -"},
		{"what has not recovered yet, and what nobody tried again",
			[]entry{{at: "2026-11-14 10:00", status: failed, took: m, place: "old"}, {at: "2026-11-14 10:00", status: failed, took: m}, {at: "2026-11-21 10:00", status: failed, took: m}},
			"1: 0 ok, 1 failed, 0 canceled, 0 skipped, 0 open; 0.00 a day; lead -; failure rate 1.00; recovery - and 1 ongoing; took -", ""},
		{"a success that overtook the failure",
			[]entry{{at: "2026-11-20 10:00", status: failed, took: h}, {at: "2026-11-20 10:10", status: ok, took: m}},
			"2: 1 ok, 1 failed, 0 canceled, 0 skipped, 0 open; 0.15 a day; lead 0 of 1; failure rate 0.50; recovery 0s of 1; took 1m0s, 1m0s, 1 of 1", ""},
		{"durations of successes alone, where they are known",
			[]entry{{at: "2026-11-20 10:00", status: ok, took: m}, {at: "2026-11-20 11:00", status: ok, took: 4 * m}, {at: "2026-11-20 12:00", status: ok, took: 2 * m}, {at: "2026-11-20 13:00", status: ok, took: 9 * m},
				{at: "2026-11-20 14:00", status: ok}, {at: "2026-11-20 09:00", status: failed, took: h}},
			"6: 5 ok, 1 failed, 0 canceled, 0 skipped, 0 open; 0.77 a day; lead 0 of 5; failure rate 0.17; recovery 1m0s of 1; took 3m0s, 9m0s, 4 of 5", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := report(t, &history{briefs: briefs(t, test.history)}, insight.Query{Days: 7})
			if got := words(r.Total.Now); got != test.now {
				t.Errorf("got  %s\nwant %s", got, test.now)
			}
			if got := words(r.Total.Before); test.before != "" && got != test.before {
				t.Errorf("before:\ngot  %s\nwant %s", got, test.before)
			}
		})
	}
}

// words tells figures on one line.
func words(f insight.Figures) string {
	text := fmt.Sprintf("%d: %d ok, %d failed, %d canceled, %d skipped, %d open; %.2f a day", f.Deployments, f.Successes, f.Failures, f.Canceled, f.Skipped, f.Open, f.PerDay)
	switch s := f.LeadTime; {
	case s.Of == 0:
		text += "; lead -"
	case s.Known == 0:
		text += fmt.Sprintf("; lead 0 of %d", s.Of)
	default:
		text += fmt.Sprintf("; lead %s, %s, %d from %d of %d", s.Median, s.P90, s.Count, s.Known, s.Of)
	}
	text += "; failure rate -"
	if rate, known := f.FailureRate(); known {
		text = fmt.Sprintf("%s%.2f", text[:len(text)-1], rate)
	}
	text += "; recovery -"
	if r := f.Recovery; r.Count > 0 {
		text = fmt.Sprintf("%s%s of %d", text[:len(text)-1], r.Median, r.Count)
	}
	if n := f.Recovery.Ongoing; n > 0 {
		text += fmt.Sprintf(" and %d ongoing", n)
	}
	if s := f.Duration; s.Known > 0 {
		return text + fmt.Sprintf("; took %s, %s, %d of %d", s.Median, s.P90, s.Known, s.Of)
	}
	return text + "; took -"
}

// TestRows: one for each project, the busiest first, with its days.
func TestRows(t *testing.T) {
	h := &history{briefs: briefs(t, []entry{
		{at: "2026-11-20 10:00", status: ok, took: time.Minute},
		{at: "2026-11-20 11:00", status: failed, took: time.Minute},
		{at: "2026-11-25 11:00", status: ok, took: 3 * time.Minute},
		{at: "2026-11-20 11:00", status: ok, took: 5 * time.Minute, place: "web"},
		{at: "2026-11-13 11:00", status: ok, took: time.Minute, place: "quiet"},
		{at: "2026-11-20 12:00", status: ok, took: time.Minute, place: "api@staging"},
	})}
	r := report(t, h, insight.Query{Days: 7})
	var names []string
	for _, row := range r.Rows {
		names = append(names, fmt.Sprintf("%s %s %d/%d", row.Project, row.Environment, row.Now.Deployments, row.Before.Deployments))
	}
	if want := []string{"api production 3/0", "web production 1/0", "quiet production 0/1"}; !slices.Equal(names, want) {
		t.Errorf("rows %q, want %q", names, want)
	}
	tell := func(days []insight.Day) (text string) {
		for _, d := range days {
			text += fmt.Sprintf("%s %d/%d %s, ", d.Start.Format("02"), d.Successes, d.Failures, d.Median)
		}
		return text
	}
	if got, want := tell(r.Rows[0].Days), "19 0/0 0s, 20 1/1 1m0s, 21 0/0 0s, 22 0/0 0s, 23 0/0 0s, 24 0/0 0s, 25 1/0 3m0s, "; got != want {
		t.Errorf("days of api: %s", got)
	}
	if got, want := tell(r.Total.Days), "19 0/0 0s, 20 2/1 3m0s, 21 0/0 0s, 22 0/0 0s, 23 0/0 0s, 24 0/0 0s, 25 1/0 3m0s, "; got != want {
		t.Errorf("days of all: %s", got)
	}
	if r := report(t, h, insight.Query{Days: 7, Filter: shipbell.Filter{Environment: "staging"}}); len(r.Rows) != 1 || r.Environment != "staging" || r.Total.Now.Successes != 1 {
		t.Errorf("staging: %+v", r)
	}
	if r := report(t, h, insight.Query{Days: 7, Filter: shipbell.Filter{Project: "web", Status: []shipbell.Status{failed}, Author: "x", Until: noon.Add(-time.Hour)}}); r.Total.Now.Successes != 1 || len(r.Rows) != 1 {
		t.Errorf("web: %+v", r)
	}
}

// TestManyRows: the total tells of projects that have no row.
func TestManyRows(t *testing.T) {
	var entries []entry
	for i := range insight.MaxRows + 3 {
		entries = append(entries, entry{at: "2026-11-20 10:00", status: ok, took: time.Minute, place: fmt.Sprint(i)})
	}
	r := report(t, &history{briefs: briefs(t, entries)}, insight.Query{})
	if len(r.Rows) != insight.MaxRows || r.More != 3 || r.Total.Now.Successes != len(entries) || r.Total.Now.Duration.Known != len(entries) {
		t.Errorf("%d rows, %d more, %+v", len(r.Rows), r.More, r.Total.Now)
	}
}

func TestTrend(t *testing.T) {
	spread := func(median time.Duration, n int) insight.Spread { return insight.Spread{Median: median, Count: n} }
	for _, test := range []struct {
		now, before insight.Spread
		want        float64
		known       bool
	}{
		{spread(90, 3), spread(60, 3), 0.5, true},
		{spread(30, 9), spread(60, 9), -0.5, true},
		{spread(30, 2), spread(60, 9), 0, false},
		{spread(30, 9), spread(60, 2), 0, false},
		{spread(0, 0), spread(0, 0), 0, false},
		{spread(5, 5), spread(0, 5), 0, false},
	} {
		if got, known := test.now.Trend(test.before); got != test.want || known != test.known {
			t.Errorf("%+v after %+v: %v, %v", test.now, test.before, got, known)
		}
	}
}

// TestDays: of UTC, wherever the server is and whatever its clocks do; and no
// other numbers of them.
func TestDays(t *testing.T) {
	winter, summer := time.FixedZone("CET", 3600), time.FixedZone("CEST", 7200)
	for _, now := range []time.Time{
		time.Date(2026, 11, 2, 0, 30, 0, 0, winter), // 1 November 23:30 in UTC
		time.Date(2026, 4, 1, 0, 30, 0, 0, summer),  // 31 March 22:30
	} {
		h := &history{}
		r, err := insight.New(insight.Options{Ledger: h, Now: func() time.Time { return now }}).Report(t.Context(), insight.Query{Days: 30})
		if err != nil {
			t.Fatal(err)
		}
		today := now.UTC().Truncate(24 * time.Hour)
		if last := r.Total.Days[29].Start; !last.Equal(today) || r.Since != today.AddDate(0, 0, -29) || !r.Total.Days[0].Start.Equal(r.Since) {
			t.Errorf("at %s: from %s to %s", now, r.Since, last)
		}
		if f := h.asked[0]; !f.Since.Equal(today.AddDate(0, 0, -59)) || !f.Until.Equal(today.AddDate(0, 0, 1)) {
			t.Errorf("at %s: asked from %s to %s", now, f.Since, f.Until)
		}
	}
	for _, days := range []int{-1, 1, 31, 365} {
		if _, err := insight.New(insight.Options{Ledger: &history{}}).Report(t.Context(), insight.Query{Days: days}); !errors.Is(err, shipbell.ErrInvalid) {
			t.Errorf("%d days: %v", days, err)
		}
	}
	if r := report(t, &history{}, insight.Query{}); r.Days != 30 || r.Environment != shipbell.Production || !reflect.DeepEqual(insight.Days(), []int{7, 30, 90}) {
		t.Errorf("by default %d days of %s", r.Days, r.Environment)
	}
}

// TestKnownBefore: that nothing was in the days before is known where something older
// is, whatever it is of.
func TestKnownBefore(t *testing.T) {
	const now, before, older = "2026-11-24 10:00", "2026-11-12 00:00", "2026-11-11 23:59"
	for _, test := range []struct {
		name    string
		entries []entry
		want    bool
	}{
		{"nothing is known", nil, false},
		{"the first is of these days", []entry{{at: now, status: ok}}, false},
		{"the first is of the days before", []entry{{at: now, status: ok}, {at: before, status: shipbell.Skipped}}, true},
		{"another began in the days before", []entry{{at: now, status: ok}, {at: before, status: ok, place: "web@preview"}}, false},
		{"the days before were quiet", []entry{{at: now, status: ok}, {at: older, status: ok}}, true},
		{"another is older", []entry{{at: now, status: ok}, {at: older, status: ok, place: "web@preview"}}, true},
	} {
		if r := report(t, &history{briefs: briefs(t, test.entries)}, insight.Query{Days: 7}); r.KnownBefore != test.want {
			t.Errorf("%s: %v", test.name, r.KnownBefore)
		}
	}
}
