// Package lease lets one replica at a time do what must not be done twice.
//
// Its one rule: who does not know for certain that a lease is still its own acts
// as if it were lost. The store's clock alone decides who holds a lease; a
// replica counts from the moment before it asked, on a clock that does not jump,
// and so always gives up before another can take over.
package lease

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shipbell/shipbell"
)

// The times of the protocol. A replica that dies loses its leases after TTL, and
// another notices within Every: together less than 15 s.
const (
	TTL   = 10 * time.Second
	Every = 2500 * time.Millisecond
	// margin is how much earlier than the store a holder thinks its lease over:
	// clocks do not run at exactly the same speed.
	margin = 500 * time.Millisecond
	// patience bounds one question to the store.
	patience = 4 * time.Second
)

// Store is where leases are kept.
type Store interface {
	// Hold takes those of the leases that are free or over, renews those that are
	// held by this replica, and returns both; each ends ttl from now by the store's
	// clock.
	Hold(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) ([]shipbell.Lease, error)
	// Release ends those that are held by this replica, and wakes who waits.
	Release(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName) error
}

// Keeper holds a replica's leases. Make one with New.
type Keeper struct {
	store Store
	who   shipbell.Replica
	log   *slog.Logger
	nudge chan struct{}
	// turn is held by whoever asks the store for leases or gives one up: a question
	// under way would take back what is given up meanwhile, and nobody would use it.
	turn chan struct{}

	mu     sync.Mutex
	claims map[shipbell.LeaseName]*claim
}

// claim is what one caller of While wants.
type claim struct {
	granted chan *holding // receives each new one; holds one
	held    *holding      // nil while another replica holds it
}

// holding is one lease while it is held.
type holding struct {
	lease    shipbell.Lease
	deadline atomic.Pointer[time.Time]
	lost     context.CancelFunc
	over     context.Context // done when it is lost
	timer    *time.Timer
}

func (h *holding) valid() bool { return h.over.Err() == nil && time.Now().Before(*h.deadline.Load()) }

// New makes a keeper for a replica. Nothing is asked before Run.
func New(store Store, who shipbell.Replica, log *slog.Logger) *Keeper {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{store: store, who: who, log: log, nudge: make(chan struct{}, 1), turn: make(chan struct{}, 1), claims: make(map[shipbell.LeaseName]*claim)}
}

// Nudge makes the keeper ask at once: a lease may have become free.
func (k *Keeper) Nudge() {
	select {
	case k.nudge <- struct{}{}:
	default:
	}
}

// Run renews what is held and takes what is free, until ctx is done and nobody
// needs a lease any more.
func (k *Keeper) Run(ctx context.Context) {
	ended := ctx.Done()
	failing := false
	for {
		if ctx.Err() != nil && len(k.names()) == 0 {
			return
		}
		err := k.ask()
		if err != nil {
			k.log.Warn("could not renew leases; trying again", "error", err)
		} else if failing {
			k.log.Info("leases can be renewed again")
		}
		failing = err != nil
		timer := time.NewTimer(Every)
		select {
		case <-timer.C:
		case <-k.nudge:
		case <-ended:
			ended = nil // those who are still at it go on renewing
		}
		timer.Stop()
	}
}

func (k *Keeper) names() []shipbell.LeaseName {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.claims))
}

// Held returns the leases that this replica wants, and whether it holds them.
func (k *Keeper) Held() map[shipbell.LeaseName]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	held := make(map[shipbell.LeaseName]bool, len(k.claims))
	for name, c := range k.claims {
		held[name] = c.held != nil && c.held.valid()
	}
	return held
}

// ask asks the store for the leases, and passes on what became of them.
func (k *Keeper) ask() error {
	k.turn <- struct{}{}
	defer func() { <-k.turn }()
	names := k.names()
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	asked := time.Now()
	leases, err := k.store.Hold(ctx, k.who, names, TTL)
	if err != nil {
		return err // what is held ends by itself
	}
	deadline := asked.Add(TTL - margin)
	held := make(map[shipbell.LeaseName]shipbell.Lease, len(leases))
	for _, l := range leases {
		held[l.Name] = l
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range names {
		c := k.claims[name]
		if c == nil {
			continue // While gives it up when it is its turn
		}
		l, ok := held[name]
		switch {
		case !ok && c.held != nil:
			k.lose(name, c, "another replica holds it")
		case ok && c.held != nil && (c.held.lease.Fence != l.Fence || !c.held.valid()):
			// It was lost and taken again. What was done by the old grant ends
			// first; the next question renews this one.
			k.lose(name, c, "it was over for a while")
		case ok && c.held != nil:
			c.held.extend(deadline)
		case ok && time.Now().Before(deadline):
			k.grant(c, l, deadline)
		}
	}
	return nil
}

func (h *holding) extend(deadline time.Time) {
	h.deadline.Store(&deadline)
	h.timer.Reset(time.Until(deadline))
}

// grant hands a lease to who waits for it. If that one is still busy with an
// earlier grant, it gets this one afterwards, if it is renewed.
func (k *Keeper) grant(c *claim, l shipbell.Lease, deadline time.Time) {
	h := &holding{lease: l}
	h.over, h.lost = context.WithCancel(context.Background())
	h.deadline.Store(&deadline)
	select {
	case c.granted <- h:
	default:
		h.lost()
		return
	}
	name := l.Name
	h.timer = time.AfterFunc(time.Until(deadline), func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if c.held == h && !h.valid() {
			k.lose(name, c, "it could not be renewed in time")
		}
	})
	c.held = h
	k.log.Info("took a lease", "lease", name, "fence", l.Fence)
}

// lose ends what is done by a grant.
func (k *Keeper) lose(name shipbell.LeaseName, c *claim, why string) {
	c.held.timer.Stop()
	c.held.lost()
	c.held = nil
	select {
	case <-c.granted: // nobody had begun
	default:
	}
	k.log.Warn("lost a lease", "lease", name, "because", why)
}

// While runs fn whenever this replica holds the lease, until ctx is done. The
// context that fn gets bears the grant, and is done when the lease is lost; fn
// must then return. At the end the lease is given up at once.
func (k *Keeper) While(ctx context.Context, name shipbell.LeaseName, fn func(context.Context)) {
	c := &claim{granted: make(chan *holding, 1)}
	k.mu.Lock()
	k.claims[name] = c
	k.mu.Unlock()
	k.Nudge()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case h := <-c.granted:
			h.during(ctx, fn)
		}
	}
	k.mu.Lock()
	if h := c.held; h != nil {
		h.timer.Stop()
		h.lost()
		c.held = nil
	}
	delete(k.claims, name)
	k.mu.Unlock()
	k.giveUp(name)
	k.Nudge() // Run may have waited for this
}

// giveUp ends a lease in the store, also one that is not known to be held: the
// answer that it was taken may have been under way.
func (k *Keeper) giveUp(name shipbell.LeaseName) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := context.DeadlineExceeded
	select {
	case k.turn <- struct{}{}:
		err = k.store.Release(ctx, k.who, []shipbell.LeaseName{name})
		<-k.turn
	case <-ctx.Done():
	}
	if err != nil {
		k.log.Warn("could not give up a lease; another replica takes it when it is over", "lease", name, "error", err)
	}
}

// during runs fn by one grant, unless that was lost before it began.
func (h *holding) during(ctx context.Context, fn func(context.Context)) {
	if h.over.Err() != nil {
		return
	}
	run, cancel := context.WithCancel(shipbell.WithGrant(ctx, shipbell.Grant{Lease: h.lease, Valid: h.valid}))
	stop := context.AfterFunc(h.over, cancel)
	defer cancel()
	defer stop()
	fn(run)
}
