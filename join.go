package shipbell

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The policy of this file: what belongs to one deployment is decided by rules
// over what is said, not over when it arrived. The strongest rule that says
// something counts: a shared key, the same commit, the only one that fits in
// time. What speaks against a join outweighs all of them, and where several
// would do none is taken: two messages can be put together later, and a wrong
// join cannot be undone.

const (
	// joinWindow is how long after its start a deployment that has not ended is
	// still taken for the one that something is said of, where no key tells.
	// Workers Builds ends a build after 20 minutes, and it may have to wait.
	joinWindow = 30 * time.Minute
	// clockSkew is how far the clocks of a build machine and of Cloudflare may
	// be apart, and how long after its end a deployment can still be spoken of.
	clockSkew = 2 * time.Minute
	// wrapWindow is how long before the deploy command a build step beside it may
	// have announced.
	wrapWindow = 10 * time.Minute
)

// Match is how well two accounts of a deployment fit together where they share
// no key. The zero value is not at all.
type Match int

// The matches, the best first.
const (
	MatchCommit Match = iota + 1 // the same commit to the same place, at about the same time
	MatchTime                    // to the same place: what was seen lies between start and end of what was announced
	MatchAbout                   // the same, within the skew of the clocks
)

// String says why, for people.
func (m Match) String() string {
	switch m {
	case MatchCommit:
		return "same project, environment and commit"
	case MatchTime:
		return "the only deployment of the project that was under way"
	case MatchAbout:
		return "the only deployment of the project at about that time"
	}
	return "nothing in common"
}

// account is what joining looks at, of an event or of a deployment.
type account struct {
	Observation
	keys []Key
	// own is set where the people of the project named it, and project is that
	// name; placed where Cloudflare gave an id to what was deployed.
	own, placed    bool
	start, end     time.Time
	finished, fell bool // fell: did not deploy
}

func accountOf(d Deployment) account {
	a := account{
		Observation: d.Observation, keys: d.Keys, own: d.Named(),
		start: d.StartedAt, end: d.FinishedAt, finished: d.Status.Final(),
	}
	return a.complete()
}

func accountOfEvent(e Event) account {
	a := account{Observation: e.Observation, keys: e.Keys, own: ownTrust(e.Source) >= 0, start: e.At, finished: e.Status.Final()}
	if a.finished {
		a.end = e.At
	}
	return a.complete()
}

func (a account) complete() account {
	a.placed = slices.ContainsFunc(a.keys, func(k Key) bool {
		return k.Kind == KeyDeployment || k.Kind == KeyVersion || k.Kind == KeyShort
	})
	a.fell = a.finished && a.Status != Success
	if a.end.IsZero() {
		a.end = a.start.Add(joinWindow)
	}
	return a
}

// preview reports whether the account is of something that takes no production
// traffic. Where nothing is said production is meant.
func (a account) preview() bool { return a.Environment == Preview }

// shares reports whether both have a key of one of the kinds, on either side.
func (a account) shares(b account, kinds ...KeyKind) bool {
	return slices.ContainsFunc(a.keys, func(k Key) bool {
		return slices.ContainsFunc(b.keys, func(o Key) bool {
			return k.Identity() == o.Identity() && slices.Contains(kinds, k.Kind) && slices.Contains(kinds, o.Kind)
		})
	})
}

// differs reports whether both have ids of that kind and none in common.
func (a account) differs(b account, kind KeyKind) bool {
	of := func(keys []Key) []Key {
		return slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return k.Kind != kind })
	}
	mine, theirs := of(a.keys), of(b.keys)
	return len(mine) > 0 && len(theirs) > 0 && !a.shares(b, kind)
}

// strangers reports whether the people of two projects speak of them.
func (a account) strangers(b account) bool {
	return a.own && b.own && a.Project != b.Project
}

// conflicts reports what speaks against a shared key: two projects; two builds;
// two deployments at Cloudflare, as when a version is put back; and where the
// version is all they share, that one is a preview.
func (a account) conflicts(b account) bool {
	switch {
	case a.Type != b.Type, a.strangers(b), a.differs(b, KeyDeployment), a.differs(b, KeyBuild):
		return true
	case a.preview() != b.preview():
		return a.shares(b, KeyVersion) && !a.shares(b, KeyPushed, KeyBuild, KeyDeployment, KeyShort)
	}
	return false
}

// Conflict reports whether the event cannot be about the deployment although
// they share a key.
func Conflict(d Deployment, e Event) bool { return accountOf(d).conflicts(accountOfEvent(e)) }

// Conflicting reports whether two deployments cannot be one although something
// ties them together.
func Conflicting(a, b Deployment) bool { return accountOf(a).conflicts(accountOf(b)) }

// Stranger reports whether a build step used the id of another project's
// deployment. What it says is not true of that deployment.
func Stranger(d Deployment, e Event) bool { return accountOf(d).strangers(accountOfEvent(e)) }

// MatchOf returns how well an event fits a deployment with which it shares no
// key.
func MatchOf(d Deployment, e Event) Match {
	a, b := accountOf(d), accountOfEvent(e)
	if d.Quiet || a.Type != b.Type || a.strangers(b) {
		return 0
	}
	for _, kind := range []KeyKind{KeyPushed, KeyBuild, KeyVersion, KeyDeployment, KeyShort} {
		if a.differs(b, kind) && (kind != KeyPushed || !wraps(d, e)) {
			return 0
		}
	}
	if disagree(a.Branch, b.Branch) || !SameCommit(a.Commit, b.Commit) && a.Commit != "" && b.Commit != "" || !samePlace(a, b) {
		return 0
	}
	if a.Commit != "" && b.Commit != "" && a.near(b) {
		return MatchCommit
	}
	if a.Cause != b.Cause {
		return 0
	}
	// One of them must be all that was announced, the other what was seen.
	if a.placed == b.placed {
		return 0
	}
	if b.placed {
		a, b = b, a
	}
	return a.within(b)
}

// wraps reports whether the event is the deploy wrapper's about what a build step
// beside it announced a moment ago. Outside of every CI system the two have no id
// in common; each run of the wrapper has one of its own.
func wraps(d Deployment, e Event) bool {
	since := e.At.Sub(d.StartedAt)
	return e.Source == SourceExec && d.Status == Announced && e.Commit != "" && d.Commit != "" && -clockSkew < since && since < wrapWindow
}

// near reports whether both can be about one run. What a run that ended says no
// more is another run's.
func (a account) near(b account) bool {
	early, late := a, b
	if late.start.Before(early.start) {
		early, late = b, a
	}
	return !late.start.After(early.end.Add(clockSkew)) && !late.start.After(early.start.Add(joinWindow))
}

// within returns how well what was seen fits into the time of what was
// announced. What fell before anything was seen did not bring it about.
func (seen account) within(announced account) Match {
	slack := clockSkew
	if announced.fell {
		slack = 0
	}
	if seen.start.After(announced.end.Add(slack)) {
		return 0
	}
	if !seen.start.Before(announced.start) {
		return MatchTime
	}
	// An outcome alone is told after what it tells of.
	if announced.start.Before(announced.end) && seen.finished && seen.end.Before(announced.start) || seen.start.Add(clockSkew).Before(announced.start) {
		return 0
	}
	return MatchAbout
}

func disagree(a, b string) bool { return a != "" && b != "" && a != b }

// shortestHash is how much of a commit hash names it well enough.
const shortestHash = 7

// SameCommit compares hashes of which one may be abbreviated.
func SameCommit(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	n := min(len(a), len(b))
	return n >= shortestHash && a[:n] == b[:n]
}

// samePlace reports whether both speak of one project and environment. A Worker
// of an environment has a name of its own, under which the build step may speak
// of it; or it may speak of its base name and the environment. A build step that
// does not know the environment says production.
func samePlace(a, b account) bool {
	if b.own && !a.own {
		a, b = b, a
	}
	environment := cmp.Or(a.Environment, Production)
	same := environment == cmp.Or(b.Environment, Production)
	name := cmp.Or(b.Script, b.Project)
	switch {
	case a.Project == b.Project && same:
		return true
	case a.own == b.own:
		return cmp.Or(a.Script, a.Project) == name && same
	case a.Project == name, a.Project == b.Project && a.Type == Pages:
		return same || environment == Production || b.Environment == "" && strings.HasSuffix(a.Project, "-"+environment)
	}
	return a.Project+"-"+environment == name
}

// SamePlace reports whether two deployments go to one project and environment.
func SamePlace(a, b Deployment) bool {
	if a.Type != b.Type {
		return false
	}
	x, y := accountOf(a), accountOf(b)
	return samePlace(x, y) && x.preview() == y.preview()
}

// Names are the names under which other accounts of the event's deployment may
// stand. The first is the one under which it is kept.
func (o Observation) Names() []string {
	names := []string{cmp.Or(o.Script, o.Project)}
	for _, name := range []string{o.Project, o.Project + "-" + o.Environment} {
		if o.Environment == "" && strings.HasSuffix(name, "-") || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
	}
	return names
}

// OwnNames are the names under which Cloudflare can know what is meant, and
// nothing else: not the Worker of another environment that has the base name.
func (o Observation) OwnNames() []string {
	environment := cmp.Or(o.Environment, Production)
	switch {
	case o.Type == Pages && o.Script != "":
		return []string{o.Project, o.Script}
	case o.Script != "":
		return []string{o.Script}
	case o.Type == Pages, environment == Production, strings.HasSuffix(o.Project, "-"+environment):
		return []string{o.Project}
	}
	return []string{o.Project + "-" + environment}
}
