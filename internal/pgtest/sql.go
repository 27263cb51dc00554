//go:build unix

package pgtest

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Exec runs a statement beside whoever uses the database.
func (s *Server) Exec(ctx context.Context, statement string) error {
	c, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}
