// Package dashboard shows people what the ledger holds: pages that are made on the
// server, read without a script, and with one stay true by themselves.
//
// Its one rule: a page says what the ledger says, and nothing that was told from
// outside is anything but text on it. It decides nothing about who may look or act:
// each route says what it needs, and package access sees to it; a button that a
// visitor may not use is not shown.
package dashboard

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/compress"
	"github.com/shipbell/shipbell/internal/lately"
	"github.com/shipbell/shipbell/internal/ledger"
)

// Ledger is what the pages read from the ledger.
type Ledger interface {
	List(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) (ledger.List, error)
	ByID(ctx context.Context, text string, n int) ([]ledger.Story, error)
	Lanes(ctx context.Context) ([]shipbell.Lane, error)
	Tokens(ctx context.Context) ([]shipbell.Token, error)
	Acts(ctx context.Context, before int64, n int) ([]shipbell.Act, error)
}

// Acts is what a person can have done.
type Acts interface {
	Replay(ctx context.Context, id shipbell.DeploymentID, by string, channels ...shipbell.ChannelID) error
	Silence(ctx context.Context, id shipbell.DeploymentID, by string) error
	Unsilence(ctx context.Context, id shipbell.DeploymentID, by string) error
	Resume(ctx context.Context, c shipbell.ChannelID, by string) error
	Test(ctx context.Context, c shipbell.ChannelID, by string) error
}

// Board knows what is live where.
type Board interface {
	// Ready is closed once the cards are known.
	Ready() <-chan struct{}
	// Cards returns the cards in the order in which people should see them, and a
	// version that grows when one changes. They must not be changed.
	Cards() ([]board.Card, int64)
}

// Doors lets people in.
type Doors interface {
	// SignIn opens a session for whoever shows a token that may look. Its error is a
	// sentence that can be shown.
	SignIn(w http.ResponseWriter, r *http.Request, token string) (shipbell.Visitor, error)
	// SignOut ends the session that the request comes with.
	SignOut(w http.ResponseWriter, r *http.Request)
	// Open reports whether everybody on this machine may do everything.
	Open() bool
	// HasTokens reports whether there is a token with which one can sign in.
	HasTokens() bool
}

// Options are the parts that the pages are made of.
type Options struct {
	Ledger Ledger
	Acts   Acts
	Board  Board
	Doors  Doors
	// Insights answers for the page of that name; without it there is none.
	Insights Insights
	// Channels are the configured ones, in the order of the settings.
	Channels []shipbell.ChannelID
	// Budgets are the rate limits within which the channels keep.
	Budgets map[shipbell.ChannelID]shipbell.Budget
	// Hearings says how well each source that asks can be heard; nil for none.
	Hearings func() []shipbell.Hearing
	// Holders says which replica delivers in which channel; nil where there is one.
	Holders func(context.Context) (map[shipbell.ChannelID]shipbell.Replica, error)
	// URL is the address at which people and build steps reach the server; empty to
	// take the one by which a visitor came.
	URL string
	// TokenHint says where the token for pushes is; the token itself is never shown.
	TokenHint string
	// Replica is the name of this one; empty where there is one.
	Replica shipbell.Replica
	Version string
	// Now tells the time; nil means the system clock.
	Now func() time.Time
	Log *slog.Logger
}

// Dashboard makes the pages. Make one with New.
type Dashboard struct {
	Options
	assets  assets
	pages   pages
	cards   cardCache
	lanes   lately.Answer[[]shipbell.Lane]
	holders lately.Answer[map[shipbell.ChannelID]shipbell.Replica]
	zip     compress.Pool
}

// New makes the pages' side. It does no I/O.
func New(o Options) *Dashboard {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Hearings == nil {
		o.Hearings = func() []shipbell.Hearing { return nil }
	}
	d := &Dashboard{Options: o, assets: loadAssets()}
	d.pages = loadPages(d.assets)
	return d
}

// The paths of the pages.
const (
	pathNow         = "/"
	pathDeployments = "/deployments"
	pathChannels    = "/channels"
	pathInsights    = "/insights"
	pathAccess      = "/access"
	pathSignIn      = "/signin"
	pathSignOut     = "/signout"
)

// Routes returns what can be asked, and what each needs.
func (d *Dashboard) Routes() []access.Route {
	routes := []access.Route{
		look("/{$}", d.now),
		look(pathDeployments, d.list),
		look(pathDeployments+"/{id}", d.story),
		look(pathChannels, d.channels),
		admin(look(pathAccess, d.access)),
		act(pathDeployments+"/{id}/replay", d.replay),
		act(pathDeployments+"/{id}/silence", d.silence),
		act(pathDeployments+"/{id}/unsilence", d.unsilence),
		act(pathChannels+"/{id}/test", d.test),
		act(pathChannels+"/{id}/resume", d.resume),
		open(http.MethodGet, pathSignIn, d.signInForm),
		open(http.MethodPost, pathSignIn, d.signIn),
		open(http.MethodPost, pathSignOut, d.signOut),
		{Method: http.MethodGet, Path: pathAssets + "{name}", Need: shipbell.ScopeNone, Handler: http.HandlerFunc(d.asset)},
	}
	if d.Insights != nil {
		routes = append(routes, look(pathInsights, d.insights))
	}
	for i := range routes {
		routes[i].Handler = d.zip.Handler(routes[i].Handler)
	}
	return routes
}

func look(path string, h http.HandlerFunc) access.Route {
	return access.Route{Method: http.MethodGet, Path: path, Need: shipbell.ScopeRead, Page: true, Handler: h}
}

// admin returns a route that only those may use who administer.
func admin(r access.Route) access.Route {
	r.Need = shipbell.ScopeAdmin
	return r
}

func act(path string, h http.HandlerFunc) access.Route {
	return access.Route{Method: http.MethodPost, Path: path, Need: shipbell.ScopeAdmin, Page: true, Handler: h}
}

func open(method, path string, h http.HandlerFunc) access.Route {
	return access.Route{Method: method, Path: path, Need: shipbell.ScopeNone, Page: true, Handler: h}
}
