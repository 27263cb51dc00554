package metric_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v2"

	"github.com/shipbell/shipbell/internal/channel/channeltest"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMonitoringPage: docs/monitoring.md has every metric, as the registry has it.
func TestMonitoringPage(t *testing.T) {
	const from, to = "go test ./internal/metric -->\n", "<!-- /generated -->\n"
	page := document(t, "monitoring.md")
	head, rest, ok := strings.Cut(page, from)
	_, tail, also := strings.Cut(rest, to)
	if !ok || !also {
		t.Fatal("the table has no place")
	}
	table := "\n| Metric | Type | Labels | |\n|---|---|---|---|\n"
	_, families := scrape(t, everything())
	for _, f := range sorted(families) {
		if ours(f.GetName()) {
			table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labelsOf(f), ", "), f.GetHelp())
		}
	}
	channeltest.Golden(t, "../../../docs/monitoring.md", head+from+table+"\n"+to+tail)
}

// labelsOf returns the names of a metric's labels.
func labelsOf(f *dto.MetricFamily) []string {
	var names []string
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if !slices.Contains(names, l.GetName()) {
				names = append(names, l.GetName())
			}
		}
	}
	slices.Sort(names)
	return names
}

// queries checks expressions against the registry.
type queries struct {
	*testing.T
	names  map[string]bool
	labels map[string]bool
	used   map[string]bool
}

func newQueries(t *testing.T) *queries {
	q := &queries{T: t, names: map[string]bool{"up": true}, labels: make(map[string]bool), used: make(map[string]bool)}
	for _, l := range []string{"job", "instance", "le"} {
		q.labels[l] = true
	}
	_, families := scrape(t, everything())
	for name, f := range families {
		q.names[name] = true
		if f.GetType() == dto.MetricType_HISTOGRAM {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				q.names[name+suffix] = true
			}
		}
		for _, l := range labelsOf(f) {
			q.labels[l] = true
		}
	}
	return q
}

var (
	metricName = regexp.MustCompile(`\b(?:up|(?:shipbell|process|go|promhttp)_[a-z0-9_]+)\b`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping   = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	quoted     = regexp.MustCompile(`"[^"]*"`)
)

// check finds names that do not exist.
func (q *queries) check(where, expr string) {
	q.Helper()
	found := metricName.FindAllString(quoted.ReplaceAllString(expr, `""`), -1)
	if len(found) == 0 {
		q.Errorf("%s: no metric in %s", where, expr)
	}
	for _, name := range found {
		q.used[name] = true
		if !q.names[name] {
			q.Errorf("%s: there is no metric %s", where, name)
		}
	}
	var labels []string
	for _, m := range matcher.FindAllStringSubmatch(expr, -1) {
		labels = append(labels, m[1])
	}
	for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
		labels = append(labels, strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	for _, l := range labels {
		if !q.labels[l] {
			q.Errorf("%s: there is no label %s", where, l)
		}
	}
}

type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// TestAlerts: every rule asks for what exists, and says what it is about and what
// to do.
func TestAlerts(t *testing.T) {
	q := newQueries(t)
	var rules ruleFile
	if err := yaml.UnmarshalStrict([]byte(document(t, "alerts.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	operations, tests := document(t, "operations.md"), document(t, "alerts_test.yml")
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			q.check(r.Alert, r.Expr)
			for _, name := range []string{"summary", "description", "runbook"} {
				if strings.TrimSpace(r.Annotations[name]) == "" {
					t.Errorf("%s has no %s", r.Alert, name)
				}
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want {
				t.Errorf("%s: runbook %s, want %s", r.Alert, r.Annotations["runbook"], want)
			}
			if !strings.Contains(operations, "\n### "+r.Alert+"\n") {
				t.Errorf("docs/operations.md does not say what to do about %s", r.Alert)
			}
			if !strings.Contains(tests, "alertname: "+r.Alert+"\n") {
				t.Errorf("docs/alerts_test.yml does not show when %s fires", r.Alert)
			}
			if r.For == "" {
				t.Errorf("%s fires at once", r.Alert)
			}
		}
	}
	if n < 9 {
		t.Errorf("found only %d alerts", n)
	}
}

// TestPromtool checks and plays the rules, and reads the expressions of the dashboard.
func TestPromtool(t *testing.T) {
	promtool := findPromtool(t)
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("check", "rules", "--lint-fatal", "../../docs/alerts.yml")
	run("test", "rules", "../../docs/alerts_test.yml")

	var asRules struct {
		Groups []map[string]any `yaml:"groups"`
	}
	var rules []rule
	for i, e := range readDashboard(t).exprs() {
		e = strings.NewReplacer("$__rate_interval", "5m", "$job", "shipbell").Replace(e)
		rules = append(rules, rule{Record: fmt.Sprintf("dashboard:expression:%d", i), Expr: e})
	}
	asRules.Groups = []map[string]any{{"name": "dashboard", "rules": rules}}
	text, err := yaml.Marshal(asRules)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run("check", "rules", path)

	// The exposition, as Prometheus' own parser and linter see it.
	exposition, _ := scrape(t, everything())
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(exposition)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// findPromtool finds it on the PATH, or where scripts/deps puts it.
func findPromtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	path, err := filepath.Abs("../../.cache/prometheus/promtool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("promtool is missing: %v\nhint: make deps fetches it", err)
	}
	return path
}

type dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *datasource
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct {
		RefID      string
		Expr       string
		Datasource *datasource
	}
}

type datasource struct{ Type, UID string }

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text := document(t, "grafana.json")
	var d dashboard
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d dashboard) exprs() []string {
	var all []string
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			all = append(all, t.Expr)
		}
	}
	return all
}

// TestDashboard: it can be imported anywhere, asks for what exists, and shows
// everything that there is.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	q := newQueries(t)
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 39 {
		t.Errorf("title %q, uid %q, schema %d", d.Title, d.UID, d.SchemaVersion)
	}
	if list := d.Templating.List; len(list) != 2 || list[0].Name != "datasource" || list[0].Type != "datasource" || list[0].Query != "prometheus" {
		t.Errorf("variables: %+v", list)
	}
	ids, taken := make(map[int]string), make(map[[2]int]string)
	for _, p := range d.Panels {
		if ids[p.ID] != "" || p.ID == 0 {
			t.Errorf("the panels %s and %s have the id %d", p.Title, ids[p.ID], p.ID)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if x > 23 || taken[[2]int{x, y}] != "" {
					t.Fatalf("%s overlaps %q", p.Title, taken[[2]int{x, y}])
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 || p.Datasource == nil || p.Datasource.UID != "${datasource}" {
			t.Errorf("the panel %q lacks something: %+v", p.Title, p)
		}
		for _, target := range p.Targets {
			q.check(p.Title, target.Expr)
			if target.Datasource == nil || target.Datasource.UID != "${datasource}" || target.RefID == "" {
				t.Errorf("%s: %+v", p.Title, target)
			}
		}
	}
	for name := range q.names {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if ours(name) && !q.used[name] && !q.used[base+"_bucket"] {
			t.Errorf("no panel shows %s", name)
		}
	}
}
