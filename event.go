package shipbell

import (
	"fmt"
	"strings"
	"time"
)

// Source is where events come from.
type Source string

// The sources.
const (
	SourcePush   Source = "push"   // a build step, over POST /notify
	SourcePoll   Source = "poll"   // Cloudflare's API, asked
	SourceBuilds Source = "builds" // Workers Builds events from a queue
	SourceAlert  Source = "alert"  // Cloudflare's notification webhook
	SourceExec   Source = "exec"   // the deploy wrapper
	// SourceWatch is the ledger's own conclusion, from what Cloudflare did not
	// show when it was asked.
	SourceWatch Source = "watch"
)

// trust ranks the sources: where two disagree, the higher one is believed.
// Cloudflare's own word stands above what a build step claims, and seeing above
// not having seen.
func (s Source) trust() int {
	switch s {
	case SourcePoll:
		return 6
	case SourceWatch:
		return 5
	case SourceBuilds:
		return 4
	case SourceAlert:
		return 3
	case SourceExec:
		return 2
	}
	return 1
}

// EventID identifies an event within its source. A source must give a repeated
// observation the same id, and must put the same keys on it.
type EventID string

// Event is one immutable observation by one source.
type Event struct {
	Source Source
	ID     EventID
	// Keys are the identities under which the source knows the deployment; at
	// least one. The first is the one shown to people.
	Keys []Key
	// At is when it happened, as the source says, in UTC, to the millisecond.
	At time.Time
	// ReceivedAt is when Shipbell took it. It takes no part in any rule.
	ReceivedAt time.Time
	// Joined says why the event is with its deployment, for people. The ledger
	// writes it.
	Joined string
	Observation
}

// Observation is what an event says of a deployment. Empty means not said.
type Observation struct {
	Type          ProjectType `json:"type"`
	Project       string      `json:"project"`
	Script        string      `json:"script,omitempty"`      // name of the Worker where the source knows it; the project may be its base name
	Environment   string      `json:"environment,omitempty"` // empty: not said, which means [Production]
	Status        Status      `json:"status,omitempty"`
	Branch        string      `json:"branch,omitempty"`
	Commit        string      `json:"commit,omitempty"`        // full hash as the source gives it
	CommitMessage string      `json:"commitMessage,omitempty"` // all lines
	Author        string      `json:"author,omitempty"`
	Tag           string      `json:"tag,omitempty"`
	VersionID     string      `json:"versionId,omitempty"`
	URL           string      `json:"url,omitempty"`           // where the deployment answers
	LogURL        string      `json:"logUrl,omitempty"`        // where its build log is
	DashboardURL  string      `json:"dashboardUrl,omitempty"`  // the deployment's page in the dashboard of its platform
	RepositoryURL string      `json:"repositoryUrl,omitempty"` // web address of the repository
	History       string      `json:"history,omitempty"`       // the commits up to this one, newest first: a line each, hash and subject
	Rollout       string      `json:"rollout,omitempty"`       // the share of each version while traffic is split
	Cause         Cause       `json:"cause,omitempty"`         // empty: a change was deployed, or not said
	Error         string      `json:"error,omitempty"`         // why it did not deploy, in the source's words, on one line
	Log           string      `json:"log,omitempty"`           // the lines of its log that tell why, without secrets
	CI            string      `json:"ci,omitempty"`            // "true" or "false" where the source knows
	CommitTime    string      `json:"commitTime,omitempty"`    // when the commit was made, RFC 3339
}

// Production is the environment that is meant when none is named.
const Production = "production"

// Preview is the environment of what takes no production traffic: a preview of a
// Pages project, a version of a Worker that was uploaded only.
const Preview = "preview"

// Cause is why a deployment came about, where it was not a change.
type Cause string

// The causes.
const (
	CauseRollback Cause = "rollback" // an older version was put back
	CauseRollout  Cause = "rollout"  // a version that was live in part, or was uploaded before, got another share of the traffic
)

// MaxKeyLength bounds a deployment id, in bytes. Ids are indexed and compared;
// every known one is a UUID or a short word.
const MaxKeyLength = 512

// Validate reports what makes e unfit to be recorded, as [ErrInvalid].
func (e Event) Validate() error {
	switch {
	case e.Source == "":
		return fmt.Errorf("event without a source: %w", ErrInvalid)
	case e.ID == "":
		return fmt.Errorf("event without an id: %w", ErrInvalid)
	case len(e.Keys) == 0:
		return fmt.Errorf("event %s without a key: %w", e.ID, ErrInvalid)
	case e.Type != Worker && e.Type != Pages:
		return fmt.Errorf("event %s: project type %q: %w", e.ID, e.Type, ErrInvalid)
	case strings.TrimSpace(e.Project) == "":
		return fmt.Errorf("event %s without a project: %w", e.ID, ErrInvalid)
	case e.At.IsZero():
		return fmt.Errorf("event %s without a time: %w", e.ID, ErrInvalid)
	}
	for _, k := range e.Keys {
		if k.ID == "" || len(k.ID) > MaxKeyLength {
			return fmt.Errorf("event %s: key of %d bytes: %w: 1 to %d", e.ID, len(k.ID), ErrInvalid, MaxKeyLength)
		}
		if k.Type != e.Type {
			return fmt.Errorf("event %s: key %s of another project type: %w", e.ID, k, ErrInvalid)
		}
	}
	return nil
}
