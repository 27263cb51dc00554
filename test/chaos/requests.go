package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// commitBound is how long an answer of Telegram may be left without a commit. A
// commit takes milliseconds; on a crowded machine a hundred times as long.
const commitBound = time.Second

// tick is the unit in which the ledger keeps times. It rounds down, and so may
// end a pause that much early after a restart.
const tick = time.Millisecond

// request is one post, edit or removal, with all that is known of it.
type request struct {
	faketelegram.Call
	arrival
	place
	stint stint
	// held says that the lane was the process's when the request arrived.
	held bool
	// stored is when the ledger got what came of it, or, where only that is known,
	// some time before the lane went on; zero if it never did.
	stored time.Time
	// last says that its lane made no other request in that stint. A lane stores
	// what came of one request before it makes the next.
	last bool
}

// post reports whether the request is a message that Telegram took.
func (q request) post() bool { return q.Method == "sendMessage" && q.Accepted }

// unheard reports whether Telegram took the message and broke the connection or
// garbled the answer.
func (q request) unheard() bool {
	return q.Accepted && q.Fault.Accepted && q.Fault.Kind != faketelegram.FaultNone
}

var tags = regexp.MustCompile(`<[^>]*>`)

// requests returns all posts, edits and removals in the order of their arrival.
func (t *telegram) requests() []request {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []request
	for _, c := range t.fake.Calls() {
		q := request{Call: c, arrival: t.arrivals[c.Seq]}
		q.lane = lane{c.Chat, c.Thread}
		switch c.Method {
		case "editMessageText", "deleteMessage": // name no topic
			m, _ := t.fake.Message(c.Chat, c.MessageID)
			q.lane.thread = m.Thread
			q.key, q.part, _ = keyOf(m.Text)
		case "sendMessage":
			q.key, q.part, _ = keyOf(tags.ReplaceAllString(c.Text, ""))
		default:
			continue
		}
		all = append(all, q)
	}
	return all
}

// place finds out in which stint each request was made, and which is the last in
// its own.
func (c *chronicle) place(all []request) {
	type turn struct {
		lane  lane
		stint stint
	}
	for i := range all {
		all[i].stint, all[i].held = c.stintOf(all[i])
	}
	over := make(map[turn]bool)
	for i := len(all) - 1; i >= 0; i-- {
		t := turn{all[i].lane, all[i].stint}
		all[i].last = !over[t]
		over[t] = true
	}
}

// markStored finds the attempt of each request: the one that began after the
// request before it for the same deployment in the same chat, and before its own
// arrival. The ledger counts milliseconds.
func markStored(all []request, attempts map[place][]time.Time) {
	before := make(map[place]int64)
	for i, q := range all {
		received := q.Received.UnixMilli()
		if slices.ContainsFunc(attempts[q.place], func(at time.Time) bool {
			return at.UnixMilli() > before[q.place] && at.UnixMilli() <= received
		}) {
			all[i].stored = q.Received
		}
		before[q.place] = received
	}
}

// checkRequests goes through the call log.
func (v *verdict) checkRequests(t *telegram, c *chronicle, all []request) {
	for _, q := range all {
		switch q.Method {
		case "editMessageText":
			v.edits++
		case "deleteMessage":
			v.removals++
		}
		if name := faultName(q.Fault); name != "" {
			v.faults[name]++
		}
		if q.life >= len(c.lives) {
			v.fail("request %d came from nowhere", q.Call.Seq)
			return
		}
	}
	for _, violation := range t.fake.Violations() {
		v.fail("a request departs from the Bot API: %s", violation)
	}
	v.doubles = findDoubles(all, c)
	for _, d := range v.doubles.unexplained {
		v.fail("%s", d)
	}
	for why, k := range v.doubles.by {
		if k.window > commitBound {
			v.fail("an answer of Telegram before %s was not stored within %s, at most %s are normal", why, k.window, commitBound)
		}
	}
	v.early = findEarly(all, c)
	for _, e := range v.early.unexplained {
		v.fail("%s", e)
	}
	v.checkLeft(t, all)
	v.checkStrays(t, c, all)
}

// checkStrays looks why there are alerts of which the ledger knows nothing: their
// reason went before anybody could learn that they were there.
func (v *verdict) checkStrays(t *telegram, c *chronicle, all []request) {
	for _, q := range all {
		if !q.post() || !v.strays[q.place] {
			continue
		}
		if m, _ := t.fake.Message(q.Chat, q.MessageID); m.Deleted || q.unheard() {
			continue
		}
		if why, _, _ := c.forgotten(q, time.Now()); why == "" {
			v.wrong++
			v.fail("%s has an alert in %s that the ledger does not know: %s", q.key, q.lane, q.describe(c))
		}
	}
}

// checkLeft looks which of several messages in one place are left: of those that
// the ledger has heard of, the one that it knows.
func (v *verdict) checkLeft(t *telegram, all []request) {
	for _, q := range all {
		if !q.post() {
			continue
		}
		m, _ := t.fake.Message(q.Chat, q.MessageID)
		switch known, ok := v.refs[q.place]; {
		case !ok:
			// said elsewhere
		case q.MessageID == known && m.Deleted:
			v.lost++
			v.fail("the message of %s in %s is gone: %s", q.key, q.lane, q.describe(nil))
		case q.MessageID != known && !q.stored.IsZero() && !q.unheard() && !m.Deleted:
			v.doubles.beside++
			v.fail("%s has a message in %s that the ledger knew of, beside the one that stays: %s", q.key, q.lane, q.describe(nil))
		case q.MessageID != known && m.Deleted:
			v.doubles.removed++
		case q.MessageID != known:
			v.doubles.left++
		}
	}
}

func faultName(f faketelegram.Fault) string {
	switch {
	case f.Kind == faketelegram.FaultNone && f.Delay > 0:
		return "slow answer"
	case f.Kind == faketelegram.FaultNone:
		return ""
	case f.Accepted:
		return string(f.Kind) + ", accepted"
	}
	return string(f.Kind)
}

// doubles are the messages that are there a second time.
type doubles struct {
	by           map[cause]kind
	byConnection int
	unexplained  []string
	removed      int // of those, messages that were taken away again
	left         int // messages of which nobody could know
	beside       int // messages of which the ledger knew, and that stayed
}

// kind counts the doubles by one cause.
type kind struct {
	count int
	// unanswered are those where it struck before Telegram had answered.
	unanswered int
	window     time.Duration // longest time in which an answer could have been stored
	most       int           // by one life
}

// findDoubles explains every message that follows another one of the same
// deployment in the same chat.
func findDoubles(all []request, c *chronicle) doubles {
	d := doubles{by: make(map[cause]kind)}
	first := make(map[place]request)
	type once struct {
		why  cause
		life int
	}
	byLife := make(map[once]int)
	for _, q := range all {
		if !q.post() {
			continue
		}
		before, double := first[q.place]
		first[q.place] = q
		if !double {
			continue
		}
		if before.unheard() {
			d.byConnection++
			continue
		}
		var why cause
		var window time.Duration
		var unanswered bool
		if q.stint != before.stint {
			why, window, unanswered = c.forgotten(before, c.began(q.stint))
		}
		if why == "" {
			d.unexplained = append(d.unexplained, fmt.Sprintf("%s is there twice in %s: %s; then %s",
				q.key, q.lane, before.describe(c), q.describe(c)))
			continue
		}
		k := d.by[why]
		k.count++
		byLife[once{why, before.life}]++
		k.most = max(k.most, byLife[once{why, before.life}])
		k.window = max(k.window, window)
		if unanswered {
			k.unanswered++
		}
		d.by[why] = k
	}
	return d
}

// describe tells a request's circumstances, for a person who looks for a cause.
func (q request) describe(c *chronicle) string {
	s := fmt.Sprintf("call %d at %s in life %d, message %d, HTTP %d", q.Call.Seq, q.Received.Format(clock), q.life, q.MessageID, q.Status)
	if name := faultName(q.Fault); name != "" {
		s += ", " + name
	}
	if !q.stored.IsZero() {
		s += ", stored"
	}
	if q.last {
		s += ", the last of its lane"
	}
	if !q.held {
		s += ", without the lane"
	}
	if c == nil {
		return s
	}
	if !q.stored.IsZero() && c.grants != nil {
		s += " at " + q.stored.Format(clock)
	}
	l := c.lives[q.life]
	for _, f := range l.frozen {
		if f.to.After(q.Received.Add(-time.Second)) && f.from.Before(q.Received.Add(time.Minute)) {
			s += fmt.Sprintf(" (frozen from %s to %s)", f.from.Format(clock), f.to.Format(clock))
		}
	}
	for _, o := range c.outages {
		if o.to.After(q.Received.Add(-time.Second)) && o.from.Before(q.Received.Add(time.Minute)) {
			s += fmt.Sprintf(" (no database from %s to %s)", o.from.Format(clock), o.to.Format(clock))
		}
	}
	if !l.ended.IsZero() {
		s += fmt.Sprintf(" (%s at %s)", l.how, l.ended.Format(clock))
	}
	if c.grants != nil && q.stint >= 0 {
		s += fmt.Sprintf(" (fence %d from %s)", c.grants[q.stint].fence, c.began(q.stint).Format(clock))
	}
	return s
}

const clock = "15:04:05.000"

// early are the requests that came before the time a 429 had named was over.
type early struct {
	forgotten   int // nobody could know of the 429 any more
	inFlight    int
	unexplained []string
}

// findEarly explains them.
func findEarly(all []request, c *chronicle) early {
	var e early
	pauses := make(map[int64]*parked)
	recent := make(map[lane]request)
	for _, q := range all {
		p := pauses[q.Chat]
		limited := q.Status == http.StatusTooManyRequests
		if p != nil && limited && q.Received.Before(p.until) {
			known, here := p.known(q, recent[q.lane], c)
			switch {
			case p.until.Sub(q.Received) <= tick:
				// not early by the ledger's clock
			case known != nil:
				e.unexplained = append(e.unexplained, fmt.Sprintf("%s had to wait and did not: refused in %s: %s; then %s",
					q.lane, known.lane, known.describe(c), q.describe(c)))
			case here:
				e.inFlight++
			default:
				e.forgotten++
			}
			p.refused = append(p.refused, q)
		}
		if limited && q.Fault.Kind == faketelegram.FaultRateLimit {
			pauses[q.Chat] = &parked{until: q.Received.Add(q.Fault.RetryAfter), refused: []request{q}}
		}
		recent[q.lane] = q
	}
	return e
}

// parked is the time after a 429 in which a chat takes nothing.
type parked struct {
	until   time.Time
	refused []request // that were told of it
}

// known returns the refusal that the stint of q must have known of. All lanes of
// a chat have to keep to it, whichever was told. A stint knows of what it heard
// itself, but for the one request of another lane that was under way then, and of
// what was stored before it began. here says that it heard something.
func (p *parked) known(q, before request, c *chronicle) (known *request, here bool) {
	for _, r := range p.refused {
		switch {
		case r.stint == q.stint:
			here = true
			if r.lane == q.lane || before.stint == q.stint && before.Received.After(r.answered) {
				return &r, here
			}
		case !r.stored.IsZero() && r.stored.Before(c.began(q.stint)):
			return &r, here
		default:
			if why, _, _ := c.forgotten(r, c.began(q.stint)); why == "" {
				return &r, here
			}
		}
	}
	return nil, here
}
