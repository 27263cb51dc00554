package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shipbell/shipbell"
)

// matched is how many of the newest deployments of a project are looked at for
// one that an event fits without a shared key. More than that are not under way
// at once.
const matched = 32

// recording is one event on its way into the ledger. It can run more than once.
type recording struct {
	*Ledger
	event shipbell.Event
	fresh shipbell.Deployment // what the event opens, should it be the first
	quiet bool                // should it open a deployment, nobody is told
	// baseline is set for what was there before anybody looked: it belongs to
	// nothing that was pushed since.
	baseline bool
	// renamed is set once the event's pushed ids were made its project's.
	renamed bool

	result Recorded
	opened shipbell.Deployment // what it opened, where the verdict is that it did
	joined string
	step   Step // what is counted of it
	stale  []shipbell.ChannelID
}

func (l *Ledger) recording(e shipbell.Event) *recording {
	// The ledger's to say: why it is with its deployment, and when it was taken.
	e.Joined, e.ReceivedAt = "", l.stamp()
	return &recording{Ledger: l, event: e, fresh: shipbell.NewDeployment(e)}
}

func (r *recording) run(tx Tx) error {
	r.result, r.stale, r.joined, r.step = Recorded{}, nil, "", Step{}
	candidates, err := r.candidates(tx)
	if err != nil {
		return err
	}
	// Most events are the first of their deployment; to try that first saves
	// looking for what is not there.
	if len(candidates) == 0 {
		err := r.open(tx, r.fresh, r.event)
		if !errors.Is(err, shipbell.ErrConflict) {
			return err
		}
	}
	found, err := tx.Find(r.event.Keys)
	if err != nil {
		return err
	}
	ids := deploymentsOf(found)
	// What is told under a remembered id was told before. A further id that is
	// only remembered says nothing of it.
	first := r.event.Keys[0].Identity()
	if len(ids) == 0 && slices.ContainsFunc(found, func(f Found) bool { return f.Key == first }) {
		r.result.Verdict = Remembered
		return nil
	}
	known := make([]shipbell.Deployment, len(ids))
	for i, id := range ids {
		if known[i], err = tx.Deployment(id); err != nil {
			return err
		}
	}
	return r.join(tx, known, found, candidates)
}

// candidates are the deployments that the event could belong to without sharing
// a key. A build step's word can only meet what nobody has named yet, which is
// quick to look for: of a project that only pushes there is nothing.
func (r *recording) candidates(tx Tx) ([]shipbell.Deployment, error) {
	e := r.event
	if r.baseline {
		return nil, nil
	}
	recent, err := tx.Recent(e.Type, e.Names(), matched, e.Source == shipbell.SourcePush)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(recent, func(d shipbell.Deployment) bool { return shipbell.MatchOf(d, e) == 0 }), nil
}

// join brings the event to its deployment: the one that a key leads to, the only
// one that it fits, or a new one.
func (r *recording) join(tx Tx, known []shipbell.Deployment, found []Found, candidates []shipbell.Deployment) error {
	e := r.event
	fit := slices.DeleteFunc(slices.Clone(known), func(d shipbell.Deployment) bool { return shipbell.Conflict(d, e) })
	if len(fit) > 1 {
		first := fit[0]
		fit = slices.DeleteFunc(fit, func(d shipbell.Deployment) bool {
			return d.ID != first.ID && shipbell.Conflicting(first, d)
		})
	}
	stranger := slices.ContainsFunc(known, func(d shipbell.Deployment) bool { return shipbell.Stranger(d, e) })
	if len(fit) == 0 && stranger {
		if e.Source == shipbell.SourceExec && !r.renamed {
			r.event, r.renamed = ofProject(e), true
			r.fresh = shipbell.NewDeployment(r.event)
			return r.run(tx)
		}
		return r.keepStranger(tx, known[0].ID)
	}
	// A key that leads to a deployment which this event is not about stays there.
	elsewhere := func(k shipbell.Key) bool {
		return slices.ContainsFunc(found, func(f Found) bool {
			return f.Key == k.Identity() && !slices.ContainsFunc(fit, func(d shipbell.Deployment) bool { return d.ID == f.Deployment })
		})
	}
	e.Keys = slices.DeleteFunc(slices.Clone(e.Keys), elsewhere)
	if len(e.Keys) == 0 {
		return r.keepStranger(tx, known[0].ID)
	}
	if len(fit) > 0 {
		r.joined, r.step.Join = "by key "+sharedKeys(fit[0], e), JoinKey
		return r.fold(tx, fit, e)
	}
	if d, match, ok := only(candidates, e); ok {
		r.joined, r.step.Join = match.String(), joinOf(match)
		return r.fold(tx, []shipbell.Deployment{d}, e)
	}
	switch {
	case len(candidates) > 1:
		r.joined, r.step.Join = fmt.Sprintf("opened: %d deployments fit equally well", len(candidates)), JoinAmbiguous
	case len(known) > 0:
		r.joined, r.step.Join = fmt.Sprintf("opened: what is known under its key %s is another deployment", known[0].ShownID), JoinTaken
	}
	return r.open(tx, shipbell.NewDeployment(e), e)
}

// ofProject makes the pushed ids of an event its project's: one build that wraps
// the deploy commands of several projects has one id. A push with another
// project's id is left alone, as the contract has it.
func ofProject(e shipbell.Event) shipbell.Event {
	e.Keys = slices.Clone(e.Keys)
	for i, k := range e.Keys {
		if k.Kind == shipbell.KeyPushed {
			e.Keys[i].ID = k.ID + ":" + e.Project
		}
	}
	return e
}

// sharedKeys names what an event and its deployment have in common.
func sharedKeys(d shipbell.Deployment, e shipbell.Event) string {
	var shared []string
	for _, k := range e.Keys {
		if slices.ContainsFunc(d.Keys, func(o shipbell.Key) bool { return o.Identity() == k.Identity() }) {
			shared = append(shared, string(k.Kind)+" "+k.ID)
		}
	}
	return strings.Join(shared, ", ")
}

// only returns the one candidate that fits best. Where two fit equally well none
// is returned.
func only(candidates []shipbell.Deployment, e shipbell.Event) (best shipbell.Deployment, how shipbell.Match, ok bool) {
	n := 0
	for _, d := range candidates {
		switch match := shipbell.MatchOf(d, e); {
		case n == 0 || match < how:
			best, how, n = d, match, 1
		case match == how:
			n++
		}
	}
	return best, how, n == 1
}

// keepStranger keeps an event that names another project than the deployment
// under its id. It changes nothing.
func (r *recording) keepStranger(tx Tx, id shipbell.DeploymentID) error {
	e := r.event
	e.Joined = "kept only: its id is another project's"
	err := tx.AddEvent(id, e)
	if errors.Is(err, shipbell.ErrConflict) {
		r.result = Recorded{Verdict: Repeated, Deployment: id}
		return nil
	}
	r.joined, r.step.Join = e.Joined, JoinStranger
	r.result = Recorded{Verdict: Unchanged, Deployment: id, Stranger: true}
	return err
}

// open opens a deployment with its first event.
func (r *recording) open(tx Tx, d shipbell.Deployment, e shipbell.Event) error {
	id, err := tx.Open(d)
	if err != nil {
		return err
	}
	e.Joined = r.joined
	if err := tx.AddEvent(id, e); err != nil {
		return err
	}
	d.ID = id
	r.result = Recorded{Verdict: Opened, Deployment: id}
	r.step.Join = cmp.Or(r.step.Join, JoinOpened)
	r.step.moved(shipbell.Deployment{}, d)
	if r.quiet {
		d.Quiet = true
		if err := tx.Save(d); err != nil {
			return err
		}
	}
	r.opened = d
	if !r.baseline && !quiet(d) {
		r.stale = r.router.Channels(d)
		if d.Status == shipbell.Failure {
			// It rings, and goes before what does not.
			_, err = announce(tx, d, r.stale, true)
		} else {
			err = tx.Announce(id, d.Revision, r.stale)
		}
		if err != nil {
			return err
		}
	}
	if r.baseline {
		return nil
	}
	return r.watch(tx, shipbell.Deployment{}, d)
}

// quiet reports whether nobody is told of the deployment. What failed before
// anybody looked is no news; what is quiet and fails later is.
func quiet(d shipbell.Deployment) bool {
	return d.Quiet && d.Status != shipbell.Failure && d.Alarm == nil
}

// fold applies an event to the first of the deployments; the others turn out to
// be the same one and become part of it.
func (r *recording) fold(tx Tx, known []shipbell.Deployment, e shipbell.Event) error {
	before := known[0]
	r.result = Recorded{Verdict: Unchanged, Deployment: before.ID}
	after := before
	for _, younger := range known[1:] {
		var err error
		if after, err = r.absorb(tx, after, younger); err != nil {
			return err
		}
	}
	if len(known) > 1 {
		r.joined += fmt.Sprintf("; put together what had been %d deployments", len(known))
		r.step.Join = JoinMerged
	}
	e.Joined = r.joined
	switch err := tx.AddEvent(before.ID, e); {
	case errors.Is(err, shipbell.ErrConflict) && len(known) == 1:
		r.result.Verdict = Repeated
		return nil
	case err != nil && !errors.Is(err, shipbell.ErrConflict):
		return err
	}
	after = shipbell.Apply(after, e)
	if err := tx.Save(after); err != nil {
		return err
	}
	if err := r.follow(tx, before, after); err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(d shipbell.Deployment) bool { return d.Status == after.Status }) {
		r.step.Was = after.Status // a younger one had come so far before
	}
	return nil
}

// follow brings announcements and watch up to date with a change.
func (r *recording) follow(tx Tx, before, after shipbell.Deployment) error {
	r.step.moved(before, after)
	if after.Revision != before.Revision {
		r.result.Verdict = Changed
		if err := tx.Change(after.ID); err != nil {
			return err
		}
		channels := r.router.Channels(after)
		if r.baseline {
			channels = nil // messages that are there are brought up to date, and none is added
		}
		var err error
		if r.stale, err = announce(tx, after, channels, !r.baseline); err != nil {
			return err
		}
		if after.Status == shipbell.Success && before.Status != shipbell.Success && !quiet(after) {
			if err := r.retell(tx, after); err != nil {
				return err
			}
		}
	}
	if r.baseline {
		return nil
	}
	return r.watch(tx, before, after)
}

// retold is how many of the newest deployments of a project are looked at for
// failures before a success. Most often the one before it succeeded as well.
const retold = 8

// retell brings the failures before a success up to date: what they say is live
// is not any more.
func (r *recording) retell(tx Tx, live shipbell.Deployment) error {
	recent, err := tx.Recent(live.Type, live.Names(), retold, false)
	if err != nil {
		return err
	}
	for _, s := range recent {
		if s.ID == live.ID || !shipbell.SamePlace(live, s) || !moment(s).Before(moment(live)) {
			continue
		}
		if s.Status == shipbell.Success {
			return nil
		}
		if s.Status != shipbell.Failure {
			continue
		}
		s.Revision++
		if err := errors.Join(tx.Save(s), tx.Change(s.ID)); err != nil {
			return err
		}
		channels, err := announce(tx, s, nil, true)
		if err != nil {
			return err
		}
		r.stale = append(r.stale, channels...)
	}
	return nil
}

// absorb makes a younger deployment part of an older one, which it returns.
func (r *recording) absorb(tx Tx, older, younger shipbell.Deployment) (shipbell.Deployment, error) {
	events, err := tx.Events(younger.ID)
	if err != nil {
		return older, err
	}
	theirs, err := tx.Announcements(younger.ID)
	if err != nil {
		return older, err
	}
	if err := errors.Join(tx.Absorb(older.ID, younger.ID), tx.Change(younger.ID)); err != nil {
		return older, err
	}
	if err := adopt(tx, older.ID, theirs); err != nil {
		return older, err
	}
	revision := older.Revision
	for _, e := range events {
		if !shipbell.Stranger(older, e) && !shipbell.Stranger(younger, e) {
			older = shipbell.Apply(older, e)
		}
	}
	older.Quiet = older.Quiet && younger.Quiet
	if older.Alarm == nil {
		older.Alarm = younger.Alarm
	}
	// The message of the younger one may be the one that stays; it must be
	// brought up to date whatever it showed.
	older.Revision = max(older.Revision, revision+1, younger.Revision+1)
	return older, nil
}
