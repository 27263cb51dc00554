package postgres

import (
	"context"
	"fmt"
	"time"
)

// Now returns the time as the database has it, in UTC. All replicas go by it:
// what one writes another reads.
func (s *Store) Now() time.Time { return s.clock.Now() }

// nowQuery is the time in unix microseconds while the statement runs.
const nowQuery = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// readClock asks the database for the time, and takes it in.
func (s *Store) readClock(ctx context.Context) error {
	sent := time.Now()
	var micros int64
	if err := s.db.QueryRowContext(ctx, `SELECT `+nowQuery).Scan(&micros); err != nil {
		return fmt.Errorf("ask the time: %w", err)
	}
	s.clock.Read(sent, time.Now(), time.UnixMicro(micros))
	return nil
}
