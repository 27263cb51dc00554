package insight

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	day = 24 * time.Hour
	// maxRows bounds the rows of a report; beyond that a filter serves better.
	maxRows = 1000
)

// tenths is a length of time in tenths of a second: a quarter of the memory that a
// whole one takes with its spare room, and up to 13 years.
type tenths uint32

func tenthsOf(d time.Duration) tenths {
	return tenths(min(max(d/(time.Second/10), 0), math.MaxUint32))
}

// fold takes deployments in, the newest first, and keeps what a report needs of
// them: four bytes for each length of time, and nothing of the deployments.
type fold struct {
	window             window
	before, start, end time.Time // where the window before starts, this one, and where it ends
	tallies            map[spot]*tally
	days               []tallyOfDay
}

// spot is what a row is about.
type spot struct {
	typ                  shipbell.ProjectType
	project, environment string
}

type tallyOfDay struct {
	successes, failures int
	took                []tenths
}

// tally counts the deployments of one spot, or of all.
type tally struct {
	successes, failures, canceled, without int
	lead, took, tookBefore, recovered      []tenths
	notRecovered                           int
	streak                                 streak
}

// streak is how things stand between two successes, seen backwards.
type streak struct {
	failedAt time.Time // when the earliest failure that was met ended; zero: none was met
	inWindow bool      // one of the failures is in the window
	// mendedAt is when the success after them ended; zero: there is none yet.
	mendedAt time.Time
	counts   bool // that success is in the window
}

func newFold(w window, now time.Time) *fold {
	end := now.UTC().Truncate(day).Add(day)
	length := time.Duration(w.days) * day
	return &fold{
		window: w, before: end.Add(-2 * length), start: end.Add(-length), end: end,
		tallies: make(map[spot]*tally), days: make([]tallyOfDay, w.days),
	}
}

// add takes in a deployment that started before all that were taken in already.
func (f *fold) add(b shipbell.Brief) {
	s := spot{b.Type, b.Project, b.Environment}
	t := f.tallies[s]
	if t == nil {
		t = &tally{}
		f.tallies[s] = t
	}
	in := !b.StartedAt.Before(f.start)
	t.follow(b, in)
	if !in {
		if took := b.Took(); b.Status == shipbell.Success && took > 0 {
			t.tookBefore = append(t.tookBefore, tenthsOf(took))
		}
		return
	}
	t.count(b)
	d := &f.days[min(int(b.StartedAt.Sub(f.start)/day), len(f.days)-1)]
	switch b.Status {
	case shipbell.Success:
		d.successes++
		if took := b.Took(); took > 0 {
			d.took = append(d.took, tenthsOf(took))
		}
	case shipbell.Failure:
		d.failures++
	}
}

// count takes in a deployment of the window.
func (t *tally) count(b shipbell.Brief) {
	switch b.Status {
	case shipbell.Success:
		t.successes++
		if took := b.Took(); took > 0 {
			t.took = append(t.took, tenthsOf(took))
		}
		// What was committed after it went live has a clock that is wrong.
		if lead := ended(b).Sub(b.CommittedAt); !b.CommittedAt.IsZero() && lead >= 0 {
			t.lead = append(t.lead, tenthsOf(lead))
		}
	case shipbell.Failure:
		t.failures++
	case shipbell.Canceled:
		t.canceled++
	case shipbell.Skipped: // it never was a deployment
	default:
		t.without++
	}
}

// follow looks for what broke and when it was mended.
func (t *tally) follow(b shipbell.Brief, in bool) {
	switch b.Status {
	case shipbell.Failure:
		t.streak.failedAt = ended(b)
		t.streak.inWindow = t.streak.inWindow || in
	case shipbell.Success:
		t.close()
		t.streak = streak{mendedAt: ended(b), counts: in}
	}
}

// close ends a streak: nothing before it belongs to it.
func (t *tally) close() {
	s := t.streak
	switch {
	case s.failedAt.IsZero():
	case s.mendedAt.IsZero() && s.inWindow:
		t.notRecovered++
	case s.counts:
		t.recovered = append(t.recovered, tenthsOf(s.mendedAt.Sub(s.failedAt)))
	}
}

// ended is when the outcome of a deployment was there.
func ended(b shipbell.Brief) time.Time {
	if b.FinishedAt.IsZero() {
		return b.StartedAt
	}
	return b.FinishedAt
}

// report makes the report of all that was taken in.
func (f *fold) report() Report {
	r := Report{
		Type: f.window.typ, Project: f.window.project, Environment: f.window.environment, Days: f.window.days,
		From: f.start, To: f.end,
		Projects: []Row{}, Definitions: Definitions(),
	}
	var total tally
	for s, t := range f.tallies {
		t.close()
		total.take(t)
		if figures := t.figures(f.window.days); figures.Deployments+figures.WithoutOutcome > 0 {
			r.Projects = append(r.Projects, Row{s.typ, s.project, s.environment, figures})
		}
	}
	r.Total = total.figures(f.window.days)
	slices.SortFunc(r.Projects, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(b.Deployments, a.Deployments), cmp.Compare(a.Project, b.Project),
			cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Type, b.Type),
		)
	})
	if n := len(r.Projects); n > maxRows {
		r.Projects, r.ProjectsLeftOut = slices.Clip(r.Projects[:maxRows]), n-maxRows
	}
	for n, d := range f.days {
		slices.Sort(d.took)
		r.Series = append(r.Series, Day{
			Date:      f.start.AddDate(0, 0, n).Format(time.DateOnly),
			Successes: d.successes, Failures: d.failures, MedianSeconds: median(d.took),
		})
	}
	return r
}

// take adds the numbers of another tally.
func (t *tally) take(o *tally) {
	t.successes += o.successes
	t.failures += o.failures
	t.canceled += o.canceled
	t.without += o.without
	t.notRecovered += o.notRecovered
	t.lead = append(t.lead, o.lead...)
	t.took = append(t.took, o.took...)
	t.tookBefore = append(t.tookBefore, o.tookBefore...)
	t.recovered = append(t.recovered, o.recovered...)
}

func (t *tally) figures(days int) Figures {
	for _, list := range [][]tenths{t.lead, t.took, t.tookBefore, t.recovered} {
		slices.Sort(list)
	}
	f := Figures{
		Deployments: t.successes + t.failures + t.canceled,
		Successes:   t.successes, Failures: t.failures, Canceled: t.canceled, WithoutOutcome: t.without,
		DeploymentsPerDay: float64(t.successes) / float64(days),
		LeadTime:          lengths(t.lead, t.successes),
		RecoveryTime:      RecoveryTime{MedianSeconds: median(t.recovered), Recovered: len(t.recovered), NotRecovered: t.notRecovered},
		Duration:          Duration{Lengths: lengths(t.took, t.successes), MedianBeforeSeconds: median(t.tookBefore)},
	}
	if told := t.successes + t.failures; told > 0 {
		rate := float64(t.failures) / float64(told)
		f.ChangeFailureRate = &rate
	}
	return f
}

func lengths(sorted []tenths, of int) Lengths {
	return Lengths{MedianSeconds: median(sorted), P90Seconds: p90(sorted), Known: len(sorted), Of: of}
}

// median is the middle one, or between the two in the middle.
func median(sorted []tenths) *float64 {
	n := len(sorted)
	if n == 0 {
		return nil
	}
	seconds := (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 20
	return &seconds
}

// p90 is the smallest that nine of ten do not exceed.
func p90(sorted []tenths) *float64 {
	n := len(sorted)
	if n == 0 {
		return nil
	}
	seconds := float64(sorted[(9*n+9)/10-1]) / 10
	return &seconds
}
