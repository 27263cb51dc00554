package app

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/dispatch"
)

// secretInstance is the name under which the ledger keeps what tells it from all
// others in feeds. It is no secret.
const secretInstance = "instance"

// looks are the parts of the server that show what there is: the API and the pages.
func (a *App) looks(ctx context.Context, o Options, channels []dispatch.Channel, now func() time.Time) ([]access.Route, error) {
	instance, err := a.ledger.Secret(ctx, secretInstance, strings.ToLower(rand.Text()))
	if err != nil {
		return nil, err
	}
	budgets := make(map[shipbell.ChannelID]shipbell.Budget)
	for _, c := range channels {
		budgets[c.ID()] = c.Budget()
	}
	a.api = api.New(api.Options{
		Ledger: a.ledger, Acts: a.ledger, Board: a.board, Feed: a.feed, Channels: a.channels, Budgets: budgets,
		PublicBadges: o.Settings.PublicBadges, BaseURL: o.Settings.BaseURL, Instance: instance, Now: now, Log: a.log, Version: o.Version,
	})
	return a.api.Routes(), nil
}
