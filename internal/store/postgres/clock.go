package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// clock is the database's clock, as far as it can be told from here. Replicas
// whose own clocks are minutes apart agree on it to the length of a round trip.
// It goes on with the monotonic clock of this machine between two readings.
type clock struct {
	mu sync.Mutex
	// at is a moment here, when it was theirs there.
	at    time.Time
	there time.Time
	// within is how far off it may be: half of the round trip.
	within time.Duration
}

// clockAge is after how long a worse reading replaces a better one: clocks drift.
const clockAge = time.Minute

// read takes a reading in: the database said there between sent and got.
func (c *clock) read(sent, got, there time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	within := got.Sub(sent) / 2
	if !c.at.IsZero() && within > c.within && got.Sub(c.at) < clockAge {
		return
	}
	c.at, c.there, c.within = sent.Add(within), there, within
}

// now returns the time there.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there.Add(time.Since(c.at))
}

// Now returns the time as the database has it, in UTC. All replicas go by it:
// what one writes another reads.
func (s *Store) Now() time.Time { return s.clock.now().UTC() }

// nowQuery is the time in unix microseconds while the statement runs.
const nowQuery = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// readClock asks the database for the time, and takes it in.
func (s *Store) readClock(ctx context.Context) (time.Time, error) {
	sent := time.Now()
	var micros int64
	if err := s.db.QueryRowContext(ctx, `SELECT `+nowQuery).Scan(&micros); err != nil {
		return time.Time{}, fmt.Errorf("ask the time: %w", err)
	}
	there := time.UnixMicro(micros)
	s.clock.read(sent, time.Now(), there)
	return there, nil
}
