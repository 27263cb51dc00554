package metric_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/metric"
	"github.com/shipbell/shipbell/internal/store/memory"
)

const chat shipbell.ChannelID = "telegram:-1001234567890"

// options ask parts that have something to say.
func options() metric.Options {
	return metric.Options{
		Version:  "1.2.3",
		Channels: []shipbell.ChannelID{chat, "telegram:42"},
		Now:      func() time.Time { return channeltest.Start },
		Lanes: func(context.Context) ([]shipbell.Lane, error) {
			return []shipbell.Lane{
				{Channel: chat, Backlog: 3, Pause: &shipbell.Pause{Reason: "kicked"}, LastSuccess: channeltest.Start},
				{Channel: "telegram:7", Backlog: 1, ParkedUntil: channeltest.Start.Add(time.Minute)},
				{Channel: "telegram:8"},
			}, nil
		},
		Check: func(context.Context) error { return nil },
		Hearings: func() []shipbell.Hearing {
			return []shipbell.Hearing{
				{Source: shipbell.SourcePoll, LastHeard: channeltest.Start},
				{Source: shipbell.SourceBuilds, BlindSince: channeltest.Start},
			}
		},
		Quota:   func() metric.Quota { return metric.Quota{Requests: 12, Remaining: 1100, Limit: 1200} },
		Leases:  func() map[shipbell.LeaseName]bool { return map[shipbell.LeaseName]bool{"watch": true, "sweep": false} },
		Cards:   func() map[string]int { return map[string]int{"frozen": 1, "live": 4} },
		Readers: func() int { return 2 },
	}
}

// everything is a server's metrics after a little of everything has happened.
func everything() *metric.Metrics {
	m := metric.New(options())
	m.Step(step("api", shipbell.Production, "", shipbell.Announced))
	m.Step(step("api", shipbell.Production, shipbell.Announced, shipbell.Failure))
	m.Attempt(shipbell.Attempt{Channel: chat, Took: 80 * time.Millisecond})
	m.Attempt(shipbell.Attempt{Channel: chat, Fault: shipbell.FaultBlocked, Took: time.Second})
	push(m, http.StatusOK)
	return m
}

func step(project, environment string, was, status shipbell.Status) ledger.Step {
	s := ledger.Step{
		Source: shipbell.SourcePush, Verdict: ledger.Changed, Join: ledger.JoinKey,
		Type: shipbell.Worker, Project: project, Environment: environment, Status: status, Was: was,
	}
	if was == "" {
		s.Verdict, s.Join = ledger.Opened, ledger.JoinOpened
	}
	return s
}

// push lets a request pass that is answered with the code.
func push(m *metric.Metrics, code int) {
	h := m.Ingest(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }),
		map[string]shipbell.Source{"/notify": shipbell.SourcePush})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/notify", nil))
}

// scrape returns what Prometheus gets, as text and as it understands it.
func scrape(t *testing.T, m *metric.Metrics) (string, map[string]*dto.MetricFamily) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Routes()[0].Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, metric.Path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	text := w.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("the exposition cannot be read: %v", err)
	}
	return text, families
}

// series returns the lines of one metric.
func series(t *testing.T, m *metric.Metrics, name string) string {
	t.Helper()
	text, _ := scrape(t, m)
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
			lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), name))
		}
	}
	return strings.Join(lines, "\n")
}

func want(t *testing.T, m *metric.Metrics, name string, lines ...string) {
	t.Helper()
	if got := series(t, m, name); got != strings.Join(lines, "\n") {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, strings.Join(lines, "\n"))
	}
}

func TestNames(t *testing.T) {
	_, families := scrape(t, everything())
	var names strings.Builder
	for _, f := range sorted(families) {
		if ours(f.GetName()) {
			fmt.Fprintf(&names, "%s (%s)\n    %s\n", f.GetName(), strings.ToLower(f.GetType().String()), f.GetHelp())
		}
	}
	channeltest.Golden(t, "names.golden", names.String())
}

func ours(name string) bool { return strings.HasPrefix(name, "shipbell_") }

func sorted(families map[string]*dto.MetricFamily) []*dto.MetricFamily {
	var all []*dto.MetricFamily
	for _, f := range families {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(everything().Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	// The linter does find something.
	if p, err := promlint.New(strings.NewReader("# TYPE x counter\nx 1\n")).Lint(); err != nil || len(p) == 0 {
		t.Errorf("a counter without a word of help: %v, %v", p, err)
	}
}

// TestFreshServer: what is asked of nobody has no series, and what nobody has done
// yet is zero rather than missing.
func TestFreshServer(t *testing.T) {
	m := metric.New(metric.Options{Channels: []shipbell.ChannelID{chat}})
	if problems, err := testutil.GatherAndLint(m.Gatherer()); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	text, families := scrape(t, m)
	for _, f := range sorted(families) {
		if strings.HasPrefix(f.GetName(), "shipbell_lane") || strings.HasPrefix(f.GetName(), "shipbell_cards") {
			t.Errorf("%s has series", f.GetName())
		}
	}
	for _, line := range []string{
		`shipbell_attempts_total{channel="telegram:-1001234567890",outcome="blocked"} 0`,
		`shipbell_events_total{source="poll",verdict="opened"} 0`,
		`shipbell_joins_total{reason="opened_ambiguous"} 0`,
		`shipbell_alarms_total{reason="not_live"} 0`,
		`shipbell_store_failures_total{operation="update"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
}

func TestLooks(t *testing.T) {
	m := everything()
	want(t, m, "shipbell_lane_backlog",
		`{channel="telegram:-1001234567890"} 3`, `{channel="telegram:42"} 0`, `{channel="telegram:7"} 1`)
	want(t, m, "shipbell_lane_paused",
		`{channel="telegram:-1001234567890"} 1`, `{channel="telegram:42"} 0`, `{channel="telegram:7"} 0`)
	want(t, m, "shipbell_lane_parked",
		`{channel="telegram:-1001234567890"} 0`, `{channel="telegram:42"} 0`, `{channel="telegram:7"} 1`)
	want(t, m, "shipbell_lane_last_success_timestamp_seconds", `{channel="telegram:-1001234567890"} 1.736937045e+09`)
	want(t, m, "shipbell_store_writable", ` 1`)
	want(t, m, "shipbell_source_blind", `{source="builds"} 1`, `{source="poll"} 0`)
	want(t, m, "shipbell_source_last_heard_timestamp_seconds", `{source="poll"} 1.736937045e+09`)
	want(t, m, "shipbell_cloudflare_requests_total", ` 12`)
	want(t, m, "shipbell_cloudflare_quota_remaining_requests", ` 1100`)
	want(t, m, "shipbell_lease_held", `{lease="sweep"} 0`, `{lease="watch"} 1`)
	want(t, m, "shipbell_cards", `{state="frozen"} 1`, `{state="live"} 4`)
	want(t, m, "shipbell_feed_readers", ` 2`)
}

// TestUnknownQuota is not shown as a number.
func TestUnknownQuota(t *testing.T) {
	o := options()
	o.Quota = func() metric.Quota { return metric.Quota{Requests: 3, Remaining: -1, Limit: 1200} }
	m := metric.New(o)
	want(t, m, "shipbell_cloudflare_requests_total", ` 3`)
	if got := series(t, m, "shipbell_cloudflare_quota_remaining_requests") + series(t, m, "shipbell_cloudflare_quota_requests"); got != "" {
		t.Errorf("got %s", got)
	}
}

// TestStoreIsAskedSeldom, however many look, and what it says late is not waited for
// for ever.
func TestStoreIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, checked := 0, 0
		var fails error
		o := options()
		o.Lanes = func(ctx context.Context) ([]shipbell.Lane, error) {
			asked++
			if fails != nil {
				<-ctx.Done()
			}
			return nil, fails
		}
		o.Check = func(ctx context.Context) error {
			checked++
			if fails != nil {
				<-ctx.Done()
			}
			return fails
		}
		m := metric.New(o)
		for range 10 {
			scrape(t, m)
		}
		if asked != 1 || checked != 1 {
			t.Errorf("asked %d times, checked %d", asked, checked)
		}
		fails = errors.New("disk full")
		time.Sleep(time.Minute)
		start := time.Now()
		want(t, m, "shipbell_store_writable", ` 0`)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		if got := series(t, m, "shipbell_lane_backlog"); got != "" {
			t.Errorf("lanes that could not be read: %s", got)
		}
		if got := series(t, m, "shipbell_feed_readers"); got == "" {
			t.Error("the other parts are missing as well")
		}
		fails = nil
		time.Sleep(time.Minute)
		want(t, m, "shipbell_store_writable", ` 1`)
	})
}

func TestIngest(t *testing.T) {
	m := metric.New(metric.Options{})
	paths := map[string]shipbell.Source{"/notify": shipbell.SourcePush, "/hooks/cloudflare": shipbell.SourceAlert}
	h := m.Ingest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RawQuery {
		case "implied":
			_, _ = io.WriteString(w, "OK")
		case "early":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusServiceUnavailable)
		case "refused":
			w.WriteHeader(http.StatusUnauthorized)
			w.WriteHeader(http.StatusOK)
		case "passed":
			if _, ok := w.(*httptest.ResponseRecorder); !ok {
				t.Errorf("it gets a %T", w)
			}
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	}), paths)
	for _, target := range []string{"/notify?implied", "/notify?early", "/notify?refused", "/hooks/cloudflare?implied", "/other?passed"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, target, nil))
	}
	want(t, m, "shipbell_ingest_requests_total",
		`{code="2xx",source="alert"} 1`, `{code="2xx",source="push"} 1`,
		`{code="3xx",source="alert"} 0`, `{code="3xx",source="push"} 0`,
		`{code="4xx",source="alert"} 0`, `{code="4xx",source="push"} 1`,
		`{code="5xx",source="alert"} 0`, `{code="5xx",source="push"} 1`)
	want(t, m, "shipbell_ingest_duration_seconds_count", `{source="alert"} 1`, `{source="push"} 2`)
}

func TestSteps(t *testing.T) {
	m := metric.New(metric.Options{})
	m.Step(step("api", shipbell.Production, "", shipbell.Announced))
	m.Step(step("api", shipbell.Production, shipbell.Announced, shipbell.Announced)) // something else changed
	m.Step(step("api", shipbell.Production, shipbell.Announced, shipbell.Success))
	m.Step(ledger.Step{Source: shipbell.SourcePoll, Verdict: ledger.Repeated})
	m.Step(ledger.Step{Source: shipbell.SourcePoll, Verdict: ledger.Unchanged, Join: ledger.JoinStranger})
	m.Step(ledger.Step{
		Source: shipbell.SourceWatch, Verdict: ledger.Changed, Join: ledger.JoinWatch, Type: shipbell.Worker, Project: "api",
		Environment: shipbell.Production, Was: shipbell.Success, Status: shipbell.Failure, Alarm: shipbell.AlarmNotLive,
	})
	want(t, m, "shipbell_deployments_total",
		`{environment="production",project="api",status="announced",type="worker"} 1`,
		`{environment="production",project="api",status="failure",type="worker"} 1`,
		`{environment="production",project="api",status="success",type="worker"} 1`)
	for name, line := range map[string]string{
		"shipbell_events_total": `{source="poll",verdict="repeated"} 1`,
		"shipbell_joins_total":  `{reason="stranger"} 1`,
		"shipbell_alarms_total": `{reason="not_live"} 1`,
	} {
		if !strings.Contains(series(t, m, name)+"\n", line+"\n") {
			t.Errorf("%s: missing %s in\n%s", name, line, series(t, m, name))
		}
	}
	if got := testutil.CollectAndCount(collector{m}, "shipbell_joins_total"); got != len(ledger.Joins()) {
		t.Errorf("%d joins, want %d", got, len(ledger.Joins()))
	}
}

// TestFromTheLedger: a real ledger's words are all known.
func TestFromTheLedger(t *testing.T) {
	m := metric.New(metric.Options{})
	l := ledger.New(ledger.Options{Store: m.Store(memory.New()), Router: nowhere{}, Count: m.Step})
	for range 2 {
		if _, err := l.Record(t.Context(), channeltest.Contract()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Story(t.Context(), shipbell.Key{Type: shipbell.Worker, ID: "unknown"}); !errors.Is(err, shipbell.ErrNotFound) {
		t.Error(err)
	}
	want(t, m, "shipbell_deployments_total",
		`{environment="production",project="api-service",status="announced",type="worker"} 1`,
		`{environment="production",project="api-service",status="failure",type="worker"} 0`,
		`{environment="production",project="api-service",status="success",type="worker"} 0`)
	want(t, m, "shipbell_store_duration_seconds_count", `{operation="check"} 0`, `{operation="update"} 2`, `{operation="view"} 1`)
	want(t, m, "shipbell_store_failures_total", `{operation="check"} 0`, `{operation="update"} 0`, `{operation="view"} 0`)
	if text, _ := scrape(t, m); strings.Contains(text, `="other"`) {
		t.Error("something is counted as other")
	}
}

type nowhere struct{}

func (nowhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return nil }
func (nowhere) Everywhere() []shipbell.ChannelID                  { return nil }

// TestStoreFailures: an answer that says no is none.
func TestStoreFailures(t *testing.T) {
	m := metric.New(metric.Options{})
	s := m.Store(memory.New())
	for _, err := range []error{
		shipbell.ErrNotFound, fmt.Errorf("deployment 7: %w", shipbell.ErrNotFound), shipbell.ErrConflict, shipbell.ErrLost,
		shipbell.ErrInvalid, context.Canceled, ledger.NothingDue{}, nil,
	} {
		if got := s.View(t.Context(), func(ledger.Tx) error { return err }); !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, err)
		}
	}
	for _, err := range []error{&shipbell.StoreError{Reason: "the disk is full"}, context.DeadlineExceeded, errors.New("bad connection")} {
		if got := s.Update(t.Context(), func(ledger.Tx) error { return err }); !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, err)
		}
	}
	want(t, m, "shipbell_store_failures_total", `{operation="check"} 0`, `{operation="update"} 3`, `{operation="view"} 0`)
}

func TestAttempts(t *testing.T) {
	m := metric.New(metric.Options{Channels: []shipbell.ChannelID{chat}})
	m.Attempt(shipbell.Attempt{Channel: chat})
	m.Attempt(shipbell.Attempt{Channel: chat, Fault: shipbell.FaultRateLimited})
	m.Attempt(shipbell.Attempt{Channel: chat, Fault: "new"})
	m.Attempt(shipbell.Attempt{Channel: "telegram:9"})
	got := series(t, m, "shipbell_attempts_total")
	for _, line := range []string{`delivered"} 1`, `rate_limited"} 1`, `other"} 1`} {
		if !strings.Contains(got, `{channel="telegram:-1001234567890",outcome="`+line) {
			t.Errorf("missing %s in\n%s", line, got)
		}
	}
	want(t, m, "shipbell_attempt_duration_seconds_count", `{channel="telegram:-1001234567890"} 3`)
}
