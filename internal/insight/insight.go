// Package insight says in numbers and pictures how deployments go: how often, how
// long, how well, and how fast what broke was mended.
//
// Its one rule: what is not known is not counted, and how much that is stands
// beside every number. It reads the ledger and decides nothing.
//
// The numbers are the four of DORA (https://dora.dev/guides/dora-metrics/) and how
// long deployments take. [Definitions] says what each means here.
//
// The pictures of [Bars] and [Spark] are SVG for a page that allows no style and no
// script of its own elements: they carry classes, and the page's style sheet gives
// them colours. These are chart (the whole), chart-success and chart-failure (parts
// of a bar), chart-line and chart-dot (a course), chart-axis (lines behind) and
// chart-text (labels).
package insight

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	// fresh is how long an answer is given again, and kept how long while a new one
	// is being made: a page that many keep open costs one look a minute.
	fresh = time.Minute
	kept  = 10 * time.Minute
	// maxKept bounds how many answers are kept. Each takes at most a few hundred kB.
	maxKept = 64
	// atOnce bounds how many answers are made at the same time: each reads the whole
	// window, and pushes go first.
	atOnce = 2
	// pageSize is how many deployments are read in one go. No transaction of the store
	// stays open for longer than that takes.
	pageSize = 5000
)

// Ledger is what insights ask of the ledger.
type Ledger interface {
	Briefs(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error)
	Unlisted(ctx context.Context) (int, error)
}

// Options are the parts that insights work with.
type Options struct {
	Ledger Ledger
	Now    func() time.Time
}

// Insights answers queries. Make one with New. It is safe for concurrent use, and
// starts no goroutine.
type Insights struct {
	Options
	pageSize int
	making   chan struct{}

	mu      sync.Mutex
	answers map[window]*answer
}

// answer is what is known for one query.
type answer struct {
	report Report
	at     time.Time     // zero: there is none yet
	made   chan struct{} // closed when the one that is being made is there; nil: none is
}

// New makes insights.
func New(o Options) *Insights {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Insights{Options: o, pageSize: pageSize, making: make(chan struct{}, atOnce), answers: make(map[window]*answer)}
}

// Report answers a query. The answer may be a minute old, and up to ten while
// somebody else waits for a newer one; ComputedAt says. It is shared: the caller
// must not change it. A number of days that is not of [Windows] is a
// [*shipbell.ParamError].
func (i *Insights) Report(ctx context.Context, q Query) (Report, error) {
	w, err := q.window()
	if err != nil {
		return Report{}, err
	}
	for {
		i.mu.Lock()
		a := i.answers[w]
		if a == nil {
			a = &answer{}
			i.answers[w] = a
		}
		old, there := i.age(a)
		switch {
		case there && (old < fresh || a.made != nil && old < kept):
			report := a.report
			i.mu.Unlock()
			return report, nil
		case a.made == nil:
			a.made = make(chan struct{})
			i.mu.Unlock()
			return i.answer(ctx, w, a)
		}
		made := a.made
		i.mu.Unlock()
		select {
		case <-made: // or its maker gave up; then it is our turn
		case <-ctx.Done():
			return Report{}, ctx.Err()
		}
	}
}

// age returns how old an answer is, and whether it can be given. One from the
// future is of a clock that was set back.
func (i *Insights) age(a *answer) (old time.Duration, there bool) {
	if a.at.IsZero() {
		return 0, false
	}
	old = i.Now().Sub(a.at)
	return old, old >= 0
}

// answer makes the answer that all who ask for the same wait for.
func (i *Insights) answer(ctx context.Context, w window, a *answer) (report Report, err error) {
	done := false
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if done {
			a.report, a.at = report, i.Now() // not when it was begun: who waited would begin anew
		} else if a.at.IsZero() {
			delete(i.answers, w)
		}
		close(a.made)
		a.made = nil
		i.forget()
	}()
	select {
	case i.making <- struct{}{}:
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	defer func() { <-i.making }()
	report, err = i.compute(ctx, w)
	if err != nil {
		return Report{}, fmt.Errorf("insights of %d days: %w", w.days, err)
	}
	done = true
	return report, nil
}

// forget drops the oldest answers beyond what is kept.
func (i *Insights) forget() {
	for len(i.answers) > maxKept {
		var oldest window
		var at time.Time
		for w, a := range i.answers {
			if a.made == nil && (at.IsZero() || a.at.Before(at)) {
				oldest, at = w, a.at
			}
		}
		if at.IsZero() {
			return // all are being made; who makes them comes by here
		}
		delete(i.answers, oldest)
	}
}

// compute reads the window and the one before it, the newest first.
func (i *Insights) compute(ctx context.Context, w window) (Report, error) {
	now := i.Now()
	left, err := i.Ledger.Unlisted(ctx)
	if err != nil {
		return Report{}, err
	}
	f := newFold(w, now)
	filter := w.query().Filter
	filter.Since, filter.Until = f.before, f.end
	for after := (shipbell.Position{}); ; {
		briefs, err := i.Ledger.Briefs(ctx, filter, after, i.pageSize)
		if err != nil {
			return Report{}, err
		}
		for _, b := range briefs {
			f.add(b)
		}
		if len(briefs) < i.pageSize {
			break
		}
		after = briefs[len(briefs)-1].Position()
	}
	r := f.report()
	r.ComputedAt, r.NotYetCounted = now.UTC(), left
	return r, nil
}
