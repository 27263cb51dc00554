package demo

import (
	"sync"
	"time"
)

// clock is the time in which deployments happen: Cloudflare's, and that of the
// parts of the server that reason about time. It stands still until the scenario
// moves it on, so that minutes pass at once. Telegram and the lane keep to real
// time: their limits are not played.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// set moves the time on. It never goes back.
func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
	}
}
