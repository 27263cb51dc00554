package insight

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The policy of this file: whoever asks pays for the answer and keeps it for the
// others. A question is answered once at a time; meanwhile others are given the
// answer before, or wait for this one. Few questions are answered at once, so
// that reading does not crowd out recording.

const (
	// fresh is how long an answer is given again, and usable how long it is given
	// while somebody asks anew.
	fresh  = time.Minute
	usable = 10 * time.Minute
	// maxAnswers and keptRows bound what is kept, maxReads what is read at once.
	maxAnswers = 64
	keptRows   = 8 * MaxRows
	maxReads   = 2
)

// Options are the parts that insights work with.
type Options struct {
	Ledger Ledger
	// Now tells the time; nil means the system clock.
	Now func() time.Time
}

// Insights answers queries. Make one with New; it may be used at once by many.
type Insights struct {
	Options
	page  int           // see [page]
	reads chan struct{} // one for each that reads

	mu      sync.Mutex
	answers map[question]*answer
}

// question tells queries apart.
type question struct {
	Type, Project, Environment string
	Days                       int
}

// answer is what is known about one query.
type answer struct {
	report Report
	known  bool
	// asking is who finds it out now, nil while nobody does.
	asking *asking
}

// asking is one try to answer, for all who wait for it.
type asking struct {
	done   chan struct{}
	report Report
	err    error
}

// New makes insights.
func New(o Options) *Insights {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Insights{Options: o, page: page, reads: make(chan struct{}, maxReads), answers: make(map[question]*answer)}
}

// Report answers a query, from at most a minute ago; from at most ten minutes ago
// while another call finds it out anew. A number of days that is not one of
// [Days] is [shipbell.ErrInvalid].
func (i *Insights) Report(ctx context.Context, q Query) (Report, error) {
	q, err := q.readable()
	if err != nil {
		return Report{}, err
	}
	for {
		report, ours, others := i.look(q)
		switch {
		case ours != nil:
			i.find(ctx, q, ours)
			return ours.report, ours.err
		case others == nil:
			return report, nil
		}
		select {
		case <-others.done:
		case <-ctx.Done():
			return Report{}, ctx.Err()
		}
		// Who went away while asking has found out nothing: it is asked again.
		if !errors.Is(others.err, context.Canceled) && !errors.Is(others.err, context.DeadlineExceeded) {
			return others.report, others.err
		}
	}
}

// look returns an answer, or what the caller is to find out, or who does so
// already.
func (i *Insights) look(q Query) (report Report, ours, others *asking) {
	i.mu.Lock()
	defer i.mu.Unlock()
	a := i.answers[q.question()]
	if a == nil {
		a = new(answer)
		i.answers[q.question()] = a
	}
	age := i.Now().Sub(a.report.At)
	switch {
	case a.known && age < fresh, a.known && age < usable && a.asking != nil:
		return a.report, nil, nil
	case a.asking != nil:
		return Report{}, nil, a.asking
	}
	a.asking = &asking{done: make(chan struct{})}
	return Report{}, a.asking, nil
}

// find answers, and tells who waits for it.
func (i *Insights) find(ctx context.Context, q Query, out *asking) {
	out.err = context.Canceled // for those who wait, should reading panic
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		a := i.answers[q.question()]
		a.asking = nil
		if out.err == nil {
			a.report, a.known = out.report, true
		}
		i.forget()
		close(out.done)
	}()
	select {
	case i.reads <- struct{}{}:
		defer func() { <-i.reads }()
		out.report, out.err = i.read(ctx, q, i.Now())
	case <-ctx.Done():
		out.err = ctx.Err()
	}
}

// forget drops answers that nobody is given any more, and the oldest where too
// many are kept.
func (i *Insights) forget() {
	now, rows := i.Now(), 0
	for k, a := range i.answers {
		if a.asking == nil && (!a.known || now.Sub(a.report.At) >= usable) {
			delete(i.answers, k)
			continue
		}
		rows += len(a.report.Rows)
	}
	for len(i.answers) > maxAnswers || rows > keptRows {
		var oldest question
		var found *answer
		for k, a := range i.answers {
			if a.asking == nil && (found == nil || a.report.At.Before(found.report.At)) {
				oldest, found = k, a
			}
		}
		if found == nil {
			return
		}
		rows -= len(found.report.Rows)
		delete(i.answers, oldest)
	}
}

func (q Query) question() question {
	return question{Type: string(q.Filter.Type), Project: q.Filter.Project, Environment: q.Filter.Environment, Days: q.Days}
}
