package dashboard

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// lane is a lane as it is shown.
type lane struct {
	shipbell.Lane
	Face       face
	Configured bool
	Holder     shipbell.Replica
	Parked     bool
	Limits     []allowance
	Key        string
}

// allowance is what is left of a rate limit.
type allowance struct {
	Left, Of int
	Per      time.Duration
}

// source is a source that asks, as it is shown.
type source struct {
	shipbell.Hearing
	Face face
}

// channelsPage is where messages go, and where news comes from.
type channelsPage struct {
	Lanes   []lane
	Sources []source
	Now     time.Time
}

func (d *Dashboard) channels(w http.ResponseWriter, r *http.Request) {
	lanes, err := d.laneList(r.Context())
	if err != nil {
		d.failed(w, r, err)
		return
	}
	d.show(w, r, http.StatusOK, "channels", frame{
		Title: "Channels", Nav: pathChannels, Live: liveAll, Refresh: 5,
		Body: channelsPage{Lanes: lanes, Sources: d.sources(), Now: d.Now()},
	})
}

// laneList returns the lanes of the configured channels, and those of others that
// have something to deliver.
func (d *Dashboard) laneList(ctx context.Context) ([]lane, error) {
	known, err := d.lanes.get(ctx, d.Ledger.Lanes)
	if err != nil {
		return nil, err
	}
	var holders map[shipbell.ChannelID]shipbell.Replica
	if d.Holders != nil {
		if holders, err = d.holders.get(ctx, d.Holders); err != nil {
			return nil, err
		}
	}
	stored := make(map[shipbell.ChannelID]shipbell.Lane, len(known))
	for _, l := range known {
		stored[l.Channel] = l
	}
	now := d.Now()
	var all []lane
	for _, c := range d.Channels {
		l := stored[c]
		l.Channel = c
		delete(stored, c)
		all = append(all, d.newLane(l, true, holders[c], now))
	}
	for _, c := range slices.Sorted(maps.Keys(stored)) {
		if stored[c].Backlog > 0 {
			all = append(all, d.newLane(stored[c], false, holders[c], now))
		}
	}
	return all, nil
}

func (d *Dashboard) newLane(l shipbell.Lane, configured bool, holder shipbell.Replica, now time.Time) lane {
	o := lane{Lane: l, Configured: configured, Holder: holder, Key: string(l.Channel), Face: face{"ok", "ok", "Delivering"}}
	switch {
	case !configured:
		o.Face = face{"off", "canceled", "Not configured"}
	case l.Pause != nil:
		o.Face = face{"bad", "paused", "Paused"}
	case l.ParkedUntil.After(now):
		o.Face, o.Parked = face{"warn", "queued", "Waiting"}, true
	case l.Backlog > 0:
		o.Face = face{"way", "way", "Delivering"}
	case l.LastSuccess.IsZero():
		o.Face = face{"off", "announced", "Nothing sent yet"}
	}
	for _, limit := range d.Budgets[l.Channel].Limits {
		used := 0
		for _, at := range l.Recent {
			if now.Sub(at) < limit.Per {
				used++
			}
		}
		o.Limits = append(o.Limits, allowance{Left: max(limit.N-used, 0), Of: limit.N, Per: limit.Per})
	}
	return o
}

func (d *Dashboard) sources() []source {
	var all []source
	for _, h := range d.Hearings() {
		s := source{Hearing: h, Face: face{"ok", "ok", "Heard"}}
		switch {
		case !h.BlindSince.IsZero():
			s.Face = face{"bad", "bad", "Not heard"}
		case h.LastHeard.IsZero():
			s.Face = face{"off", "way", "Starting"}
		case len(h.Notes) > 0 || len(h.Poison) > 0:
			s.Face = face{"warn", "warn", "Heard in part"}
		}
		all = append(all, s)
	}
	return all
}
