package main

import (
	"net/http"
	"slices"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// checkLimits finds the refusals by Telegram's own limits, to which the servers
// keep by themselves. Whoever takes a lane over knows the requests of the last
// minute from the ledger, but for those of which nobody could store what came:
// each of these explains one refusal.
func (v *verdict) checkLimits(all []request, c *chronicle) {
	unknown := make(map[int64][]request) // by chat
	before := make(map[lane]request)
	pauses := make(map[int64][]span) // in which a chat takes nothing; early requests are another check
	for _, q := range all {
		if q.Status == http.StatusTooManyRequests && q.Fault.Kind == faketelegram.FaultRateLimit {
			pauses[q.Chat] = append(pauses[q.Chat], span{q.Received, q.answered.Add(q.Fault.RetryAfter)})
		}
	}
	for _, q := range all {
		if q.Method == "deleteMessage" {
			continue // takes nothing from the budget
		}
		p, known := before[q.lane]
		before[q.lane] = q
		if known && p.stint != q.stint && spends(p) {
			if why, _, _ := c.forgotten(p, c.began(q.stint)); why != "" {
				unknown[q.Chat] = append(unknown[q.Chat], p)
			}
		}
		if q.Status != http.StatusTooManyRequests || q.Fault.Kind == faketelegram.FaultRateLimit {
			continue
		}
		// A request that is slow comes before the pause, and is refused in it.
		if slices.ContainsFunc(pauses[q.Chat], func(p span) bool { return q.Received.Before(p.to) && q.answered.After(p.from) }) {
			continue
		}
		pauses[q.Chat] = append(pauses[q.Chat], span{q.Received, q.answered.Add(retryAfter(q.Description))})
		v.beyond.count++
		explained := false
		for i, u := range unknown[q.Chat] {
			if q.Received.Sub(u.Received) <= time.Minute+time.Second {
				unknown[q.Chat] = append(unknown[q.Chat][:i:i], unknown[q.Chat][i+1:]...)
				explained = true
				break
			}
		}
		if explained {
			v.beyond.forgotten++
			continue
		}
		v.beyond.unexplained++
		v.fail("%s was beyond Telegram's limits: %s in %s", q.describe(c), q.key, q.lane)
	}
}

// beyond are the requests that Telegram's limits refused.
type beyond struct {
	count       int
	forgotten   int // after one of which nobody could know
	unexplained int
}

// spends reports whether Telegram counted the request.
func spends(q request) bool {
	return q.Accepted || q.Status == http.StatusBadRequest // an edit that changes nothing
}

// retryAfter reads for how long a refusal asks to wait.
func retryAfter(description string) time.Duration {
	var seconds int
	for _, r := range description {
		if r >= '0' && r <= '9' {
			seconds = seconds*10 + int(r-'0')
		}
	}
	return time.Duration(seconds) * time.Second
}
