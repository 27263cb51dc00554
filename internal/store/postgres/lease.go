package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/store/sqltx"
)

// tx adds to a transaction what only several replicas need.
type tx struct {
	*sqltx.Tx
	carrier *carrier
}

// Fence implements [ledger.Tx]. The row stays locked until the commit, so that
// the lease changes hands before or after the transaction, and not beside it.
func (t *tx) Fence(lease shipbell.Lease) error {
	var fence int64
	err := t.carrier.Row(`SELECT fence FROM leases WHERE name = $1 FOR SHARE`, string(lease.Name)).Scan(&fence)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("look at lease %s: %w", lease.Name, err)
	}
	if fence != lease.Fence {
		return fmt.Errorf("lease %s: %w", lease.Name, shipbell.ErrLost)
	}
	return nil
}

// holdQuery takes names, holder and length in milliseconds. Those whose time is
// another replica's are not touched, and rows are locked in the order of their
// names.
const holdQuery = `
WITH clock AS MATERIALIZED (SELECT ` + nowQuery + ` AS us),
wanted AS (
	SELECT n.name FROM clock, unnest($1::text[]) AS n (name) LEFT JOIN leases l ON l.name = n.name
	WHERE l.name IS NULL OR l.holder = $2 OR l.until_ms <= clock.us / 1000 ORDER BY n.name
), held AS (
	INSERT INTO leases AS l (name, holder, fence, until_ms)
	SELECT wanted.name, $2, 1, clock.us / 1000 + $3 FROM wanted, clock
	ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms,
		fence = CASE WHEN l.holder = excluded.holder AND l.until_ms > 0 THEN l.fence ELSE l.fence + 1 END
	WHERE l.holder = excluded.holder OR l.until_ms <= excluded.until_ms - $3
	RETURNING name, fence, until_ms
)
SELECT clock.us, coalesce(held.name, ''), coalesce(held.fence, 0), coalesce(held.until_ms, 0) FROM clock LEFT JOIN held ON true`

// Hold implements the lease keeper's store. Its answer also tells the time.
func (s *Store) Hold(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) ([]shipbell.Lease, error) {
	wanted := make([]string, len(names))
	for i, name := range names {
		wanted[i] = string(name)
	}
	sent := time.Now()
	rows, err := s.db.QueryContext(ctx, holdQuery, wanted, string(who), ttl.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("hold leases: %w", withoutURL(err))
	}
	defer rows.Close()
	var leases []shipbell.Lease
	var micros int64
	for rows.Next() {
		l := shipbell.Lease{Holder: who}
		var until int64
		if err := rows.Scan(&micros, &l.Name, &l.Fence, &until); err != nil {
			return nil, fmt.Errorf("hold leases: %w", err)
		}
		if l.Name != "" {
			l.Until = time.UnixMilli(until).UTC()
			leases = append(leases, l)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("hold leases: %w", err)
	}
	s.clock.Read(sent, time.Now(), time.UnixMicro(micros))
	return leases, nil
}

// Release implements the lease keeper's store.
func (s *Store) Release(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName) error {
	given := make([]string, len(names))
	for i, name := range names {
		given[i] = string(name)
	}
	_, err := s.db.ExecContext(ctx, `WITH given AS (UPDATE leases SET until_ms = 0 WHERE holder = $1 AND name = ANY ($2) RETURNING name)
		SELECT pg_notify($3, $4) FROM given LIMIT 1`, string(who), given, s.name, wakeLeases)
	if err != nil {
		return fmt.Errorf("give up leases: %w", withoutURL(err))
	}
	return nil
}

// Leases returns all leases that are held, by name.
func (s *Store) Leases(ctx context.Context) ([]shipbell.Lease, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT name, holder, fence, until_ms FROM leases WHERE until_ms > `+nowQuery+` / 1000 ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("read leases: %w", withoutURL(err))
	}
	defer rows.Close()
	var leases []shipbell.Lease
	for rows.Next() {
		var l shipbell.Lease
		var until int64
		if err := rows.Scan(&l.Name, &l.Holder, &l.Fence, &until); err != nil {
			return nil, fmt.Errorf("read leases: %w", err)
		}
		l.Until = time.UnixMilli(until).UTC()
		leases = append(leases, l)
	}
	return leases, rows.Err()
}

// KeptSecret returns what replicas share under a name, or [shipbell.ErrNotFound].
func (s *Store) KeptSecret(ctx context.Context, name string) (string, error) {
	var kept string
	err := s.db.QueryRowContext(ctx, `SELECT value FROM secrets WHERE name = $1`, name).Scan(&kept)
	if errors.Is(err, sql.ErrNoRows) {
		return "", shipbell.ErrNotFound
	}
	return kept, withoutURL(err)
}
