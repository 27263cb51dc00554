package ledger

import (
	"cmp"

	"github.com/shipbell/shipbell"
)

// Step is what recording one event came to, in the words by which it is counted. It
// is told after the commit. What the event says is not in it.
type Step struct {
	// Source is [shipbell.SourceWatch] for a conclusion of the ledger's own.
	Source  shipbell.Source
	Verdict Verdict
	// Join is empty where nothing was kept.
	Join Join
	// The deployment as it is now; empty where nothing was kept, and for a stranger.
	// Environment is [shipbell.Production] where none is known.
	Type                 shipbell.ProjectType
	Project, Environment string
	Status               shipbell.Status
	// Was is the status before; empty for a deployment that was opened.
	Was shipbell.Status
	// Alarm is why an alarm was raised; empty where none was.
	Alarm shipbell.AlarmReason
}

// Join says in one word why an event is with its deployment. The sentence for
// people is [shipbell.Event.Joined].
type Join string

// The joins.
const (
	JoinOpened    Join = "opened"           // nothing that is known fits: it opened a deployment
	JoinAmbiguous Join = "opened_ambiguous" // several deployments fit equally well: it opened its own
	JoinTaken     Join = "opened_taken"     // what is known under its key is another deployment: it opened its own
	JoinKey       Join = "key"              // they share a key
	JoinMerged    Join = "merged"           // it tied several deployments together that are one
	JoinCommit    Join = "commit"           // same project, environment and commit
	JoinTime      Join = "time"             // the only one that was under way
	JoinAbout     Join = "about_time"       // the only one at about that time
	JoinStranger  Join = "stranger"         // kept only: its id is another project's
	JoinWatch     Join = "watch"            // a conclusion about that deployment
)

// Joins returns all joins.
func Joins() []Join {
	return []Join{JoinOpened, JoinAmbiguous, JoinTaken, JoinKey, JoinMerged, JoinCommit, JoinTime, JoinAbout, JoinStranger, JoinWatch}
}

// Verdicts returns all verdicts.
func Verdicts() []Verdict { return []Verdict{Opened, Changed, Unchanged, Repeated, Remembered} }

// joinOf is the word for a match.
func joinOf(m shipbell.Match) Join {
	switch m {
	case shipbell.MatchCommit:
		return JoinCommit
	case shipbell.MatchTime:
		return JoinTime
	}
	return JoinAbout
}

// moved notes what became of the deployment.
func (s *Step) moved(before, after shipbell.Deployment) {
	s.Type, s.Project, s.Environment = after.Type, after.Project, cmp.Or(after.Environment, shipbell.Production)
	s.Was, s.Status = before.Status, after.Status
}

// counted is the step that the recording made.
func (r *recording) counted() Step {
	verdict := r.result.Verdict
	if verdict == Repeated || verdict == Remembered {
		return Step{Source: r.event.Source, Verdict: verdict}
	}
	s := r.step
	s.Source, s.Verdict = r.event.Source, verdict
	return s
}
