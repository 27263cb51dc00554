package ledger

import (
	"context"
	"time"

	"github.com/shipbell/shipbell"
)

// Store keeps what the ledger records. Every implementation passes the suite in
// package ledgertest.
type Store interface {
	// Update runs fn in one write transaction and returns after it is durable.
	// Concurrent calls may share one commit. fn can run more than once, so it
	// must not keep anything from an earlier run; when it returns an error,
	// nothing of it is kept and Update returns that error. When ctx ends first,
	// Update returns its error, and fn may be kept or not. Update serialises
	// writers: two functions never see each other half done.
	Update(ctx context.Context, fn func(Tx) error) error
	// View runs fn on a consistent snapshot that holds every Update that had
	// returned before. fn must not write.
	View(ctx context.Context, fn func(Tx) error) error
	// Check proves that an Update would become durable now, by making one.
	Check(ctx context.Context) error
	// Close releases the store. No call may be under way or follow.
	Close() error
}

// Tx is the inside of one transaction.
type Tx interface {
	Deployments
	Deliveries
	Ids
}

// Found says where a key leads.
type Found struct {
	Key shipbell.KeyIdentity
	// Deployment is zero for an id that is only remembered: it was imported, or
	// its deployment was swept.
	Deployment shipbell.DeploymentID
}

// Deployments holds deployments, their keys and their events.
type Deployments interface {
	// Find returns the known ones among keys, in no particular order.
	Find(keys []shipbell.Key) ([]Found, error)
	// Deployment returns a deployment, or [shipbell.ErrNotFound].
	Deployment(id shipbell.DeploymentID) (shipbell.Deployment, error)
	// Open stores a new deployment with its keys and returns its number, which
	// is higher than every one before. When one of the keys is known it changes
	// nothing and returns [shipbell.ErrConflict]. The deployment is what
	// [shipbell.NewDeployment] makes of its first event, which the caller adds
	// next; a store may rely on that.
	Open(d shipbell.Deployment) (shipbell.DeploymentID, error)
	// Save replaces a deployment and adds those of its keys that are new.
	Save(d shipbell.Deployment) error
	// AddEvent keeps an event of a deployment. It returns
	// [shipbell.ErrConflict] and changes nothing when the deployment has an
	// event with that source and id already.
	AddEvent(id shipbell.DeploymentID, e shipbell.Event) error
	// Events returns the events of a deployment in the order of their times.
	Events(id shipbell.DeploymentID) ([]shipbell.Event, error)
	// Absorb makes the younger deployment part of the older: its events, keys,
	// announcements and attempts move, and it is gone. Where both have an
	// announcement in one channel, the one that has a message stays, the
	// older's first. The caller saves the older one afterwards.
	Absorb(older, younger shipbell.DeploymentID) error
}

// Deliveries holds announcements, attempts and lanes.
type Deliveries interface {
	// Announce makes sure that an announcement of the deployment exists for each
	// channel, and that all existing ones want the revision.
	Announce(id shipbell.DeploymentID, want shipbell.Revision, channels []shipbell.ChannelID) error
	// Stale returns the oldest stale announcement of a channel that is due, or
	// [NothingDue] which says when the next one will be.
	Stale(c shipbell.ChannelID, now time.Time) (shipbell.Announcement, error)
	// Announcements returns the announcements of a deployment by channel.
	Announcements(id shipbell.DeploymentID) ([]shipbell.Announcement, error)
	// Mark stores shown revision, handle, tries and due time of an announcement,
	// and keeps the attempt. An announcement that is gone is no error.
	Mark(a shipbell.Announcement, attempt shipbell.Attempt) error
	// Attempts returns the attempts of a deployment, oldest first. Of many, a
	// store keeps at least the last [KeptAttempts] of each announcement.
	Attempts(id shipbell.DeploymentID) ([]shipbell.Attempt, error)
	// Lane returns a channel's lane, as new when it was never stored.
	Lane(c shipbell.ChannelID) (shipbell.Lane, error)
	// PutLane stores a lane.
	PutLane(l shipbell.Lane) error
	// Lanes returns all stored lanes by channel, with their backlogs.
	Lanes() ([]shipbell.Lane, error)
}

// KeptAttempts is how many attempts of one announcement are kept. A chat that
// refuses one message for weeks must not fill the disk.
const KeptAttempts = 100

// Ids holds the identities that are remembered to tell a repeat, with or
// without a deployment.
type Ids interface {
	// Newest returns the first key of each of the newest n deployments of a
	// type, and remembered ids, oldest first.
	Newest(t shipbell.ProjectType, n int) ([]string, error)
	// LastRecorded returns when a deployment was last opened or ids were last
	// remembered, zero if never.
	LastRecorded() (time.Time, error)
	// Remember keeps ids without a deployment, given oldest first, as older
	// than everything recorded here. It returns how many were unknown.
	Remember(t shipbell.ProjectType, ids []string, at time.Time) (int, error)
	// Sweep deletes at most limit deployments recorded before, unless they wait
	// to be delivered in one of the channels, and forgets remembered ids first seen before
	// idsBefore. It returns how many deployments it deleted. The ids of a
	// deleted deployment stay remembered until idsBefore passes them.
	Sweep(before, idsBefore time.Time, channels []shipbell.ChannelID, limit int) (int, error)
}

// NothingDue is returned by Stale when no announcement is due.
type NothingDue struct {
	// Next is when the next stale announcement is due; zero when none is stale.
	Next time.Time
}

// Error says so.
func (e NothingDue) Error() string { return "no announcement is due" }
