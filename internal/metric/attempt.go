package metric

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/shipbell/shipbell"
)

// maxChannels bounds the channels with series of their own, and maxLeases the
// leases. More than the settings name can only be left over from earlier ones.
const (
	maxChannels = 100
	maxLeases   = maxChannels + 10
)

// slow are the buckets of what goes over the network, in seconds; a request is given
// up after 10.
var slow = []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// delivered is the outcome of an attempt that worked.
const delivered = "delivered"

var faults = []shipbell.Fault{
	shipbell.FaultTemporary, shipbell.FaultRateLimited, shipbell.FaultGone, shipbell.FaultKept,
	shipbell.FaultMoved, shipbell.FaultMarkup, shipbell.FaultRefused, shipbell.FaultBlocked,
}

// attempts counts tries to post, edit and remove.
type attempts struct {
	channels map[shipbell.ChannelID]*tries
	others   *tries
}

type tries struct {
	outcomes words
	seconds  prometheus.Observer
}

func newAttempts(r prometheus.Registerer, channels []shipbell.ChannelID) *attempts {
	total := counter(r, "attempts_total", "Requests that post, edit or remove a message, by what came of them: "+
		"delivered, or the class of the failure.", "channel", "outcome")
	seconds := histogram(r, "attempt_duration_seconds", "How long requests that post, edit or remove a message took to be answered.", slow, "channel")
	of := func(channel string) *tries {
		vec := total.MustCurryWith(prometheus.Labels{"channel": channel})
		t := &tries{outcomes: newWords(vec, faults), seconds: seconds.WithLabelValues(channel)}
		t.outcomes.known[""] = vec.WithLabelValues(delivered)
		return t
	}
	a := &attempts{channels: make(map[shipbell.ChannelID]*tries)}
	for _, c := range channels[:min(len(channels), maxChannels)] {
		a.channels[c] = of(clean(string(c)))
	}
	if len(channels) > maxChannels {
		a.others = of(other)
	}
	return a
}

// Attempt counts a request that was answered, or was not in time.
func (m *Metrics) Attempt(a shipbell.Attempt) {
	t := m.attempts.channels[a.Channel]
	if t == nil {
		t = m.attempts.others
	}
	if t == nil {
		return // it is not in the settings, and nothing is delivered there
	}
	t.outcomes.count(string(a.Fault))
	t.seconds.Observe(a.Took.Seconds())
}
