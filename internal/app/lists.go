package app

import (
	"context"
	"time"

	"github.com/shipbell/shipbell/internal/ledger"
)

const (
	// enlistEvery is how often it is looked whether the lists lack much.
	enlistEvery = 10 * time.Second
	// enlistFrom is how many deployments the lists may lack. Whoever reads one takes
	// so many in unnoticed.
	enlistFrom = 500
	// enlistShare is how much longer than it took it is waited before the next part
	// while pushes come in: they go first.
	enlistShare = 10
	// tellFrom is from how many on people are told, and tellEvery how often.
	tellFrom  = 20_000
	tellEvery = 10 * time.Second
)

// enlist brings the lists up to date with what nobody looked at, in parts, so that
// no push waits for long.
func (a *App) enlist(ctx context.Context) {
	ticker := time.NewTicker(enlistEvery)
	defer ticker.Stop()
	for {
		left, err := a.ledger.Unlisted(ctx)
		if err == nil && left >= enlistFrom {
			err = a.enlistAll(ctx, left)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("could not bring the lists up to date; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (a *App) enlistAll(ctx context.Context, left int) error {
	var told time.Time
	for left > 0 && ctx.Err() == nil {
		if left >= tellFrom && time.Since(told) >= tellEvery {
			told = time.Now()
			a.log.Info("bringing the lists up to date; until then pages lack deployments", "left", left)
		}
		start := time.Now()
		now, err := a.ledger.Enlist(ctx)
		if err != nil {
			return err
		}
		var pause time.Duration
		if left-now < ledger.EnlistBatch { // pushes came in meanwhile
			pause = enlistShare * time.Since(start)
		}
		left = now
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}
