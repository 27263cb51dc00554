package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/render"
	"github.com/shipbell/shipbell/internal/route"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
	"github.com/shipbell/shipbell/internal/web"
)

// The policy of this file: the parts are those of package app, tied to each other
// as there. Only what app takes from the system is given here: the clock, and
// when the ledger looks for deployments that do not end.

// shutdown bounds the end of the server.
const shutdown = 2 * time.Second

// remotes are the services that a monitor talks to.
type remotes struct {
	telegram, telegramToken     string
	cloudflare, cloudflareToken string
	queue                       string
	unlimited                   bool // Telegram is
}

// monitor is Shipbell.
type monitor struct {
	store      app.Store
	ledger     *ledger.Ledger
	dispatcher *dispatch.Dispatcher
	poller     *cloudflare.Poller
	consumer   *cloudflare.Consumer
	http       *http.Server
	listener   net.Listener
	token      string
	log        *app.Log

	checks chan struct{} // each has the ledger look for what does not end
}

// openMonitor makes the parts in a data directory. The caller closes it.
func openMonitor(ctx context.Context, data, version string, clock *clock, r remotes, log *app.Log) (*monitor, error) {
	m := &monitor{log: log, token: "demo_" + rand.Text(), checks: make(chan struct{}, 1)}
	for _, secret := range []string{m.token, r.telegramToken, r.cloudflareToken} {
		log.Hide(secret)
	}
	var err error
	if m.store, err = app.OpenStore(ctx, config.Store{Data: data}, nil); err != nil {
		return nil, err
	}
	chats, err := telegram.ParseChats(fmt.Sprint(chatID))
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	channel := telegram.New(telegram.Config{
		Token: outbound.NewSecret(r.telegramToken), Chat: chats[0], APIURL: r.telegram,
		HTTP: outbound.New(outbound.Options{Version: version}), Unlimited: r.unlimited,
	})
	channels := []shipbell.ChannelID{channel.ID()}
	m.ledger = ledger.New(ledger.Options{
		Store: m.store, Router: route.Table{All: channels}, Asked: true, Now: clock.Now,
		Wake: func(c shipbell.ChannelID) { m.dispatcher.Wake(c) },
		Log:  log.Logger,
	})
	m.dispatcher = dispatch.New(dispatch.Options{
		Ledger: m.ledger, Channels: []dispatch.Channel{channel}, Render: render.Announcement,
		NothingDue: nothingDue, Grace: shutdown, Log: log.Logger,
	})
	client := cloudflare.NewClient(cloudflare.ClientOptions{
		Token: outbound.NewSecret(r.cloudflareToken), BaseURL: r.cloudflare, Now: clock.Now,
		HTTP: outbound.New(outbound.Options{Version: version, MaxBody: cloudflare.MaxBody}),
	})
	m.poller = cloudflare.NewPoller(cloudflare.PollerOptions{
		Client: client, Ledger: m.ledger, Now: clock.Now, Log: log.Logger,
	})
	m.consumer = cloudflare.NewConsumer(cloudflare.ConsumerOptions{
		Client: client, Ledger: m.ledger, Queue: r.queue, Base: m.poller.Base, Heard: m.poller.Wake,
		Now: clock.Now, Log: log.Logger,
	})
	m.http = web.New(web.Options{
		Ledger: m.ledger, Gate: access.New(access.Options{PushToken: m.token}), Channels: channels, Version: version, Started: time.Now(), Log: log.Logger,
		Hearings: func() []shipbell.Hearing { return []shipbell.Hearing{m.poller.Hearing(), m.consumer.Hearing()} },
	}).HTTPServer()
	if m.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

func nothingDue(err error) (time.Time, bool) {
	none, ok := errors.AsType[ledger.NothingDue](err)
	return none.Next, ok
}

func (m *monitor) url() string { return "http://" + m.listener.Addr().String() }

// check has the ledger look for deployments that do not end. It does not block.
func (m *monitor) check() {
	select {
	case m.checks <- struct{}{}:
	default:
	}
}

// run serves until ctx is done or serving fails.
func (m *monitor) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	group.Go(func() {
		if err := m.http.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve: %w", err))
		}
	})
	group.Go(func() { _ = m.dispatcher.Run(ctx) })
	group.Go(func() { _ = m.poller.Run(ctx) })
	group.Go(func() { _ = m.consumer.Run(ctx) })
	group.Go(func() { m.watch(ctx) })

	<-ctx.Done()
	bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer stop()
	if err := m.http.Shutdown(bounded); err != nil {
		_ = m.http.Close()
	}
	group.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// watch looks when it is told to: the clock stands still between the steps of the
// scenario, so nothing is due by itself.
func (m *monitor) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.checks:
		}
		if _, err := m.ledger.Watch(ctx, m.poller); err != nil && ctx.Err() == nil {
			m.log.Error("could not look for deployments that do not end", "error", err)
		}
	}
}

// close is called after run has returned.
func (m *monitor) close() error {
	var errs []error
	if m.listener != nil {
		if err := m.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, m.store.Close())...)
}
