package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/route"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
	"github.com/shipbell/shipbell/internal/web"
)

// watchEvery is how often the ledger looks for deployments of which nothing is
// heard any more. It asks an index, and usually finds nothing.
const watchEvery = 15 * time.Second

// CloudflareScopes are the permissions that a token needs, to read alone.
const CloudflareScopes = cloudflare.ReadScopes

// asking are the parts that ask Cloudflare; nil without a token.
type asking struct {
	client   *cloudflare.Client
	settings config.Cloudflare
	make     func() (*cloudflare.Poller, *cloudflare.Consumer)

	mu sync.Mutex
	// The parts are made anew each time this replica begins to ask: what they
	// keep in mind may be out of date by then. Both are nil while another replica
	// asks, and the consumer without a queue.
	poller   *cloudflare.Poller
	consumer *cloudflare.Consumer
}

// newClient makes the client of Cloudflare's API.
func newClient(c config.Cloudflare, version string) *cloudflare.Client {
	return cloudflare.NewClient(cloudflare.ClientOptions{
		Token: outbound.NewSecret(c.Token), BaseURL: c.API,
		HTTP: outbound.New(outbound.Options{Version: version, MaxBody: cloudflare.MaxBody}),
	})
}

func (a *App) makeAsking(o Options, projects route.Projects, now func() time.Time) *asking {
	c := o.Settings.Cloudflare
	if c.Token == "" {
		return nil
	}
	o.Log.Hide(c.Token)
	client := newClient(c, o.Version)
	return &asking{client: client, settings: c, make: func() (*cloudflare.Poller, *cloudflare.Consumer) {
		poller := cloudflare.NewPoller(cloudflare.PollerOptions{
			Client: client, Ledger: a.ledger, Accounts: c.Accounts, Interval: c.Interval,
			Allow: allow(projects), Now: now, Log: a.log,
		})
		if c.Queue == "" {
			return poller, nil
		}
		return poller, cloudflare.NewConsumer(cloudflare.ConsumerOptions{
			Client: client, Ledger: a.ledger, Accounts: c.Accounts, Queue: c.Queue,
			Interval: min(c.Interval, cloudflare.DefaultPullInterval),
			Allow:    allow(projects), Base: poller.Base, Heard: poller.Wake, Now: now, Log: a.log,
		})
	}}
}

// run asks until ctx is done, and gives what looks at deployments its witness.
func (a *asking) run(ctx context.Context, watch func(context.Context, ledger.Witness)) {
	poller, consumer := a.make()
	a.set(poller, consumer)
	defer a.set(nil, nil)
	var group sync.WaitGroup
	group.Go(func() { _ = poller.Run(ctx) })
	if consumer != nil {
		group.Go(func() { _ = consumer.Run(ctx) })
	}
	watch(ctx, poller)
	group.Wait()
}

func (a *asking) set(poller *cloudflare.Poller, consumer *cloudflare.Consumer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.poller, a.consumer = poller, consumer
}

// wake makes the poller look soon, if it is here.
func (a *asking) wake() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.poller != nil {
		a.poller.Wake()
	}
}

// allow reports whether people want to hear of a project.
func allow(projects route.Projects) func(shipbell.ProjectType, string) bool {
	return func(t shipbell.ProjectType, name string) bool {
		return projects.Match(shipbell.Deployment{Observation: shipbell.Observation{Type: t, Project: name}})
	}
}

// introduce says what the token may read, or what it lacks. Nothing waits for it.
func (a *asking) introduce(ctx context.Context, log *slog.Logger) {
	checkup, err := cloudflare.Check(ctx, a.client, a.settings.Accounts, a.settings.Queue)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		hint := "check the token, its permissions and the network; it is asked again all the time"
		var setup *cloudflare.SetupError
		if errors.As(err, &setup) {
			hint = setup.Hint
		}
		log.Warn("Cloudflare cannot be asked", "error", err, "hint", hint)
		return
	}
	for _, p := range checkup.Parts {
		if !p.Works {
			log.Warn("a part of Cloudflare cannot be asked", "account", p.Account, "part", p.Name, "reason", p.Reason, "permission", p.Scope)
		}
	}
	log.Info("asking Cloudflare", "accounts", checkup.Accounts, "every", a.settings.Interval.String())
}

// hearings says how well each source can be heard by this replica, if it is the
// one that asks.
func (a *asking) hearings() []shipbell.Hearing {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var hearings []shipbell.Hearing
	if a.poller != nil {
		hearings = append(hearings, a.poller.Hearing())
	}
	if a.consumer != nil {
		hearings = append(hearings, a.consumer.Hearing())
	}
	return hearings
}

// hook is the webhook of Cloudflare's notifications; nil without a secret.
func (a *App) hook(secret string) *web.Hook {
	if secret == "" {
		return nil
	}
	return &web.Hook{
		Secret: secret,
		Decode: func(body []byte, now time.Time) ([]shipbell.Event, error) {
			alert, err := cloudflare.ReadAlert(body, now)
			return alert.Events, err
		},
		// A notification says little; the API tells the rest.
		Nudge: a.nudge,
	}
}

// watch asks Cloudflare, if it is asked at all, and looks again, from time to time,
// at what nothing is heard of any more. Both go together: the looks need to know
// when the account was last seen completely.
func (a *App) watch(ctx context.Context) {
	if a.asks == nil {
		a.look(ctx, nil)
		return
	}
	a.asks.run(ctx, a.look)
}

func (a *App) look(ctx context.Context, witness ledger.Witness) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if _, err := a.ledger.Watch(ctx, witness); err != nil && ctx.Err() == nil {
			a.log.Error("could not look for deployments that do not end; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// scratch is a ledger that takes nothing: asking once, as if for the first time,
// changes nothing.
type scratch struct{ memory string }

func (scratch) Report(context.Context, shipbell.Report) error { return nil }
func (scratch) Tell(context.Context, shipbell.Bulletin) error { return nil }
func (s scratch) Memory(context.Context, shipbell.Source) (string, error) {
	return s.memory, nil
}

// Poll asks Cloudflare once and returns what it heard. With remembered empty it
// is the first look, which hears the state of everything.
func Poll(ctx context.Context, settings config.Settings, version, remembered string) (shipbell.Report, shipbell.Hearing, error) {
	projects, err := projectsOf(settings)
	if err != nil {
		return shipbell.Report{}, shipbell.Hearing{}, err
	}
	p := cloudflare.NewPoller(cloudflare.PollerOptions{
		Client: newClient(settings.Cloudflare, version), Ledger: scratch{remembered},
		Accounts: settings.Cloudflare.Accounts, Allow: allow(projects), DryRun: true,
	})
	report, err := p.Once(ctx)
	if err != nil {
		return shipbell.Report{}, p.Hearing(), fmt.Errorf("ask Cloudflare: %w", err)
	}
	return report, p.Hearing(), nil
}
