package metric_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/metric"
)

// collector makes a collector of what is gathered.
type collector struct{ m *metric.Metrics }

func (c collector) Describe(to chan<- *prometheus.Desc) {}
func (c collector) Collect(to chan<- prometheus.Metric) {
	families, err := c.m.Gatherer().Gather()
	if err != nil {
		to <- prometheus.NewInvalidMetric(prometheus.NewDesc("failed", "Failed.", nil, nil), err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			labels := make(prometheus.Labels)
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			d := prometheus.NewDesc(f.GetName(), "Whatever.", nil, labels)
			to <- prometheus.MustNewConstMetric(d, prometheus.UntypedValue, 1)
		}
	}
}

func count(m *metric.Metrics, name string) int { return testutil.CollectAndCount(collector{m}, name) }

// TestMadeUpProjects: however many names a pusher makes up, the series are bounded,
// and nothing is uncounted.
func TestMadeUpProjects(t *testing.T) {
	const projects, outcomes = 500, 3 // announced, and the two that are there from the start
	m := metric.New(metric.Options{})
	for n := range 10_000 {
		m.Step(step(fmt.Sprint("project-", n), shipbell.Production, "", shipbell.Announced))
	}
	if n := count(m, "shipbell_deployments_total"); n != (projects+1)*outcomes {
		t.Errorf("%d series, want %d", n, (projects+1)*outcomes)
	}
	if got, line := series(t, m, "shipbell_deployments_total"), `{environment="other",project="other",status="announced",type="worker"} 9500`; !strings.Contains(got, line) {
		t.Errorf("missing: %s", line)
	}
	// Those that were met go on to be counted by themselves.
	m.Step(step("project-7", shipbell.Production, shipbell.Announced, shipbell.Success))
	m.Step(step("project-9999", shipbell.Production, shipbell.Announced, shipbell.Success))
	for _, line := range []string{
		`{environment="production",project="project-7",status="success",type="worker"} 1`,
		`{environment="other",project="other",status="success",type="worker"} 1`,
	} {
		if !strings.Contains(series(t, m, "shipbell_deployments_total"), line) {
			t.Errorf("missing: %s", line)
		}
	}
}

// TestMeet: a place that is met has its outcomes from zero, within the same bounds.
func TestMeet(t *testing.T) {
	m := metric.New(metric.Options{})
	for n := range 1000 {
		m.Meet(shipbell.Worker, fmt.Sprint("project-", n), shipbell.Production)
	}
	if n := count(m, "shipbell_deployments_total"); n != (500+1)*2 {
		t.Errorf("%d series", n)
	}
	if got, line := series(t, m, "shipbell_deployments_total"), `{environment="production",project="project-7",status="failure",type="worker"} 0`; !strings.Contains(got, line) {
		t.Errorf("missing: %s", line)
	}
}

// TestMadeUpEverything: the bound holds for all labels together.
func TestMadeUpEverything(t *testing.T) {
	const projects, environments, statuses, kinds = 500, 5, 7, 2
	m := metric.New(metric.Options{})
	for n := range 40_000 {
		s := step(fmt.Sprint("project-", n%800), fmt.Sprint("environment-", n%97), "", shipbell.Status(fmt.Sprint("status-", n%13)))
		if n%2 == 0 {
			s.Type = "made up"
		}
		s.Source, s.Verdict, s.Join, s.Alarm = shipbell.Source(fmt.Sprint(n)), ledger.Verdict(fmt.Sprint(n)), ledger.Join(fmt.Sprint(n)), shipbell.AlarmReason(fmt.Sprint(n))
		m.Step(s)
	}
	if n, most := count(m, "shipbell_deployments_total"), (projects*(environments+1)+kinds+1)*(statuses+1); n > most {
		t.Errorf("%d series of deployments, want at most %d", n, most)
	}
	for name, most := range map[string]int{"shipbell_events_total": 31, "shipbell_joins_total": 11, "shipbell_alarms_total": 5} {
		if n := count(m, name); n != most {
			t.Errorf("%s: %d series, want %d", name, n, most)
		}
	}
}

// TestManyChannels: channels, leases and states beyond the bound are put together.
func TestManyChannels(t *testing.T) {
	o := options()
	o.Channels = nil
	var lanes []shipbell.Lane
	leases, cards := make(map[shipbell.LeaseName]bool), make(map[string]int)
	for n := range 1000 {
		c := shipbell.ChannelID(fmt.Sprint("telegram:", n))
		o.Channels = append(o.Channels, c)
		lanes = append(lanes, shipbell.Lane{Channel: c, Backlog: 1})
		leases[shipbell.LeaseName(fmt.Sprint("lane:", n))] = true
		cards[fmt.Sprint(n)] = n
	}
	o.Lanes = func(context.Context) ([]shipbell.Lane, error) { return lanes, nil }
	o.Leases = func() map[shipbell.LeaseName]bool { return leases }
	o.Cards = func() map[string]int { return cards }
	m := metric.New(o)
	for _, c := range o.Channels {
		m.Attempt(shipbell.Attempt{Channel: c})
	}
	for name, most := range map[string]int{
		"shipbell_lane_backlog": 101, "shipbell_attempt_duration_seconds": 101, "shipbell_attempts_total": 909,
		"shipbell_lease_held": 110, "shipbell_cards": 20,
	} {
		if n := count(m, name); n != most {
			t.Errorf("%s: %d series, want %d", name, n, most)
		}
	}
	for name, line := range map[string]string{"shipbell_lane_backlog": `{channel="other"} 900`, "shipbell_attempt_duration_seconds_count": `{channel="other"} 900`} {
		if !strings.Contains(series(t, m, name), line) {
			t.Errorf("missing: %s%s", name, line)
		}
	}
}

// hostile are names as nobody gives them in good faith.
var hostile = []string{
	"", "\n", "line\nbreak", `quo"te`, `back\slash`, `x"} 1` + "\n" + `shipbell_store_writable 0` + "\n#", "\r\n# TYPE x counter", "nul\x00nul", "\x1b[31mred",
	"\xff\xfe\xfd", "half a rune \xe2\x82", strings.Repeat("x", 10_000), strings.Repeat("é", 5_000), strings.Repeat("\xff", 10_000), strings.Repeat("x", 96) + "€€€",
	"\u202etxet\u202c", "zero\u200bwidth", "\ufeffbom", "🦊 fox", "{}", "other", "__name__", "le", "a,b=c",
}

// TestHostileNames: whatever a name holds, the exposition is valid, short, and says
// the same of everything else.
func TestHostileNames(t *testing.T) {
	o := options()
	o.Version = strings.Join(hostile, "")
	for _, name := range hostile {
		o.Channels = append(o.Channels, shipbell.ChannelID("telegram:"+name))
	}
	o.Cards = func() map[string]int { return map[string]int{"\xff\n\"": 1} }
	o.Leases = func() map[shipbell.LeaseName]bool { return map[shipbell.LeaseName]bool{"\xff\n\"": true} }
	m := metric.New(o)
	for _, name := range hostile {
		for _, status := range []shipbell.Status{shipbell.Announced, shipbell.Status(name)} {
			s := step(name, name, "", status)
			m.Step(s)
			s.Type, s.Source, s.Join = shipbell.ProjectType(name), shipbell.Source(name), ledger.Join(name)
			m.Step(s)
		}
		m.Attempt(shipbell.Attempt{Channel: shipbell.ChannelID("telegram:" + name), Fault: shipbell.Fault(name)})
	}
	text, families := scrape(t, m)
	if !utf8.ValidString(text) {
		t.Error("it is not UTF-8")
	}
	for line := range strings.Lines(text) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("a control character: %q", line)
		}
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				if len(l.GetValue()) > 100 {
					t.Errorf("%s: a label of %d bytes", f.GetName(), len(l.GetValue()))
				}
			}
		}
	}
	want(t, m, "shipbell_store_writable", ` 1`)
	for _, name := range []string{`quo\"te`, `back\\slash`, `line�break`, `nul�nul`, `🦊 fox`, `half a rune ��`, strings.Repeat("x", 97) + "…", strings.Repeat("x", 96) + "…"} {
		if !strings.Contains(text, `project="`+name+`",`) {
			t.Errorf("the project %s is missing", name)
		}
	}
}

// TestNoSecret: nothing that a pusher wrote is there but names, and nothing that
// anybody was told.
func TestNoSecret(t *testing.T) {
	const secret = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
	o := options()
	o.Lanes = func(context.Context) ([]shipbell.Lane, error) {
		return []shipbell.Lane{{
			Channel: chat, Memory: secret, Note: secret, ParkedFor: secret, LastError: secret, Pause: &shipbell.Pause{Reason: secret, Hint: secret},
		}}, nil
	}
	o.Check = func(context.Context) error { return errors.New(secret) }
	o.Hearings = func() []shipbell.Hearing {
		return []shipbell.Hearing{{
			Source: shipbell.SourcePoll, Reason: secret, Hint: secret, Notes: []string{secret}, Poison: []shipbell.Poison{{Reason: secret, Body: secret}},
		}}
	}
	m := metric.New(o)
	m.Attempt(shipbell.Attempt{Channel: chat, Detail: secret, Fault: shipbell.FaultBlocked})
	_ = m.Store(broken{errors.New(secret)}).Check(t.Context())
	l := ledger.New(ledger.Options{Store: m.Store(broken{}), Router: nowhere{}, Count: m.Step})
	e := shipbell.Event{
		Source: shipbell.SourcePush, ID: secret, At: start, Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: secret}},
		Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "api", Status: shipbell.Failure, Script: secret, Branch: secret, Commit: secret, CommitMessage: secret, Author: secret,
			Tag: secret, VersionID: secret, URL: secret, LogURL: secret, DashboardURL: secret, RepositoryURL: secret, History: secret, Rollout: secret,
			Error: secret, Log: secret, CI: secret, CommitTime: secret,
		},
	}
	if _, err := l.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	text, _ := scrape(t, m)
	if strings.Contains(text, secret) {
		t.Error("the secret is there")
	}
	if !strings.Contains(text, `shipbell_deployments_total{environment="production",project="api",status="failure",type="worker"} 1`) {
		t.Error("nothing was counted")
	}
}
