package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// health is the verbose form: every part and how it is. A part that does not
// keep pushes from being stored does not make the server unhealthy.
type health struct {
	Status  string       `json:"status"` // "ok", or "unhealthy" while pushes cannot be stored
	Version string       `json:"version"`
	Uptime  int64        `json:"uptimeSeconds"`
	Store   storeHealth  `json:"store"`
	Lanes   []laneHealth `json:"lanes"`
}

type storeHealth struct {
	Status string `json:"status"` // "ok" or "error"
	Error  string `json:"error,omitempty"`
}

type laneHealth struct {
	Channel shipbell.ChannelID `json:"channel"`
	// Status is "ok", "parked" while it waits by itself, "paused" while it waits
	// for a person, or "unconfigured" when the channel is no longer in the
	// settings.
	Status      string       `json:"status"`
	Backlog     int          `json:"backlog"`
	Pause       *pauseHealth `json:"pause,omitempty"`
	ParkedUntil *time.Time   `json:"parkedUntil,omitempty"`
	ParkedFor   string       `json:"parkedFor,omitempty"`
	Note        string       `json:"note,omitempty"`
	LastSuccess *time.Time   `json:"lastSuccess,omitempty"`
}

type pauseHealth struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	Hint   string    `json:"hint,omitempty"`
}

func (s *Server) verboseHealth(w http.ResponseWriter, r *http.Request, checked error) {
	now := time.Now()
	h := health{
		Status:  "ok",
		Version: s.Version,
		Uptime:  int64(now.Sub(s.Started).Seconds()),
		Store:   storeHealth{Status: "ok"},
		Lanes:   []laneHealth{},
	}
	lanes, err := s.Ledger.Lanes(r.Context())
	if checked == nil {
		checked = err
	}
	status := http.StatusOK
	if checked != nil {
		h.Status, h.Store = "unhealthy", storeHealth{Status: "error", Error: checked.Error()}
		status = http.StatusServiceUnavailable
	}
	for _, c := range s.Channels {
		if !slices.ContainsFunc(lanes, func(l shipbell.Lane) bool { return l.Channel == c }) {
			lanes = append(lanes, shipbell.Lane{Channel: c})
		}
	}
	for _, l := range lanes {
		configured := slices.Contains(s.Channels, l.Channel)
		if configured || l.Backlog > 0 {
			h.Lanes = append(h.Lanes, describe(l, configured, now))
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, h)
}

func describe(l shipbell.Lane, configured bool, now time.Time) laneHealth {
	h := laneHealth{Channel: l.Channel, Status: "ok", Backlog: l.Backlog, Note: l.Note}
	if !l.LastSuccess.IsZero() {
		h.LastSuccess = &l.LastSuccess
	}
	switch {
	case !configured:
		h.Status = "unconfigured"
	case l.Pause != nil:
		h.Status = "paused"
		h.Pause = &pauseHealth{Since: l.Pause.At, Reason: l.Pause.Reason, Hint: l.Pause.Hint}
	case l.ParkedUntil.After(now):
		h.Status = "parked"
		h.ParkedUntil, h.ParkedFor = &l.ParkedUntil, l.ParkedFor
	}
	return h
}
