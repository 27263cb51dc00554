package faketelegram

import (
	"time"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// Limits are how much a chat takes. Telegram publishes no exact numbers: "avoid
// sending more than one message per second. We may allow short bursts that go
// over this limit", and "your bot will not be able to send more than 20 messages
// per minute to the same group" (https://telegra.ph/Hitting-limits-bot-FAQ).
// Edits share the budget (https://github.com/tdlib/td/issues/2592). There is no
// limit over all chats: the one of 30 per second concerns broadcasts
// (https://github.com/tdlib/td/issues/3034).
type Limits struct {
	Interval  time.Duration // the pace in one chat; 0 means [DefaultInterval]
	Burst     int           // messages at once, after which the pace holds; 0 means [DefaultBurst]
	PerMinute int           // in a group, supergroup or channel; 0 means [DefaultPerMinute]
}

// The default limits. The burst is as small as it can be without refusing a
// client that keeps the pace but whose requests travel unevenly.
const (
	DefaultInterval  = time.Second
	DefaultBurst     = 2
	DefaultPerMinute = 20
)

func (l Limits) withDefaults() Limits {
	if l.Interval <= 0 {
		l.Interval = DefaultInterval
	}
	if l.Burst <= 0 {
		l.Burst = DefaultBurst
	}
	if l.PerMinute <= 0 {
		l.PerMinute = DefaultPerMinute
	}
	return l
}

// budget is what a chat has left of its limits. The zero value is a full one.
type budget struct {
	due    time.Time   // when all that was spent would have been spent at the pace
	minute []time.Time // when the last PerMinute messages were, as a ring
	oldest int         // in minute

	pausedUntil time.Time
	pausedBy    int // Call.Seq of the last call received when the pause began
}

// wait is how long until the chat takes another message; 0 for now.
func (b *budget) wait(l Limits, perMinute bool, now time.Time) time.Duration {
	wait := time.Duration(0)
	if b.due.After(now) {
		wait = b.due.Sub(now) - time.Duration(l.Burst-1)*l.Interval
	}
	if perMinute && len(b.minute) == l.PerMinute {
		wait = max(wait, b.minute[b.oldest].Add(time.Minute).Sub(now))
	}
	return max(wait, 0)
}

// spend takes one message from the budget.
func (b *budget) spend(l Limits, perMinute bool, now time.Time) {
	if b.due.Before(now) {
		b.due = now
	}
	b.due = b.due.Add(l.Interval)
	if !perMinute {
		return
	}
	if len(b.minute) < l.PerMinute {
		b.minute = append(b.minute, now)
		return
	}
	b.minute[b.oldest] = now
	b.oldest = (b.oldest + 1) % l.PerMinute
}

// afford spends one message, or refuses with the seconds to wait. A refusal
// begins a pause in which everything to the chat is refused; a call received
// after it began ignores it. It is called with Server.mu held.
func (s *Server) afford(c *chat, call *Call) error {
	now := s.now()
	if left := c.budget.pausedUntil.Sub(now); left > 0 {
		if call.Seq > c.budget.pausedBy {
			s.ignored++
		}
		return tooMany(fakeserver.Seconds(left))
	}
	if s.options.Unlimited {
		return nil
	}
	perMinute := c.Type != Private
	if wait := c.budget.wait(s.limits, perMinute, now); wait > 0 {
		return s.pause(c, fakeserver.Seconds(wait))
	}
	c.budget.spend(s.limits, perMinute, now)
	return nil
}

// pause begins a pause of a chat. It is called with Server.mu held.
func (s *Server) pause(c *chat, forSeconds int) error {
	c.budget.pausedUntil = s.now().Add(time.Duration(forSeconds) * time.Second)
	c.budget.pausedBy = s.calls.Count()
	return tooMany(forSeconds)
}

// IgnoredRetryAfter is how many messages and edits arrived in a chat before the
// time a 429 had named was over. What was already on its way when the 429 went
// out counts only if it arrived later: let the client send to one chat in turn.
func (s *Server) IgnoredRetryAfter() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ignored
}
