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
	// writers: two functions never see each other half done. Keys are those that
	// fn looks for first; a store may look for them beforehand, for all who share
	// a commit at once.
	Update(ctx context.Context, fn func(Tx) error, keys ...shipbell.Key) error
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
	Lanes
	Ids
	Memories
	Watches
	Lists
	Doors
	// Fence returns [shipbell.ErrLost] when the lease has another holder, and keeps
	// it from getting one before the end of the transaction. A store that one
	// process uses alone has no leases and returns nil.
	Fence(lease shipbell.Lease) error
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
	// Absorb makes the younger deployment part of the older: its events, keys and
	// attempts move; it is gone, with its announcements. [Deployments.Merged]
	// leads from one to the other. The caller saves the older one afterwards.
	Absorb(older, younger shipbell.DeploymentID) error
	// Merged returns the deployment that absorbed this one, or
	// [shipbell.ErrNotFound].
	Merged(id shipbell.DeploymentID) (shipbell.DeploymentID, error)
	// Recent returns the newest n deployments that are kept under one of the
	// names, the newest first; with unnamed, only those that no build step named.
	Recent(t shipbell.ProjectType, names []string, n int, unnamed bool) ([]shipbell.Deployment, error)
}

// Deliveries holds announcements and attempts.
type Deliveries interface {
	// Announce adds announcements of a new deployment, one for each channel; it
	// is the quick way for the first event.
	Announce(id shipbell.DeploymentID, want shipbell.Revision, channels []shipbell.ChannelID) error
	// Stale returns the stale announcement of a channel that is due and first in
	// order: the most urgent, then the oldest deployment, then the lowest part;
	// or [NothingDue] which says when the next one will be.
	Stale(c shipbell.ChannelID, now time.Time) (shipbell.Announcement, error)
	// Announcements returns the announcements of a deployment by channel and
	// part: those in the given channels, or in all when none is given.
	Announcements(id shipbell.DeploymentID, channels ...shipbell.ChannelID) ([]shipbell.Announcement, error)
	// PutAnnouncement stores an announcement, new or known.
	PutAnnouncement(a shipbell.Announcement) error
	// DropAnnouncement deletes an announcement, if it is there.
	DropAnnouncement(a shipbell.Announcement) error
	// KeepAttempt keeps an attempt.
	KeepAttempt(attempt shipbell.Attempt) error
	// Attempts returns the attempts of a deployment, oldest first. Of many, a
	// store keeps at least the last [KeptAttempts] of each announcement.
	Attempts(id shipbell.DeploymentID) ([]shipbell.Attempt, error)
}

// Lanes holds the channels' lanes.
type Lanes interface {
	// Lane returns a channel's lane, as new when it was never stored.
	Lane(c shipbell.ChannelID) (shipbell.Lane, error)
	// PutLane stores a lane.
	PutLane(l shipbell.Lane) error
	// Lanes returns all stored lanes by channel, with their backlogs.
	Lanes() ([]shipbell.Lane, error)
}

// Memories holds what sources remember, and what Shipbell says of itself.
type Memories interface {
	// Memory returns what a source wanted remembered; empty at first.
	Memory(s shipbell.Source) (string, error)
	// PutMemory stores it.
	PutMemory(s shipbell.Source, memory string) error
	// Bulletin returns a bulletin, or [shipbell.ErrNotFound].
	Bulletin(id shipbell.BulletinID) (shipbell.Bulletin, error)
	// BulletinOf returns the bulletin with that key, or [shipbell.ErrNotFound].
	BulletinOf(key string) (shipbell.Bulletin, error)
	// PutBulletin stores a bulletin and returns its number; one without a number
	// is new and gets one.
	PutBulletin(b shipbell.Bulletin) (shipbell.BulletinID, error)
}

// Watches holds when the ledger must look at a deployment again, although
// nothing is heard of it.
type Watches interface {
	// Watch sets when; a zero time ends it.
	Watch(id shipbell.DeploymentID, due time.Time) error
	// Due returns at most n deployments whose time has come, the longest due
	// first.
	Due(now time.Time, n int) ([]shipbell.DeploymentID, error)
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
	// StartingWith returns at most n known keys of a type that start with the
	// text, in order.
	StartingWith(t shipbell.ProjectType, text string, n int) ([]Found, error)
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

// Lists holds what pages and feeds read. A store may bring its lists up to date
// later than the deployments that are in them: recording must not wait for what
// perhaps nobody looks at.
type Lists interface {
	// Enlist takes at most n deployments into the lists that are not in them yet,
	// the oldest first, and returns how many of them were left.
	Enlist(n int) (left int, err error)
	// Unlisted returns how many deployments are not in the lists yet: at least as
	// many as there are, and 0 for none.
	Unlisted() (int, error)
	// Briefs returns at most n deployments that pass the filter, but for its Text,
	// and stand behind the position, in the order of a list.
	Briefs(f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error)
	// Read returns the deployments with these numbers, in this order; one that is not
	// there is left out. With a text, one that has it in none of its fields may be left
	// out as well: looking for something rare is then cheap.
	Read(ids []shipbell.DeploymentID, text string) ([]shipbell.Deployment, error)
	// Places returns at most n places that have deployments, the one with the newest
	// first.
	Places(n int) ([]shipbell.Place, error)
	// Change notes in the feed that something visible of a deployment changed. That
	// one was opened needs no note.
	Change(id shipbell.DeploymentID) error
	// Changes returns at most n changes behind the cursor, in order, or
	// [shipbell.ErrNotFound] where the cursor is not one of this feed, or so old that
	// the feed does not reach back to it.
	Changes(since shipbell.Cursor, n int) ([]shipbell.Change, error)
	// Latest returns the cursor behind the last change.
	Latest() (shipbell.Cursor, error)
}

// KeptChanges is how many changes the feed holds at least.
const KeptChanges = 100_000

// Doors holds who may do what, and what was done.
type Doors interface {
	// Tokens returns all named tokens, the revoked ones too, in the order in which
	// they were made.
	Tokens() ([]shipbell.Token, error)
	// PutToken stores a token, new or known by its id.
	PutToken(t shipbell.Token) error
	// KeepAct adds an entry to the audit log.
	KeepAct(a shipbell.Act) error
	// Acts returns at most n entries with a number below the one given, 0 for all,
	// the newest first.
	Acts(before int64, n int) ([]shipbell.Act, error)
	// Secret returns a secret that this ledger keeps for itself, and keeps the one
	// offered where it has none of that name.
	Secret(name, offered string) (string, error)
}

// NothingDue is returned by Stale when no announcement is due.
type NothingDue struct {
	// Next is when the next stale announcement is due; zero when none is stale.
	Next time.Time
}

// Error says so.
func (e NothingDue) Error() string { return "no announcement is due" }
