package insight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
)

// noon is when the tests look; their window of 7 days starts on the 19th.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// history is a ledger of briefs.
type history struct {
	briefs   []shipbell.Brief
	unlisted int
	asked    atomic.Int64
	hold     chan struct{} // where not nil, Briefs waits for it
	err      error
}

func (h *history) Unlisted(context.Context) (int, error) { return h.unlisted, nil }

func (h *history) Briefs(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error) {
	h.asked.Add(1)
	if h.hold != nil {
		select {
		case <-h.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if h.err != nil {
		return nil, h.err
	}
	var briefs []shipbell.Brief
	for _, b := range h.briefs {
		if f.MatchBrief(b) && (after.IsZero() || after.Before(b.Position())) {
			briefs = append(briefs, b)
		}
	}
	slices.SortFunc(briefs, func(a, b shipbell.Brief) int {
		if a.Position().Before(b.Position()) {
			return -1
		}
		return 1
	})
	return briefs[:min(n, len(briefs))], nil
}

// told writes a history. Each line has project[/environment], status, start, and
// where they are known how long it took and how long before its end the commit was
// made. The start is the day of November and the time.
func told(t *testing.T, text string) *history {
	t.Helper()
	h := &history{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		project, environment, ok := strings.Cut(words[0], "/")
		if !ok {
			environment = shipbell.Production
		}
		status, err := shipbell.ParseStatus(words[1])
		if err != nil {
			t.Fatal(err)
		}
		start, err := time.Parse("2006-01-02T15:04", "2026-11-"+words[2])
		if err != nil {
			t.Fatal(err)
		}
		b := shipbell.Brief{
			ID: shipbell.DeploymentID(len(h.briefs) + 1), Type: shipbell.Worker, Project: project, Environment: environment,
			Status: status, StartedAt: start,
		}
		if len(words) > 3 && words[3] != "-" {
			b.FinishedAt = start.Add(length(t, words[3]))
		}
		if len(words) > 4 {
			b.CommittedAt = ended(b).Add(-length(t, words[4]))
		}
		h.briefs = append(h.briefs, b)
	}
	return h
}

func length(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func seconds(s float64) *float64 { return &s }

func (h *history) report(t *testing.T, q Query) Report {
	t.Helper()
	r, err := New(Options{Ledger: h, Now: func() time.Time { return noon }}).Report(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// show makes what differs readable.
func show(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestFigures(t *testing.T) {
	week := Query{Days: 7}
	tests := []struct {
		name    string
		history string
		query   Query
		want    Figures
	}{
		{name: "nothing", query: week},
		{
			name: "counts", query: week,
			history: `
				a success     25T10:00
				a success     24T10:00
				a failure     23T10:00
				a canceled    22T10:00
				a skipped     21T10:00
				a announced   20T10:00
				a in_progress 20T11:00`,
			want: Figures{
				Deployments: 4, Successes: 2, Failures: 1, Canceled: 1, WithoutOutcome: 2, DeploymentsPerDay: 2. / 7,
				LeadTime: Lengths{Of: 2}, Duration: Duration{Lengths: Lengths{Of: 2}},
				ChangeFailureRate: seconds(1. / 3), RecoveryTime: RecoveryTime{MedianSeconds: seconds(86400), Recovered: 1},
			},
		},
		{
			name: "only production, in the window", query: week,
			history: `
				a         success 25T23:59
				a         success 19T00:00
				a         success 18T23:59
				a/preview success 25T10:00`,
			want: Figures{
				Deployments: 2, Successes: 2, DeploymentsPerDay: 2. / 7, ChangeFailureRate: seconds(0),
				LeadTime: Lengths{Of: 2}, Duration: Duration{Lengths: Lengths{Of: 2}},
			},
		},
		{
			name: "another environment", query: Query{Filter: shipbell.Filter{Environment: "preview"}, Days: 7},
			history: `
				a         success 25T10:00
				a/preview failure 25T10:00`,
			want: Figures{Deployments: 1, Failures: 1, ChangeFailureRate: seconds(1), RecoveryTime: RecoveryTime{NotRecovered: 1}},
		},
		{
			name: "a canceled one is no rate", query: week,
			history: `a canceled 25T10:00`,
			want:    Figures{Deployments: 1, Canceled: 1},
		},
		{
			name: "lead time and duration", query: week,
			history: `
				a success 25T10:00 10s 1h
				a success 25T10:10 20s 2h
				a success 25T10:20 30s 3h
				a success 25T10:30 90s 40h
				a success 25T10:40 -   -1h
				a failure 25T10:50 10h 90h
				a success 18T10:00 5m  90h
				a success 17T10:00 7m
				a failure 17T11:00 9h`,
			want: Figures{
				Deployments: 6, Successes: 5, Failures: 1, DeploymentsPerDay: 5. / 7, ChangeFailureRate: seconds(1. / 6),
				LeadTime: Lengths{MedianSeconds: seconds(2.5 * 3600), P90Seconds: seconds(40 * 3600), Known: 4, Of: 5},
				Duration: Duration{
					Lengths:             Lengths{MedianSeconds: seconds(25), P90Seconds: seconds(90), Known: 4, Of: 5},
					MedianBeforeSeconds: seconds(360),
				},
				RecoveryTime: RecoveryTime{NotRecovered: 1},
			},
		},
		{
			name: "recovery: the first of several failures, to the end of the next success", query: week,
			history: `
				a failure  20T10:00 10m
				a failure  20T11:00 10m
				a canceled 20T11:30 10m
				a success  20T12:00 10m
				a success  20T13:00 10m
				a failure  21T10:00 10m
				a success  21T10:30 10m
				b failure  20T10:00
				b failure  22T10:00`,
			want: Figures{
				Deployments: 9, Successes: 3, Failures: 5, Canceled: 1, DeploymentsPerDay: 3. / 7, ChangeFailureRate: seconds(5. / 8),
				LeadTime:     Lengths{Of: 3},
				Duration:     Duration{Lengths: Lengths{MedianSeconds: seconds(600), P90Seconds: seconds(600), Known: 3, Of: 3}},
				RecoveryTime: RecoveryTime{MedianSeconds: seconds((7200 + 1800) / 2), Recovered: 2, NotRecovered: 1},
			},
		},
		{
			name: "recovery: a failure of before that was mended in the window", query: week,
			history: `
				a failure 18T10:00
				a success 19T10:00`,
			want: Figures{
				Deployments: 1, Successes: 1, DeploymentsPerDay: 1. / 7, ChangeFailureRate: seconds(0),
				LeadTime: Lengths{Of: 1}, Duration: Duration{Lengths: Lengths{Of: 1}},
				RecoveryTime: RecoveryTime{MedianSeconds: seconds(86400), Recovered: 1},
			},
		},
		{
			name: "recovery: all of it before the window", query: week,
			history: `
				a failure 16T10:00
				a success 17T10:00
				b failure 17T10:00`,
		},
		{
			name: "recovery: another one's success mends nothing, an earlier one that ended later neither", query: week,
			history: `
				a         success 20T09:00 5h
				a         failure 20T10:00 10m
				a/preview success 20T11:00
				b         success 20T11:00`,
			want: Figures{
				Deployments: 3, Successes: 2, Failures: 1, DeploymentsPerDay: 2. / 7, ChangeFailureRate: seconds(1. / 3),
				LeadTime:     Lengths{Of: 2},
				Duration:     Duration{Lengths: Lengths{MedianSeconds: seconds(18000), P90Seconds: seconds(18000), Known: 1, Of: 2}},
				RecoveryTime: RecoveryTime{NotRecovered: 1},
			},
		},
		{
			name: "recovery: mended before the failure had ended", query: week,
			history: `
				a failure 20T10:00 5h
				a success 20T10:10 1m`,
			want: Figures{
				Deployments: 2, Successes: 1, Failures: 1, DeploymentsPerDay: 1. / 7, ChangeFailureRate: seconds(.5),
				LeadTime:     Lengths{Of: 1},
				Duration:     Duration{Lengths: Lengths{MedianSeconds: seconds(60), P90Seconds: seconds(60), Known: 1, Of: 1}},
				RecoveryTime: RecoveryTime{MedianSeconds: seconds(0), Recovered: 1},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := told(t, test.history).report(t, test.query).Total; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %s\nwant %s", show(got), show(test.want))
			}
		})
	}
}

func TestPercentiles(t *testing.T) {
	for n, want := range map[int][2]float64{1: {.1, .1}, 2: {.15, .2}, 9: {.5, .9}, 10: {.55, .9}, 11: {.6, 1}, 100: {5.05, 9}} {
		var list []tenths
		for i := range n {
			list = append(list, tenths(i+1))
		}
		if got := [2]float64{*median(list), *p90(list)}; got != want {
			t.Errorf("of %d: %v, want %v", n, got, want)
		}
	}
}

func TestRows(t *testing.T) {
	h := told(t, `
		b success 25T10:00 10s
		a success 25T10:00
		c success 24T10:00 30s
		c failure 24T11:00
		d success 18T10:00`)
	h.unlisted = 3
	pages := h.briefs[1]
	pages.ID, pages.Type = 99, shipbell.Pages
	h.briefs = append(h.briefs, pages)
	r := h.report(t, Query{Days: 7})
	var rows []string
	for _, row := range r.Projects {
		rows = append(rows, fmt.Sprint(row.Type, " ", row.Project, " ", row.Environment, " ", row.Successes, row.Failures))
	}
	want := []string{"worker c production 1 1", "pages a production 1 0", "worker a production 1 0", "worker b production 1 0"}
	if !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
	if len(r.Series) != 7 || r.Series[0].Date != "2026-11-19" || r.Series[6].Date != "2026-11-25" {
		t.Errorf("series %s", show(r.Series))
	}
	if got, want := r.Series[6], (Day{Date: "2026-11-25", Successes: 3, MedianSeconds: seconds(10)}); !reflect.DeepEqual(got, want) {
		t.Errorf("today %s", show(got))
	}
	if got, want := r.Series[5], (Day{Date: "2026-11-24", Successes: 1, Failures: 1, MedianSeconds: seconds(30)}); !reflect.DeepEqual(got, want) {
		t.Errorf("yesterday %s", show(got))
	}
	if r.NotYetCounted != 3 || !r.ComputedAt.Equal(noon) || len(r.Definitions) == 0 {
		t.Errorf("%s", show(r))
	}
	one := h.report(t, Query{Filter: shipbell.Filter{Type: shipbell.Worker, Project: "a", Status: []shipbell.Status{shipbell.Failure}}, Days: 7})
	if one.Total.Successes != 1 || len(one.Projects) != 1 || one.Project != "a" || one.Type != shipbell.Worker {
		t.Errorf("of one: %s", show(one))
	}
}

func TestRowsAreBounded(t *testing.T) {
	h := &history{}
	for i := range maxRows + 5 {
		h.briefs = append(h.briefs, shipbell.Brief{
			ID: shipbell.DeploymentID(i + 1), Type: shipbell.Worker, Project: fmt.Sprint("p", i),
			Environment: shipbell.Production, Status: shipbell.Success, StartedAt: noon,
		})
	}
	r := h.report(t, Query{})
	if len(r.Projects) != maxRows || r.ProjectsLeftOut != 5 || r.Total.Successes != maxRows+5 {
		t.Errorf("%d rows, %d left out, %d successes", len(r.Projects), r.ProjectsLeftOut, r.Total.Successes)
	}
}

// chance makes a history of n deployments over 200 days.
func chance(r *rand.Rand, n int) *history {
	statuses := []shipbell.Status{shipbell.Announced, shipbell.InProgress, shipbell.Success, shipbell.Success, shipbell.Failure, shipbell.Canceled, shipbell.Skipped}
	h := &history{}
	for i := range n {
		b := shipbell.Brief{
			ID: shipbell.DeploymentID(i + 1), Type: shipbell.Worker, Project: string(rune('a' + r.IntN(4))),
			Environment: []string{shipbell.Production, shipbell.Preview}[r.IntN(2)],
			Status:      statuses[r.IntN(len(statuses))],
			// Some at the same time.
			StartedAt: noon.Add(-time.Duration(r.IntN(200*24)) * time.Hour),
		}
		if r.IntN(4) > 0 {
			b.FinishedAt = b.StartedAt.Add(time.Duration(r.IntN(3600)) * time.Second)
		}
		if r.IntN(4) > 0 {
			b.CommittedAt = b.StartedAt.Add(time.Duration(100-r.IntN(100000)) * time.Second)
		}
		h.briefs = append(h.briefs, b)
	}
	return h
}

// TestPageSize: the numbers do not depend on how the ledger is read.
func TestPageSize(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		h := chance(r, 60)
		for _, days := range Windows() {
			want := h.report(t, Query{Days: days})
			for _, size := range []int{1, 2, 7, 59, 60, 61} {
				i := New(Options{Ledger: h, Now: func() time.Time { return noon }})
				i.pageSize = size
				got, err := i.Report(t.Context(), Query{Days: days})
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("pages of %d, %d days, %v: %s\nwant %s", size, days, err, show(got), show(want))
				}
			}
		}
	}
}

// TestSums: the rows and the days add up to the total.
func TestSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		got := chance(r, 200).report(t, Query{Days: 90})
		var rows, days Figures
		for _, row := range got.Projects {
			rows.Deployments += row.Deployments
			rows.Successes += row.Successes
			rows.Failures += row.Failures
			rows.WithoutOutcome += row.WithoutOutcome
			rows.LeadTime.Known += row.LeadTime.Known
			rows.Duration.Known += row.Duration.Known
			rows.RecoveryTime.Recovered += row.RecoveryTime.Recovered
			rows.RecoveryTime.NotRecovered += row.RecoveryTime.NotRecovered
		}
		for _, d := range got.Series {
			days.Successes += d.Successes
			days.Failures += d.Failures
		}
		total := got.Total
		if rows.Deployments != total.Deployments || rows.Successes != total.Successes || rows.Failures != total.Failures ||
			rows.WithoutOutcome != total.WithoutOutcome || rows.LeadTime.Known != total.LeadTime.Known || rows.Duration.Known != total.Duration.Known ||
			rows.RecoveryTime.Recovered != total.RecoveryTime.Recovered || rows.RecoveryTime.NotRecovered != total.RecoveryTime.NotRecovered {
			t.Fatalf("rows %s\ntotal %s", show(rows), show(total))
		}
		if days.Successes != total.Successes || days.Failures != total.Failures {
			t.Fatalf("days %d, %d; total %d, %d", days.Successes, days.Failures, total.Successes, total.Failures)
		}
	}
}

func TestParseQuery(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"days=30":                             "",
		"days=7":                              "days=7",
		"days=90&project=a":                   "days=90&project=a",
		"environment=production":              "",
		"environment=preview":                 "environment=preview",
		"type=worker&status=failure":          "type=worker",
		"days=0":                              "error days",
		"days=31":                             "error days",
		"days=-7":                             "error days",
		"days=99999999999999999999":           "error days",
		"days=seven":                          "error days",
		"type=boat":                           "error type",
		"project=" + strings.Repeat("x", 600): "error project",
	} {
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseQuery(v, noon)
		got := q.Values().Encode()
		var wrong *shipbell.ParamError
		if errors.As(err, &wrong) {
			got = "error " + wrong.Param
		}
		if got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	if _, err := New(Options{Ledger: &history{}}).Report(t.Context(), Query{Days: 8}); !errors.Is(err, shipbell.ErrInvalid) {
		t.Errorf("8 days: %v", err)
	}
}

// TestAnswersAreKept: a minute fresh; ten minutes while a newer one is made, by one.
func TestAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{}
		i := New(Options{Ledger: h})
		ask := func() time.Time {
			t.Helper()
			r, err := i.Report(t.Context(), Query{})
			if err != nil {
				t.Error(err)
			}
			return r.ComputedAt
		}
		first := ask()
		time.Sleep(fresh - time.Second)
		if got := ask(); !got.Equal(first) || h.asked.Load() != 1 {
			t.Errorf("within a minute: of %s, asked %d times", got, h.asked.Load())
		}
		time.Sleep(time.Second)
		if got := ask(); got.Equal(first) || h.asked.Load() != 2 {
			t.Errorf("after a minute: of %s, asked %d times", got, h.asked.Load())
		}

		// While one makes a newer one, the others get the older one, until it is too old.
		second := ask()
		time.Sleep(fresh)
		h.hold = make(chan struct{})
		maker := make(chan time.Time)
		go func() { maker <- ask() }()
		synctest.Wait()
		if got := ask(); !got.Equal(second) {
			t.Errorf("meanwhile: of %s", got)
		}
		time.Sleep(kept)
		waiter := make(chan time.Time)
		go func() { waiter <- ask() }()
		synctest.Wait()
		close(h.hold)
		made, waited := <-maker, <-waiter
		if h.asked.Load() != 3 {
			t.Errorf("asked %d times", h.asked.Load())
		}
		if made.Equal(second) || !waited.Equal(made) {
			t.Errorf("made of %s, waited of %s", made, waited)
		}
	})
}

// TestMakerGivesUp: whoever waits makes the answer then; an error is nobody else's.
func TestMakerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{hold: make(chan struct{})}
		i := New(Options{Ledger: h})
		ctx, cancel := context.WithCancel(t.Context())
		maker, waiter := make(chan error), make(chan error)
		go func() { _, err := i.Report(ctx, Query{}); maker <- err }()
		synctest.Wait()
		go func() { _, err := i.Report(t.Context(), Query{}); waiter <- err }()
		synctest.Wait()
		impatient, done := context.WithTimeout(t.Context(), time.Second)
		defer done()
		if _, err := i.Report(impatient, Query{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the impatient one: %v", err)
		}
		cancel()
		if err := <-maker; !errors.Is(err, context.Canceled) {
			t.Errorf("the maker: %v", err)
		}
		close(h.hold)
		if err := <-waiter; err != nil {
			t.Errorf("the waiter: %v", err)
		}

		h.err = errors.New("the disk is gone")
		if _, err := i.Report(t.Context(), Query{Days: 90}); !errors.Is(err, h.err) {
			t.Errorf("the ledger's: %v", err)
		}
		h.err = nil
		if _, err := i.Report(t.Context(), Query{Days: 90}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestAnswersAreBounded: the oldest goes, and few are made at once.
func TestAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{}
		i := New(Options{Ledger: h})
		ask := func(project string) {
			if _, err := i.Report(t.Context(), Query{Filter: shipbell.Filter{Project: project}}); err != nil {
				t.Error(err)
			}
		}
		for n := range maxKept + 1 {
			ask(fmt.Sprint(n))
			time.Sleep(time.Millisecond)
		}
		if len(i.answers) != maxKept {
			t.Errorf("%d answers", len(i.answers))
		}
		before := h.asked.Load()
		ask("1")
		if h.asked.Load() != before {
			t.Error("a young one was dropped")
		}
		ask("0")
		if h.asked.Load() != before+1 {
			t.Error("the oldest one was kept")
		}

		h.hold = make(chan struct{})
		before = h.asked.Load()
		for n := range 2 * maxKept {
			go ask(fmt.Sprint("new", n))
		}
		synctest.Wait()
		if n := h.asked.Load() - before; n != atOnce {
			t.Errorf("%d at once", n)
		}
		close(h.hold)
		synctest.Wait()
		if len(i.answers) != maxKept {
			t.Errorf("%d answers", len(i.answers))
		}
	})
}
