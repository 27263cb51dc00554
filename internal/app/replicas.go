package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/lease"
	"github.com/shipbell/shipbell/internal/store/postgres"
)

// What only one replica does at a time, beside the lanes.
const (
	leaseWatch shipbell.LeaseName = "watch" // asking Cloudflare, and looking at what does not end
	leaseSweep shipbell.LeaseName = "sweep"
	leaseLists shipbell.LeaseName = "lists" // bringing the lists up to date
)

// netEvery is how often a lane of several replicas looks for work of which it was
// not told: notifications can get lost.
const netEvery = 30 * time.Second

// replicas are the parts that several servers on one database need; nil when this
// one is alone.
type replicas struct {
	store  *postgres.Store
	keeper *lease.Keeper
	who    shipbell.Replica
}

// openShared opens a store that this server shares with others.
func (a *App) openShared(ctx context.Context, o Options) error {
	store, err := a.awaitShared(ctx, o.Settings.Store)
	if err != nil {
		return err
	}
	a.store = store
	a.replicas = &replicas{store: store, who: newReplica()}
	a.replicas.keeper = lease.New(store, a.replicas.who, a.log)
	return nil
}

// The database may be started together with this server.
const (
	awaitFor   = time.Minute
	awaitEvery = time.Second
)

// awaitShared opens the store, and waits for a database that is away.
func (a *App) awaitShared(ctx context.Context, where config.Store) (*postgres.Store, error) {
	deadline := time.Now().Add(awaitFor)
	for said := false; ; said = true {
		store, err := openShared(ctx, where, a.log)
		if err == nil || !postgres.Away(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return store, err
		}
		if !said {
			a.log.Warn("waiting for the database", "error", err, "for_at_most", awaitFor.String())
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(awaitEvery):
		}
	}
}

// newReplica names this process: nobody may take it for the one that ran here
// before.
func newReplica() shipbell.Replica {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	random := make([]byte, 3)
	_, _ = rand.Read(random) // never fails
	return shipbell.Replica(host + "/" + hex.EncodeToString(random))
}

// The methods below are for a server that is alone as well.

// while runs what only one replica does.
func (r *replicas) while(ctx context.Context, name shipbell.LeaseName, run func(context.Context)) {
	if r == nil {
		run(ctx)
		return
	}
	r.keeper.While(ctx, name, run)
}

func (r *replicas) asleep() time.Duration {
	if r == nil {
		return 0
	}
	return netEvery
}

func (r *replicas) name() shipbell.Replica {
	if r == nil {
		return ""
	}
	return r.who
}

// holders returns what says which replica delivers in which channel.
func (a *App) holders() func(context.Context) (map[shipbell.ChannelID]shipbell.Replica, error) {
	if a.replicas == nil {
		return nil
	}
	lanes := a.dispatcher.Leases()
	return func(ctx context.Context) (map[shipbell.ChannelID]shipbell.Replica, error) {
		leases, err := a.replicas.store.Leases(ctx)
		held := make(map[shipbell.LeaseName]shipbell.Replica)
		for _, l := range leases {
			held[l.Name] = l.Holder
		}
		holders := make(map[shipbell.ChannelID]shipbell.Replica)
		for c, name := range lanes {
			holders[c] = held[name]
		}
		return holders, err
	}
}

// heard is what this replica does about what another says.
func (a *App) heard() postgres.Heard {
	return postgres.Heard{
		Stale: func(c shipbell.ChannelID) {
			if c == "" {
				a.dispatcher.WakeAll()
			} else {
				a.dispatcher.Wake(c)
			}
		},
		Freed: a.replicas.keeper.Nudge,
		Asked: a.asks.wake,

		Changed: a.feed.Wake,
	}
}

// nudge makes whoever asks Cloudflare ask soon.
func (a *App) nudge() {
	if a.replicas == nil {
		a.asks.wake()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), nudgeTimeout)
	defer cancel()
	if err := a.replicas.store.Ask(ctx); err != nil {
		a.log.Warn("could not tell who asks Cloudflare that there is reason to; it asks by itself before long", "error", err)
	}
}

// nudgeTimeout bounds how long the answer to a webhook waits for the database.
const nudgeTimeout = 2 * time.Second

// findToken finds the token that a push must bear, or makes one.
func (a *App) findToken(ctx context.Context) (err error) {
	switch {
	case a.settings.NotifyToken != "":
		a.token = a.settings.NotifyToken
	case a.replicas != nil:
		a.token, a.madeToken, err = sharedToken(ctx, a.replicas.store)
	default:
		a.token, a.madeToken, err = ownToken(a.settings.Store.Data)
	}
	return err
}

// kept says where the ledger is, for the log.
func (a *App) kept() []any {
	if a.replicas != nil {
		return []any{"database", a.replicas.store.Place(), "replica", a.replicas.who}
	}
	return []any{"data", a.settings.Store.Data}
}
