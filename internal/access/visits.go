package access

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

// checkEvery is how often it is looked whether the tokens of requests under way
// are still good. With the age that tokens may have then, a stream ends within two
// seconds after its token.
const checkEvery = time.Second

// visits are the requests under way that were let in by a named token. Most are
// over in a moment; a stream would outlive its token.
type visits struct {
	mu   sync.Mutex
	open []visit
}

type visit struct {
	ctx   context.Context
	end   context.CancelFunc
	token shipbell.TokenID
}

// begin returns a context for a visitor that is done when their token is revoked.
func (v *visits) begin(ctx context.Context, token shipbell.TokenID) context.Context {
	ctx, end := context.WithCancel(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open = append(v.open, visit{ctx: ctx, end: end, token: token})
	return ctx
}

// forget drops the requests that are over, and reports whether others are not.
func (v *visits) forget() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open = slices.DeleteFunc(v.open, func(v visit) bool { return v.ctx.Err() != nil })
	return len(v.open) > 0
}

// end ends the requests of all tokens but the good ones.
func (v *visits) end(good []shipbell.Token) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, one := range v.open {
		if !slices.ContainsFunc(good, func(t shipbell.Token) bool { return t.ID == one.token }) {
			one.end()
		}
	}
}

// admitted returns the request as its route sees it.
func (g *Gate) admitted(r *http.Request, v shipbell.Visitor, push bool) *http.Request {
	ctx := With(r.Context(), v)
	if v.Token != "" && !push {
		ctx = g.visits.begin(ctx, v.Token)
	}
	return r.WithContext(ctx)
}

// storeWithin is how long, when all ends, it is gone on to store a next use.
const storeWithin = 2 * time.Second

// Run stores when tokens were last used, and ends the requests under way of those
// that are revoked, until ctx is done.
func (g *Gate) Run(ctx context.Context) error {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			// Who used a token last should be known then.
			bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
			defer stop()
			g.storeUses(bounded)
			return ctx.Err()
		case <-ticker.C:
			if !g.visits.forget() {
				continue
			}
			// While they cannot be read, who was let in stays.
			if good, err := g.tokens.get(ctx, checkEvery); err == nil {
				g.visits.end(good)
			}
		case <-g.uses.wake:
			g.storeUses(ctx)
		}
	}
}

// storeUses stores the uses, and keeps in mind those that ctx left no time for.
func (g *Gate) storeUses(ctx context.Context) {
	for id, at := range g.uses.take() {
		err := g.Ledger.UseToken(ctx, id, at)
		switch {
		case err != nil && ctx.Err() != nil:
			g.uses.keep(id, at)
		case err != nil:
			g.Log.Warn("could not store when a token was last used", "token", id, "error", err)
		}
	}
}
