package dashboard

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

const (
	// latelyFor is how long what all pages ask is not asked again.
	latelyFor = time.Second
	// askTimeout bounds how long it is waited for by pages that are about it, and
	// glanceTimeout by all others: they say what was so at most glanceLimit ago.
	askTimeout    = 5 * time.Second
	glanceTimeout = 200 * time.Millisecond
	glanceLimit   = time.Minute
)

// What waits for a person.
var (
	facePaused  = face{"bad", "paused", "Paused"}
	faceUnheard = face{"bad", "bad", "Not heard"}
)

// lane is a lane as it is shown.
type lane struct {
	shipbell.Lane
	Face       face
	Configured bool
	Holder     shipbell.Replica
	Parked     bool
	Limits     []shipbell.Allowance
	Key        string
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
	known, err := d.lanes.Get(ctx, latelyFor, askTimeout, d.Ledger.Lanes)
	if err != nil {
		return nil, err
	}
	var holders map[shipbell.ChannelID]shipbell.Replica
	if d.Holders != nil {
		if holders, err = d.holders.Get(ctx, latelyFor, askTimeout, d.Holders); err != nil {
			return nil, err
		}
	}
	now := d.Now()
	var all []lane
	for _, l := range shipbell.LanesOf(d.Channels, known) {
		o := d.newLane(l, now)
		o.Holder, o.Limits = holders[l.Channel], shipbell.Allowances(l.Channel, d.Budgets, known, now)
		all = append(all, o)
	}
	return all, nil
}

// stuck counts the channels that wait for a person, and the sources that cannot be
// heard; of the channels that is not known where the store takes long. It does not
// wait for it.
func (d *Dashboard) stuck(ctx context.Context) (paused, unheard int, known bool) {
	lanes, known := d.lanes.Glance(ctx, latelyFor, glanceLimit, glanceTimeout, d.Ledger.Lanes)
	return d.paused(lanes), unheardOf(d.sources()), known
}

// paused counts the channels that wait for a person.
func (d *Dashboard) paused(lanes []shipbell.Lane) (n int) {
	for _, l := range lanes {
		if l.Pause != nil && slices.Contains(d.Channels, l.Channel) {
			n++
		}
	}
	return n
}

// unheardOf counts the sources that cannot be heard.
func unheardOf(sources []source) (n int) {
	for _, s := range sources {
		if !s.BlindSince.IsZero() {
			n++
		}
	}
	return n
}

func (d *Dashboard) newLane(l shipbell.Lane, now time.Time) lane {
	o := lane{Lane: l, Configured: slices.Contains(d.Channels, l.Channel), Key: string(l.Channel), Face: face{"ok", "ok", "Delivering"}}
	switch {
	case !o.Configured:
		o.Face = face{"off", "canceled", "Not configured"}
	case l.Pause != nil:
		o.Face = facePaused
	case l.ParkedUntil.After(now):
		o.Face, o.Parked = face{"warn", "queued", "Waiting"}, true
	case l.Backlog > 0:
		o.Face = face{"way", "way", "Delivering"}
	case l.LastSuccess.IsZero():
		o.Face = face{"off", "announced", "Nothing sent yet"}
	}
	return o
}

func (d *Dashboard) sources() []source {
	var all []source
	for _, h := range d.Hearings() {
		s := source{Hearing: h, Face: face{"ok", "ok", "Heard"}}
		switch {
		case !h.BlindSince.IsZero():
			s.Face = faceUnheard
		case h.LastHeard.IsZero():
			s.Face = face{"off", "way", "Starting"}
		case len(h.Notes) > 0 || len(h.Poison) > 0:
			s.Face = face{"warn", "warn", "Heard in part"}
		}
		all = append(all, s)
	}
	return all
}
