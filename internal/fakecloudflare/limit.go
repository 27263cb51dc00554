package fakecloudflare

import (
	"fmt"
	"net/http"
	"time"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// The limit of the API: "1,200 requests per five-minute period", shared by all
// tokens of a user; who goes over it is blocked
// (https://developers.cloudflare.com/fundamentals/api/reference/limits).
const (
	DefaultLimit       = 1200
	DefaultLimitWindow = 5 * time.Minute
)

// budget is what a user has left in the window. How Cloudflare moves the window is
// not documented; here it begins with the first request and ends as a whole.
type budget struct {
	ends  time.Time
	spent int

	blockedUntil time.Time
	blockedBy    int // Call.Seq of the last call received when the block began
}

// open is the budget of a payer, in the window of now.
func (s *Server) open(payer string, now time.Time) *budget {
	b := s.budgets[payer]
	if b == nil {
		b = &budget{}
		s.budgets[payer] = b
	}
	if !now.Before(b.ends) {
		b.ends, b.spent = now.Add(s.options.LimitWindow), 0
	}
	return b
}

// spend takes a request from the budget, or refuses it. Pulling from a queue and
// acknowledging are exempt.
func (s *Server) spend(r *request, call *Call) answer {
	if r.route != nil && r.route.exempt {
		return nil
	}
	b := s.open(r.token.payer(), r.now)
	if left := b.blockedUntil.Sub(r.now); left > 0 {
		if call.Seq > b.blockedBy {
			s.ignored++
		}
		return tooMany(left)
	}
	if s.options.Unlimited {
		return nil
	}
	if b.spent >= s.options.Limit {
		return s.block(b, b.ends.Sub(r.now), r.now)
	}
	b.spent++
	return nil
}

// block refuses everything of a user for a while.
func (s *Server) block(b *budget, wait time.Duration, now time.Time) answer {
	wait = time.Duration(fakeserver.Seconds(wait)) * time.Second
	b.blockedUntil, b.blockedBy = now.Add(wait), s.calls.Count()
	return tooMany(wait)
}

// limit is an injected 429.
func (s *Server) limit(r *request, call *Call, retryAfter time.Duration) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.now = s.now()
	r.token = s.tokenOf(r.Request)
	if r.token == nil || r.route != nil && r.route.exempt {
		return tooMany(retryAfter)
	}
	b := s.open(r.token.payer(), r.now)
	if call.Seq > b.blockedBy && b.blockedUntil.After(r.now) {
		s.ignored++
	}
	if retryAfter <= 0 {
		retryAfter = b.ends.Sub(r.now)
	}
	return s.block(b, retryAfter, r.now)
}

func tooMany(wait time.Duration) answer {
	a := refuse(http.StatusTooManyRequests, codeRateLimit, "Please wait and consider throttling your request speed")
	a.retryAfter = fakeserver.Seconds(wait)
	return a
}

// headers tells the budget on every answer
// (https://developers.cloudflare.com/changelog/2025-09-03-rate-limiting-improvement).
func (s *Server) headers(h http.Header, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	left, reset := s.options.Limit, s.options.LimitWindow
	if t := s.tokenOf(r.Request); t != nil {
		if b := s.budgets[t.payer()]; b != nil && now.Before(b.ends) {
			left, reset = max(s.options.Limit-b.spent, 0), b.ends.Sub(now)
		}
		if b := s.budgets[t.payer()]; b != nil && b.blockedUntil.After(now) {
			left, reset = 0, b.blockedUntil.Sub(now)
		}
	}
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, fakeserver.Seconds(reset)))
	h.Set("Ratelimit-Policy", fmt.Sprintf(`"burst";q=%d;w=%d`, s.options.Limit, fakeserver.Seconds(s.options.LimitWindow)))
}

// IgnoredRetryAfter is how many requests arrived before the time a 429 had named
// was over. What was already on its way when the 429 went out counts only if it
// arrived later.
func (s *Server) IgnoredRetryAfter() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ignored
}
