package fakeserver

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

// The kinds of faults. How a status, a refusal, a 429 and garbage read is up to
// each fake.
const (
	FaultNone      FaultKind = ""           // nothing, except a delay
	FaultStatus    FaultKind = "status"     // an HTTP status with a page of HTML
	FaultRateLimit FaultKind = "rate limit" // a 429 that begins a pause
	FaultRefuse    FaultKind = "refuse"     // a refusal in the service's own form
	FaultReset     FaultKind = "reset"      // the connection breaks without an answer
	FaultGarbage   FaultKind = "garbage"    // HTTP 200, but the JSON is cut off
)

// Fault is what the faults of all services have in common. Each fake has its own
// type beside it, with its service's words.
type Fault struct {
	Kind       FaultKind
	Accepted   bool // the request takes effect, whatever the client learns
	Status     int
	RetryAfter time.Duration
	Delay      time.Duration
	Hold       <-chan struct{}
}

// Strike lets a request take effect, if it does at all, and waits, in the order
// the fault says: what is Accepted takes effect before Delay and Hold, anything
// else after them. It is false if the client hung up meanwhile.
func (f Fault) Strike(ctx context.Context, effect func()) bool {
	takesEffect := f.Kind == FaultNone || f.Accepted && f.Kind != FaultRateLimit && f.Kind != FaultRefuse
	if takesEffect && f.Accepted {
		effect()
	}
	if !Pause(ctx, f.Delay) || !held(ctx, f.Hold) {
		return false
	}
	if takesEffect && !f.Accepted {
		effect()
	}
	return true
}

// Pause waits on a real timer. It is false if the client hung up before it was
// over.
func Pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// held waits until the channel is closed; nil is no channel to wait for.
func held(ctx context.Context, hold <-chan struct{}) bool {
	if hold == nil {
		return true
	}
	select {
	case <-hold:
		return true
	case <-ctx.Done():
		return false
	}
}

// Seconds is how a pause is named in an answer: in whole seconds, rounded up, at
// least one.
func Seconds(d time.Duration) int {
	return int(max((d+time.Second-1)/time.Second, 1))
}

// Decider holds the function that decides the fault F of each call C. The zero
// value decides for none. It is safe for concurrent use.
type Decider[C, F any] struct{ decide atomic.Pointer[func(C) F] }

// Set has every call decided by the function. Nil ends the faults.
func (d *Decider[C, F]) Set(decide func(C) F) {
	if decide == nil {
		d.decide.Store(nil)
		return
	}
	d.decide.Store(&decide)
}

// Decide returns the fault of a call: the zero value for none.
func (d *Decider[C, F]) Decide(call C) F {
	if decide := d.decide.Load(); decide != nil {
		return (*decide)(call)
	}
	var none F
	return none
}

// Mix is how probable each fault is; the rest of the calls goes well.
type Mix struct {
	Status      float64 // 500 or 502, not accepted
	RateLimit   float64
	ResetBefore float64 // the connection breaks, not accepted
	ResetAfter  float64 // the connection breaks, accepted
	Garbage     float64 // half of them accepted
	Slow        float64 // a delay after acceptance

	RetryAfter time.Duration // of RateLimit; 0 means a second
	Delay      time.Duration // of Slow
}

// Draw decides the fault of the call with the number at random. The same seed
// and number give the same fault.
func (m Mix) Draw(seed uint64, seq int) Fault {
	if m.RetryAfter == 0 {
		m.RetryAfter = time.Second
	}
	r := rand.New(rand.NewPCG(seed, uint64(seq)))
	coin := r.IntN(2)
	kinds := []struct {
		p float64
		f Fault
	}{
		{m.Status, Fault{Kind: FaultStatus, Status: 500 + 2*coin}},
		{m.RateLimit, Fault{Kind: FaultRateLimit, RetryAfter: m.RetryAfter}},
		{m.ResetBefore, Fault{Kind: FaultReset}},
		{m.ResetAfter, Fault{Kind: FaultReset, Accepted: true}},
		{m.Garbage, Fault{Kind: FaultGarbage, Accepted: coin == 0}},
		{m.Slow, Fault{Accepted: true, Delay: m.Delay}},
	}
	p := r.Float64()
	for _, k := range kinds {
		if p -= k.p; p < 0 {
			return k.f
		}
	}
	return Fault{}
}
