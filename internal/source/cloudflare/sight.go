package cloudflare

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/shipbell/shipbell"
)

// sight is what is remembered of whether a source can be heard.
type sight struct {
	// BlindSince is when it last stopped answering; zero while it answers.
	BlindSince time.Time `json:"blindSince,omitzero"`
	// Told is set once people were told.
	Told bool `json:"told,omitempty"`
}

// blindness is why a source cannot be heard.
type blindness struct {
	since        time.Time
	reason, hint string
}

// witness keeps the sight of a source.
type witness struct {
	source shipbell.Source
	of     string // which part of the source, as the end of a key
	ledger Ledger
	log    *slog.Logger
	dry    bool // tell nothing
}

// sees takes what the last try came to, and tells people when the source could
// not be heard for long, and when it can be again. It must be called before what
// is remembered is stored: what is told twice is told once, so no crash swallows
// it.
func (w witness) sees(ctx context.Context, s *sight, last blindness, at time.Time, err error) (_ blindness, blind bool) {
	if err != nil {
		if s.BlindSince.IsZero() {
			s.BlindSince = at
			w.log.Warn("Cloudflare cannot be heard", "source", w.source, "error", err)
		}
		b := blindness{since: s.BlindSince}
		b.reason, b.hint = explain(err)
		if !s.Told && at.Sub(s.BlindSince) >= blindAfter {
			s.Told = w.tell(ctx, s, b, time.Time{})
		}
		return b, true
	}
	if s.Told && !w.tell(ctx, s, last, at) {
		return last, true // and again with the next try
	}
	if !s.BlindSince.IsZero() {
		w.log.Info("Cloudflare can be heard again", "source", w.source, "blind", at.Sub(s.BlindSince))
	}
	*s = sight{}
	return blindness{}, false
}

func (w witness) tell(ctx context.Context, s *sight, b blindness, over time.Time) bool {
	if w.dry {
		return true
	}
	err := w.ledger.Tell(ctx, shipbell.Bulletin{
		Key:  "blind/" + string(w.source) + "/" + s.BlindSince.Format(time.RFC3339) + w.of,
		Kind: shipbell.BulletinBlind, At: s.BlindSince, OverAt: over,
		Source: w.source, Reason: b.reason, Hint: b.hint,
	})
	if err != nil {
		w.log.Error("it cannot be told that Cloudflare is not heard", "source", w.source, "error", err)
	}
	return err == nil
}

// backoff is the wait after that many failures in a row: between half and all of
// a time that doubles, so that many do not come back at once.
func backoff(failures int) time.Duration {
	wait := min(firstBackoff<<min(max(failures-1, 0), 16), maxBackoff)
	return wait/2 + rand.N(wait/2+1)
}
