package metric

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/lately"
)

const (
	// lookFor is how long what the store said is remembered: any number of readers
	// must cost it the same.
	lookFor = 5 * time.Second
	// patience bounds how long the store is waited for; Prometheus gives up after 10
	// seconds, unless it is told otherwise.
	patience = 5 * time.Second
	// maxStates bounds the states of cards.
	maxStates = 20
)

// look is what is asked when somebody looks.
type look struct {
	Options
	lanes lately.Answer[[]shipbell.Lane]
	check lately.Answer[struct{}]

	described []*prometheus.Desc

	backlog, paused, parked, lastSuccess *prometheus.Desc
	writable                             *prometheus.Desc
	blind, lastHeard                     *prometheus.Desc
	requests, remaining, limit           *prometheus.Desc
	held, cards, readers                 *prometheus.Desc
}

func newLook(o Options) *look {
	l := &look{Options: o}
	if o.Lanes != nil {
		l.backlog = l.describe("lane_backlog", "Messages that a channel does not show as they should be yet.", "channel")
		l.paused = l.describe("lane_paused", "1 while the lane of a channel waits for a person.", "channel")
		l.parked = l.describe("lane_parked", "1 while the lane of a channel waits by itself, for a rate limit or after a failure.", "channel")
		l.lastSuccess = l.describe("lane_last_success_timestamp_seconds", "When something was last delivered in a channel.", "channel")
	}
	if o.Check != nil {
		l.writable = l.describe("store_writable", "1 while the store can be written, and pushes are taken.")
	}
	if o.Hearings != nil {
		l.blind = l.describe("source_blind", "1 while a source that asks cannot be heard. It has series in the replica that asks.", "source")
		l.lastHeard = l.describe("source_last_heard_timestamp_seconds", "When a source that asks last answered completely.", "source")
	}
	if o.Quota != nil {
		l.requests = l.describe("cloudflare_requests_total", "Requests to Cloudflare's API.")
		l.remaining = l.describe("cloudflare_quota_remaining_requests", "Requests that Cloudflare's rate limit leaves in its window, for all that use it; missing while that is not known.")
		l.limit = l.describe("cloudflare_quota_requests", "Requests that Cloudflare's rate limit allows in a window; missing while it is not known what is left.")
	}
	if o.Leases != nil {
		l.held = l.describe("lease_held", "1 while this replica does what only one does.", "lease")
	}
	if o.Cards != nil {
		l.cards = l.describe("cards", "Environments of projects by what is to be said of them: frozen, failing, under_way, live, announced or unknown.", "state")
	}
	if o.Readers != nil {
		l.readers = l.describe("feed_readers", "Readers that follow the changes as they happen.")
	}
	return l
}

func (l *look) describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	l.described = append(l.described, d)
	return d
}

// Describe implements [prometheus.Collector].
func (l *look) Describe(to chan<- *prometheus.Desc) {
	for _, d := range l.described {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (l *look) Collect(to chan<- prometheus.Metric) {
	s := sink(to)
	if l.Check != nil {
		_, err := l.check.Get(context.Background(), lookFor, patience, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.Check(ctx) })
		s.put(l.writable, flag(err == nil))
	}
	if l.Lanes != nil {
		// Where they cannot be read nothing is said of them; that it failed is counted
		// with the store.
		if lanes, err := l.lanes.Get(context.Background(), lookFor, patience, l.Lanes); err == nil {
			l.collectLanes(s, lanes)
		}
	}
	if l.Hearings != nil {
		for _, h := range l.Hearings() {
			s.put(l.blind, flag(!h.BlindSince.IsZero()), string(h.Source))
			s.putTime(l.lastHeard, h.LastHeard, string(h.Source))
		}
	}
	if l.Quota != nil {
		q := l.Quota()
		s.send(l.requests, prometheus.CounterValue, float64(q.Requests))
		if q.Remaining >= 0 {
			s.put(l.remaining, float64(q.Remaining))
			s.put(l.limit, float64(q.Limit))
		}
	}
	if l.Leases != nil {
		leases := l.Leases()
		for _, name := range first(slices.Sorted(maps.Keys(leases)), maxLeases) {
			s.put(l.held, flag(leases[name]), clean(string(name)))
		}
	}
	if l.Cards != nil {
		cards := l.Cards()
		for _, state := range first(slices.Sorted(maps.Keys(cards)), maxStates) {
			s.put(l.cards, float64(cards[state]), clean(state))
		}
	}
	if l.Readers != nil {
		s.put(l.readers, float64(l.Readers()))
	}
}

// collectLanes sends the lanes of the configured channels, and of others in which
// something waits.
func (l *look) collectLanes(s sink, lanes []shipbell.Lane) {
	var shown, rest []shipbell.Lane
	for _, c := range l.Channels {
		i := slices.IndexFunc(lanes, func(lane shipbell.Lane) bool { return lane.Channel == c })
		lane := shipbell.Lane{Channel: c}
		if i >= 0 {
			lane = lanes[i]
		}
		shown = append(shown, lane)
	}
	for _, lane := range lanes {
		if lane.Backlog > 0 && !slices.Contains(l.Channels, lane.Channel) {
			shown = append(shown, lane)
		}
	}
	if len(shown) > maxChannels {
		shown, rest = shown[:maxChannels], shown[maxChannels:]
		shown = append(shown, together(rest))
	}
	now := l.Now()
	for _, lane := range shown {
		channel := clean(string(lane.Channel))
		s.put(l.backlog, float64(lane.Backlog), channel)
		s.put(l.paused, flag(lane.Pause != nil), channel)
		s.put(l.parked, flag(lane.Pause == nil && lane.ParkedUntil.After(now)), channel)
		s.putTime(l.lastSuccess, lane.LastSuccess, channel)
	}
}

// together makes one lane of many.
func together(lanes []shipbell.Lane) shipbell.Lane {
	all := shipbell.Lane{Channel: other}
	for _, lane := range lanes {
		all.Backlog += lane.Backlog
		if lane.Pause != nil {
			all.Pause = lane.Pause
		}
		if lane.ParkedUntil.After(all.ParkedUntil) {
			all.ParkedUntil = lane.ParkedUntil
		}
		if lane.LastSuccess.After(all.LastSuccess) {
			all.LastSuccess = lane.LastSuccess
		}
	}
	return all
}

func first[V any](all []V, n int) []V { return all[:min(len(all), n)] }

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// sink takes what was found.
type sink chan<- prometheus.Metric

func (s sink) put(d *prometheus.Desc, value float64, labels ...string) {
	s.send(d, prometheus.GaugeValue, value, labels...)
}

// putTime sends a time, unless it is zero.
func (s sink) putTime(d *prometheus.Desc, at time.Time, labels ...string) {
	if !at.IsZero() {
		s.put(d, float64(at.UnixMilli())/1000, labels...)
	}
}

func (s sink) send(d *prometheus.Desc, t prometheus.ValueType, value float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, t, value, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	s <- m
}
