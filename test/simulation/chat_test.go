package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/lease"
)

// chat is a place with a rate limit, in which several channels may post.
type chat struct {
	*world
	budget   shipbell.Budget
	messages map[shipbell.MessageRef]*message
	taken    []time.Time // when requests were, newest last
	scolds   []scold
	// arrived are all requests in the order in which they came.
	arrived []arrival
	down    bool
}

// message is one that people see, or saw.
type message struct {
	ref  shipbell.MessageRef
	text string
	gone bool
	// posted made it, and shown brought the text.
	posted, shown *request
}

type arrival struct {
	at   time.Time
	sent *request
}

// request is one to post, edit or remove, with what the world knows of it and
// the replica does not.
type request struct {
	n        int
	by       *replica
	channel  shipbell.ChannelID
	about    shipbell.Announcement
	delivery shipbell.Delivery
	ref      shipbell.MessageRef // of what it posted; empty until then
	taken    bool                // the chat did what was asked
	answered bool                // the replica heard so, or that it did not
	left     time.Time
	stored   bool // the ledger knows that it was, and what it may have done
	marked   bool // the ledger knows the answer
	markedAt time.Time
	counted  bool // the lane was stored with it
	// disturbed is why the replica may not have come to mark it; empty for no
	// reason.
	disturbed string
}

// disturb notes why the request may not be marked.
func (q *request) disturb(why string) {
	if !q.marked && q.disturbed == "" {
		q.disturbed = why
	}
}

// scold is what a chat says to who is too fast by its own measure.
type scold struct {
	to    *request
	until time.Time
}

// scold asks to wait. The caller holds the world.
func (c *chat) scold(q *request, wait time.Duration) error {
	c.tell("chat", "too fast, wait for %s: %v", wait, q)
	c.scolds = append(c.scolds, scold{q, time.Now().Add(wait)})
	return &shipbell.DeliveryError{Fault: shipbell.FaultRateLimited, Reason: "too fast", RetryAfter: wait}
}

func (q *request) post() bool { return q.delivery.Ref == "" }

func (q *request) String() string {
	what := "edit of " + string(q.delivery.Ref)
	switch {
	case q.post():
		what = "post"
	case q.delivery.Remove:
		what = "removal of " + string(q.delivery.Ref)
	}
	return fmt.Sprintf("request %d by %s: %s, deployment %d part %d in %s, %q", q.n, q.by.name, what, q.about.Deployment, q.about.Part, q.channel, textOf(q.delivery.Message))
}

// chat is where it goes.
func (q *request) chat() *chat { return q.by.world.chatOf[q.channel] }

// excused reports whether a request may come to nothing that the ledger knows.
func (q *request) excused() bool { return !q.answered || q.disturbed != "" }

func textOf(m shipbell.Message) string {
	if m.Empty() {
		return ""
	}
	return m.Lines[0].Spans[0].Text
}

// take does what a request asks, within the rate limit.
func (c *chat) take(q *request) (shipbell.MessageRef, error) {
	now := time.Now()
	c.arrived = append(c.arrived, arrival{now, q})
	for _, l := range c.budget.Limits {
		if n := len(c.taken); n >= l.N && now.Sub(c.taken[n-l.N]) < l.Per {
			wait := l.Per - now.Sub(c.taken[n-l.N])
			return "", c.scold(q, wait.Truncate(time.Second)+time.Second)
		}
	}
	c.taken = append(c.taken, now)
	c.tell("chat", "takes %v", q)
	text := textOf(q.delivery.Message)
	m := c.messages[q.delivery.Ref]
	switch {
	case q.post():
		ref := shipbell.MessageRef(fmt.Sprintf("m%d", len(c.messages)+1))
		c.messages[ref] = &message{ref: ref, text: text, posted: q, shown: q}
		q.ref, q.taken = ref, true
		return ref, nil
	case q.delivery.Remove:
		if m != nil {
			m.gone = true
		}
	case m == nil || m.gone:
		return "", &shipbell.DeliveryError{Fault: shipbell.FaultGone, Reason: "there is no such message"}
	default:
		m.text, m.shown = text, q
	}
	q.taken = true
	return q.delivery.Ref, nil
}

// channel is a dispatch.Channel of one replica.
type channel struct {
	*replica
	id   shipbell.ChannelID
	chat *chat
}

// The time-out of internal/outbound.
const sendPatience = 10 * time.Second

// ID implements [dispatch.Channel].
func (c channel) ID() shipbell.ChannelID { return c.id }

// Budget implements [dispatch.Channel].
func (c channel) Budget() shipbell.Budget { return c.chat.budget }

// Deliver implements [dispatch.Channel]. As in internal/outbound, the request
// leaves in one step with the look whether it may.
func (c channel) Deliver(ctx context.Context, delivery shipbell.Delivery) (shipbell.MessageRef, error) {
	what := "deliver to " + string(c.id)
	failed := func(err error) (shipbell.MessageRef, error) {
		return "", &shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: err.Error(), Err: err}
	}
	if err := c.pass(what); err != nil {
		return failed(err)
	}
	c.world.mu.Lock()
	if c.dead {
		c.world.mu.Unlock()
		return failed(errKilled)
	}
	if err := shipbell.Allowed(ctx); err != nil {
		c.world.tell(c.name, "may not deliver to %s any more", c.id)
		c.world.mu.Unlock()
		return failed(err)
	}
	q := c.leave(ctx, delivery)
	d := c.dice(what)
	p := c.world.weather.chat.passage(d)
	broken, scolded := d.chance(c.world.weather.errors), d.chance(c.world.weather.scolds)
	wait := d.between(time.Second, 20*time.Second)
	c.world.mu.Unlock()

	type answer struct {
		ref shipbell.MessageRef
		err error
	}
	a := new(answer)
	err := c.exchange(ctx, what, p, sendPatience, func() bool {
		c.world.mu.Lock()
		defer c.world.mu.Unlock()
		switch {
		case c.chat.down:
			return false
		case broken:
			c.chat.arrived = append(c.chat.arrived, arrival{time.Now(), q})
			c.world.tell("chat", "breaks down at %v", q)
			a.err = &shipbell.DeliveryError{Fault: shipbell.FaultTemporary, Reason: "internal error"}
		case scolded:
			c.chat.arrived = append(c.chat.arrived, arrival{time.Now(), q})
			a.err = c.chat.scold(q, wait)
		default:
			a.ref, a.err = c.chat.take(q)
		}
		return true
	})
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if err != nil {
		c.hears(fmt.Sprintf("what became of request %d", q.n), err)
		if left := c.left[c.world.leaseOf[c.id]]; errors.Is(err, context.Canceled) && time.Since(left) < grace {
			c.world.fail("%v was given up %s after its lane had to end", q, time.Since(left))
		}
		return failed(err)
	}
	q.answered = true
	return a.ref, a.err
}

// leave notes that a request leaves, and looks whether it may by the database's
// clock. The caller holds the world.
func (c channel) leave(ctx context.Context, d shipbell.Delivery) *request {
	w := c.world
	q := &request{n: len(w.sent) + 1, by: c.replica, channel: c.id, about: c.picked[c.id], delivery: d, left: time.Now()}
	w.sent = append(w.sent, q)
	c.open[c.id] = q
	if !c.unwell.IsZero() && time.Since(c.unwell) < lease.TTL {
		q.disturb("it could not renew its leases, or stood still, just before")
	}
	w.tell(c.name, "sends %v", q)
	w.off = max(w.off, c.clock.Now().Sub(w.database.now()).Abs())
	g, _ := shipbell.GrantOf(ctx)
	l := w.database.leases[g.Name]
	if l.holder != shipbell.Replica(c.name) || l.fence != g.Fence || l.until <= w.database.now().UnixMilli() {
		w.fail("%v left without the lease: %s is %q's, with fence %d instead of %d, for %d ms", q, g.Name, l.holder, l.fence, g.Fence, l.until-w.database.now().UnixMilli())
	}
	w.check()
	return q
}

// visible are the messages that are there, oldest first.
func (c *chat) visible() []*message {
	var all []*message
	for i := range c.messages {
		if !c.messages[i].gone {
			all = append(all, c.messages[i])
		}
	}
	slices.SortFunc(all, func(a, b *message) int { return a.posted.n - b.posted.n })
	return all
}
