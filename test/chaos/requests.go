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

// request is one post or edit, with all that is known of it.
type request struct {
	faketelegram.Call
	arrival
	place
	// committed says that the ledger has the attempt.
	committed bool
	// last says that its lane made no other request in that life. A lane commits
	// what came of one request before it makes the next.
	last bool
}

// explains reports whether a kill is why nobody remembers the request.
func (q request) explains(lives []life) bool {
	return q.last && !q.committed && lives[q.life].how == killed
}

// post reports whether the request is a message that Telegram took.
func (q request) post() bool { return q.Method == "sendMessage" && q.Accepted }

// unheard reports whether Telegram took the message and broke the connection or
// garbled the answer.
func (q request) unheard() bool {
	return q.Accepted && q.Fault.Accepted && q.Fault.Kind != faketelegram.FaultNone
}

var tags = regexp.MustCompile(`<[^>]*>`)

// requests returns all posts and edits in the order of their arrival, compared
// with the attempts in the ledger.
func (t *telegram) requests(attempts map[place][]time.Time) []request {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []request
	for _, c := range t.fake.Calls() {
		q := request{Call: c, arrival: t.arrivals[c.Seq]}
		q.key, q.part, _ = keyOf(tags.ReplaceAllString(c.Text, ""))
		q.lane = lane{c.Chat, c.Thread}
		switch c.Method {
		case "editMessageText": // names no topic
			m, _ := t.fake.Message(c.Chat, c.MessageID)
			q.lane.thread = m.Thread
		case "sendMessage":
		default:
			continue
		}
		all = append(all, q)
	}
	markLast(all)
	markCommitted(all, attempts)
	return all
}

func markLast(all []request) {
	type stint struct {
		lane lane
		life int
	}
	over := make(map[stint]bool)
	for i := len(all) - 1; i >= 0; i-- {
		s := stint{all[i].lane, all[i].life}
		all[i].last = !over[s]
		over[s] = true
	}
}

// markCommitted finds the attempt of each request: the one that began after the
// request before it for the same deployment in the same chat, and before its own
// arrival. The ledger counts milliseconds.
func markCommitted(all []request, attempts map[place][]time.Time) {
	before := make(map[place]int64)
	for i, q := range all {
		received := q.Received.UnixMilli()
		all[i].committed = slices.ContainsFunc(attempts[q.place], func(at time.Time) bool {
			return at.UnixMilli() > before[q.place] && at.UnixMilli() <= received
		})
		before[q.place] = received
	}
}

// checkRequests goes through the call log.
func (v *verdict) checkRequests(t *telegram, lives []life) {
	all := t.requests(v.attempts)
	for _, q := range all {
		if q.Method == "editMessageText" {
			v.edits++
		}
		if name := faultName(q.Fault); name != "" {
			v.faults[name]++
		}
		if q.life >= len(lives) {
			v.fail("request %d came from nowhere", q.Call.Seq)
			return
		}
	}
	for _, violation := range t.fake.Violations() {
		v.fail("a request departs from the Bot API: %s", violation)
	}
	v.doubles = findDoubles(all, lives)
	for _, d := range v.doubles.unexplained {
		v.fail("%s", d)
	}
	if v.doubles.window > commitBound {
		v.fail("an answer of Telegram was not committed within %s, at most %s are normal", v.doubles.window, commitBound)
	}
	v.early = findEarly(all, lives)
	for _, e := range v.early.unexplained {
		v.fail("%s", e)
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
	byKill       int
	byConnection int
	unexplained  []string
	// unanswered counts those by a kill for which Telegram had not answered yet.
	unanswered int
	window     time.Duration // widest time between an answer and the kill
	most       int           // by one kill
}

// findDoubles explains every message that follows another one of the same
// deployment in the same chat.
func findDoubles(all []request, lives []life) doubles {
	var d doubles
	first := make(map[place]request)
	byLife := make(map[int]int)
	for _, q := range all {
		if !q.post() {
			continue
		}
		before, double := first[q.place]
		first[q.place] = q
		if !double {
			continue
		}
		switch {
		case before.unheard():
			d.byConnection++
		case q.life > before.life && before.explains(lives):
			d.byKill++
			byLife[before.life]++
			d.most = max(d.most, byLife[before.life])
			if window := lives[before.life].ended.Sub(before.answered); window > 0 && before.Status != 0 {
				d.window = max(d.window, window)
			} else {
				d.unanswered++
			}
		default:
			d.unexplained = append(d.unexplained, fmt.Sprintf("%s is there twice in %s: %s; then %s",
				q.key, q.lane, before.describe(lives), q.describe(lives)))
		}
	}
	return d
}

// describe tells a request's circumstances, for a person who looks for a cause.
func (q request) describe(lives []life) string {
	l := lives[q.life]
	s := fmt.Sprintf("call %d at %s in life %d, message %d, HTTP %d", q.Call.Seq, q.Received.Format(clock), q.life, q.MessageID, q.Status)
	if name := faultName(q.Fault); name != "" {
		s += ", " + name
	}
	if q.committed {
		s += ", committed"
	}
	if q.last {
		s += ", the last of its lane"
	}
	if !l.ended.IsZero() {
		s += fmt.Sprintf(" (%s at %s)", l.how, l.ended.Format(clock))
	}
	return s
}

const clock = "15:04:05.000"

// early are the requests that came before the time a 429 had named was over.
type early struct {
	byKill      int
	inFlight    int
	unexplained []string
}

// findEarly explains them.
func findEarly(all []request, lives []life) early {
	var e early
	pauses := make(map[int64]*pause)
	recent := make(map[lane]request)
	for _, q := range all {
		p := pauses[q.Chat]
		limited := q.Status == http.StatusTooManyRequests
		if p != nil && limited && q.Received.Before(p.until) {
			known, here := p.known(q, recent[q.lane], lives)
			switch {
			case p.until.Sub(q.Received) <= tick:
				// not early by the ledger's clock
			case known != nil:
				e.unexplained = append(e.unexplained, fmt.Sprintf("%s had to wait and did not: refused in %s: %s; then %s",
					q.lane, known.lane, known.describe(lives), q.describe(lives)))
			case here:
				e.inFlight++
			default:
				e.byKill++
			}
			p.refused = append(p.refused, q)
		}
		if limited && q.Fault.Kind == faketelegram.FaultRateLimit {
			pauses[q.Chat] = &pause{until: q.Received.Add(q.Fault.RetryAfter), refused: []request{q}}
		}
		recent[q.lane] = q
	}
	return e
}

// pause is the time after a 429 in which a chat takes nothing.
type pause struct {
	until   time.Time
	refused []request // that were told of it
}

// known returns the refusal that the process of q must have known of. All lanes
// of a chat have to keep to it, whichever was told. A process knows of what it
// heard itself, but for the one request of another lane that was under way then,
// and of what an earlier one committed. here says that it heard something.
func (p *pause) known(q, before request, lives []life) (known *request, here bool) {
	for _, r := range p.refused {
		switch {
		case r.life == q.life:
			here = true
			if r.lane == q.lane || before.life == q.life && before.Received.After(r.answered) {
				return &r, here
			}
		case !r.explains(lives):
			return &r, here
		}
	}
	return nil, here
}
