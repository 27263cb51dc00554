package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/terminal"
	"github.com/shipbell/shipbell/internal/wire"
)

// projects are those of listed, in every state.
func projects(now time.Time) []wire.Project {
	all := listed(now)
	live, failed, going, odd := all[3], all[2].Brief, all[0].Brief, all[2]
	live.Commit, live.Subject, live.Author, live.FinishedAt = "abc123def456", "Add JWT authentication", "ada", now.Add(-3*time.Hour)
	back := live
	back.Commit, back.Subject, back.Author = "", "", ""
	p := func(name string, state wire.ProjectState, change func(*wire.Project)) wire.Project {
		o := wire.Project{Type: shipbell.Worker, Project: name, Environment: shipbell.Production, State: state, Live: &live, Commit: live.Commit, Last: going}
		if change != nil {
			change(&o)
		}
		return o
	}
	return []wire.Project{
		p("api-service", wire.ProjectLive, nil),
		p("auth", wire.ProjectLive, func(o *wire.Project) { o.Live, o.Brought = &back, &live.Brief }),
		p("billing", wire.ProjectFailing, func(o *wire.Project) { o.Failed, o.UnderWay = &failed, []wire.Brief{going} }),
		p("docs-site", wire.ProjectUnderWay, func(o *wire.Project) { o.UnderWay = []wire.Brief{going, going, going, going, going} }),
		p("edge", wire.ProjectFrozen, func(o *wire.Project) { o.Frozen = &all[1].Brief }),
		p(odd.Project, wire.ProjectAnnounced, func(o *wire.Project) { o.Environment, o.Live, o.Commit = odd.Environment, nil, "" }),
		p("\x1b[2J\u202eodd", wire.ProjectLive, func(o *wire.Project) { o.Live, o.Commit = &odd, odd.Commit }),
		p("unheard", wire.ProjectUnknown, func(o *wire.Project) { o.Live, o.Commit = nil, "" }),
	}
}

func TestLiveTables(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC)
	var all strings.Builder
	for _, columns := range []int{0, 120, 80, 60, 40} {
		var b strings.Builder
		if err := printLive(paper{Writer: &b, columns: columns}, projects(now), now); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%d columns\n%s\n", columns, b.String())
		for line := range strings.Lines(b.String()) {
			if w := terminal.Width(strings.TrimSuffix(line, "\n")); columns > 0 && w > columns {
				t.Errorf("%d columns in %d: %q", w, columns, line)
			}
		}
	}
	var b strings.Builder
	if err := printLive(paper{Writer: &b, columns: 100, colour: true}, projects(now)[:5], now); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(all.String(), "\x1b\u202e") {
		t.Error("what nobody wants on a terminal")
	}
	fmt.Fprintf(&all, "with colours\n%s", strings.ReplaceAll(b.String(), "\x1b", "ESC"))
	channeltest.Golden(t, "live.golden", all.String())
}

// TestLivePartByPart: all parts are asked for, with the same filter.
func TestLivePartByPart(t *testing.T) {
	var asked []string
	bell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		next := map[string]string{"": "a", "a": "b", "b": ""}[r.URL.Query().Get("after")]
		_, _ = fmt.Fprintf(w, `{"projects":[{"project":"p%d"}],"next":%q}`, len(asked), next)
	}))
	defer bell.Close()
	var out strings.Builder
	command := liveCmd{server: server{Server: bell.URL}, Environment: "staging", State: []string{"live", "failing"}, JSON: true}
	if err := command.Run(t.Context(), streams{out: &out, err: &out}); err != nil {
		t.Fatal(err)
	}
	var got wire.Projects
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil || len(got.Projects) != 3 || got.Projects[2].Project != "p3" {
		t.Errorf("%s, %v", out.String(), err)
	}
	if len(asked) != 3 || asked[2] != "after=b&environment=staging&limit=200&state=live%2Cfailing" {
		t.Errorf("asked %q", asked)
	}
}
