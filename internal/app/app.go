// Package app puts the parts together to a server.
//
// Its one rule: it is the only package that knows everyone, and it owns every
// goroutine: they start in Run and have ended when Run returns.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/channel/console"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/feed"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/metric"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/render"
	"github.com/shipbell/shipbell/internal/route"
	"github.com/shipbell/shipbell/internal/web"
)

// grace bounds each step of shutting down. Container platforms kill after ten
// seconds; both steps run at the same time.
const grace = 6 * time.Second

// sweepEvery is how often old deployments are looked for.
const sweepEvery = time.Hour

// Checks reject settings that only other packages understand.
var Checks = map[string]func(string) error{
	"TELEGRAM_CHAT_ID":         func(v string) error { _, err := telegram.ParseChats(v); return err },
	"WORKER_PROJECTS":          func(v string) error { _, err := route.ParsePatterns(v); return err },
	"PAGE_PROJECTS":            func(v string) error { _, err := route.ParsePatterns(v); return err },
	"GITHUB_OIDC_REPOSITORIES": func(v string) error { _, err := access.ParseRepositories(v); return err },
}

// Options are what a server is made of.
type Options struct {
	Settings config.Settings
	Version  string
	// Out is where the console channel prints.
	Out io.Writer
	Log *Log
}

// App is a server. Make one with Open.
type App struct {
	log        *slog.Logger
	settings   config.Settings
	lock       *flock.Flock
	store      ledger.Store
	replicas   *replicas // nil when this server is alone
	metrics    *metric.Metrics
	ledger     *ledger.Ledger
	dispatcher *dispatch.Dispatcher
	feed       *feed.Feed
	board      *board.Board
	api        *api.API
	asks       *asking // nil when Cloudflare is not asked
	channels   []shipbell.ChannelID
	telegrams  []*telegram.Channel
	gate       *access.Gate
	served     []access.Route
	http       *http.Server
	silent     *silentConns
	listener   net.Listener
	token      string
	madeToken  bool
}

// Open takes the data directory and the address, and opens the store. Nothing
// is delivered and no request is answered before Run. The caller closes the App.
func Open(ctx context.Context, o Options) (*App, error) {
	a := &App{log: o.Log.Logger, settings: o.Settings}
	if err := a.open(ctx, o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context, o Options) (err error) {
	now := time.Now
	if where := o.Settings.Store; where.Database != "" {
		if err := a.openShared(ctx, o); err != nil {
			return err
		}
		now = a.replicas.store.Now
	} else {
		if a.lock, err = lock(where.Data); err != nil {
			return err
		}
		if a.store, err = OpenStore(ctx, where, a.log); err != nil {
			return err
		}
	}
	if err := a.findToken(ctx); err != nil {
		return err
	}
	o.Log.Hide(a.token)
	o.Log.Hide(o.Settings.TelegramToken)

	channels, err := a.makeChannels(o)
	if err != nil {
		return err
	}
	for _, c := range channels {
		a.channels = append(a.channels, c.ID())
	}
	table, err := a.routes()
	if err != nil {
		return err
	}
	a.metrics = a.makeMetrics(o, now)
	a.ledger = ledger.New(ledger.Options{
		Store:  a.metrics.Store(a.store),
		Router: table,
		Now:    now,
		Asked:  o.Settings.Cloudflare.Token != "",
		Wake:   func(c shipbell.ChannelID) { a.dispatcher.Wake(c) },
		Count:  a.metrics.Step,

		Committed: func() { a.feed.Wake() },
		Log:       a.log,
	})
	a.board = board.New(board.Options{Ledger: a.ledger, Now: now, Log: a.log})
	a.feed = feed.New(feed.Options{Ledger: a.ledger, Encode: api.EncodeNews, First: a.board.Apply, Lost: a.board.Reset, Log: a.log})
	a.dispatcher = dispatch.New(dispatch.Options{
		Ledger:     a.ledger,
		Channels:   channels,
		Render:     render.Announcement,
		NothingDue: nothingDue,
		Grace:      grace,
		While:      a.replicas.while,
		Now:        now,
		Asleep:     a.replicas.asleep(),
		Count:      a.metrics.Attempt,
		Log:        a.log,
	})
	a.asks = a.makeAsking(o, table.Projects, now)
	o.Log.Hide(o.Settings.WebhookSecret)
	if a.listener, err = net.Listen("tcp", o.Settings.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if a.gate, err = a.makeGate(o, now); err != nil {
		return err
	}
	routes, pages := a.looks(o, channels, now)
	side := web.New(web.Options{
		Ledger: a.ledger, Gate: a.gate, Routes: routes, Explain: pages.Fail, Match: matchProject, Channels: a.channels,
		Hook: a.hook(o.Settings.WebhookSecret), Hearings: a.asks.hearings,
		Version: o.Version, Started: now(), Now: now, Log: a.log,
		Replica: a.replicas.name(), Holders: a.holders(),
	})
	a.served, a.http = side.Routes(), side.HTTPServer()
	a.http.Handler = a.metrics.Ingest(a.http.Handler, entrances())
	a.http.RegisterOnShutdown(a.api.Stop)
	a.silent = watchSilent(a.http)
	return nil
}

// nothingDue translates between the ledger and the dispatcher, which do not
// know each other.
func nothingDue(err error) (time.Time, bool) {
	var none ledger.NothingDue
	ok := errors.As(err, &none)
	return none.Next, ok
}

func (a *App) makeChannels(o Options) ([]dispatch.Channel, error) {
	if o.Settings.TelegramToken == "" {
		return []dispatch.Channel{console.New(o.Out)}, nil
	}
	chats, err := telegram.ParseChats(o.Settings.TelegramChats)
	if err != nil {
		return nil, err
	}
	client := outbound.New(outbound.Options{Version: o.Version})
	var channels []dispatch.Channel
	for _, chat := range chats {
		c := telegram.New(telegram.Config{
			Token: outbound.NewSecret(o.Settings.TelegramToken), Chat: chat, APIURL: o.Settings.TelegramAPI,
			HTTP: client, Unlimited: o.Settings.TelegramFree,
		})
		a.telegrams = append(a.telegrams, c)
		channels = append(channels, c)
	}
	return channels, nil
}

func (a *App) routes() (route.Table, error) {
	projects, err := projectsOf(a.settings)
	return route.Table{Projects: projects, All: a.channels}, err
}

// projectsOf reads which projects people want to hear of.
func projectsOf(s config.Settings) (route.Projects, error) {
	workers, err := route.ParsePatterns(s.WorkerProjects)
	if err != nil {
		return route.Projects{}, err
	}
	pages, err := route.ParsePatterns(s.PageProjects)
	return route.Projects{Workers: workers, Pages: pages}, err
}

// IsListenError reports whether err is about the address, not the data.
func IsListenError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "listen"
}

// URL returns the address at which the server can be reached from here.
func (a *App) URL() string {
	host, port, _ := net.SplitHostPort(a.listener.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Token returns the token that a push must bear, and whether this start made it.
func (a *App) Token() (token string, made bool) { return a.token, a.madeToken }

// Routes returns all that can be asked of the server, with what each needs.
func (a *App) Routes() []access.Route { return a.served }

// Console reports whether messages are printed because no channel is configured.
func (a *App) Console() bool { return len(a.telegrams) == 0 }

// Asks reports whether Cloudflare is asked what it shows.
func (a *App) Asks() bool { return a.asks != nil }

// Run serves until ctx is done, and then ends within a bound: it takes nothing
// new, answers what it has taken, and waits for deliveries under way. What is
// not delivered by then is delivered by the next start.
func (a *App) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	group.Go(func() {
		if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve: %w", err))
		}
	})
	if a.replicas != nil {
		group.Go(func() { a.replicas.keeper.Run(ctx) })
		group.Go(func() { a.replicas.store.Listen(ctx, a.heard()) })
	}
	group.Go(func() { _ = a.dispatcher.Run(ctx) })
	group.Go(func() { _ = a.feed.Run(ctx) })
	group.Go(func() { _ = a.board.Run(ctx) })
	group.Go(func() { a.meet(ctx) })
	group.Go(func() { a.replicas.while(ctx, leaseLists, a.enlist) })
	group.Go(func() { a.replicas.while(ctx, leaseSweep, a.sweep) })
	group.Go(func() { a.introduce(ctx) })
	group.Go(func() { _ = a.gate.Run(ctx) })
	group.Go(a.sayWhoMay)
	group.Go(func() { a.replicas.while(ctx, leaseWatch, a.watch) })
	if a.asks != nil {
		group.Go(func() { a.asks.introduce(ctx, a.log) })
	} else {
		a.log.Info("Cloudflare is not asked: what is not pushed is not known", "hint", "set CLOUDFLARE_API_TOKEN to a token that may read")
	}
	a.log.Info("ready", append([]any{"url", a.URL(), "channels", a.channels}, a.kept()...)...)

	<-ctx.Done()
	a.log.Info("stopping", "within", grace.String())
	bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer stop()
	a.silent.close()
	if err := a.http.Shutdown(bounded); err != nil {
		a.log.Warn("requests under way were cut off", "error", err)
		_ = a.http.Close()
	}
	group.Wait()
	a.log.Info("stopped")
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// silentConns are the connections that have sent nothing yet, as browsers and
// pools keep them. http.Server.Shutdown waits five seconds for each of them to
// say something; there is nothing to wait for.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func watchSilent(s *http.Server) *silentConns {
	c := &silentConns{conns: make(map[net.Conn]struct{})}
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if state == http.StateNew {
			c.conns[conn] = struct{}{}
		} else {
			delete(c.conns, conn)
		}
	}
	return c
}

func (c *silentConns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
}

// introduce says which bot posts where, or why it will not be able to. Nothing
// waits for it.
func (a *App) introduce(ctx context.Context) {
	for _, c := range a.telegrams {
		who, err := c.Check(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			a.log.Warn("channel check failed", "channel", c.ID(), "error", err)
			continue
		}
		a.log.Info("channel", "channel", c.ID(), "bot", who.Bot, "chat", who.Chat)
	}
}

func (a *App) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		retention := ledger.DefaultRetention
		retention.Deployments = a.settings.Retention
		n, err := a.ledger.Sweep(ctx, retention, a.channels)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Error("could not delete old deployments; trying again in an hour", "error", err)
		case n > 0:
			a.log.Info("deleted old deployments", "deployments", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Close releases everything that Open took. It is called after Run returned.
func (a *App) Close() error {
	var errs []error
	if a.listener != nil {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}
