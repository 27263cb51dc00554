package metric_test

import (
	"context"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

var start = channeltest.Start

// broken is a store that forgets everything at once, and cannot be written where it
// has an error.
type broken struct{ error }

func (b broken) Update(ctx context.Context, fn func(ledger.Tx) error, keys ...shipbell.Key) error {
	return memory.New().Update(ctx, fn, keys...)
}
func (b broken) View(ctx context.Context, fn func(ledger.Tx) error) error {
	return memory.New().View(ctx, fn)
}
func (b broken) Check(context.Context) error { return b.error }
func (b broken) Close() error                { return nil }

// idle is a store that does nothing.
type idle struct{ broken }

func (idle) Update(context.Context, func(ledger.Tx) error, ...shipbell.Key) error { return nil }
