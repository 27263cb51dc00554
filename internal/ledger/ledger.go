// Package ledger is the write side: it records events, joins them to
// deployments, and keeps what was announced where.
//
// Its one rule: one transaction holds an event with everything that follows
// from it, and nobody hears of the event before that transaction is durable.
// It renders and delivers nothing.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// Router says which channels show a deployment.
type Router interface {
	Channels(d shipbell.Deployment) []shipbell.ChannelID
	// Everywhere returns the channels that show what is not about one
	// deployment.
	Everywhere() []shipbell.ChannelID
}

// Ledger records events. It is safe for concurrent use.
type Ledger struct {
	store  Store
	router Router
	now    func() time.Time
	asked  bool
	wake   func(shipbell.ChannelID)
	commit func()
	count  func(Step)
	log    *slog.Logger
	lists  chan struct{} // one for each list that is read
	fresh  fresh
}

// Options are the parts a ledger works with.
type Options struct {
	Store  Store
	Router Router
	// Now tells the time; nil means the system clock.
	Now func() time.Time
	// Asked is set where Cloudflare is asked what it shows: a deployment that
	// nobody sees there is then worth looking at again.
	Asked bool
	// Wake is called after a commit for each channel that has become stale; nil
	// for nobody. It must not block.
	Wake func(shipbell.ChannelID)
	// Committed is called after every commit: the feed of changes may have something
	// new. It must not block; nil for nobody.
	Committed func()
	// Count is told what became of every event, after its commit. It must not block;
	// nil for nobody.
	Count func(Step)
	Log   *slog.Logger
}

// New makes a ledger on a store.
func New(o Options) *Ledger {
	l := &Ledger{store: o.Store, router: o.Router, now: o.Now, asked: o.Asked, wake: o.Wake, commit: o.Committed, count: o.Count, log: o.Log, lists: make(chan struct{}, maxLists)}
	if l.now == nil {
		l.now = time.Now
	}
	if l.wake == nil {
		l.wake = func(shipbell.ChannelID) {}
	}
	if l.commit == nil {
		l.commit = func() {}
	}
	if l.count == nil {
		l.count = func(Step) {}
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l
}

// stamp is the time as the ledger stores it.
func (l *Ledger) stamp() time.Time { return l.now().UTC().Truncate(time.Millisecond) }

// Verdict says what recording an event came to.
type Verdict string

// The verdicts.
const (
	Opened     Verdict = "opened"     // the first event of a new deployment
	Changed    Verdict = "changed"    // people see something new
	Unchanged  Verdict = "unchanged"  // kept, nothing visible changed
	Repeated   Verdict = "repeated"   // this very event was known
	Remembered Verdict = "remembered" // the id is known from before; nothing was kept
)

// Recorded is the result of recording one event.
type Recorded struct {
	Verdict    Verdict
	Deployment shipbell.DeploymentID // zero when Remembered
	// Stranger is set when the event names another project than its deployment
	// has: an id was used twice. The event is kept, but not announced.
	Stranger bool
}

// Record stores an event with all that follows and returns after the commit. It
// may be called again with the same event at any time: a repeat changes nothing.
// An event that cannot be recorded is [shipbell.ErrInvalid].
func (l *Ledger) Record(ctx context.Context, e shipbell.Event) (Recorded, error) {
	if err := e.Validate(); err != nil {
		return Recorded{}, err
	}
	if err := ctx.Err(); err != nil {
		return Recorded{}, err
	}
	// From here on it is waited for, also when the sender hangs up: what is
	// committed must wake its lanes.
	ctx = context.WithoutCancel(ctx)
	// What can be made ready before the transaction does not hold up others.
	r := l.recording(e)
	err := l.update(ctx, func(tx Tx) error { return r.run(tx) }, e.Keys...)
	if err != nil {
		return Recorded{}, fmt.Errorf("record event %s of %s: %w", e.ID, e.Keys[0], err)
	}
	l.recorded(ctx, r)
	return r.result, nil
}

// update runs fn in one transaction, by the right of the grant that ctx bears.
func (l *Ledger) update(ctx context.Context, fn func(Tx) error, keys ...shipbell.Key) error {
	run := fn
	if g, granted := shipbell.GrantOf(ctx); granted {
		run = func(tx Tx) error {
			if err := tx.Fence(g.Lease); err != nil {
				return err
			}
			return fn(tx)
		}
	}
	err := l.store.Update(ctx, run, keys...)
	if err == nil {
		l.commit()
	}
	return err
}

// settle is update, waited for also when the caller leaves: what fn found out is
// read afterwards, and what it did has to be followed up.
func (l *Ledger) settle(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.update(context.WithoutCancel(ctx), fn)
}

// recorded does what follows a commit.
func (l *Ledger) recorded(ctx context.Context, r *recording) {
	if r.result.Verdict == Opened {
		l.fresh.put(r.opened)
	}
	for _, c := range r.stale {
		l.wake(c)
	}
	l.count(r.counted())
	e := r.event
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.Debug("recorded", "source", e.Source, "key", e.Keys[0].String(), "project", e.Project,
			"status", e.Status, "verdict", r.result.Verdict, "deployment", r.result.Deployment, "joined", r.joined)
	}
	if r.result.Stranger {
		l.log.Warn("a deployment id was used by two projects; the second is not announced",
			"key", e.Keys[0].String(), "project", e.Project, "deployment", r.result.Deployment,
			"hint", "give every deployment an id of its own")
	}
}

// deploymentsOf returns the distinct deployments that keys lead to, oldest first.
func deploymentsOf(found []Found) []shipbell.DeploymentID {
	var ids []shipbell.DeploymentID
	for _, f := range found {
		if f.Deployment != 0 {
			ids = append(ids, f.Deployment)
		}
	}
	slices.SortFunc(ids, func(a, b shipbell.DeploymentID) int { return cmp.Compare(a, b) })
	return slices.Compact(ids)
}

// Stale returns the announcement that a channel should deliver next, with what
// it is about as it is now, or [NothingDue].
func (l *Ledger) Stale(ctx context.Context, c shipbell.ChannelID) (shipbell.Announcement, shipbell.Subject, error) {
	var a shipbell.Announcement
	var s shipbell.Subject
	err := l.store.View(ctx, func(tx Tx) (err error) {
		if a, err = tx.Stale(c, l.now()); err != nil {
			return err
		}
		s, err = subject(tx, a)
		return err
	})
	return a, s, err
}

// Mark stores what an attempt came to, and the lane after it, in one
// transaction. Told are the parts that this delivery made needless. When the
// lease by which it was delivered is another replica's by now, the lane is left to
// that one and the error is [shipbell.ErrLost]; a message that was posted is kept
// all the same, so that it is edited, or removed should there be another, and one
// that was edited is shown anew, should the edits have overtaken each other.
func (l *Ledger) Mark(ctx context.Context, a shipbell.Announcement, attempt shipbell.Attempt, lane shipbell.Lane, told []shipbell.Part) error {
	err := l.update(ctx, func(tx Tx) error {
		if err := mark(tx, a, attempt, told); err != nil {
			return err
		}
		return tx.PutLane(lane)
	})
	if errors.Is(err, shipbell.ErrLost) && a.Ref != "" {
		late := l.store.Update(ctx, func(tx Tx) error {
			if attempt.Edit {
				return doubt(tx, a)
			}
			return mark(tx, a, attempt, nil)
		})
		if late != nil {
			err = late
		}
	}
	if err != nil {
		return fmt.Errorf("mark deployment %d in %s: %w", a.Deployment, a.Channel, err)
	}
	return nil
}

// Lane returns the lane of a channel.
func (l *Ledger) Lane(ctx context.Context, c shipbell.ChannelID) (shipbell.Lane, error) {
	var lane shipbell.Lane
	err := l.store.View(ctx, func(tx Tx) (err error) {
		lane, err = tx.Lane(c)
		return err
	})
	return lane, err
}

// Lanes returns all lanes ever used, with their backlogs.
func (l *Ledger) Lanes(ctx context.Context) ([]shipbell.Lane, error) {
	var lanes []shipbell.Lane
	err := l.store.View(ctx, func(tx Tx) (err error) {
		lanes, err = tx.Lanes()
		return err
	})
	return lanes, err
}

func resume(tx Tx, c shipbell.ChannelID) error {
	lanes, err := tx.Lanes()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(lanes, func(lane shipbell.Lane) bool { return lane.Channel == c })
	if i < 0 {
		return fmt.Errorf("lane %s: %w", c, shipbell.ErrNotFound)
	}
	lane := lanes[i]
	lane.Pause, lane.ParkedUntil, lane.ParkedFor, lane.Setbacks = nil, time.Time{}, "", 0
	return tx.PutLane(lane)
}

// Check proves that the store can be written.
func (l *Ledger) Check(ctx context.Context) error { return l.store.Check(ctx) }
