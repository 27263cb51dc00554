// Package clock tells the time of another machine: the database's, as far as it
// can be told from here.
//
// Its one rule: replicas whose own clocks are minutes apart agree on it to the
// length of a round trip. It goes on with the monotonic clock of this machine
// between two readings. It asks nobody; readings are brought to it.
package clock

import (
	"sync"
	"time"
)

// age is after how long a worse reading replaces a better one: clocks drift.
const age = time.Minute

// Clock is a clock that is read from afar. It is safe for concurrent use; before
// the first reading it tells nothing.
type Clock struct {
	mu sync.Mutex
	// at is a moment here, when it was theirs there.
	at    time.Time
	there time.Time
	// within is how far off it may be: half of the round trip.
	within time.Duration
}

// Read takes a reading in: the other machine said there between sent and got.
func (c *Clock) Read(sent, got, there time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	within := got.Sub(sent) / 2
	if !c.at.IsZero() && within > c.within && got.Sub(c.at) < age {
		return
	}
	c.at, c.there, c.within = sent.Add(within), there, within
}

// Now returns the time there, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there.Add(time.Since(c.at)).UTC()
}
