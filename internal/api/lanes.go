package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/wire"
)

func (a *API) listLanes(q query) (any, error) {
	lanes, err := a.lanes(q.Context())
	if err != nil {
		return nil, err
	}
	return wire.Lanes{Lanes: lanes}, nil
}

// lanes returns all lanes: those of the settings, used or not, and others that
// still hold something.
func (a *API) lanes(ctx context.Context) ([]wire.Lane, error) {
	stored, err := a.Ledger.Lanes(ctx)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	all := []wire.Lane{}
	for _, l := range shipbell.LanesOf(a.Channels, stored) {
		all = append(all, a.lane(l, stored, now))
	}
	return all, nil
}

// findLane returns the lane that a path names.
func (a *API) findLane(q query) (wire.Lane, error) {
	lanes, err := a.lanes(q.Context())
	if err != nil {
		return wire.Lane{}, err
	}
	i := slices.IndexFunc(lanes, func(l wire.Lane) bool { return string(l.Channel) == q.PathValue("id") })
	if i < 0 {
		return wire.Lane{}, refuse(http.StatusNotFound, wire.CodeNotFound, "No such lane", "GET /api/v1/lanes lists all")
	}
	return lanes[i], nil
}

// lane says how a lane is.
func (a *API) lane(l shipbell.Lane, all []shipbell.Lane, now time.Time) wire.Lane {
	o := wire.Lane{
		Channel: l.Channel, Status: wire.LaneOK, Backlog: l.Backlog, Note: l.Note, LastSuccess: utc(l.LastSuccess),
		LastError: l.LastError, LastErrorAt: utc(l.LastErrorAt), Budget: a.budget(l.Channel, all, now),
	}
	switch {
	case !slices.Contains(a.Channels, l.Channel):
		o.Status = wire.LaneUnconfigured
	case l.Pause != nil:
		o.Status = wire.LanePaused
	case l.ParkedUntil.After(now):
		o.Status = wire.LaneParked
	}
	if l.Pause != nil {
		o.Pause = &wire.Pause{Since: l.Pause.At.UTC(), Reason: l.Pause.Reason, Hint: l.Pause.Hint}
	}
	if l.ParkedUntil.After(now) {
		o.ParkedUntil, o.ParkedFor = l.ParkedUntil.UTC(), l.ParkedFor
	}
	return o
}

// budget says what is left of the limits of a channel.
func (a *API) budget(c shipbell.ChannelID, all []shipbell.Lane, now time.Time) []wire.Limit {
	limits := []wire.Limit{}
	for _, l := range shipbell.Allowances(c, a.Budgets, all, now) {
		limits = append(limits, wire.Limit{Requests: l.N, PerSeconds: l.Per.Seconds(), Left: l.Left})
	}
	return limits
}
