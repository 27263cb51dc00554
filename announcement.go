package shipbell

import "time"

// ChannelID names a channel for ever: its announcements and its lane are stored
// under it. It holds no secret.
type ChannelID string

// MessageRef is the opaque, stored handle by which a channel finds a message it
// posted. Only the channel that made it can read it.
type MessageRef string

// Part numbers the messages of one deployment in one channel.
type Part int

// The parts.
const (
	// PartMain is the one message that tells of the deployment, always current.
	PartMain Part = iota
	// PartAlert replies to it when the deployment failed or production did not
	// move: an edit does not make a phone ring.
	PartAlert
	// PartOver replies to an alarm when production has moved.
	PartOver
	// PartObsolete and every part above it is a message that must go, because
	// its deployment turned out to be one that another message tells of.
	PartObsolete
)

// Obsolete reports whether the message must go.
func (p Part) Obsolete() bool { return p >= PartObsolete }

// Urgency orders what is stale in one lane: the highest first, among equals the
// oldest deployment.
type Urgency int

// The urgencies.
const (
	UrgencyLow    Urgency = iota // an edit that is not the last: it can wait, and is often made needless by the next
	UrgencyNormal                // a first post, and the end of a deployment
	UrgencyHigh                  // an alert
)

// Announcement is one deployment in one channel, or a [Bulletin] in one.
type Announcement struct {
	Deployment DeploymentID // of a bulletin, [BulletinID.Subject]
	Channel    ChannelID
	Part       Part
	Urgency    Urgency
	Wanted     Revision   // the deployment's revision
	Shown      Revision   // the revision the channel shows; 0 before the first post
	Ref        MessageRef // empty before the first post, and after the message was deleted
	Tries      int        // attempts so far, failed ones included
	DueAt      time.Time  // not before; moved into the future when this message was refused
	// Main is the handle of the deployment's main message in the channel, empty
	// while it has none. Reads fill it; writes ignore it.
	Main MessageRef
}

// Stale reports whether the channel shows less than the ledger knows.
func (a Announcement) Stale() bool { return a.Shown < a.Wanted }

// Held reports whether the message waits for the main one to be posted.
func (a Announcement) Held() bool { return a.Part != PartMain && a.Wanted == 0 }

// Told reports whether the message is not needed any more, because another one
// told what it would have.
func (a Announcement) Told() bool { return a.Shown > 0 && a.Shown >= a.Wanted && a.Ref == "" }

// Subject is what an announcement is about, as the ledger knows it now: a
// deployment with its history, or a bulletin.
type Subject struct {
	Deployment Deployment
	Lineage    Lineage
	Bulletin   *Bulletin    // nil for a deployment
	Missed     []Deployment // those a bulletin lists, the oldest first
}

// Lineage is what the history of a project and environment says of one of its
// deployments. It is derived when it is needed, never stored.
type Lineage struct {
	// Previous is the last deployment before this one that succeeded; nil where
	// none is known.
	Previous *Deployment
	// Live is the newest deployment that succeeded, which can be this one; nil
	// where none is known.
	Live *Deployment
	// Brought is the deployment that brought the version which went live with this
	// one, where that is another one: it was put back, or uploaded before, or got
	// more of the traffic.
	Brought *Deployment
	// Failures counts the failed deployments since Previous, and FailingSince is
	// when the first of them started.
	Failures     int
	FailingSince time.Time
	// Waiting are the later deployments that did not go live either, the oldest
	// first.
	Waiting []Deployment
}

// BulletinID numbers bulletins.
type BulletinID int64

// Subject returns the number under which the announcements of a bulletin stand.
// They share table, order, budget and marking with those of deployments.
func (id BulletinID) Subject() DeploymentID { return DeploymentID(-id) }

// Bulletin is what Shipbell says that is not about one deployment.
type Bulletin struct {
	ID       BulletinID `json:"-"`
	Revision Revision   `json:"-"`
	// Key names the bulletin for ever: said again it is the same one.
	Key  string       `json:"key"`
	Kind BulletinKind `json:"kind"`
	// At is when it began, in UTC; OverAt when it was over, zero while it lasts.
	At     time.Time `json:"at"`
	OverAt time.Time `json:"overAt,omitzero"`
	// Source is the one that it is about.
	Source Source `json:"source,omitempty"`
	// Reason is why, in words for people; Hint what they can do.
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Missed are the deployments that it tells of.
	Missed []DeploymentID `json:"missed,omitempty"`
}

// BulletinKind says what a bulletin tells.
type BulletinKind string

// The kinds of bulletins.
const (
	BulletinMissed BulletinKind = "missed" // deployments that were heard of late, told in one message
	BulletinBlind  BulletinKind = "blind"  // a source that cannot be heard
	BulletinTest   BulletinKind = "test"   // nothing: a person, whom Reason names, wants to see whether messages arrive
)

// Delivery is what a channel is asked to make visible.
type Delivery struct {
	Message Message
	Ref     MessageRef // empty: post; otherwise: edit that message
	ReplyTo MessageRef // of a post: the message that it answers; empty for none
	Remove  bool       // take the message behind Ref away; where that cannot be done the fault is FaultKept
	Plain   bool       // without markup, because markup was refused
	Memory  string     // what the channel asked to be remembered; empty at first
}

// Limit allows N requests in any window of length Per.
type Limit struct {
	N   int
	Per time.Duration
}

// Budget is the rate limit that a channel lives within. Channels whose budgets
// have the same name share it: topics of one group do.
type Budget struct {
	Name   string
	Limits []Limit
}

// Attempt is one try to post or edit, with what came back.
type Attempt struct {
	Deployment DeploymentID
	Channel    ChannelID
	Part       Part
	Revision   Revision
	At         time.Time
	Edit       bool          // false: post
	Took       time.Duration // until the answer
	Fault      Fault         // empty: it worked
	Detail     string        // what came back; never a secret
}

// Pause says why a lane stands still until a person acts.
type Pause struct {
	At     time.Time
	Reason string
	Hint   string
}

// Lane is a channel's delivery line: its order, its rate limit, its pause.
type Lane struct {
	Channel ChannelID
	// Memory is what the channel asked to be remembered, such as the new id of
	// a chat that moved.
	Memory string
	// Note tells people what Memory means, such as that a topic was deleted.
	Note string
	// Recent holds the times of the last requests, newest last, as many as the
	// budget needs: the limiter survives a restart with them.
	Recent []time.Time
	// ParkedUntil is when the lane goes on after a rate limit or a back-off.
	ParkedUntil time.Time
	// ParkedFor says why, for people.
	ParkedFor string
	// Setbacks counts temporary failures in a row.
	Setbacks int
	// Pause is nil while the lane runs.
	Pause *Pause
	// LastSuccess is when something was last delivered; zero if never.
	LastSuccess time.Time
	// LastError is why a request last failed, and LastErrorAt when; empty and zero
	// if none ever did.
	LastError   string
	LastErrorAt time.Time
	// Backlog counts stale announcements. Reads fill it; writes ignore it.
	Backlog int
}
