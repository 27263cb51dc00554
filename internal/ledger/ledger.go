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
}

// Ledger records events. It is safe for concurrent use.
type Ledger struct {
	store  Store
	router Router
	now    func() time.Time
	wake   func(shipbell.ChannelID)
	log    *slog.Logger
}

// Options are the parts a ledger works with.
type Options struct {
	Store  Store
	Router Router
	// Now tells the time; nil means the system clock.
	Now func() time.Time
	// Wake is called after a commit for each channel that has become stale; nil
	// for nobody. It must not block.
	Wake func(shipbell.ChannelID)
	Log  *slog.Logger
}

// New makes a ledger on a store.
func New(o Options) *Ledger {
	l := &Ledger{store: o.Store, router: o.Router, now: o.Now, wake: o.Wake, log: o.Log}
	if l.now == nil {
		l.now = time.Now
	}
	if l.wake == nil {
		l.wake = func(shipbell.ChannelID) {}
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l
}

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
	var rec Recorded
	var stale []shipbell.ChannelID
	// What can be made ready before the transaction does not hold up others.
	d := shipbell.NewDeployment(e)
	d.RecordedAt = l.now().UTC().Truncate(time.Millisecond)
	err := l.store.Update(ctx, func(tx Tx) (err error) {
		rec, stale, err = l.record(tx, d, e)
		return err
	})
	if err != nil {
		return Recorded{}, fmt.Errorf("record event %s of %s: %w", e.ID, e.Keys[0], err)
	}
	for _, c := range stale {
		l.wake(c)
	}
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.Debug("recorded", "source", e.Source, "key", e.Keys[0].String(), "project", e.Project,
			"status", e.Status, "verdict", rec.Verdict, "deployment", rec.Deployment)
	}
	if rec.Stranger {
		l.log.Warn("a deployment id was used by two projects; the second is not announced",
			"key", e.Keys[0].String(), "project", e.Project, "deployment", rec.Deployment,
			"hint", "give every deployment an id of its own")
	}
	return rec, nil
}

// record records an event; fresh is the deployment that it opens, should it be
// the first of one.
func (l *Ledger) record(tx Tx, fresh shipbell.Deployment, e shipbell.Event) (Recorded, []shipbell.ChannelID, error) {
	// Most events are the first of their deployment; to try that first saves
	// looking for what is not there.
	rec, channels, err := l.open(tx, fresh, e)
	if !errors.Is(err, shipbell.ErrConflict) {
		return rec, channels, err
	}
	found, err := tx.Find(e.Keys)
	if err != nil {
		return Recorded{}, nil, err
	}
	ids := deploymentsOf(found)
	if len(ids) == 0 {
		return Recorded{Verdict: Remembered}, nil, nil
	}
	return l.fold(tx, ids, e)
}

// fold applies an event to the deployment that its keys lead to; where they lead
// to several, the younger ones become part of the oldest.
func (l *Ledger) fold(tx Tx, ids []shipbell.DeploymentID, e shipbell.Event) (Recorded, []shipbell.ChannelID, error) {
	id := ids[0]
	err := tx.AddEvent(id, e)
	if errors.Is(err, shipbell.ErrConflict) && len(ids) == 1 {
		return Recorded{Verdict: Repeated, Deployment: id}, nil, nil
	}
	if err != nil && !errors.Is(err, shipbell.ErrConflict) {
		return Recorded{}, nil, err
	}
	before, err := tx.Deployment(id)
	if err != nil {
		return Recorded{}, nil, err
	}
	if stranger(before, e) {
		return Recorded{Verdict: Unchanged, Deployment: id, Stranger: true}, nil, nil
	}
	after := before
	for _, younger := range ids[1:] {
		events, err := tx.Events(younger)
		if err != nil {
			return Recorded{}, nil, err
		}
		if err := tx.Absorb(id, younger); err != nil {
			return Recorded{}, nil, err
		}
		for _, absorbed := range events {
			after = shipbell.Apply(after, absorbed)
		}
		// The message of the younger one may be the one that stays; it must be
		// brought up to date whatever it showed.
		after.Revision = max(after.Revision, before.Revision+1)
	}
	after = shipbell.Apply(after, e)
	if err := tx.Save(after); err != nil {
		return Recorded{}, nil, err
	}

	if after.Revision == before.Revision {
		return Recorded{Verdict: Unchanged, Deployment: id}, nil, nil
	}
	channels := l.router.Channels(after)
	if err := tx.Announce(id, after.Revision, channels); err != nil {
		return Recorded{}, nil, err
	}
	return Recorded{Verdict: Changed, Deployment: id}, channels, nil
}

// stranger reports whether a build step used the id of another project's
// deployment. What it says is not true of that deployment. Cloudflare's word for
// a project may differ from the build step's, and is taken.
func stranger(d shipbell.Deployment, e shipbell.Event) bool {
	pushed := e.Source == shipbell.SourcePush || e.Source == shipbell.SourceExec
	return pushed && e.Project != d.Project
}

func (l *Ledger) open(tx Tx, d shipbell.Deployment, e shipbell.Event) (Recorded, []shipbell.ChannelID, error) {
	id, err := tx.Open(d)
	if err != nil {
		return Recorded{}, nil, err
	}
	if err := tx.AddEvent(id, e); err != nil {
		return Recorded{}, nil, err
	}
	channels := l.router.Channels(d)
	if err := tx.Announce(id, d.Revision, channels); err != nil {
		return Recorded{}, nil, err
	}
	return Recorded{Verdict: Opened, Deployment: id}, channels, nil
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

// Stale returns the announcement that a channel should deliver next, with its
// deployment as it is now, or [NothingDue].
func (l *Ledger) Stale(ctx context.Context, c shipbell.ChannelID) (shipbell.Announcement, shipbell.Deployment, error) {
	var a shipbell.Announcement
	var d shipbell.Deployment
	err := l.store.View(ctx, func(tx Tx) (err error) {
		if a, err = tx.Stale(c, l.now()); err != nil {
			return err
		}
		d, err = tx.Deployment(a.Deployment)
		return err
	})
	return a, d, err
}

// Mark stores what an attempt came to, and the lane after it, in one
// transaction.
func (l *Ledger) Mark(ctx context.Context, a shipbell.Announcement, attempt shipbell.Attempt, lane shipbell.Lane) error {
	err := l.store.Update(ctx, func(tx Tx) error {
		if err := tx.Mark(a, attempt); err != nil {
			return err
		}
		return tx.PutLane(lane)
	})
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

// Resume lets a paused or parked lane go on at once. A channel that has no lane
// is [shipbell.ErrNotFound].
func (l *Ledger) Resume(ctx context.Context, c shipbell.ChannelID) error {
	err := l.store.Update(ctx, func(tx Tx) error {
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
	})
	if err == nil {
		l.wake(c)
	}
	return err
}

// Story is everything known of one deployment.
type Story struct {
	Deployment    shipbell.Deployment
	Events        []shipbell.Event
	Announcements []shipbell.Announcement
	Attempts      []shipbell.Attempt
}

// Story returns everything known of the deployment that a key leads to, or
// [shipbell.ErrNotFound].
func (l *Ledger) Story(ctx context.Context, key shipbell.Key) (Story, error) {
	var s Story
	err := l.store.View(ctx, func(tx Tx) error {
		found, err := tx.Find([]shipbell.Key{key})
		if err != nil {
			return err
		}
		ids := deploymentsOf(found)
		if len(ids) == 0 {
			return fmt.Errorf("deployment %s: %w", key, shipbell.ErrNotFound)
		}
		if s.Deployment, err = tx.Deployment(ids[0]); err != nil {
			return err
		}
		if s.Events, err = tx.Events(ids[0]); err != nil {
			return err
		}
		if s.Announcements, err = tx.Announcements(ids[0]); err != nil {
			return err
		}
		s.Attempts, err = tx.Attempts(ids[0])
		return err
	})
	return s, err
}

// Check proves that the store can be written.
func (l *Ledger) Check(ctx context.Context) error { return l.store.Check(ctx) }
