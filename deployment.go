package shipbell

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// DeploymentID numbers deployments in the order in which they were first
// recorded. It is Shipbell's own; sources know a deployment by its keys.
type DeploymentID int64

// Revision counts the visible changes of a deployment, from 1.
type Revision int64

// Deployment is the merged view of all events that share keys.
type Deployment struct {
	ID       DeploymentID `json:"-"`
	Revision Revision     `json:"-"`

	Observation

	// ShownID is the id that people see: the pushed one where there is one.
	ShownID string `json:"shownId"`
	// Keys are all identities seen so far, sorted by id.
	Keys []Key `json:"keys"`
	// StartedAt is the earliest time any event gives.
	StartedAt time.Time `json:"startedAt"`
	// FinishedAt is when the outcome came about; zero while there is none.
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// RecordedAt is when the first event was taken.
	RecordedAt time.Time `json:"recordedAt"`
	// Outcomes are the outcomes that were claimed, sorted by source and status.
	Outcomes []Outcome `json:"outcomes,omitempty"`
	// Quiet is set when nobody is told of the deployment unless it fails: it was
	// live before Shipbell looked for the first time, or a bulletin tells of it.
	Quiet bool `json:"quiet,omitempty"`
	// Silenced is set when a person wanted to hear no more of the deployment: no
	// message is added. One that is there is kept true.
	Silenced bool `json:"silenced,omitempty"`
	// Alarm is set once production was found not to move with the deployment.
	Alarm *Alarm `json:"alarm,omitempty"`

	Provenance Provenance `json:"provenance"`
}

// Outcome is an outcome as one source claims it.
type Outcome struct {
	Source Source `json:"source"`
	Status Status `json:"status"`
	// At is when the source last said so; Error and Log are what it said then.
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"`
	Log   string    `json:"log,omitempty"`
	Event EventID   `json:"event"`
}

// Alarm says that production did not move.
type Alarm struct {
	At     time.Time   `json:"at"`
	Reason AlarmReason `json:"reason"`
	// OverAt is when production had moved after all; zero while it has not.
	OverAt time.Time `json:"overAt,omitzero"`
}

// AlarmReason is why production is said not to have moved.
type AlarmReason string

// The reasons of an alarm.
const (
	AlarmUnfinished AlarmReason = "unfinished" // it started, and did not end within its deadline
	AlarmMissing    AlarmReason = "missing"    // it was announced, and Cloudflare shows nothing of it
	AlarmNotLive    AlarmReason = "not_live"   // it was called deployed, and Cloudflare shows nothing of it
	AlarmSkipped    AlarmReason = "skipped"    // it was skipped, and nothing newer went live
)

// Took returns how long the deployment ran, or zero where that is not known.
func (d Deployment) Took() time.Duration {
	if !d.Status.Final() || !d.FinishedAt.After(d.StartedAt) {
		return 0
	}
	return d.FinishedAt.Sub(d.StartedAt)
}

// Provenance remembers which event each value came from, so that [Apply] can
// tell a better value from a worse one in whatever order they arrive.
type Provenance struct {
	// Base is the stamp of every field that Fields does not name.
	Base   Stamp            `json:"base"`
	Fields map[string]Stamp `json:"fields,omitempty"`
}

// Stamp is the weight of one value: who said it, and when.
type Stamp struct {
	Trust int     `json:"trust"`
	At    int64   `json:"at"` // unix milliseconds
	Event EventID `json:"event"`
}

func stampOf(e Event, trust int) Stamp {
	return Stamp{Trust: trust, At: e.At.UnixMilli(), Event: EventID(e.Source) + "/" + e.ID}
}

// beats reports whether a value stamped s replaces one stamped old: the more
// trusted source first, then the earlier word. A source that repeats itself
// with another wording therefore changes nothing.
func (s Stamp) beats(old Stamp) bool {
	return cmp.Or(
		cmp.Compare(s.Trust, old.Trust),
		cmp.Compare(old.At, s.At),
		cmp.Compare(old.Event, s.Event),
	) > 0
}

// The names under which provenance keeps a stamp beside those of textFields.
const (
	fieldShownID = "shownId"
	fieldProject = "project"
	// The one of textFields that is weighed in a way of its own.
	fieldCommitMessage = "commitMessage"
)

// textFields are the merged fields for which the best value wins.
var textFields = []struct {
	name string
	of   func(*Observation) *string
}{
	{"script", func(o *Observation) *string { return &o.Script }},
	{"environment", func(o *Observation) *string { return &o.Environment }},
	{"branch", func(o *Observation) *string { return &o.Branch }},
	{"commit", func(o *Observation) *string { return &o.Commit }},
	{fieldCommitMessage, func(o *Observation) *string { return &o.CommitMessage }},
	{"author", func(o *Observation) *string { return &o.Author }},
	{"tag", func(o *Observation) *string { return &o.Tag }},
	{"versionId", func(o *Observation) *string { return &o.VersionID }},
	{"url", func(o *Observation) *string { return &o.URL }},
	{"logUrl", func(o *Observation) *string { return &o.LogURL }},
	{"dashboardUrl", func(o *Observation) *string { return &o.DashboardURL }},
	{"repositoryUrl", func(o *Observation) *string { return &o.RepositoryURL }},
	{"history", func(o *Observation) *string { return &o.History }},
	{"rollout", func(o *Observation) *string { return &o.Rollout }},
	{"cause", func(o *Observation) *string { return (*string)(&o.Cause) }},
	{"ci", func(o *Observation) *string { return &o.CI }},
	{"commitTime", func(o *Observation) *string { return &o.CommitTime }},
}

// NewDeployment opens a deployment with its first event. It has revision 1 and
// no ID yet.
func NewDeployment(e Event) Deployment {
	base := stampOf(e, e.Source.trust())
	d := Deployment{
		Revision:    1,
		Observation: e.Observation,
		ShownID:     e.Keys[0].ID,
		Keys:        mergeKeys(nil, e.Keys),
		StartedAt:   e.At,
		RecordedAt:  e.ReceivedAt,
		Provenance:  Provenance{Base: base},
	}
	if e.CommitMessage != "" && e.Commit == "" {
		d.Provenance.set(fieldCommitMessage, stampOf(e, noteTrust(e.Source)))
	}
	if own := ownTrust(e.Source); own != base.Trust {
		d.Provenance.set(fieldShownID, stampOf(e, own))
		d.Provenance.set(fieldProject, stampOf(e, nameTrust(e.Source)))
	}
	d.Error, d.Log = "", ""
	d.claim(e)
	return d
}

// Apply folds one event into a deployment and returns the result; d stays as it
// was. The revision grows when something visible changed. But for ID, Revision
// and RecordedAt the result is the same whatever the order and the repetition
// of the events.
//
// Status only moves forward; among outcomes the more trusted source wins, then
// the later one, and FinishedAt goes with it. Error and log are those of the most
// trusted source that claims this outcome and has any. The id that is shown and
// the name of the project are the build step's where there is one. Of every
// other field the value of the most trusted source wins, then the earliest.
func Apply(d Deployment, e Event) Deployment {
	before := d.visible()
	d.Provenance.Fields = cloneStamps(d.Provenance.Fields)

	stamp := stampOf(e, e.Source.trust())
	for _, f := range textFields {
		value := *f.of(&e.Observation)
		current := f.of(&d.Observation)
		stamp := stamp
		if f.name == fieldCommitMessage && e.Commit == "" {
			stamp.Trust = noteTrust(e.Source)
		}
		if value != "" && (*current == "" || stamp.beats(d.Provenance.of(f.name))) {
			*current = value
			d.Provenance.set(f.name, stamp)
		}
	}
	own := stampOf(e, ownTrust(e.Source))
	if own.beats(d.Provenance.of(fieldShownID)) {
		d.ShownID = e.Keys[0].ID
		d.Provenance.set(fieldShownID, own)
	}
	if name := stampOf(e, nameTrust(e.Source)); name.beats(d.Provenance.of(fieldProject)) {
		d.Project = e.Project
		d.Provenance.set(fieldProject, name)
	}
	if e.Status.rank() > d.Status.rank() && !e.Status.Final() {
		d.Status = e.Status
	}
	d.claim(e)
	if e.At.Before(d.StartedAt) {
		d.StartedAt = e.At
	}
	if keys := mergeKeys(d.Keys, e.Keys); len(keys) <= maxKeys {
		d.Keys = keys
	}

	if d.visible() != before {
		d.Revision++
	}
	return d
}

// claim adds the outcome that an event claims, if it does, and lets the best of
// all claims count.
func (d *Deployment) claim(e Event) {
	if !e.Status.Final() {
		return
	}
	d.Outcomes = mergeOutcome(d.Outcomes, Outcome{
		Source: e.Source, Status: e.Status, At: e.At, Error: e.Error, Log: e.Log, Event: e.ID,
	})
	best := slices.MaxFunc(d.Outcomes, func(a, b Outcome) int { return a.compare(b) })
	d.Status, d.FinishedAt, d.Error, d.Log = best.Status, best.At, "", ""
	for _, o := range d.claims() {
		if o.Status == d.Status {
			d.Error = cmp.Or(d.Error, o.Error)
			d.Log = cmp.Or(d.Log, o.Log)
		}
	}
}

// compare ranks outcomes: the more trusted source first, then the later word,
// because a retry of the same deployment may end differently.
func (o Outcome) compare(other Outcome) int {
	return cmp.Or(
		cmp.Compare(o.Source.trust(), other.Source.trust()),
		o.At.Compare(other.At),
		cmp.Compare(o.Status, other.Status),
	)
}

// mergeOutcome returns the outcomes with one more; the argument is not changed.
// There is one of each source and status: its last word. What the source said
// at the same time in several events counts together.
func mergeOutcome(outcomes []Outcome, o Outcome) []Outcome {
	i, found := slices.BinarySearchFunc(outcomes, o, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Status, b.Status))
	})
	if !found {
		return slices.Insert(slices.Clone(outcomes), i, o)
	}
	last := outcomes[i]
	switch at := o.At.Compare(last.At); {
	case at < 0:
		return outcomes
	case at == 0:
		o.Event = min(o.Event, last.Event)
		o.Error, o.Log = fuller(o.Error, last.Error), fuller(o.Log, last.Log)
	}
	outcomes = slices.Clone(outcomes)
	outcomes[i] = o
	return outcomes
}

// fuller returns the longer text, whichever of the two comes first.
func fuller(a, b string) string {
	if cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) < 0 {
		return b
	}
	return a
}

// claims returns the outcomes, the most trusted source's first and the last word
// of each source first.
func (d Deployment) claims() []Outcome {
	claims := slices.Clone(d.Outcomes)
	slices.SortFunc(claims, func(a, b Outcome) int { return b.compare(a) })
	return claims
}

// Disputes returns the last words of the sources that claim another outcome than
// the one that counts, the most trusted first.
func (d Deployment) Disputes() []Outcome {
	var disputes []Outcome
	heard := make(map[Source]bool)
	for _, o := range d.claims() {
		// What was concluded from not seeing it is answered by seeing it.
		if !heard[o.Source] && o.Status != d.Status && o.Source != SourceWatch {
			disputes = append(disputes, o)
		}
		heard[o.Source] = true
	}
	return disputes
}

// OwnFailure reports whether the people's own command or build step failed,
// whatever else is said.
func (d Deployment) OwnFailure() bool {
	return slices.ContainsFunc(d.Disputes(), func(o Outcome) bool {
		return o.Status == Failure && ownTrust(o.Source) >= 0
	})
}

// Claimed reports whether the source claimed an outcome.
func (d Deployment) Claimed(s Source) bool {
	return slices.ContainsFunc(d.Outcomes, func(o Outcome) bool { return o.Source == s })
}

// Key returns the id of that kind, empty where none is known.
func (d Deployment) Key(kind KeyKind) string {
	i := slices.IndexFunc(d.Keys, func(k Key) bool { return k.Kind == kind })
	if i < 0 {
		return ""
	}
	return d.Keys[i].ID
}

// ownTrust ranks sources for what the people of a project call things: the id
// that a build step pushed is what its author will search for, and a name that
// changes under a message confuses. A push has the same rank as in
// [Source.trust], so that its deployments need no stamp beside the base.
func ownTrust(s Source) int {
	switch s {
	case SourcePush:
		return s.trust()
	case SourceExec:
		return 0
	}
	return -s.trust()
}

// nameTrust ranks sources for the name of the project: the people's own word
// first, then who can read the tags that hold the base name.
func nameTrust(s Source) int {
	if own := ownTrust(s); own >= 0 {
		return own
	}
	return s.trust() - SourcePoll.trust() - 1
}

// noteTrust ranks sources for a message that comes without a commit, below any
// that comes with one: what somebody noted about a deployment is not what was
// changed.
func noteTrust(s Source) int { return s.trust() - SourcePoll.trust() - 1 }

// Named reports whether a build step named the project, rather than Cloudflare.
func (d Deployment) Named() bool { return d.Provenance.of(fieldProject).Trust >= 0 }

// visible is what people can see of a deployment; two equal ones look the same.
type visible struct {
	Observation
	shownID           string
	started, finished int64
	disputes          string
	alarm             Alarm
}

func (d Deployment) visible() visible {
	v := visible{
		Observation: d.Observation,
		shownID:     d.ShownID,
		started:     d.StartedAt.UnixMilli(),
	}
	if !d.FinishedAt.IsZero() {
		v.finished = d.FinishedAt.UnixMilli()
	}
	for _, o := range d.Disputes() {
		v.disputes += string(o.Source) + " " + string(o.Status) + "\n"
	}
	if d.Alarm != nil {
		v.alarm = *d.Alarm
	}
	v.VersionID, v.CI, v.Script, v.CommitTime = "", "", "", ""
	if d.Status != Success {
		v.History = "" // what changed is told when it is live
	}
	return v
}

func (p Provenance) of(field string) Stamp {
	if s, ok := p.Fields[field]; ok {
		return s
	}
	return p.Base
}

func (p *Provenance) set(field string, s Stamp) {
	if p.of(field) == s {
		return
	}
	if p.Fields == nil {
		p.Fields = make(map[string]Stamp)
	}
	p.Fields[field] = s
}

func cloneStamps(m map[string]Stamp) map[string]Stamp {
	if m == nil {
		return nil
	}
	c := make(map[string]Stamp, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// maxKeys bounds the keys of a deployment. Each is looked at with every event: one
// that is told with another version each time would become slower and slower, and
// everything that is recorded behind it.
const maxKeys = 100

// mergeKeys returns the union, sorted by id; neither argument is changed. Of
// two keys with one identity the kind that says more stays.
func mergeKeys(a, b []Key) []Key {
	keys := slices.Concat(a, b)
	slices.SortFunc(keys, func(x, y Key) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Kind, y.Kind))
	})
	return slices.CompactFunc(keys, func(x, y Key) bool { return x.Identity() == y.Identity() })
}

// The most that [Deployment.Short] keeps of a text, in bytes.
const shortText = 2 << 10

// Short returns what lists and cards show of a deployment: of the commit message and
// of the error the start, and neither log nor history; of the outcomes who claims
// which, and not why. It shares no memory with what it leaves out, so that many can be
// kept in mind.
func (d Deployment) Short() Deployment {
	for _, text := range []*string{&d.CommitMessage, &d.Error} {
		if len(*text) <= shortText {
			continue
		}
		end := shortText
		for end > 0 && !utf8.RuneStart((*text)[end]) {
			end--
		}
		*text = strings.Clone((*text)[:end])
	}
	d.Log, d.History = "", ""
	if slices.ContainsFunc(d.Outcomes, Outcome.explained) {
		d.Outcomes = slices.Clone(d.Outcomes)
		for i := range d.Outcomes {
			d.Outcomes[i].Error, d.Outcomes[i].Log = "", ""
		}
	}
	return d
}

// explained reports whether the source said why.
func (o Outcome) explained() bool { return o.Error != "" || o.Log != "" }
