// Package wire is the JSON of the API: what the server answers, and what commands
// read.
//
// Its one rule: what is in it stays as it is. A field may be added; none changes
// its name, its type or its meaning. Stored documents are never sent as they are.
// It decides nothing: the API fills it in.
package wire

import (
	"time"

	"github.com/shipbell/shipbell"
)

// Brief is what a deployment is in a line: in events, in lists of candidates, and
// beside another one.
type Brief struct {
	ID          shipbell.DeploymentID `json:"id"`
	Revision    shipbell.Revision     `json:"revision"`
	ShownID     string                `json:"shownId"`
	Type        shipbell.ProjectType  `json:"type"`
	Project     string                `json:"project"`
	Environment string                `json:"environment"`
	Status      shipbell.Status       `json:"status"`
	// Frozen is set while production is known not to have moved with it.
	Frozen bool   `json:"frozen,omitempty"`
	Branch string `json:"branch,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Subject is the first line of the commit's message, of a long one the start.
	Subject string `json:"subject,omitempty"`
	Author  string `json:"author,omitempty"`
	// Reason is the first line of what went wrong, of a long one the start.
	Reason     string    `json:"reason,omitempty"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
}

// Key is an identity of a deployment.
type Key struct {
	Kind shipbell.KeyKind `json:"kind"`
	ID   string           `json:"id"`
}

// Alarm says that production did not move.
type Alarm struct {
	At     time.Time            `json:"at"`
	Reason shipbell.AlarmReason `json:"reason"`
	OverAt time.Time            `json:"overAt,omitzero"`
}

// Deployment is what a list says of a deployment.
type Deployment struct {
	Brief
	Keys  []Key  `json:"keys"`
	Alarm *Alarm `json:"alarm,omitempty"`
	// Silenced is set when a person wanted to hear no more of it.
	Silenced      bool           `json:"silenced"`
	CommittedAt   time.Time      `json:"committedAt,omitzero"`
	Tag           string         `json:"tag,omitempty"`
	VersionID     string         `json:"versionId,omitempty"`
	URL           string         `json:"url,omitempty"`
	LogURL        string         `json:"logUrl,omitempty"`
	DashboardURL  string         `json:"dashboardUrl,omitempty"`
	RepositoryURL string         `json:"repositoryUrl,omitempty"`
	Rollout       string         `json:"rollout,omitempty"`
	Cause         shipbell.Cause `json:"cause,omitempty"`
	Error         string         `json:"error,omitempty"`
	RecordedAt    time.Time      `json:"recordedAt"`
	// TookSeconds is how long it ran, left out where that is not known.
	TookSeconds float64 `json:"tookSeconds,omitempty"`
}

// Detail is everything known of a deployment.
type Detail struct {
	Deployment
	CommitMessage string         `json:"commitMessage,omitempty"` // all lines
	Log           string         `json:"log,omitempty"`           // the lines that tell why it failed
	Disputes      []Dispute      `json:"disputes"`
	Events        []Heard        `json:"events"`
	Announcements []Announcement `json:"announcements"`
	Attempts      []Attempt      `json:"attempts"`
	Lineage       Lineage        `json:"lineage"`
}

// Dispute is an outcome that a source claims beside the one that counts.
type Dispute struct {
	Source shipbell.Source `json:"source"`
	Status shipbell.Status `json:"status"`
	At     time.Time       `json:"at"`
}

// Heard is one event of a deployment.
type Heard struct {
	Source     shipbell.Source  `json:"source"`
	ID         shipbell.EventID `json:"id"`
	At         time.Time        `json:"at"`
	ReceivedAt time.Time        `json:"receivedAt"`
	// Joined says why the event is with this deployment; empty for the one that
	// opened it.
	Joined string          `json:"joined,omitempty"`
	Status shipbell.Status `json:"status,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Part names one of the messages of a deployment in a channel.
type Part string

// The parts.
const (
	PartMessage  Part = "message"  // the one that tells of it
	PartAlert    Part = "alert"    // the one that rings
	PartOver     Part = "over"     // the one that says that an alarm is over
	PartObsolete Part = "obsolete" // one that is to be removed
)

// PartOf returns the name of a part.
func PartOf(p shipbell.Part) Part {
	switch p {
	case shipbell.PartMain:
		return PartMessage
	case shipbell.PartAlert:
		return PartAlert
	case shipbell.PartOver:
		return PartOver
	}
	return PartObsolete
}

// AnnouncementState says how far an announcement has come.
type AnnouncementState string

// The states of an announcement.
const (
	AnnouncementCurrent AnnouncementState = "current" // the channel shows what is known
	AnnouncementWaiting AnnouncementState = "waiting" // something newer is to be shown
	AnnouncementHeld    AnnouncementState = "held"    // it waits for the message that it answers
	AnnouncementTold    AnnouncementState = "told"    // not needed: another message told it
)

// Urgency orders what is to be shown.
type Urgency string

// The urgencies.
const (
	UrgencyLow    Urgency = "low"    // an edit that can wait
	UrgencyNormal Urgency = "normal" // a first post, and the end of a deployment
	UrgencyHigh   Urgency = "high"   // an alert
)

// AttemptKind says what was tried.
type AttemptKind string

// The kinds of attempts.
const (
	AttemptPost   AttemptKind = "post"   // a new message
	AttemptEdit   AttemptKind = "edit"   // another text for the message
	AttemptRemove AttemptKind = "remove" // the message goes
)

// Announcement is the deployment in one channel.
type Announcement struct {
	Channel shipbell.ChannelID `json:"channel"`
	Part    Part               `json:"part"`
	State   AnnouncementState  `json:"state"`
	Urgency Urgency            `json:"urgency"`
	// Shown is the revision that the channel shows, 0 for none; Wanted is the one
	// that it should.
	Shown  shipbell.Revision `json:"shown"`
	Wanted shipbell.Revision `json:"wanted"`
	Tries  int               `json:"tries"`
	DueAt  time.Time         `json:"dueAt,omitzero"`
	// Text is what the message says at the wanted revision, without markup.
	Text string `json:"text"`
}

// Attempt is one try to deliver.
type Attempt struct {
	Channel  shipbell.ChannelID `json:"channel"`
	Part     Part               `json:"part"`
	What     AttemptKind        `json:"what"`
	Revision shipbell.Revision  `json:"revision"`
	At       time.Time          `json:"at"`
	TookMs   int64              `json:"tookMs"`
	Fault    shipbell.Fault     `json:"fault,omitempty"` // left out where it worked
	Detail   string             `json:"detail,omitempty"`
}

// Lineage is what the history says of a deployment.
type Lineage struct {
	Previous *Brief `json:"previous,omitempty"` // the last one before it that succeeded
	Live     *Brief `json:"live,omitempty"`     // the newest that succeeded
	Brought  *Brief `json:"brought,omitempty"`  // the one that brought its version
	// Failures counts those that failed since Previous.
	Failures     int       `json:"failures"`
	FailingSince time.Time `json:"failingSince,omitzero"`
}

// Deployments is a part of the list.
type Deployments struct {
	Deployments []Deployment `json:"deployments"`
	// Next is the position from which to go on; left out at the end.
	Next string `json:"next,omitempty"`
	// Unlisted counts deployments that are not in the list yet.
	Unlisted int `json:"unlisted,omitempty"`
}

// ProjectState says how a project is, in one word.
type ProjectState string

// The states of a project.
const (
	ProjectFrozen   ProjectState = "frozen"    // production did not move
	ProjectFailing  ProjectState = "failing"   // the newest outcome is a failure
	ProjectUnderWay ProjectState = "under_way" // something is going out
	ProjectLive     ProjectState = "live"      // what is live is the newest
	// ProjectAnnounced: nothing is known to have succeeded, and of the newest one
	// nobody told how it ended.
	ProjectAnnounced ProjectState = "announced"
	ProjectUnknown   ProjectState = "unknown" // nothing has succeeded that is known of
)

// Project says how one environment of a project is.
type Project struct {
	Type        shipbell.ProjectType `json:"type"`
	Project     string               `json:"project"`
	Environment string               `json:"environment"`
	State       ProjectState         `json:"state"`
	// Commit is what is live was built from, also where an older version was put
	// back; left out where it is not known.
	Commit   string      `json:"commit,omitempty"`
	Live     *Deployment `json:"live,omitempty"`
	Brought  *Brief      `json:"brought,omitempty"`
	UnderWay []Brief     `json:"underWay"`
	Failed   *Brief      `json:"failed,omitempty"`
	Frozen   *Brief      `json:"frozen,omitempty"`
	Last     Brief       `json:"last"`
	// UsualSeconds is how long a deployment usually takes, left out where too few
	// are known.
	UsualSeconds float64 `json:"usualSeconds,omitempty"`
}

// Projects are a part of the list of projects, each in one environment.
type Projects struct {
	Projects []Project `json:"projects"`
	// Next is the after of the next part; empty at the end.
	Next string `json:"next,omitempty"`
}

// LaneStatus says how a lane is.
type LaneStatus string

// The statuses of a lane.
const (
	LaneOK           LaneStatus = "ok"
	LaneParked       LaneStatus = "parked"       // it waits, and goes on by itself
	LanePaused       LaneStatus = "paused"       // it waits for a person
	LaneUnconfigured LaneStatus = "unconfigured" // its channel is not in the settings any more
)

// Lane is a channel's delivery line.
type Lane struct {
	Channel     shipbell.ChannelID `json:"channel"`
	Status      LaneStatus         `json:"status"`
	Backlog     int                `json:"backlog"`
	Pause       *Pause             `json:"pause,omitempty"`
	ParkedUntil time.Time          `json:"parkedUntil,omitzero"`
	ParkedFor   string             `json:"parkedFor,omitempty"`
	Note        string             `json:"note,omitempty"`
	LastSuccess time.Time          `json:"lastSuccess,omitzero"`
	LastError   string             `json:"lastError,omitempty"`
	LastErrorAt time.Time          `json:"lastErrorAt,omitzero"`
	// Budget are the limits within which it keeps.
	Budget []Limit `json:"budget"`
}

// Pause says why a lane stands still until a person acts.
type Pause struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	Hint   string    `json:"hint,omitempty"`
}

// Limit is a rate limit of a lane, with what is left of it now.
type Limit struct {
	Requests   int     `json:"requests"`
	PerSeconds float64 `json:"perSeconds"`
	Left       int     `json:"left"`
}

// Lanes are all lanes.
type Lanes struct {
	Lanes []Lane `json:"lanes"`
}

// Act is one entry of the audit log.
type Act struct {
	N       int64            `json:"n"`
	At      time.Time        `json:"at"`
	Who     string           `json:"who"`
	What    shipbell.ActKind `json:"what"`
	Subject string           `json:"subject,omitempty"`
	Detail  string           `json:"detail,omitempty"`
}

// Audit is a part of the audit log.
type Audit struct {
	Acts []Act `json:"acts"`
	// Next is the number from which to go on; left out at the end.
	Next int64 `json:"next,omitempty"`
}

// Token is a named token, without what it is known by.
type Token struct {
	ID        shipbell.TokenID `json:"id"`
	Name      string           `json:"name"`
	Scope     shipbell.Scope   `json:"scope"`
	Projects  []string         `json:"projects"`
	MadeAt    time.Time        `json:"madeAt"`
	MadeBy    string           `json:"madeBy,omitempty"`
	LastUsed  time.Time        `json:"lastUsed,omitzero"`
	RevokedAt time.Time        `json:"revokedAt,omitzero"`
}

// Tokens are all named tokens.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

// Replay is the body of a replay.
type Replay struct {
	// Channels are those that post it, at least one; left out for all.
	Channels []shipbell.ChannelID `json:"channels,omitempty"`
}

// Problem is the body of a refusal.
type Problem struct {
	Message string `json:"error"`
	Code    Code   `json:"code"`
	// Field is where in a body, and Param which parameter is the matter.
	Field string `json:"field,omitempty"`
	Param string `json:"param,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Candidates are what an ambiguous id may mean.
	Candidates []Brief `json:"candidates,omitempty"`
}

// The names of the events of a stream.
const (
	EventHere       = "here"       // where the stream is
	EventDeployment = "deployment" // a deployment was opened or changed: a [Brief]
	EventGone       = "gone"       // a deployment became part of another one, or was deleted: a [Gone]
	EventReset      = "reset"      // changes were lost: what is shown must be read anew
)

// Gone says that a deployment is not there any more.
type Gone struct {
	ID shipbell.DeploymentID `json:"id"`
	// Into is the one that it became part of; left out where it was deleted.
	Into shipbell.DeploymentID `json:"into,omitempty"`
}

// Here says where a stream is.
type Here struct {
	At string `json:"at"`
}
