package insight

import (
	"cmp"
	"slices"
	"time"
)

// close returns the total, and the first n rows in the order in which people
// should see them: the most deployments first. Nothing can be added afterwards.
func (f *fold) close(n int) (Course, []Row) {
	for i := range f.rows {
		f.repaired(int32(i))
	}
	total := row{days: f.calendar()}
	for _, r := range f.rows {
		total.now.include(r.now)
		total.before.include(r.before)
		r.spread(total.days)
	}
	shown := f.order()
	shown = shown[:min(n, len(shown))]
	for _, i := range shown {
		f.rows[i].days = f.calendar()
		f.rows[i].spread(f.rows[i].days)
	}
	f.firstLeads()
	f.measure(f.rows)

	// Once more, as if all were one row.
	one := []row{total}
	for _, samples := range [][]sample{f.durations, f.behind, f.repairs} {
		for i := range samples {
			samples[i].row = 0
		}
	}
	f.measure(one)

	rows := make([]Row, len(shown))
	for i, at := range shown {
		r := f.rows[at]
		rows[i] = Row{r.typ, r.project, r.environment, f.course(r)}
	}
	return f.course(one[0]), rows
}

// order returns the rows in the order in which people should see them.
func (f *fold) order() []int {
	order := make([]int, len(f.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &f.rows[i], &f.rows[j]
		return cmp.Or(
			cmp.Compare(b.now.Deployments, a.now.Deployments), cmp.Compare(b.before.Deployments, a.before.Deployments),
			cmp.Compare(a.project, b.project), cmp.Compare(a.typ, b.typ), cmp.Compare(a.environment, b.environment),
		)
	})
	return order
}

// calendar returns the days of the report, empty.
func (f *fold) calendar() []Day {
	days := make([]Day, f.days)
	for i := range days {
		days[i].Start = f.since.Add(time.Duration(i) * day)
	}
	return days
}

// spread adds the tallies to days.
func (r row) spread(days []Day) {
	for _, t := range r.tallies {
		d := &days[t.day]
		d.Successes += int(t.successes)
		d.Failures += int(t.failures)
		d.Canceled += int(t.canceled)
	}
}

// course fills in what follows from the counts.
func (f *fold) course(r row) Course {
	c := Course{Now: r.now, Before: r.before, Days: r.days}
	if elapsed := f.now.Sub(f.since); elapsed > 0 {
		c.Now.PerDay = float64(c.Now.Successes) / (float64(elapsed) / float64(day))
	}
	c.Before.PerDay = float64(c.Before.Successes) / float64(f.days)
	for _, figures := range []*Figures{&c.Now, &c.Before} {
		figures.LeadTime.Of, figures.Duration.Of = figures.Successes, figures.Successes
	}
	return c
}

// measure sets the medians of rows.
func (f *fold) measure(rows []row) {
	measure(f.durations, rows, func(figures *Figures, took []time.Duration) {
		figures.Duration.set(took)
		figures.Duration.Known = len(took)
	})
	measure(f.behind, rows, func(figures *Figures, took []time.Duration) { figures.LeadTime.set(took) })
	measure(f.repairs, rows, func(figures *Figures, took []time.Duration) {
		figures.Recovery.Median, figures.Recovery.Count = median(took), len(took)
	})
	measureDays(f.durations, rows)
}

// measure hands on, for each row, what was taken in the days of the report, and
// what in those before, the shortest first.
func measure(samples []sample, rows []row, set func(*Figures, []time.Duration)) {
	chunks(samples, func(s sample) [2]int32 { return [2]int32{s.row, min(s.day, 0) >> 31} }, func(of sample, took []time.Duration) {
		set(rows[of.row].figures(of.day), took)
	})
}

// measureDays sets the medians of the days that are shown.
func measureDays(samples []sample, rows []row) {
	chunks(samples, func(s sample) [2]int32 { return [2]int32{s.row, s.day} }, func(of sample, took []time.Duration) {
		if r := &rows[of.row]; of.day >= 0 && r.days != nil {
			r.days[of.day].Median = median(took)
		}
	})
}

// chunks hands on what belongs together, the shortest first, with one sample of
// it. It sorts the samples.
func chunks(samples []sample, group func(sample) [2]int32, fn func(sample, []time.Duration)) {
	slices.SortFunc(samples, func(a, b sample) int {
		x, y := group(a), group(b)
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), cmp.Compare(a.took, b.took))
	})
	var took []time.Duration
	for i, s := range samples {
		took = append(took, s.took)
		if i+1 == len(samples) || group(samples[i+1]) != group(s) {
			fn(s, took)
			took = took[:0]
		}
	}
}

// firstLeads keeps of each commit in each row the success that brought it first.
func (f *fold) firstLeads() {
	slices.SortFunc(f.leads, func(a, b lead) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.commit, b.commit), cmp.Compare(a.took, b.took), cmp.Compare(a.day, b.day))
	})
	for i, l := range f.leads {
		if i == 0 || l.row != f.leads[i-1].row || l.commit != f.leads[i-1].commit {
			f.behind = append(f.behind, l.sample)
		}
	}
	f.leads = nil
}

// set takes the values, the shortest first.
func (s *Spread) set(sorted []time.Duration) {
	s.Count, s.Median = len(sorted), median(sorted)
	if n := len(sorted); n > 0 {
		s.P90 = sorted[(9*n+9)/10-1] // the nearest rank
	}
}

// median returns that of sorted values: of an even number what is between the two
// in the middle.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	low, high := sorted[(n-1)/2], sorted[n/2]
	return low + (high-low)/2
}
