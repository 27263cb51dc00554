package fakecloudflare

import (
	"math/rand/v2"
	"time"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

// The kinds of faults.
const (
	FaultNone      FaultKind = ""           // nothing, except a delay
	FaultStatus    FaultKind = "status"     // an HTTP status with a page of HTML, as Cloudflare's own edge answers
	FaultRateLimit FaultKind = "rate limit" // a 429 that blocks the user until RetryAfter is over
	FaultRefuse    FaultKind = "refuse"     // a refusal in the form of the API
	FaultReset     FaultKind = "reset"      // the connection breaks without an answer
	FaultGarbage   FaultKind = "garbage"    // HTTP 200, but the JSON is cut off
)

// Fault is what goes wrong with one request. The zero value is nothing.
type Fault struct {
	Kind FaultKind
	// Accepted lets the request take effect first: the queue gave its messages, but
	// the client does not learn of it. It has no meaning for FaultRateLimit and
	// FaultRefuse.
	Accepted bool
	// Status is the HTTP status of FaultStatus (0 means 502) and FaultRefuse (0
	// means 400).
	Status int
	// Code and Message are the error of FaultRefuse.
	Code    int
	Message string
	// RetryAfter is what FaultRateLimit asks to wait, in whole seconds, rounded up;
	// 0 means the rest of the window. FaultStatus sends it as a header if it is not 0.
	RetryAfter time.Duration
	// Delay holds the answer back, on a real timer; a fault that is Accepted takes
	// effect before it, any other after it. A client that hangs up before the
	// request takes effect has asked nothing.
	Delay time.Duration
	// Hold does the same until the channel is closed, for tests without clocks.
	Hold <-chan struct{}
}

// SetFaults has every call decided by the function, which must be safe for
// concurrent use and sees the call before it has an outcome. Nil ends the faults.
func (s *Server) SetFaults(decide func(Call) Fault) {
	if decide == nil {
		s.faults.Store(nil)
		return
	}
	s.faults.Store(&decide)
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

// RandomFaults decides at random for [Server.SetFaults]. The same seed and the
// same order of calls give the same faults.
func RandomFaults(seed uint64, mix Mix) func(Call) Fault {
	if mix.RetryAfter == 0 {
		mix.RetryAfter = time.Second
	}
	return func(c Call) Fault {
		r := rand.New(rand.NewPCG(seed, uint64(c.Seq)))
		coin := r.IntN(2)
		kinds := []struct {
			p float64
			f Fault
		}{
			{mix.Status, Fault{Kind: FaultStatus, Status: 500 + 2*coin}},
			{mix.RateLimit, Fault{Kind: FaultRateLimit, RetryAfter: mix.RetryAfter}},
			{mix.ResetBefore, Fault{Kind: FaultReset}},
			{mix.ResetAfter, Fault{Kind: FaultReset, Accepted: true}},
			{mix.Garbage, Fault{Kind: FaultGarbage, Accepted: coin == 0}},
			{mix.Slow, Fault{Accepted: true, Delay: mix.Delay}},
		}
		p := r.Float64()
		for _, k := range kinds {
			if p -= k.p; p < 0 {
				return k.f
			}
		}
		return Fault{}
	}
}
