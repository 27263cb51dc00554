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
	for _, c := range a.Channels {
		l := shipbell.Lane{Channel: c}
		if i := slices.IndexFunc(stored, func(l shipbell.Lane) bool { return l.Channel == c }); i >= 0 {
			l = stored[i]
		}
		all = append(all, a.lane(l, stored, now))
	}
	for _, l := range stored {
		if !slices.Contains(a.Channels, l.Channel) && l.Backlog > 0 {
			all = append(all, a.lane(l, stored, now))
		}
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

// budget says what is left of the limits of a channel: those who share it have
// used of it as well. It goes by what the lanes stored with their last request.
func (a *API) budget(c shipbell.ChannelID, all []shipbell.Lane, now time.Time) []wire.Limit {
	limits := []wire.Limit{}
	own, known := a.Budgets[c]
	if !known {
		return limits
	}
	var used []time.Time
	for _, l := range all {
		if b, known := a.Budgets[l.Channel]; known && b.Name == own.Name {
			used = append(used, l.Recent...)
		}
	}
	slices.SortFunc(used, time.Time.Compare)
	used = slices.CompactFunc(used, time.Time.Equal)
	for _, l := range own.Limits {
		n := 0
		for _, at := range used {
			if at.Add(l.Per).After(now) {
				n++
			}
		}
		limits = append(limits, wire.Limit{Requests: l.N, PerSeconds: l.Per.Seconds(), Left: max(l.N-n, 0)})
	}
	return limits
}
