package web

import (
	"net/http"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// Hook is the webhook of Cloudflare's notifications.
type Hook struct {
	// Secret is what the header cf-webhook-auth must hold. It is the plain
	// secret, not a signature, see
	// https://developers.cloudflare.com/notifications/get-started/configure-webhooks/.
	Secret string
	// Decode reads the events out of a body. None is no error: a test message
	// has none, and of many a notification says too little.
	Decode func(body []byte, now time.Time) ([]shipbell.Event, error)
	// Nudge asks for what a notification did not say; it must not block.
	Nudge func()
}

// hookAuth is the header with the secret.
const hookAuth = "cf-webhook-auth"

// hook takes a notification. Cloudflare tests the address when the webhook is
// made and expects an answer in the 200s.
func (s *Server) hook(w http.ResponseWriter, r *http.Request) {
	if !equal(r.Header.Get(hookAuth), s.secret) {
		s.refuseToken(w, r, access.ErrWrong)
		return
	}
	body, ok := s.body(w, r)
	if !ok {
		return
	}
	now := s.Now()
	events, err := s.Hook.Decode(body, now)
	if err != nil {
		s.Log.Warn("a notification of Cloudflare's could not be understood", "error", err)
		fail(w, http.StatusBadRequest, problem{Error: "Invalid request body", Code: "invalid_json", Hint: "a notification of Cloudflare's, as JSON"})
		return
	}
	if len(events) > 0 {
		if err := s.Ledger.Report(r.Context(), shipbell.Report{Source: shipbell.SourceAlert, Events: events}); err != nil {
			s.Log.Error("could not store a notification; Cloudflare was told so", "error", err)
			s.unavailable(w)
			return
		}
	}
	s.Hook.Nudge()
	writeBody(w, http.StatusOK, accepted)
}
