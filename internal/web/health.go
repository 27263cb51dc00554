package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// How long what was found out stays true. Health is open to everybody: any
// number of requests must cost the store the same.
const (
	writableFor = time.Second
	lanesFor    = 100 * time.Millisecond
	// checkTimeout bounds how long a check waits for the disk.
	checkTimeout = 10 * time.Second
)

// writable returns why the store cannot be written.
func (s *Server) writable(ctx context.Context) error {
	_, err := s.check.Get(ctx, writableFor, checkTimeout, func(ctx context.Context) (struct{}, error) {
		err := s.Ledger.Check(ctx)
		if err != nil {
			s.Log.Error("the store cannot be written", "error", err, "hint", hintOf(err))
		}
		return struct{}{}, err
	})
	return err
}

func (s *Server) getHealth(w http.ResponseWriter, r *http.Request) {
	err := s.writable(r.Context())
	if r.URL.Query().Has("verbose") {
		s.verboseHealth(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "the store cannot be written: "+err.Error())
		return
	}
	_, _ = io.WriteString(w, "OK")
}

// health is the verbose form: every part and how it is. A part that does not
// keep pushes from being stored does not make the server unhealthy.
type health struct {
	Status  string      `json:"status"` // "ok", or "unhealthy" while pushes cannot be stored
	Version string      `json:"version"`
	Uptime  int64       `json:"uptimeSeconds"`
	Store   storeHealth `json:"store"`
	// Replica is the one that answers; empty where there is one.
	Replica shipbell.Replica `json:"replica,omitempty"`
	Lanes   []laneHealth     `json:"lanes"`
	// Sources are those that ask Cloudflare; none without a token, and none here
	// while another replica asks.
	Sources []sourceHealth `json:"sources"`
}

type sourceHealth struct {
	Source shipbell.Source `json:"source"`
	// Status is "ok", "blind" while it cannot be heard, or "starting".
	Status     string     `json:"status"`
	LastHeard  *time.Time `json:"lastHeard,omitempty"`
	BlindSince *time.Time `json:"blindSince,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Hint       string     `json:"hint,omitempty"`
	Notes      []string   `json:"notes,omitempty"`
	// Requests counts those of the last cycle; Remaining is what the rate limit
	// leaves, where it says.
	Requests  int  `json:"requests"`
	Remaining *int `json:"remaining,omitempty"`
	// Poison are the messages that could not be understood, without their
	// bodies: this page is open to everybody.
	Poison []poisonHealth `json:"poison,omitempty"`
}

type poisonHealth struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

func describeSource(h shipbell.Hearing) sourceHealth {
	s := sourceHealth{
		Source: h.Source, Status: "ok", Reason: h.Reason, Hint: h.Hint, Notes: h.Notes,
		Requests: h.Requests,
	}
	for _, p := range h.Poison {
		s.Poison = append(s.Poison, poisonHealth{At: p.At, Reason: p.Reason})
	}
	if !h.LastHeard.IsZero() {
		s.LastHeard = &h.LastHeard
	}
	if h.Remaining >= 0 {
		s.Remaining = &h.Remaining
	}
	switch {
	case !h.BlindSince.IsZero():
		s.Status, s.BlindSince = "blind", &h.BlindSince
	case h.LastHeard.IsZero():
		s.Status = "starting"
	}
	return s
}

type storeHealth struct {
	Status string `json:"status"` // "ok" or "error"
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// hintOf says what the operator can do about a failure of the store; often
// nothing is known.
func hintOf(err error) string {
	var e *shipbell.StoreError
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
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
	// Holder is the replica that delivers; empty where there is one, and while
	// nobody does.
	Holder shipbell.Replica `json:"holder,omitempty"`
}

type pauseHealth struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	Hint   string    `json:"hint,omitempty"`
}

func (s *Server) verboseHealth(w http.ResponseWriter, r *http.Request, checked error) {
	now := s.Now()
	h := health{
		Replica: s.Replica,
		Status:  "ok",
		Version: s.Version,
		Uptime:  int64(now.Sub(s.Started).Seconds()),
		Store:   storeHealth{Status: "ok"},
		Lanes:   []laneHealth{},
		Sources: []sourceHealth{},
	}
	if s.Hearings != nil {
		for _, hearing := range s.Hearings() {
			h.Sources = append(h.Sources, describeSource(hearing))
		}
	}
	lanes, err := s.lanes.Get(r.Context(), lanesFor, checkTimeout, s.Ledger.Lanes)
	holders, failed := s.holders(r.Context())
	if err == nil {
		err = failed
	}
	if checked == nil {
		checked = err
	}
	status := http.StatusOK
	if checked != nil {
		h.Status, h.Store = "unhealthy", storeHealth{Status: "error", Error: checked.Error(), Hint: hintOf(checked)}
		status = http.StatusServiceUnavailable
	}
	lanes = slices.Clone(lanes) // others read it too
	for _, c := range s.Channels {
		if !slices.ContainsFunc(lanes, func(l shipbell.Lane) bool { return l.Channel == c }) {
			lanes = append(lanes, shipbell.Lane{Channel: c})
		}
	}
	for _, l := range lanes {
		configured := slices.Contains(s.Channels, l.Channel)
		if configured || l.Backlog > 0 {
			lane := describe(l, configured, now)
			lane.Holder = holders[l.Channel]
			h.Lanes = append(h.Lanes, lane)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, h)
}

// holders returns which replica delivers in which channel.
func (s *Server) holders(ctx context.Context) (map[shipbell.ChannelID]shipbell.Replica, error) {
	if s.Holders == nil {
		return nil, nil
	}
	return s.held.Get(ctx, lanesFor, checkTimeout, s.Holders)
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
