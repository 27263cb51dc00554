package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// openScenarios is how many deployments a build machine has under way.
	openScenarios = 6
	// givesUp is one in how many events whose sender does not come back after a
	// broken connection.
	givesUp = 20
	// goesOn is one in how many pushes that goes on with a deployment, where they
	// may not be opened as fast as they are pushed.
	goesOn = 20
	// ahead is how many pushes may be acknowledged before the strike that is due
	// without waiting; beyond it each pusher waits a little before every push, so
	// that no strike meets an idle server. It looks whether there is a hurry.
	ahead     = 100
	unhurried = 100 * time.Millisecond
	look      = 5 * time.Millisecond
)

// load is the build steps.
type load struct {
	plan    plan
	address string
	client  *http.Client
	// pause waits; it fails when the run cannot go on.
	pause func(context.Context, time.Duration) error
	abort context.CancelCauseFunc // ends the run
	// unhurried is how long a pusher waits that is ahead.
	unhurried time.Duration
	// retry is after how long a push that was not acknowledged is tried again.
	retry time.Duration
	// rate is how many deployments a minute are opened, at most, after the first
	// ones; the rest of the pushes are repeats. 0: any number.
	rate int
	// strikes is how many there will be, to keep pace with.
	strikes int

	acknowledged atomic.Int64 // pushes
	sent         atomic.Int64 // requests, answered or not
	unknown      atomic.Int64 // events given up without an answer
	struck       atomic.Int64 // strikes so far
	opened       atomic.Int64 // scenarios
	finished     atomic.Bool
	hurry        atomic.Bool // a kill aims at pushes: as many as possible

	written  chan struct{} // receives after a request was written, if anyone waits for it
	answered chan struct{} // receives after an acknowledgement, if anyone waits for it

	started     time.Time
	mu          sync.Mutex
	deployments []*deployment
}

func newLoad(p plan, address string, client *http.Client, abort context.CancelCauseFunc) *load {
	return &load{
		plan: p, address: address, client: client, abort: abort, retry: 15 * time.Millisecond, unhurried: unhurried, started: time.Now(),
		written: make(chan struct{}), answered: make(chan struct{}),
	}
}

// during pushes while strike goes on, and until all was pushed that was to be. It
// returns when no push is under way any more.
func (l *load) during(ctx context.Context, cancel context.CancelCauseFunc, pushers int, strike func(context.Context) error) error {
	var all sync.WaitGroup
	for n := range pushers {
		all.Go(func() { l.push(ctx, n) })
	}
	err := strike(ctx)
	if err == nil {
		err = l.reach(ctx)
	}
	l.finish()
	if err != nil {
		cancel(err)
	}
	all.Wait()
	return context.Cause(ctx)
}

// finish has the pushers end what they began, and nothing more.
func (l *load) finish() { l.finished.Store(true) }

// reach waits until enough pushes are acknowledged.
func (l *load) reach(ctx context.Context) error {
	for l.acknowledged.Load() < int64(l.plan.pushes) {
		if err := l.pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// due is how many pushes belong before the next strike, so that both goals are
// reached together and every strike meets a server at work.
func (l *load) due() int64 {
	return int64(l.plan.pushes) * (l.struck.Load() + 1) / int64(l.strikes)
}

// pace waits until the pushes that belong before the next strike are
// acknowledged.
func (l *load) pace(ctx context.Context) error {
	for l.acknowledged.Load() < l.due()-ahead {
		if err := l.pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// mayOpen reports whether another scenario may begin.
func (l *load) mayOpen() bool {
	if l.finished.Load() {
		return false
	}
	return l.rate == 0 || float64(l.opened.Load()) < openScenarios+float64(l.rate)*time.Since(l.started).Minutes()
}

// leisure reports whether the pushes are ahead of the strikes.
func (l *load) leisure() bool {
	return l.acknowledged.Load() > l.due()+ahead && !l.hurry.Load() && !l.finished.Load()
}

// push is one pusher. It has several deployments under way and goes on with any
// of them, so that other events pass between two of one deployment.
func (l *load) push(ctx context.Context, pusher int) {
	r := rand.New(rand.NewPCG(l.plan.seed, uint64(pusher)))
	var all []*deployment
	var open []*scenario
	for n := 0; ctx.Err() == nil; {
		for len(open) < openScenarios && l.mayOpen() {
			l.opened.Add(1)
			open = append(open, newScenario(r, pusher, n))
			all = append(all, open[len(open)-1].deployments...)
			n++
		}
		if len(open) == 0 && l.finished.Load() {
			break
		}
		for end := time.Now().Add(l.unhurried); l.leisure() && time.Now().Before(end); {
			time.Sleep(look)
		}
		if len(open) == 0 || l.rate > 0 && !l.finished.Load() && r.IntN(goesOn) > 0 {
			if !l.repeat(ctx, r, all) && l.pause(ctx, look) != nil {
				break
			}
			continue
		}
		i := r.IntN(len(open))
		l.take(ctx, r, open[i].steps[0])
		if open[i].steps = open[i].steps[1:]; len(open[i].steps) == 0 {
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deployments = append(l.deployments, all...)
}

// repeat pushes something again that was pushed before, if there is anything.
func (l *load) repeat(ctx context.Context, r *rand.Rand, all []*deployment) bool {
	if len(all) == 0 {
		return false
	}
	d := all[r.IntN(len(all))]
	e := d.said[r.IntN(len(d.said))]
	if e.begun.IsZero() {
		return false
	}
	l.take(ctx, r, step{e})
	return true
}

// take sends the pushes of a step at the same time.
func (l *load) take(ctx context.Context, r *rand.Rand, s step) {
	var group sync.WaitGroup
	acked := make([]time.Time, len(s))
	for i, e := range s {
		if e.begun.IsZero() {
			e.begun = time.Now()
		}
		patient := r.IntN(givesUp) != 0
		group.Go(func() { acked[i] = l.send(ctx, e, patient) })
	}
	group.Wait()
	for i, e := range s {
		if e.acked.IsZero() {
			e.acked = acked[i]
		}
	}
}

// send pushes an event until it is acknowledged, and returns when it was. Who is
// not patient gives up when nobody answers.
func (l *load) send(ctx context.Context, e *said, patient bool) time.Time {
	for ctx.Err() == nil {
		l.sent.Add(1)
		status, text, err := l.post(ctx, e.body)
		switch {
		case err == nil && status == http.StatusOK:
			l.acknowledged.Add(1)
			notify(l.answered, struct{}{})
			return time.Now()
		case err != nil && !patient:
			l.unknown.Add(1)
			return time.Time{}
		case err == nil && status != http.StatusServiceUnavailable:
			l.abort(fmt.Errorf("a good push was answered with %d: %s", status, text))
			return time.Time{}
		}
		time.Sleep(l.retry)
	}
	return time.Time{}
}

func (l *load) post(ctx context.Context, body []byte) (status int, text []byte, err error) {
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { notify(l.written, struct{}{}) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, "http://"+l.address+"/notify", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	// net/http would send a request again by itself, and hide from the count what
	// had become of the first.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	// An answer counts from its status line on: nothing takes that back.
	text, _ = io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return resp.StatusCode, text, nil
}
