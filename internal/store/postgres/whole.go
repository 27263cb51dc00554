package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/shipbell/shipbell/internal/store/sqltx"
)

// wholeBound bounds a transaction over the whole ledger.
const wholeBound = 24 * time.Hour

// ReadWhole runs fn on a snapshot of the whole ledger, for as long as it takes.
func (s *Store) ReadWhole(ctx context.Context, fn func(sqltx.Conn) error) error {
	r := newSession(s)
	defer r.drop()
	return r.within(wholeBound, func(c *carrier) error {
		c.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
		c.queue("SET LOCAL statement_timeout = 0") // counting takes a while
		if err := c.flush(); err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		c.queue("ROLLBACK")
		return c.flush()
	})
}

// WriteWhole runs fn in one transaction in which it fills an empty ledger, for as
// long as it takes.
func (s *Store) WriteWhole(ctx context.Context, fn func(sqltx.Conn) error) error {
	w := newSession(s)
	defer w.drop()
	err := w.within(wholeBound, func(c *carrier) error {
		c.queue("BEGIN")
		c.queue("SET LOCAL statement_timeout = 0")
		c.queue("SET LOCAL idle_in_transaction_session_timeout = 0") // the other side is read meanwhile
		c.queue(`SELECT pg_advisory_xact_lock($1)`, s.lock)
		if err := c.flush(); err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		// Numbers that the database gives itself go on after those that are there.
		for table, column := range map[string]string{"places": "id", "lanes": "id", "words": "id", "changes": "n", "acts": "n"} {
			c.queue(fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), coalesce(max(%[2]s), 0) + 1, false) FROM %[1]s`, table, column))
		}
		c.queue("COMMIT")
		return c.flush()
	})
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, "ANALYZE")
	return err
}
