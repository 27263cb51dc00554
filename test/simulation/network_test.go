package simulation

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
)

// The errors of the simulated network.
var (
	errNetwork = errors.New("the connection was reset")
	errTimeout = errors.New("no answer in time")
	errKilled  = errors.New("this process is dead") // ends its goroutines; it has no effect
)

// fate is what becomes of a request.
type fate int

const (
	arrives    fate = iota
	lost            // before it took effect
	answerLost      // after it took effect
)

// passage is one request and its answer on their way.
type passage struct {
	fate        fate
	there, back time.Duration
	// hangs says that nobody hears of a loss, but by waiting.
	hangs bool
	// late is how long after its sender gave up a request that had left takes
	// effect all the same; negative for never.
	late time.Duration
	// jitter keeps what was asked in one moment from being given up in one.
	jitter time.Duration
}

// quality is how well a network works.
type quality struct {
	loss float64       // of requests, and of answers
	slow float64       // of those that take up to most
	most time.Duration // of each way of a slow one
	late time.Duration // at most, after the sender gave up
}

const (
	quickLeast = 200 * time.Microsecond
	quickMost  = 20 * time.Millisecond
)

// passage draws one.
func (q quality) passage(d *dice) passage {
	p := passage{there: d.between(quickLeast, quickMost), back: d.between(quickLeast, quickMost), late: -1, jitter: d.between(0, time.Millisecond)}
	if d.chance(q.slow) {
		p.there = d.between(quickMost, q.most)
	}
	if d.chance(q.slow) {
		p.back = d.between(quickMost, q.most)
	}
	switch n := d.below(1000); {
	case n < int(500*q.loss):
		p.fate = lost
	case n < int(1000*q.loss):
		p.fate = answerLost
	}
	p.hangs = d.chance(0.5)
	if d.chance(0.5) {
		p.late = d.between(0, q.late)
	}
	return p
}

// exchange makes one request of this replica. The effect comes about at most
// once, at some moment; it reports whether it answers. A replica that stands
// still learns of the answer when it goes on.
func (r *replica) exchange(ctx context.Context, what string, p passage, patience time.Duration, effect func() bool) error {
	patience -= p.jitter
	until := time.Now().Add(patience)
	left := func(d time.Duration) time.Duration { return min(d, time.Until(until)) }
	if err := r.wait(ctx, left(p.there)); err != nil || p.there >= patience {
		if p.fate != lost && p.late >= 0 {
			time.AfterFunc(p.late, func() { effect() })
		}
		return r.outcome(what, cmp.Or(err, errTimeout))
	}
	if p.fate == lost || !effect() || p.fate == answerLost {
		fault := errNetwork
		if p.hangs {
			fault = errTimeout
			if err := r.wait(ctx, left(patience)); err != nil {
				return r.outcome(what, err)
			}
		}
		return r.outcome(what, fault)
	}
	if err := r.wait(ctx, left(p.back)); err != nil {
		return r.outcome(what, err)
	}
	if !time.Now().Before(until) {
		return r.outcome(what, errTimeout)
	}
	return r.outcome(what, nil)
}

// wait lets time pass in a request of this replica.
func (r *replica) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.killed:
		return errKilled
	}
}

// outcome is what the replica hears of a request, once it is awake.
func (r *replica) outcome(what string, err error) error {
	if dead := r.awake(what); dead != nil {
		return dead
	}
	return err
}

// hears tells that something did not work. What the parts of a dead process hear
// is nobody's business.
func (r *replica) hears(what string, err error) {
	if !r.dead {
		r.world.tell(r.name, "%s: %s", what, strings.ReplaceAll(err.Error(), "\n", ", "))
	}
}
