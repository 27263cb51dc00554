// Package dispatch is the delivery side: it makes every stale announcement
// current.
//
// Its one rule: it is level-triggered. A lane never works through a list of
// things to send; it asks which announcement is stale, renders what that is
// about as it is now, posts, edits or removes, and stores what came back. What
// nobody had time to show is never shown, a crash leaves nothing to repair, and
// only a crash between a channel's answer and the mark can show a message twice.
package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

// Channel is one configured place where messages appear.
type Channel interface {
	// ID names the channel for ever.
	ID() shipbell.ChannelID
	// Budget is the rate limit within which the dispatcher keeps.
	Budget() shipbell.Budget
	// Deliver makes one request: it posts when the delivery has no handle,
	// removes the message behind the handle when the delivery says so, and edits
	// it otherwise. It returns the handle for later edits. To remove what is not
	// there is no error. Its errors are *[shipbell.DeliveryError]; any other is
	// taken as temporary. After an error the message may be there all the same,
	// as after a broken connection.
	Deliver(ctx context.Context, d shipbell.Delivery) (shipbell.MessageRef, error)
}

// Ledger is where announcements and lanes are kept.
type Ledger interface {
	// Stale returns what a channel should deliver next, with what it is about as
	// it is now, or an error for which NothingDue returns when to ask again.
	Stale(ctx context.Context, c shipbell.ChannelID) (shipbell.Announcement, shipbell.Subject, error)
	// Mark stores what an attempt came to, with the lane after it. An obsolete
	// announcement without a handle that shows what it wants is done with, and
	// goes. Those of the told parts that were never posted are told: this
	// delivery made them needless.
	Mark(ctx context.Context, a shipbell.Announcement, attempt shipbell.Attempt, lane shipbell.Lane, told []shipbell.Part) error
	// Lane returns the lane of a channel, as new when it was never stored.
	Lane(ctx context.Context, c shipbell.ChannelID) (shipbell.Lane, error)
}

// Options are the parts a dispatcher works with.
type Options struct {
	Ledger   Ledger
	Channels []Channel
	// Render puts into words what an announcement tells. An empty message means
	// that there is nothing to tell, or not any more.
	Render func(shipbell.Announcement, shipbell.Subject) shipbell.Message
	// NothingDue tells the ledger's answer that nothing is due from a failure,
	// and returns when something will be; zero for not before the next wake.
	NothingDue func(error) (next time.Time, ok bool)
	// Grace is how long a request under way at shut-down may take.
	Grace time.Duration
	// While runs a function whenever this replica holds the lease of that name,
	// until ctx is done; nil where there is one replica. The context that the
	// function gets is done when the lease is lost, and bears its grant.
	While func(ctx context.Context, name shipbell.LeaseName, run func(context.Context))
	// Now tells the time by which lanes are stored, the same in all replicas; nil
	// means the system clock.
	Now func() time.Time
	// Asleep is how long a lane without work sleeps; wakes end it. 0 means an
	// hour: they are heard where there is one replica.
	Asleep time.Duration
	// Chance returns a duration below the one given, by which lanes that failed
	// together come back apart; nil means by chance.
	Chance func(below time.Duration) time.Duration
	// Count is told of every request, as soon as it is answered; nil for nobody. It
	// must not block.
	Count func(shipbell.Attempt)
	Log   *slog.Logger
}

// Dispatcher runs one lane per channel.
type Dispatcher struct {
	Options
	lanes map[shipbell.ChannelID]*lane
	// groups are the lanes that share a budget. They are held together: nobody
	// could keep within a budget of which others spend.
	groups []group
}

// group are lanes that share a budget.
type group struct {
	name   string
	budget *budget
	lanes  []*lane
}

// LeaseOf returns the lease under which the lanes of a budget are held.
func LeaseOf(budget string) shipbell.LeaseName { return shipbell.LeaseName("lane:" + budget) }

// Leases returns the lease under which each lane is held.
func (d *Dispatcher) Leases() map[shipbell.ChannelID]shipbell.LeaseName {
	leases := make(map[shipbell.ChannelID]shipbell.LeaseName)
	for _, g := range d.groups {
		for _, l := range g.lanes {
			leases[l.channel.ID()] = LeaseOf(g.name)
		}
	}
	return leases
}

// New makes a dispatcher. Nothing runs before Run.
func New(o Options) *Dispatcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.While == nil {
		o.While = func(ctx context.Context, _ shipbell.LeaseName, run func(context.Context)) { run(ctx) }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Asleep == 0 {
		o.Asleep = asleep
	}
	if o.Chance == nil {
		o.Chance = rand.N[time.Duration]
	}
	if o.Count == nil {
		o.Count = func(shipbell.Attempt) {}
	}
	d := &Dispatcher{Options: o, lanes: make(map[shipbell.ChannelID]*lane)}
	for _, c := range o.Channels {
		b := c.Budget()
		i := slices.IndexFunc(d.groups, func(g group) bool { return g.name == b.Name })
		if i < 0 {
			i = len(d.groups)
			d.groups = append(d.groups, group{name: b.Name, budget: &budget{limits: b.Limits}})
		}
		l := &lane{
			Options: o,
			channel: c,
			budget:  d.groups[i].budget,
			wake:    make(chan struct{}, 1),
			log:     o.Log.With("channel", c.ID()),
		}
		d.groups[i].lanes = append(d.groups[i].lanes, l)
		d.lanes[c.ID()] = l
	}
	return d
}

// WakeAll wakes every lane.
func (d *Dispatcher) WakeAll() {
	for c := range d.lanes {
		d.Wake(c)
	}
}

// Wake tells a lane that something may have become stale. It never blocks, may
// be called before Run, and unknown channels are ignored.
func (d *Dispatcher) Wake(c shipbell.ChannelID) {
	if l := d.lanes[c]; l != nil {
		select {
		case l.wake <- struct{}{}:
		default: // a wake is pending already, and one is enough
		}
	}
}

// Run delivers until ctx is done. It then starts nothing new and returns when
// the requests under way have been marked, or their grace is over.
func (d *Dispatcher) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, g := range d.groups {
		for _, l := range g.lanes {
			l.process = ctx
		}
		all.Go(func() { d.While(ctx, LeaseOf(g.name), g.run) })
	}
	all.Wait()
	return nil
}

// run delivers in the lanes of a group until ctx is done.
func (g group) run(ctx context.Context) {
	// All lanes are read before the first one starts: a lane must know what
	// another one on its budget sent before, here or in another replica, and for
	// how long that one was told to wait.
	g.budget.reset()
	for _, l := range g.lanes {
		for !l.load(ctx) {
			if !sleep(ctx, storeRetry, nil) {
				return
			}
		}
	}
	var all sync.WaitGroup
	for _, l := range g.lanes {
		all.Go(func() { l.run(ctx) })
	}
	all.Wait()
}

// asDeliveryError classifies an error that a channel did not.
func asDeliveryError(err error) *shipbell.DeliveryError {
	var de *shipbell.DeliveryError
	if errors.As(err, &de) {
		return de
	}
	return &shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: err.Error(), Err: err}
}
