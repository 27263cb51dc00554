package fakeserver

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestStrike: when a request takes effect, and whether it does, if the client
// waits for the answer and if it hangs up after ten seconds.
func TestStrike(t *testing.T) {
	const never = time.Duration(-1)
	closed := make(chan struct{})
	close(closed)
	for _, c := range []struct {
		name   string
		fault  Fault
		at     time.Duration // when it takes effect
		waited bool          // the client did not hang up
	}{
		{"none", Fault{}, 0, true},
		{"slow", Fault{Delay: time.Second}, time.Second, true},
		{"slow after acceptance", Fault{Delay: time.Second, Accepted: true}, 0, true},
		{"too slow", Fault{Delay: time.Minute}, never, false},
		{"too slow after acceptance", Fault{Delay: time.Minute, Accepted: true}, 0, false},
		{"let go", Fault{Hold: closed, Delay: time.Second}, time.Second, true},
		{"held", Fault{Hold: make(chan struct{})}, never, false},
		{"held after acceptance", Fault{Hold: make(chan struct{}), Accepted: true}, 0, false},
		{"reset", Fault{Kind: FaultReset}, never, true},
		{"reset after acceptance", Fault{Kind: FaultReset, Accepted: true}, 0, true},
		{"status", Fault{Kind: FaultStatus, Delay: time.Second}, never, true},
		{"garbage after acceptance", Fault{Kind: FaultGarbage, Accepted: true}, 0, true},
		{"no 429 is accepted", Fault{Kind: FaultRateLimit, Accepted: true}, never, true},
		{"no refusal is accepted", Fault{Kind: FaultRefuse, Accepted: true}, never, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.fault.Hold != nil && c.fault.Hold != closed {
					c.fault.Hold = make(chan struct{}) // of this bubble
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				begin, at := time.Now(), never
				waited := c.fault.Strike(ctx, func() {
					if at != never {
						t.Error("it takes effect twice")
					}
					at = time.Since(begin)
				})
				if at != c.at || waited != c.waited {
					t.Errorf("takes effect at %s, want %s; waited %t, want %t", at, c.at, waited, c.waited)
				}
			})
		})
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{-time.Hour: 1, 0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, time.Minute: 60} {
		if got := Seconds(d); got != want {
			t.Errorf("Seconds(%s) = %d, want %d", d, got, want)
		}
	}
}

func TestDecider(t *testing.T) {
	var d Decider[int, string]
	if got := d.Decide(1); got != "" {
		t.Errorf("decides %q by itself", got)
	}
	d.Set(func(n int) string { return fmt.Sprint("fault of ", n) })
	if got := d.Decide(2); got != "fault of 2" {
		t.Errorf("decides %q", got)
	}
	d.Set(nil)
	if got := d.Decide(3); got != "" {
		t.Errorf("decides %q after the end", got)
	}
}

// TestDraw: each fault is about as frequent as the mix says, and the same again.
func TestDraw(t *testing.T) {
	const draws, tolerance = 10_000, 0.02
	mix := Mix{Status: 0.05, RateLimit: 0.1, ResetBefore: 0.15, ResetAfter: 0.2, Garbage: 0.1, Slow: 0.1, Delay: time.Minute}
	drawn := map[Fault]int{}
	differ := false
	for seq := range draws {
		f := mix.Draw(1, seq)
		drawn[f]++
		if again := mix.Draw(1, seq); again != f {
			t.Fatalf("draw %d gives %+v and %+v", seq, f, again)
		}
		differ = differ || mix.Draw(2, seq) != f
	}
	if !differ {
		t.Error("another seed gives the same faults")
	}
	want := map[Fault]float64{
		{}:                               0.3,
		{Kind: FaultStatus, Status: 500}: 0.025,
		{Kind: FaultStatus, Status: 502}: 0.025,
		{Kind: FaultRateLimit, RetryAfter: time.Second}: 0.1,
		{Kind: FaultReset}:                   0.15,
		{Kind: FaultReset, Accepted: true}:   0.2,
		{Kind: FaultGarbage}:                 0.05,
		{Kind: FaultGarbage, Accepted: true}: 0.05,
		{Accepted: true, Delay: time.Minute}: 0.1,
	}
	for f, p := range want {
		if got := float64(drawn[f]) / draws; got < p-tolerance || got > p+tolerance {
			t.Errorf("%+v: %.3f of all, want %.3f", f, got, p)
		}
		delete(drawn, f)
	}
	if len(drawn) != 0 {
		t.Errorf("nobody asked for %+v", drawn)
	}
	mix.RetryAfter = time.Hour
	for seq := range draws {
		if f := mix.Draw(1, seq); f.Kind == FaultRateLimit && f.RetryAfter != time.Hour {
			t.Fatalf("%+v, want an hour", f)
		}
	}
}
