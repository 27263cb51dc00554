package sqlite

import (
	"context"

	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/sqltx"
)

// ReadWhole runs fn on a snapshot of the whole ledger, for as long as it takes.
func (s *Store) ReadWhole(ctx context.Context, fn func(sqltx.Conn) error) error {
	if err := s.writer.update(func(ledger.Tx) error { return s.writer.fresh.settle(s.writer) }); err != nil {
		return err
	}
	select {
	case r := <-s.pool:
		defer func() { s.pool <- r }()
		return r.view(func(ledger.Tx) error { return fn(r) })
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WriteWhole runs fn in one transaction in which it fills an empty ledger, for as
// long as it takes. Nobody else may use the store.
func (s *Store) WriteWhole(_ context.Context, fn func(sqltx.Conn) error) error {
	return s.writer.update(func(ledger.Tx) error { return fn(s.writer) })
}
