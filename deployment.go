package shipbell

import (
	"cmp"
	"slices"
	"time"
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

	Provenance Provenance `json:"provenance"`
}

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

// outdates reports whether an outcome stamped s replaces one stamped old: the
// more trusted source first, then the later word, because a retry of the same
// deployment may end differently.
func (s Stamp) outdates(old Stamp) bool {
	return cmp.Or(
		cmp.Compare(s.Trust, old.Trust),
		cmp.Compare(s.At, old.At),
		cmp.Compare(s.Event, old.Event),
	) > 0
}

// The names under which provenance keeps a stamp beside those of textFields.
const (
	fieldShownID = "shownId"
	fieldOutcome = "outcome"
)

// textFields are the merged fields for which the best value wins.
var textFields = []struct {
	name string
	of   func(*Observation) *string
}{
	{"project", func(o *Observation) *string { return &o.Project }},
	{"environment", func(o *Observation) *string { return &o.Environment }},
	{"branch", func(o *Observation) *string { return &o.Branch }},
	{"commit", func(o *Observation) *string { return &o.Commit }},
	{"commitMessage", func(o *Observation) *string { return &o.CommitMessage }},
	{"author", func(o *Observation) *string { return &o.Author }},
	{"tag", func(o *Observation) *string { return &o.Tag }},
	{"versionId", func(o *Observation) *string { return &o.VersionID }},
	{"url", func(o *Observation) *string { return &o.URL }},
	{"logUrl", func(o *Observation) *string { return &o.LogURL }},
	{"repositoryUrl", func(o *Observation) *string { return &o.RepositoryURL }},
	{"ci", func(o *Observation) *string { return &o.CI }},
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
	if trust := shownIDTrust(e.Source); trust != base.Trust {
		d.Provenance.set(fieldShownID, stampOf(e, trust))
	}
	if d.Status.Final() {
		d.FinishedAt = e.At
	} else {
		d.Error = ""
	}
	return d
}

// Apply folds one event into a deployment and returns the result; d stays as it
// was. The revision grows when something visible changed. But for ID, Revision
// and RecordedAt the result is the same whatever the order and the repetition
// of the events.
//
// Status only moves forward; among outcomes the more trusted source wins, then
// the later one, and the error goes with them. Of every other field the value of
// the most trusted source wins, then the earliest.
func Apply(d Deployment, e Event) Deployment {
	before := d.visible()
	d.Provenance.Fields = cloneStamps(d.Provenance.Fields)

	stamp := stampOf(e, e.Source.trust())
	for _, f := range textFields {
		value := *f.of(&e.Observation)
		current := f.of(&d.Observation)
		if value != "" && (*current == "" || stamp.beats(d.Provenance.of(f.name))) {
			*current = value
			d.Provenance.set(f.name, stamp)
		}
	}
	if id := stampOf(e, shownIDTrust(e.Source)); id.beats(d.Provenance.of(fieldShownID)) {
		d.ShownID = e.Keys[0].ID
		d.Provenance.set(fieldShownID, id)
	}
	d.applyStatus(e, stamp)
	if e.At.Before(d.StartedAt) {
		d.StartedAt = e.At
	}
	d.Keys = mergeKeys(d.Keys, e.Keys)

	if d.visible() != before {
		d.Revision++
	}
	return d
}

func (d *Deployment) applyStatus(e Event, stamp Stamp) {
	switch {
	case e.Status.rank() > d.Status.rank():
		d.Status = e.Status
	case e.Status.Final() && d.Status.Final() && stamp.outdates(d.Provenance.of(fieldOutcome)):
		d.Status = e.Status
	default:
		return
	}
	if d.Status.Final() {
		// The reason of another try must not stand under this outcome.
		d.FinishedAt, d.Error = e.At, e.Error
		d.Provenance.set(fieldOutcome, stamp)
	}
}

// shownIDTrust ranks sources for the id shown to people: what a build step
// pushed is what its author will search for. A push has the same rank as in
// [Source.trust], so that its deployments need no stamp beside the base.
func shownIDTrust(s Source) int {
	switch s {
	case SourcePush:
		return s.trust()
	case SourceExec:
		return 0
	}
	return -s.trust()
}

// visible is what people can see of a deployment; two equal ones look the same.
type visible struct {
	Observation
	shownID           string
	started, finished int64
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
	v.VersionID, v.CI = "", ""
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

// mergeKeys returns the union, sorted by id; neither argument is changed. Of
// two keys with one identity the kind that says more stays.
func mergeKeys(a, b []Key) []Key {
	keys := slices.Concat(a, b)
	slices.SortFunc(keys, func(x, y Key) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Kind, y.Kind))
	})
	return slices.CompactFunc(keys, func(x, y Key) bool { return x.Identity() == y.Identity() })
}
