package main

import (
	"slices"
	"time"
)

// chronicle is who ran, and who held which lane, at any time of a run.
type chronicle struct {
	lives []life
	// outages are the times in which the database was away.
	outages []span
	// grants are the times in which a replica held a lane, in the order in which
	// they began; none where one server has all lanes for as long as it lives.
	grants []grant
}

// grant is a lease in the hands of one process, as the database knows it.
type grant struct {
	lease string
	fence int64
	life  int
	terms []term
}

// term is one taking or renewal of a lease.
type term struct{ at, until time.Time }

func (g grant) began() time.Time { return g.terms[0].at }

// covers reports whether the lease was the holder's at that time.
func (g grant) covers(at time.Time) bool {
	for _, t := range slices.Backward(g.terms) {
		if !t.at.After(at) {
			return !at.After(t.until.Add(tick))
		}
	}
	return false
}

// holder is the process that last took a lease before that time.
func (c *chronicle) holder(lease string, at time.Time) (life int) {
	life = -1
	for _, g := range c.grants { // in the order of their fences
		if g.lease == lease && !g.began().After(at) {
			life = g.life
		}
	}
	return life
}

// leases is how many there are.
func (c *chronicle) leases() int {
	names := make(map[string]bool)
	for _, g := range c.grants {
		names[g.lease] = true
	}
	return len(names)
}

// stint is a time in which one process delivered in a lane and no other did: a
// grant, or a whole life where there are no grants.
type stint int

// stintOf returns the stint in which a request was made. Held says whether the
// lane was that process's when the request arrived.
func (c *chronicle) stintOf(q request) (s stint, held bool) {
	if c.grants == nil {
		return stint(q.life), true
	}
	lease := q.lane.lease()
	last := stint(-1)
	for i, g := range c.grants {
		if g.lease != lease || g.life != q.life || g.began().After(q.Received) {
			continue
		}
		last = stint(i)
		if g.covers(q.Received) && !c.taken(lease, g.fence, q.Received) {
			return last, true
		}
	}
	return last, false
}

// taken reports whether another one had taken over a lease after the fence.
func (c *chronicle) taken(lease string, fence int64, at time.Time) bool {
	return slices.ContainsFunc(c.grants, func(g grant) bool { return g.lease == lease && g.fence > fence && !g.began().After(at) })
}

// began is when a stint began.
func (c *chronicle) began(s stint) time.Time {
	switch {
	case s < 0:
		return time.Time{}
	case c.grants == nil:
		return c.lives[s].started
	}
	return c.grants[s].began()
}

// cause is why what came of a request was not stored before the lane went on.
type cause string

const (
	byKill   cause = "a kill"
	byFreeze cause = "a freeze"
	byOutage cause = "an outage"
)

// comeBack is how long after an outage it may take until a replica notices: it
// tries again every second, on a connection that it has to make first.
const comeBack = 3 * time.Second

// forgotten says why the stint that began at a time cannot know what came of a
// request before it. Window is how long the process could have stored it, being
// alive, not frozen and with the database there, between the answer and then;
// before says that it was stopped before there was an answer. Without a cause it
// should have been stored.
func (c *chronicle) forgotten(q request, by time.Time) (why cause, window time.Duration, before bool) {
	if !q.last || !q.stored.IsZero() && q.stored.Before(by) {
		return "", 0, false
	}
	l := c.lives[q.life]
	from := q.answered
	if from.IsZero() {
		from = q.Received
	}
	var idle []span
	add := func(s span, reason cause) {
		if s.to.IsZero() || s.to.After(by) {
			s.to = by
		}
		if s.from.After(by) || s.to.Before(q.Received) {
			return
		}
		idle = append(idle, s)
		if why == "" {
			why = reason
		}
		before = before || !s.from.After(from)
	}
	if l.how == killed {
		add(span{from: l.ended}, byKill)
	}
	for _, o := range c.outages {
		if !o.to.IsZero() && !o.to.Before(q.Received) {
			o.to = o.to.Add(comeBack)
		}
		add(o, byOutage)
	}
	for _, f := range l.frozen {
		add(f, byFreeze)
	}
	if why == "" {
		return "", 0, false
	}
	return why, outside(idle, from, by), before || q.Status == 0
}

// outside is how much of the time between two moments is in none of the spans.
func outside(spans []span, from, to time.Time) time.Duration {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var free time.Duration
	for _, s := range spans {
		if s.from.After(to) {
			break
		}
		if s.from.After(from) {
			free += s.from.Sub(from)
		}
		if s.to.After(from) {
			from = s.to
		}
	}
	if to.After(from) {
		free += to.Sub(from)
	}
	return free
}
