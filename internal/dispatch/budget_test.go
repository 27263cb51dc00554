package dispatch

import (
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

// TestBudgetCountsWhatIsUnderWay: however long a request is under way, the next
// one that has to keep its distance leaves after the answer.
func TestBudgetCountsWhatIsUnderWay(t *testing.T) {
	b := budget{limits: []shipbell.Limit{{N: 1, Per: time.Second}, {N: 3, Per: 10 * time.Second}}}
	start := time.Unix(0, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	if !b.take(at(0), shipbell.UrgencyNormal) {
		t.Fatal("the first request has to wait")
	}
	for _, d := range []time.Duration{0, time.Second, 5 * time.Second} {
		if b.take(at(d), shipbell.UrgencyHigh) {
			t.Fatalf("after %s a request leaves beside one that is under way", d)
		}
		if wait := b.wait(at(d), shipbell.UrgencyHigh); wait != whileUnder {
			t.Errorf("after %s it looks again in %s, want %s", d, wait, whileUnder)
		}
	}
	b.answered(at(0), at(5*time.Second))
	if wait := b.wait(at(5500*time.Millisecond), shipbell.UrgencyHigh); wait != 500*time.Millisecond {
		t.Errorf("half a second after the answer it waits %s, want the other half", wait)
	}
	if n := len(b.snapshot()); n != 1 {
		t.Errorf("%d requests are remembered, want 1", n)
	}
}
