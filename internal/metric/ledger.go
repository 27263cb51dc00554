package metric

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// sources are those of which events can come.
var sources = []shipbell.Source{
	shipbell.SourcePush, shipbell.SourceExec, shipbell.SourcePoll,
	shipbell.SourceBuilds, shipbell.SourceAlert, shipbell.SourceWatch,
}

var alarms = []shipbell.AlarmReason{
	shipbell.AlarmUnfinished, shipbell.AlarmMissing, shipbell.AlarmNotLive, shipbell.AlarmSkipped,
}

// recorded is what an event came to.
type recorded struct {
	source  shipbell.Source
	verdict ledger.Verdict
}

func (m *Metrics) addLedger(r prometheus.Registerer) {
	m.events = counter(r, "events_total", "Events that were recorded, by what recording them came to. "+
		"The source watch is the ledger itself: what it concludes from not hearing of a deployment.", "source", "verdict")
	m.recorded = make(map[recorded]prometheus.Counter)
	for _, s := range sources {
		for _, v := range ledger.Verdicts() {
			m.recorded[recorded{s, v}] = m.events.WithLabelValues(string(s), string(v))
		}
	}
	m.joins = newWords(counter(r, "joins_total", "Events that were kept, by why they are with their deployment.", "reason"), ledger.Joins())
	m.alarms = newWords(counter(r, "alarms_total", "Alarms that were raised because production did not move, by why.", "reason"), alarms)
	m.deployments = newDeployments(r)
}

// Step counts what recording an event came to.
func (m *Metrics) Step(s ledger.Step) {
	if c, ok := m.recorded[recorded{s.Source, s.Verdict}]; ok {
		c.Inc()
	} else {
		m.events.WithLabelValues(other, other).Inc()
	}
	if s.Join != "" {
		m.joins.count(string(s.Join))
	}
	if s.Alarm != "" {
		m.alarms.count(string(s.Alarm))
	}
	if s.Status != s.Was {
		m.deployments.count(came{place{s.Type, s.Project, s.Environment}, s.Status})
	}
}
