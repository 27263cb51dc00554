package insight_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/insight"
)

// TestAgainstReference: what is folded page by page, the newest first, is what
// comes out of a plain reading of the definitions, the oldest first, whatever the
// size of the pages and whatever else happens at the same moment.
func TestAgainstReference(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		h := &history{briefs: random(r)}
		days := insight.Days()[r.IntN(3)]
		var first insight.Report
		for i, page := range []int{5000, 1, 2, 7, 100} {
			insights := insight.New(insight.Options{Ledger: h, Now: func() time.Time { return noon }})
			insights.SetPage(page)
			got, err := insights.Report(t.Context(), insight.Query{Days: days})
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = got
			} else if !reflect.DeepEqual(got, first) {
				t.Fatalf("seed %d: pages of %d give another report:\n%+v\n%+v", seed, page, got, first)
			}
		}
		want := reference(h.briefs, days)
		if first.Total.Now != want[""][1] || first.Total.Before != want[""][0] {
			t.Fatalf("seed %d: total\ngot  %s\nwant %s\nbefore\ngot  %s\nwant %s", seed, words(first.Total.Now), words(want[""][1]), words(first.Total.Before), words(want[""][0]))
		}
		if len(first.Rows) != len(want)-1 {
			t.Fatalf("seed %d: %d rows, want %d", seed, len(first.Rows), len(want)-1)
		}
		for _, row := range first.Rows {
			if w := want[row.Project]; row.Now != w[1] || row.Before != w[0] {
				t.Fatalf("seed %d: %s\ngot  %s\nwant %s\nbefore\ngot  %s\nwant %s", seed, row.Project, words(row.Now), words(w[1]), words(row.Before), words(w[0]))
			}
		}
	}
}

// random makes a history of the last 200 days in which much happens at the same
// time.
func random(r *rand.Rand) []shipbell.Brief {
	statuses := []shipbell.Status{ok, ok, ok, failed, failed, shipbell.Canceled, shipbell.Skipped, shipbell.Announced, shipbell.InProgress}
	span := []int{3, 20, 200}[r.IntN(3)]
	var all []shipbell.Brief
	for i := range r.IntN(300) {
		b := shipbell.Brief{
			ID: shipbell.DeploymentID(i + 1), Type: shipbell.Worker, Project: fmt.Sprint("p", r.IntN(3)), Environment: shipbell.Production,
			Status: statuses[r.IntN(len(statuses))], StartedAt: noon.Add(-time.Duration(r.IntN(span*24)-12) * time.Hour),
		}
		if b.Status.Final() {
			b.FinishedAt = b.StartedAt.Add(time.Duration(r.IntN(5)) * 40 * time.Minute)
		}
		if r.IntN(3) > 0 {
			b.CommittedAt = b.StartedAt.Add(-time.Duration(r.IntN(50)-3) * time.Hour)
		}
		all = append(all, b)
	}
	return all
}

// reference returns the figures of the days before and of the report, by project
// and, under "", of all.
func reference(briefs []shipbell.Brief, days int) map[string][2]insight.Figures {
	const day = 24 * time.Hour
	since := noon.Truncate(day).Add(-time.Duration(days-1) * day)
	side := func(at time.Time) int {
		switch {
		case at.Before(since.Add(-time.Duration(days)*day)) || !at.Before(noon.Truncate(day).Add(day)):
			return -1
		case at.Before(since):
			return 0
		}
		return 1
	}
	projects := map[string][]shipbell.Brief{}
	for _, b := range briefs {
		if side(b.StartedAt) >= 0 {
			projects[b.Project] = append(projects[b.Project], b)
		}
	}
	type lengths struct{ took, leads, repairs []time.Duration }
	figures := map[string][2]insight.Figures{}
	var all [2]lengths
	var sum [2]insight.Figures
	finish := func(f [2]insight.Figures, l [2]lengths) [2]insight.Figures {
		elapsed := [2]float64{float64(days), float64(days) - 0.5}
		for i := range f {
			f[i].PerDay = float64(f[i].Successes) / elapsed[i]
			f[i].Duration = spreadOf(l[i].took, len(l[i].took), f[i].Successes)
			f[i].LeadTime = spreadOf(l[i].leads, f[i].LeadTime.Known, f[i].Successes)
			f[i].Recovery.Median, f[i].Recovery.Count = spreadOf(l[i].repairs, 0, 0).Median, len(l[i].repairs)
		}
		return f
	}
	for project, list := range projects {
		slices.SortFunc(list, func(a, b shipbell.Brief) int {
			if b.Position().Before(a.Position()) {
				return -1
			}
			return 1
		})
		var f [2]insight.Figures
		var l [2]lengths
		leads := map[time.Time]struct {
			side int
			took time.Duration
		}{}
		var broken, latest time.Time
		for _, b := range list {
			i := side(b.StartedAt)
			switch b.Status {
			case ok:
				f[i].Successes++
			case failed:
				f[i].Failures++
			case shipbell.Canceled:
				f[i].Canceled++
			case shipbell.Skipped:
				f[i].Skipped++
			default:
				f[i].Open++
			}
			switch b.Status {
			case ok:
				if took := b.FinishedAt.Sub(b.StartedAt); took > 0 {
					l[i].took = append(l[i].took, took)
				}
				if lead := b.FinishedAt.Sub(b.CommittedAt); !b.CommittedAt.IsZero() && lead > -10*time.Minute {
					f[i].LeadTime.Known++
					lead = max(lead, 0)
					if old, there := leads[b.CommittedAt]; !there || lead < old.took {
						leads[b.CommittedAt] = struct {
							side int
							took time.Duration
						}{i, lead}
					}
				}
				if !broken.IsZero() {
					l[i].repairs = append(l[i].repairs, max(b.FinishedAt.Sub(broken), 0))
				}
				broken = time.Time{}
			case failed:
				if broken.IsZero() {
					broken = b.FinishedAt
				}
				latest = b.StartedAt
			}
		}
		if !broken.IsZero() && side(latest) == 1 {
			f[1].Recovery.Ongoing++
		}
		for _, lead := range leads {
			l[lead.side].leads = append(l[lead.side].leads, lead.took)
		}
		for i := range f {
			f[i].Deployments = f[i].Successes + f[i].Failures + f[i].Canceled
			all[i].took = append(all[i].took, l[i].took...)
			all[i].leads = append(all[i].leads, l[i].leads...)
			all[i].repairs = append(all[i].repairs, l[i].repairs...)
			sum[i].Deployments += f[i].Deployments
			sum[i].Successes += f[i].Successes
			sum[i].Failures += f[i].Failures
			sum[i].Canceled += f[i].Canceled
			sum[i].Skipped += f[i].Skipped
			sum[i].Open += f[i].Open
			sum[i].LeadTime.Known += f[i].LeadTime.Known
			sum[i].Recovery.Ongoing += f[i].Recovery.Ongoing
		}
		figures[project] = finish(f, l)
	}
	figures[""] = finish(sum, all)
	return figures
}

func spreadOf(values []time.Duration, known, of int) insight.Spread {
	s := insight.Spread{Count: len(values), Known: known, Of: of}
	slices.Sort(values)
	if n := len(values); n > 0 {
		s.Median = (values[(n-1)/2] + values[n/2]) / 2
		s.P90 = values[0]
		for i, v := range values {
			if 10*i < 9*n {
				s.P90 = v
			}
		}
	}
	return s
}
