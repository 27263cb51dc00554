package insight

import (
	"math"
	"time"

	"github.com/shipbell/shipbell"
)

// The policy of this file: deployments come in the order of a list, the newest
// first, and none is kept. What remains of one is a count, and a few numbers
// where a median is wanted.

// clockSkew is by how much the clock of who committed may be ahead of ours. A
// commit that is younger by more was not what went live.
const clockSkew = 10 * time.Minute

// place tells rows apart.
type place struct {
	typ                  shipbell.ProjectType
	project, environment string
}

// fold takes in deployments.
type fold struct {
	window
	rows      []row
	index     map[place]int32
	durations []sample
	repairs   []sample
	leads     []lead
	behind    []sample // the leads that count
}

// row is what is counted of one place.
type row struct {
	place
	now, before Figures
	// tallies are the days of the report on which something ended, the newest first.
	tallies []tally
	// days are the same, spread out, where they are shown.
	days []Day
	// live is when the success was over that comes next after those deployments that
	// are still to be taken in, and liveDay the day to which it belongs. Zero while
	// there was none.
	live    time.Time
	liveDay int32
	// failed is when the first of the failures before that was over, and failedNow
	// whether the last of them belongs to the days of the report. Zero while there
	// was none.
	failed    time.Time
	failedNow bool
}

// tally is what ended on one day.
type tally struct {
	day                           int32
	successes, failures, canceled int32
}

// sample is how long something took in one row.
type sample struct {
	row  int32
	day  int32 // of the report; below 0 in the days before
	took time.Duration
}

// lead is how long one success is behind its commit.
type lead struct {
	sample
	commit int64 // unix milliseconds
}

func newFold(w window) *fold { return &fold{window: w, index: make(map[place]int32)} }

// add takes in the next deployment, which did not start later than the one
// before.
func (f *fold) add(b shipbell.Brief) {
	d := int32(math.Floor(float64(b.StartedAt.Sub(f.since)) / float64(day)))
	if d < -int32(f.days) || d >= int32(f.days) {
		return
	}
	i := f.rowOf(b)
	r := &f.rows[i]
	r.figures(d).count(b.Status)
	if d >= 0 {
		r.tally(d, b.Status)
	}
	switch b.Status {
	case shipbell.Success:
		f.succeeded(i, d, b)
	case shipbell.Failure:
		if r.failed.IsZero() {
			r.failedNow = d >= 0
		}
		r.failed = ended(b)
	}
}

func (f *fold) rowOf(b shipbell.Brief) int32 {
	p := place{b.Type, b.Project, b.Environment}
	i, known := f.index[p]
	if !known {
		i = int32(len(f.rows))
		f.index[p] = i
		f.rows = append(f.rows, row{place: p})
	}
	return i
}

// figures returns those to which a day belongs.
func (r *row) figures(d int32) *Figures {
	if d < 0 {
		return &r.before
	}
	return &r.now
}

func (r *row) tally(d int32, s shipbell.Status) {
	if n := len(r.tallies); n == 0 || r.tallies[n-1].day != d {
		r.tallies = append(r.tallies, tally{day: d})
	}
	t := &r.tallies[len(r.tallies)-1]
	switch s {
	case shipbell.Success:
		t.successes++
	case shipbell.Failure:
		t.failures++
	case shipbell.Canceled:
		t.canceled++
	}
}

func (f *fold) succeeded(i, d int32, b shipbell.Brief) {
	if took := b.Took(); took > 0 {
		f.durations = append(f.durations, sample{i, d, took})
	}
	over := ended(b)
	if behind := over.Sub(b.CommittedAt); !b.CommittedAt.IsZero() && behind > -clockSkew {
		f.leads = append(f.leads, lead{sample{i, d, max(behind, 0)}, b.CommittedAt.UnixMilli()})
		f.rows[i].figures(d).LeadTime.Known++
	}
	f.repaired(i)
	r := &f.rows[i]
	r.live, r.liveDay = over, d
}

// repaired ends a row of failures at its beginning.
func (f *fold) repaired(i int32) {
	r := &f.rows[i]
	switch {
	case r.failed.IsZero():
		return
	case !r.live.IsZero():
		f.repairs = append(f.repairs, sample{i, r.liveDay, max(r.live.Sub(r.failed), 0)})
	case r.failedNow:
		r.now.Recovery.Ongoing++
	}
	r.failed = time.Time{}
}

// ended is when a deployment was over.
func ended(b shipbell.Brief) time.Time {
	if b.FinishedAt.IsZero() {
		return b.StartedAt
	}
	return b.FinishedAt
}

func (f *Figures) count(s shipbell.Status) {
	switch s {
	case shipbell.Success:
		f.Successes++
	case shipbell.Failure:
		f.Failures++
	case shipbell.Canceled:
		f.Canceled++
	case shipbell.Skipped:
		f.Skipped++
		return
	default:
		f.Open++
		return
	}
	f.Deployments++
}

func (f *Figures) include(o Figures) {
	f.Deployments += o.Deployments
	f.Successes += o.Successes
	f.Failures += o.Failures
	f.Canceled += o.Canceled
	f.Skipped += o.Skipped
	f.Open += o.Open
	f.LeadTime.Known += o.LeadTime.Known
	f.Recovery.Ongoing += o.Recovery.Ongoing
}
