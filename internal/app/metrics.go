package app

import (
	"context"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/metric"
)

// makeMetrics makes what counts. It asks the other parts when somebody looks.
func (a *App) makeMetrics(o Options, now func() time.Time) *metric.Metrics {
	look := metric.Options{
		Version: o.Version, Channels: a.channels, Now: now,
		Lanes:   func(ctx context.Context) ([]shipbell.Lane, error) { return a.ledger.Lanes(ctx) },
		Check:   func(ctx context.Context) error { return a.ledger.Check(ctx) },
		Cards:   a.cards,
		Readers: func() int { return a.api.Readers() },
	}
	if o.Settings.Cloudflare.Token != "" {
		look.Hearings = func() []shipbell.Hearing { return a.asks.hearings() }
		look.Quota = func() metric.Quota { return a.asks.quota() }
	}
	if a.replicas != nil {
		look.Leases = a.replicas.keeper.Held
	}
	return metric.New(look)
}

// cards counts the cards of the board by their state.
func (a *App) cards() map[string]int {
	counts := make(map[string]int)
	for _, s := range board.States() {
		counts[string(s)] = 0
	}
	cards, _ := a.board.Cards()
	for _, c := range cards {
		counts[string(c.State())]++
	}
	return counts
}

// meet has the places that were deployed to last counted from zero. It leaves room
// for those that come.
func (a *App) meet(ctx context.Context) {
	select {
	case <-a.board.Ready():
	case <-ctx.Done():
		return
	}
	cards, _ := a.board.Cards()
	cards = slices.Clone(cards)
	slices.SortFunc(cards, func(x, y board.Card) int { return y.Last.RecordedAt.Compare(x.Last.RecordedAt) })
	for _, c := range cards[:min(len(cards), metric.MaxMet)] {
		a.metrics.Meet(c.Type, c.Project, c.Environment)
	}
}

// entrances are the paths by which events come in.
func entrances() map[string]shipbell.Source {
	return map[string]shipbell.Source{"/notify": shipbell.SourcePush, "/hooks/cloudflare": shipbell.SourceAlert}
}

// quota is what was asked of Cloudflare, and what may be.
func (a *asking) quota() metric.Quota {
	limit := a.client.Limit()
	return metric.Quota{Requests: a.client.Requests(), Remaining: limit.Remaining, Limit: limit.Quota}
}
