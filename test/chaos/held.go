package main

import (
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// mark is one attempt as the ledger stored it.
type mark struct {
	at         time.Time
	life       int
	deployment shipbell.DeploymentID
	channel    shipbell.ChannelID
	part       shipbell.Part
	fault      shipbell.Fault
}

// markAudited finds when what came of each request was stored. A process stores
// what came of one before it makes the next in the same lane, so that a mark is of
// the last request before it.
func (v *verdict) markAudited(all []request, marks []mark) {
	type hand struct {
		life       int
		deployment shipbell.DeploymentID
		channel    shipbell.ChannelID
		obsolete   bool // it takes a message away
		part       shipbell.Part
	}
	made := make(map[hand][]int) // indexes of all, in order
	for i, q := range all {
		h := hand{life: q.life, deployment: v.numbers[q.key].id, channel: q.lane.channel(), part: q.part}
		if q.Method == "deleteMessage" {
			h.obsolete, h.part = true, 0
		}
		made[h] = append(made[h], i)
	}
	for _, m := range marks {
		h := hand{life: m.life, deployment: m.deployment, channel: m.channel, part: m.part}
		if m.part.Obsolete() {
			h.obsolete, h.part = true, 0
		}
		for _, i := range slices.Backward(made[h]) {
			if all[i].Received.After(m.at) {
				continue
			}
			heard := all[i].Status == 200 && !all[i].unheard()
			if all[i].stored.IsZero() && (m.fault == "" || !heard) {
				all[i].stored = m.at
			}
			break
		}
	}
}

// checkHeld finds the requests that a process made while the lane was not its
// own: after it was frozen for longer than its lease, for one. What it had handed
// to the network before is not among them: that has arrived while it was still
// frozen, and the lease was its own. The database says who held what, and all
// times are of one clock.
func (v *verdict) checkHeld(all []request, c *chronicle) {
	for _, q := range all {
		if q.held {
			continue
		}
		v.unheld++
		v.fail("a replica sent something to %s, which was not its own any more: %s: %s", q.lane, q.key, q.describe(c))
	}
}
