package dispatch

import (
	"slices"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

// budget keeps requests within limits. Lanes with the same budget share one.
// It counts a request from its answer, not from its start, and one that is under
// way as if it was answered now: two requests can then never reach the remote
// closer together than they were counted, however long the first was under way.
type budget struct {
	limits []shipbell.Limit

	mu     sync.Mutex
	recent []time.Time // when requests were answered, oldest first
	under  []time.Time // when those that are under way started, oldest first
	parked time.Time   // the remote asked to wait until then
}

// whileUnder is how long a lane waits before it looks again whether the request
// of another lane was answered, for which it has to wait.
const whileUnder = 50 * time.Millisecond

// The shares of a limit that are kept for what is more urgent. A limit that is
// too small to be shared, such as one request per second, has none.
const (
	reserveOfLow    = 4  // edits that can wait leave a quarter
	reserveOfNormal = 10 // posts and last states leave a tenth to alerts
)

// share is how much of a limit of n requests the urgency may use.
func share(n int, u shipbell.Urgency) int {
	switch u {
	case shipbell.UrgencyLow:
		return n - n/reserveOfLow
	case shipbell.UrgencyNormal:
		return n - n/reserveOfNormal
	}
	return n
}

// wait returns how long it is until a request of that urgency may start.
func (b *budget) wait(now time.Time, u shipbell.Urgency) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waitLocked(now, u)
}

func (b *budget) waitLocked(now time.Time, u shipbell.Urgency) time.Duration {
	until := b.parked
	for _, l := range b.limits {
		n := share(l.N, u) - len(b.under)
		if n > len(b.recent) {
			continue
		}
		free := now.Add(min(whileUnder, l.Per))
		if n > 0 {
			free = b.recent[len(b.recent)-n].Add(l.Per)
		}
		if free.After(until) {
			until = free
		}
	}
	return max(until.Sub(now), 0)
}

// take counts a request that starts now, unless it has to wait.
func (b *budget) take(now time.Time, u shipbell.Urgency) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waitLocked(now, u) > 0 {
		return false
	}
	b.under = append(b.under, now)
	return true
}

// answered takes in that a request which started then was answered now.
func (b *budget) answered(then, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.under, then.Equal); i >= 0 {
		b.under = slices.Delete(b.under, i, i+1)
	}
	b.recent = append(b.recent, now)
	slices.SortFunc(b.recent, time.Time.Compare)
	b.trimLocked()
}

// park stops everybody on this budget until then.
func (b *budget) park(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.parked) {
		b.parked = until
	}
}

// release forgets a park: a person wants to try now.
func (b *budget) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.parked = time.Time{}
}

// reset forgets everything: what counts is loaded again.
func (b *budget) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recent, b.under, b.parked = nil, nil, time.Time{}
}

// load adds requests that were made before this process held the lane.
func (b *budget) load(recent []time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recent = append(b.recent, recent...)
	slices.SortFunc(b.recent, time.Time.Compare)
	b.recent = slices.CompactFunc(b.recent, time.Time.Equal)
	b.trimLocked()
}

// snapshot returns the requests that still count; those under way from their
// start.
func (b *budget) snapshot() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Concat(b.recent, b.under)
}

// trimLocked keeps as many requests as the largest limit looks back on.
func (b *budget) trimLocked() {
	keep := 0
	for _, l := range b.limits {
		keep = max(keep, l.N)
	}
	if n := len(b.recent); n > keep {
		b.recent = slices.Delete(b.recent, 0, n-keep)
	}
}
