package simulation

import (
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/lease"
	"github.com/shipbell/shipbell/internal/ledger"
)

// judge looks whether the promises were kept. The caller holds the world.
func (w *world) judge() {
	known := make(map[shipbell.MessageRef]bool)
	for id, outcome := range w.script.outcome {
		w.judgeDeployment(id, outcome, known)
	}
	for _, c := range w.chats {
		for _, m := range c.visible() {
			if !known[m.ref] && (m.posted.marked || !m.posted.excused()) {
				w.fail("%s is there beside the one that the ledger knows: %v", m.ref, m.posted)
			}
		}
		for _, l := range c.budget.Limits {
			w.judgeRate(c, l)
		}
		w.judgeWaits(c)
	}
	for _, c := range w.channels {
		w.judgeOrder(c)
	}
	w.judgePosts()
	if w.off > maxOff {
		w.fail("a replica was %s from the database's clock", w.off)
	}
}

// judgeDeployment: nothing acknowledged is lost, and each channel shows the last
// state.
func (w *world) judgeDeployment(id string, outcome shipbell.Status, known map[shipbell.MessageRef]bool) {
	w.read(func(tx ledger.Tx) error {
		found, err := tx.Find([]shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: id}})
		if err != nil {
			return err
		}
		if len(found) != 1 {
			w.fail("%s was acknowledged, and there is no such deployment", id)
			return nil
		}
		d, err := tx.Deployment(found[0].Deployment)
		if err != nil {
			return err
		}
		if d.Status != outcome {
			w.fail("%s is %s in the ledger, and was said to be %s", id, d.Status, outcome)
		}
		all, err := tx.Announcements(d.ID)
		if err != nil {
			return err
		}
		for _, c := range w.channels {
			i := slices.IndexFunc(all, func(a shipbell.Announcement) bool { return a.Channel == c && a.Part == shipbell.PartMain })
			if i < 0 || all[i].Ref == "" {
				w.fail("%s has no message in %s", id, c)
			}
		}
		for _, a := range all {
			if a.Stale() {
				w.fail("part %d of %s is not current in %s", a.Part, id, a.Channel)
			}
			if a.Ref != "" {
				known[a.Ref] = true
				w.judgeMessage(a, d)
			}
		}
		return nil
	})
}

// judgeMessage: the message that the ledger knows is there and says what it
// should.
func (w *world) judgeMessage(a shipbell.Announcement, d shipbell.Deployment) {
	m := w.chatOf[a.Channel].messages[a.Ref]
	want := textOf(rendered(a, shipbell.Subject{Deployment: d}))
	switch {
	case m == nil || m.gone:
		w.fail("message %s of %s in %s is not there", a.Ref, d.ShownID, a.Channel)
	case m.text != want && m.shown.excused() && !m.shown.stored:
		// It arrived after another replica had gone on, and its own was not there
		// any more to say that it was.
	case m.text != want:
		w.fail("message %s in %s says %q, want %q; the last to change it was %v", a.Ref, a.Channel, m.text, want, m.shown)
	}
}

// judgePosts: a second message is only posted when it could not be known that the
// first one is there.
func (w *world) judgePosts() {
	type place struct {
		channel    shipbell.ChannelID
		deployment shipbell.DeploymentID
		part       shipbell.Part
	}
	last := make(map[place]*request)
	for _, q := range w.sent {
		if !q.post() || !q.taken {
			continue
		}
		p := place{q.channel, q.about.Deployment, q.about.Part}
		if before := last[p]; before != nil && !before.excused() {
			w.fail("%v was posted again: %v", before, q)
		}
		last[p] = q
	}
}

// judgeOrder: the first posts in a channel are in the order of the ledger, but
// for what is urgent.
func (w *world) judgeOrder(c shipbell.ChannelID) {
	posted := make(map[shipbell.DeploymentID]bool)
	var before []*request
	for _, q := range w.sent {
		if q.channel != c || !q.post() || !q.taken || q.about.Part != shipbell.PartMain || posted[q.about.Deployment] {
			continue
		}
		posted[q.about.Deployment] = true
		for _, b := range before {
			if b.about.Deployment > q.about.Deployment && b.about.Urgency < shipbell.UrgencyHigh {
				w.fail("%v went before %v", b, q)
			}
		}
		before = append(before, q)
	}
}

// maxOff is how far a replica may be from the database's clock: half of the
// longest round trip of which the keeper takes the answer, and what the clocks
// drift apart until a worse reading replaces a better one.
const maxOff = 2*time.Second + time.Duration(maxRate*float64(70*time.Second))

// judgeRate: no more requests arrive than the limit allows, whoever sends them.
// Those that nobody can know of do not count: they were under way when a replica
// was lost. How far the replicas are from the database's clock is how much closer
// two requests can be.
func (w *world) judgeRate(c *chat, l shipbell.Limit) {
	var all []arrival
	for _, a := range c.arrived {
		if a.sent.counted || a.sent.disturbed == "" {
			all = append(all, a)
		}
	}
	least := l.Per - 2*w.off - time.Duration(maxRate*float64(l.Per))
	for i := l.N; i < len(all); i++ {
		if apart := all[i].at.Sub(all[i-l.N].at); apart < least {
			w.fail("%d requests within %s, from %v to %v; the clocks were off by %s", l.N+1, apart, all[i-l.N].sent, all[i].sent, w.off)
		}
	}
}

// judgeWaits: once it is stored that a chat asked to wait, nobody sends before.
func (w *world) judgeWaits(c *chat) {
	for _, s := range c.scolds {
		until := s.until.Add(-2*w.off - time.Duration(maxRate*float64(s.until.Sub(s.to.left))))
		for _, q := range w.sent {
			if s.to.marked && s.to.counted && q.chat() == c && q.left.After(s.to.markedAt) && q.left.Before(until) {
				w.fail("%v left %s before it should, as the chat said to %v", q, s.until.Sub(q.left), s.to)
			}
		}
	}
}

// judgeLoss: nobody loses a lease who is well. The caller holds the world.
func (db *database) judgeLoss(name shipbell.LeaseName, old row) {
	for _, r := range db.running() {
		if shipbell.Replica(r.name) == old.holder && old.until > 0 && r.still == nil && !r.ending && (r.unwell.IsZero() || time.Since(r.unwell) > lease.TTL) {
			db.fail("%s lost %s for no reason", r.name, name)
		}
	}
}
