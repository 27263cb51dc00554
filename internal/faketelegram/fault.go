package faketelegram

import (
	"context"
	"strings"
	"time"

	"github.com/shipbell/shipbell/internal/fakeserver"
)

// FaultKind is what goes wrong with a request.
type FaultKind = fakeserver.FaultKind

// The kinds of faults.
const (
	FaultNone      = fakeserver.FaultNone      // nothing, except a delay
	FaultStatus    = fakeserver.FaultStatus    // an HTTP status with a page of HTML, as a proxy answers
	FaultRateLimit = fakeserver.FaultRateLimit // a 429 that begins a pause of the chat
	FaultRefuse    = fakeserver.FaultRefuse    // a refusal in Telegram's own form
	FaultReset     = fakeserver.FaultReset     // the connection breaks without an answer
	FaultGarbage   = fakeserver.FaultGarbage   // HTTP 200, but the JSON is cut off
)

// Fault is what goes wrong with one request. The zero value is nothing.
type Fault struct {
	Kind FaultKind
	// Accepted lets the request take effect first: the message exists, but the
	// client does not learn of it. It has no meaning for FaultRateLimit and
	// FaultRefuse.
	Accepted bool
	// Status is the HTTP status of FaultStatus (0 means 502) and FaultRefuse (0
	// means 400).
	Status int
	// Description is what FaultRefuse says, the whole text, such as "Bad Request:
	// chat not found".
	Description string
	// RetryAfter is what FaultRateLimit asks to wait, in whole seconds, rounded up.
	RetryAfter time.Duration
	// Delay holds the answer back, on a real timer; a fault that is Accepted takes
	// effect before it, any other after it. A client that hangs up before the
	// request takes effect has sent nothing.
	Delay time.Duration
	// Hold does the same until the channel is closed, for tests without clocks.
	Hold <-chan struct{}
}

// strike is [fakeserver.Fault.Strike].
func (f Fault) strike(ctx context.Context, effect func()) bool {
	return fakeserver.Fault{Kind: f.Kind, Accepted: f.Accepted, Delay: f.Delay, Hold: f.Hold}.Strike(ctx, effect)
}

// SetFaults has every call decided by the function, which must be safe for
// concurrent use and sees the call before it has an outcome. Nil ends the faults.
func (s *Server) SetFaults(decide func(Call) Fault) { s.faults.Set(decide) }

// Mix is how probable each fault is; the rest of the calls goes well.
type Mix = fakeserver.Mix

// RandomFaults decides at random for [Server.SetFaults]. The same seed and the
// same order of calls give the same faults.
func RandomFaults(seed uint64, mix Mix) func(Call) Fault {
	return func(c Call) Fault {
		f := mix.Draw(seed, c.Seq)
		return Fault{Kind: f.Kind, Accepted: f.Accepted, Status: f.Status, RetryAfter: f.RetryAfter, Delay: f.Delay}
	}
}

// RefuseMarkup decides for [Server.SetFaults]: it refuses the markup of texts
// that contain the part, as Telegram does when it cannot parse them. The same
// text without parse_mode passes.
func RefuseMarkup(part string) func(Call) Fault {
	return func(c Call) Fault {
		if c.ParseMode == "" || !strings.Contains(c.Text, part) {
			return Fault{}
		}
		return Fault{Kind: FaultRefuse, Description: "Bad Request: can't parse entities: Unexpected end tag at byte offset 0"}
	}
}
