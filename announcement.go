package shipbell

import "time"

// ChannelID names a channel for ever: its announcements and its lane are stored
// under it. It holds no secret.
type ChannelID string

// MessageRef is the opaque, stored handle by which a channel finds a message it
// posted. Only the channel that made it can read it.
type MessageRef string

// Announcement is one deployment in one channel.
type Announcement struct {
	Deployment DeploymentID
	Channel    ChannelID
	Wanted     Revision   // the deployment's revision
	Shown      Revision   // the revision the channel shows; 0 before the first post
	Ref        MessageRef // empty before the first post, and after the message was deleted
	Tries      int        // attempts so far, failed ones included
	DueAt      time.Time  // not before; moved into the future when this message was refused
}

// Stale reports whether the channel shows less than the ledger knows.
func (a Announcement) Stale() bool { return a.Shown < a.Wanted }

// Delivery is what a channel is asked to make visible.
type Delivery struct {
	Message Message
	Ref     MessageRef // empty: post; otherwise: edit that message
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
	// Backlog counts stale announcements. Reads fill it; writes ignore it.
	Backlog int
}
