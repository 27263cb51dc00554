package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/shipbell/shipbell"
)

// Notifications are names of channels that have become stale, which all begin
// with a letter, and these.
const (
	wakeLeases = "!leases" // a lease was given up
	wakeAsking = "!asking" // there is reason to ask at once

	wakeChanged = "!changed" // the feed of changes has something new
)

// relisten is after how long a listener that lost its connection tries again.
const relisten = time.Second

// Heard is what a replica does about what another one says. Calls must not block.
type Heard struct {
	// Stale: a channel has something to deliver; empty means any may have.
	Stale func(shipbell.ChannelID)
	// Freed: a lease was given up.
	Freed func()
	// Asked: there is reason to ask Cloudflare at once.
	Asked func()
	// Changed: the feed of changes may have something new.
	Changed func()
}

// Listen passes on what replicas say, this one included, until ctx is done. What
// is said while the connection is lost is lost, too, so everything counts as said
// when it is back.
func (s *Store) Listen(ctx context.Context, heard Heard) {
	for ctx.Err() == nil {
		err := s.listen(ctx, heard)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("lost the connection that hears of other replicas; trying again", "error", withoutURL(err))
		timer := time.NewTimer(relisten)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (s *Store) listen(ctx context.Context, heard Heard) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(dc any) error {
		c := dc.(*stdlib.Conn).Conn()
		// A connection that has listened is of no use for anything else.
		defer c.Close(context.WithoutCancel(ctx))
		if _, err := c.Exec(ctx, "LISTEN "+pgx.Identifier{s.name}.Sanitize()); err != nil {
			return err
		}
		heard.Stale("")
		heard.Freed()
		heard.Changed()
		for {
			n, err := c.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			switch n.Payload {
			case wakeLeases:
				heard.Freed()
			case wakeAsking:
				heard.Asked()
			case wakeChanged:
				heard.Changed()
			default:
				heard.Stale(shipbell.ChannelID(n.Payload))
			}
		}
	})
}

// Ask tells all replicas that there is reason to ask Cloudflare at once.
func (s *Store) Ask(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, `SELECT pg_notify($1, $2)`, s.name, wakeAsking); err != nil {
		return fmt.Errorf("tell other replicas: %w", withoutURL(err))
	}
	return nil
}
