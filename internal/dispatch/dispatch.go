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
	Log   *slog.Logger
}

// Dispatcher runs one lane per channel.
type Dispatcher struct {
	lanes map[shipbell.ChannelID]*lane
}

// New makes a dispatcher. Nothing runs before Run.
func New(o Options) *Dispatcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{lanes: make(map[shipbell.ChannelID]*lane)}
	budgets := make(map[string]*budget)
	for _, c := range o.Channels {
		b := c.Budget()
		if budgets[b.Name] == nil {
			budgets[b.Name] = &budget{limits: b.Limits}
		}
		d.lanes[c.ID()] = &lane{
			Options: o,
			channel: c,
			budget:  budgets[b.Name],
			wake:    make(chan struct{}, 1),
			log:     o.Log.With("channel", c.ID()),
		}
	}
	return d
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
	// All lanes are read before the first one starts: a lane must know what
	// another one on its budget sent before a restart, and for how long that one
	// was told to wait.
	for _, l := range d.lanes {
		for !l.load(ctx) {
			if !sleep(ctx, storeRetry, nil) {
				return nil
			}
		}
	}
	var group sync.WaitGroup
	for _, l := range d.lanes {
		group.Go(func() { l.run(ctx) })
	}
	group.Wait()
	return nil
}

// asDeliveryError classifies an error that a channel did not.
func asDeliveryError(err error) *shipbell.DeliveryError {
	var de *shipbell.DeliveryError
	if errors.As(err, &de) {
		return de
	}
	return &shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: err.Error(), Err: err}
}
