// Package api is what programs ask the server: JSON, a stream of events, a feed
// and badges.
//
// Its one rule: an answer has a shape of its own, from package wire, and never a
// document as it is stored. What is not understood is refused with a code that
// stays, a sentence and a hint. It decides nothing about who may ask: each route
// says what it needs, and package access sees to it.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/compress"
	"github.com/shipbell/shipbell/internal/insight"
	"github.com/shipbell/shipbell/internal/ledger"
)

// Ledger is what the API reads from the ledger.
type Ledger interface {
	List(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) (ledger.List, error)
	Deployment(ctx context.Context, id shipbell.DeploymentID) (ledger.Story, error)
	ByID(ctx context.Context, text string, n int) ([]ledger.Story, error)
	ByStart(ctx context.Context, text string, n int) ([]ledger.Story, error)
	Lanes(ctx context.Context) ([]shipbell.Lane, error)
	Acts(ctx context.Context, before int64, n int) ([]shipbell.Act, error)
	Tokens(ctx context.Context) ([]shipbell.Token, error)
}

// Board knows what is live where.
type Board interface {
	Ready() <-chan struct{}
	Cards() ([]board.Card, int64)
	Card(s board.Spot) (board.Card, error)
}

// Insights sums up how deployments go.
type Insights interface {
	Report(ctx context.Context, q insight.Query) (insight.Report, error)
}

// Options are the parts that the API works with.
type Options struct {
	Ledger Ledger
	Acts   Acts
	Board  Board
	Feed   Feed
	// Channels are the configured ones, in the order of the settings.
	Channels []shipbell.ChannelID
	// Budgets are the rate limits within which the channels keep.
	Budgets map[shipbell.ChannelID]shipbell.Budget
	// Insights sums up how deployments go.
	Insights Insights
	// PublicBadges lets everybody see the badges: pages of code hosts cannot show a
	// token.
	PublicBadges bool
	// BaseURL is the address of the server in links; the one that was asked where it
	// is empty.
	BaseURL string
	// Instance names this ledger among all, in letters, digits and hyphens: the
	// entries of its feed are known by it for ever.
	Instance func(context.Context) (string, error)
	// Still reports whether who made a request may still do so; nil for yes. Streams
	// ask while they last.
	Still func(*http.Request) bool
	// Now tells the time; nil means the system clock.
	Now     func() time.Time
	Log     *slog.Logger
	Version string
}

// API answers programs. Make one with New.
type API struct {
	Options
	started  time.Time
	readers  atomic.Int64
	stopping context.Context // done when streams must end
	stop     context.CancelFunc
}

// New makes the API.
func New(o Options) *API {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Still == nil {
		o.Still = func(*http.Request) bool { return true }
	}
	a := &API{Options: o, started: o.Now().UTC().Truncate(time.Second)}
	a.stopping, a.stop = context.WithCancel(context.Background())
	return a
}

// Routes returns what can be asked, and what each needs.
func (a *API) Routes() []access.Route {
	routes := []access.Route{
		a.get("/api/v1/deployments", a.listParams(), a.listDeployments),
		a.get("/api/v1/deployments/{id}", nil, a.getDeployment),
		a.post("/api/v1/deployments/{id}/replay", a.replay),
		a.post("/api/v1/deployments/{id}/silence", a.silence),
		a.post("/api/v1/deployments/{id}/unsilence", a.unsilence),
		a.get("/api/v1/projects", a.projectParams(), a.listProjects),
		a.get("/api/v1/projects/{type}/{name}/live", []string{paramEnvironment}, a.getLive),
		a.get("/api/v1/lanes", nil, a.listLanes),
		a.post("/api/v1/lanes/{id}/resume", a.resumeLane),
		a.post("/api/v1/lanes/{id}/test", a.testLane),
		a.get("/api/v1/insights", insightParams(), a.getInsights),
		admin(a.get("/api/v1/audit", []string{paramBefore, paramLimit}, a.listAudit)),
		admin(a.get("/api/v1/tokens", nil, a.listTokens)),
		a.atom(),
		a.badge(),
		a.document(),
	}
	var pool compress.Pool
	for i := range routes {
		routes[i].Handler = pool.Handler(routes[i].Handler)
	}
	return append(routes, a.events())
}

// admin returns a route that only those may use who administer.
func admin(r access.Route) access.Route {
	r.Need = shipbell.ScopeAdmin
	return r
}

// query is a request for something, with its parameters checked.
type query struct {
	*http.Request
	params url.Values
	header http.Header // of the answer
}

// get makes a route that reads. Its answer is encoded as JSON.
func (a *API) get(path string, params []string, fn func(query) (any, error)) access.Route {
	return access.Route{
		Method: http.MethodGet, Path: path, Need: shipbell.ScopeRead,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := query{r, r.URL.Query(), w.Header()}
			err := checkParams(q.params, params)
			if err == nil {
				var v any
				if v, err = fn(q); err == nil {
					reply(w, r, http.StatusOK, contentJSON, private, encode(v))
					return
				}
			}
			a.fail(w, r, err)
		}),
	}
}
