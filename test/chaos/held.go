package main

import (
	"net/http"
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

// write is one change of a lane.
type write struct {
	at      time.Time
	life    int
	channel shipbell.ChannelID
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

// checkWritten finds what a process wrote to a lane after another one had taken
// it over. The handle of a message that was posted before is kept without.
func (v *verdict) checkWritten(writes []write, lanes []lane, c *chronicle) {
	for _, w := range writes {
		i := slices.IndexFunc(lanes, func(l lane) bool { return l.channel() == w.channel })
		if i < 0 {
			v.fail("a process wrote to %s, which is no chat here", w.channel)
			continue
		}
		if holder := c.holder(lanes[i].lease(), w.at); holder != w.life {
			v.unheldWrites++
			v.fail("process %d wrote to lane %s at %s, after process %d had taken it over", w.life, lanes[i], w.at.Format(clock), holder)
		}
	}
}

// livedOn is how long a process has to store what it heard.
const livedOn = 5 * time.Second

// checkKept finds the messages of which their process knew, and the ledger never
// heard, although there was time enough: nobody can edit or remove them.
func (v *verdict) checkKept(all []request, c *chronicle, end time.Time) {
	for _, q := range all {
		if !q.post() || q.unheard() || q.Status != http.StatusOK || !q.stored.IsZero() {
			continue
		}
		until := end
		if l := c.lives[q.life]; !l.ended.IsZero() {
			until = l.ended
		}
		idle := slices.Clone(c.lives[q.life].frozen)
		for _, o := range c.outages {
			idle = append(idle, span{o.from, o.to.Add(comeBack)})
		}
		if free := outside(idle, q.answered, until); free > livedOn {
			v.unkept++
			v.fail("%s in %s was posted by a process that lived on, and the ledger never heard of it: %s", q.key, q.lane, q.describe(c))
		}
	}
}
