package app

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/api"
)

// makeAPI makes the API. It is called after the gate is made.
func (a *App) makeAPI(o Options, budgets map[shipbell.ChannelID]shipbell.Budget, insights api.Insights, now func() time.Time) *api.API {
	return api.New(api.Options{
		Ledger: a.ledger, Acts: a.ledger, Board: a.board, Feed: a.feed,
		Insights: insights, Channels: a.channels, Budgets: budgets,
		PublicBadges: o.Settings.PublicBadges, BaseURL: o.Settings.PublicURL, Instance: a.instance(),
		Still: a.still, Now: now, Log: a.log, Version: o.Version,
	})
}

// The name under which the ledger keeps which one it is, and how many characters
// tell it from all others.
const (
	secretInstance = "instance"
	instanceChars  = 16
)

// instance returns which ledger this is. It is asked for and kept when somebody
// wants to know it, so that a disk that is full at the start keeps nobody from
// starting.
func (a *App) instance() func(context.Context) (string, error) {
	var mu sync.Mutex
	var known string
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if known != "" {
			return known, nil
		}
		var err error
		known, err = a.ledger.Secret(ctx, secretInstance, strings.ToLower(rand.Text()[:instanceChars]))
		return known, err
	}
}

// still reports whether who made a request would be let in again. Where that cannot
// be found out now, they stay.
func (a *App) still(r *http.Request) bool {
	// The gate keeps account of who is let in until their request is over.
	ctx, over := context.WithCancel(r.Context())
	defer over()
	_, err := a.gate.Admit(nowhere{}, r.WithContext(ctx), access.Route{Method: http.MethodGet, Need: shipbell.ScopeRead})
	return err == nil || errors.As(err, new(*access.Unavailable))
}

// nowhere takes an answer that nobody gets: a session is not renewed by a stream.
type nowhere struct{}

// Header returns one that is forgotten.
func (nowhere) Header() http.Header { return make(http.Header) }

// Write takes everything.
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader does nothing.
func (nowhere) WriteHeader(int) {}
