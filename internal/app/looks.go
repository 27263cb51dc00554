package app

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/insight"
)

// looks are the parts of the server that show what there is: the API and the pages.
func (a *App) looks(o Options, channels []dispatch.Channel, now func() time.Time) ([]access.Route, *dashboard.Dashboard) {
	budgets := make(map[shipbell.ChannelID]shipbell.Budget)
	for _, c := range channels {
		budgets[c.ID()] = c.Budget()
	}
	insights := insight.New(insight.Options{Ledger: a.ledger, Now: now})
	a.api = a.makeAPI(o, budgets, insights, now)
	pages := dashboard.New(dashboard.Options{
		Ledger: a.ledger, Acts: a.ledger, Board: a.board, Doors: a.gate, Channels: a.channels, Budgets: budgets,
		Hearings: a.asks.hearings, URL: o.Settings.PublicURL, TokenHint: a.tokenHint(), Replica: a.replicas.name(),
		Insights: insights, Holders: a.holders(), Now: now, Log: a.log, Version: o.Version,
	})
	return slices.Concat(a.api.Routes(), pages.Routes(), a.metrics.Routes()), pages
}

// tokenHint says where the token for pushes is.
func (a *App) tokenHint() string {
	switch {
	case a.settings.NotifyToken != "":
		return "the value of DEPLOY_NOTIFY_TOKEN on the server"
	case a.replicas != nil:
		return "printed by the replica that was started first"
	}
	return "in " + filepath.Join(a.settings.Store.Data, TokenFile) + " on the server"
}
