package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestBackOff: whatever the number of tries, the wait lies between half and
// the whole of what it doubles to, and never beyond the most.
func TestBackOff(t *testing.T) {
	for _, p := range []struct{ first, most time.Duration }{{firstSetback, maxSetback}, {firstSetAside, maxSetAside}} {
		want := p.first
		for tries := 1; tries <= 100; tries++ {
			if got := backOff(tries, p.first, p.most, rand.N[time.Duration]); got < want/2-1 || got > want {
				t.Fatalf("try %d: %s, want %s to %s", tries, got, want/2, want)
			}
			want = min(2*want, p.most)
		}
	}
}
