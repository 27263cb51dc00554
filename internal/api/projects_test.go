package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/wire"
)

func TestWhatIsLive(t *testing.T) {
	f := newFixture(t)
	f.record(func(e *shipbell.Event) { e.Status, e.URL = shipbell.Success, "https://api.example.com/" })
	f.record(nil)
	f.record(func(e *shipbell.Event) { e.Environment = "staging" })
	f.record(func(e *shipbell.Event) {
		e.Type, e.Keys[0].Type, e.Project, e.Status = shipbell.Pages, shipbell.Pages, "docs/site", shipbell.Success
	})
	f.withBoard()

	live := read[wire.Project](f, f.ask(http.MethodGet, "/api/v1/projects/worker/api-service/live", ""), http.StatusOK)
	if live.Live == nil || live.Live.ShownID != "build-001" || live.Live.URL != "https://api.example.com/" ||
		live.Commit != strings.Repeat("ab", 20) || live.State != "under_way" || len(live.UnderWay) != 1 || live.Last.ShownID != "build-002" {
		t.Errorf("live: %+v", live)
	}
	pages := read[wire.Project](f, f.ask(http.MethodGet, "/api/v1/projects/page/docs%2Fsite/live?environment=production", ""), http.StatusOK)
	if pages.Project != "docs/site" || pages.Type != shipbell.Pages {
		t.Errorf("pages: %+v", pages)
	}
	f.refused(f.ask(http.MethodGet, "/api/v1/projects/worker/api-service/live?environment=staging", ""), http.StatusNotFound, wire.CodeNothingLive)
	f.refused(f.ask(http.MethodGet, "/api/v1/projects/worker/api-service/live?environment=x", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodGet, "/api/v1/projects/worker/other/live", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodGet, "/api/v1/projects/lambda/other/live", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodGet, "/api/v1/projects/worker/other/live?env=x", ""), http.StatusBadRequest, wire.CodeUnknownParameter)

	all := read[wire.Projects](f, f.ask(http.MethodGet, "/api/v1/projects", ""), http.StatusOK)
	if len(all.Projects) != 3 {
		t.Errorf("projects: %+v", all)
	}
}

// TestProjectsInParts: every project once, by name, whatever the size of the parts,
// and only those that pass.
func TestProjectsInParts(t *testing.T) {
	f := newFixture(t)
	for i, name := range []string{"web", "api", "docs/site", "100%"} {
		for _, environment := range []string{"", "staging"} {
			f.record(func(e *shipbell.Event) {
				e.Project, e.Environment, e.Author = name, environment, fmt.Sprint("dev", i)
				e.Status = []shipbell.Status{shipbell.Success, shipbell.Failure, shipbell.InProgress, shipbell.Success}[i]
			})
		}
	}
	f.record(func(e *shipbell.Event) { e.Type, e.Keys[0].Type, e.Project = shipbell.Pages, shipbell.Pages, "api" })
	f.withBoard()
	ask := func(query string) (names []string) {
		t.Helper()
		for path := "/api/v1/projects?" + query; path != ""; {
			answer := f.ask(http.MethodGet, path, "")
			part := read[wire.Projects](f, answer, http.StatusOK)
			for _, p := range part.Projects {
				names = append(names, fmt.Sprintf("%s:%s:%s", p.Project, p.Environment, p.Type))
			}
			path = nextOf(answer)
			if (path == "") != (part.Next == "") {
				t.Fatalf("next %q with the link %q", part.Next, path)
			}
		}
		return names
	}
	all := []string{
		"100%:production:worker", "100%:staging:worker", "api:production:pages", "api:production:worker", "api:staging:worker",
		"docs/site:production:worker", "docs/site:staging:worker", "web:production:worker", "web:staging:worker",
	}
	for n := 1; n <= len(all)+1; n++ {
		if got := ask(fmt.Sprint("limit=", n)); !slices.Equal(got, all) {
			t.Errorf("in parts of %d: %q", n, got)
		}
	}
	for query, want := range map[string][]string{
		"state=failing,under_way&environment=staging":  {"api:staging:worker", "docs/site:staging:worker"},
		"state=failing&state=live&limit=3&project=api": {"api:production:worker", "api:staging:worker"},
		"author=dev0":               {"web:production:worker", "web:staging:worker"},
		"project=docs%2Fsite&q=JWT": {"docs/site:production:worker", "docs/site:staging:worker"},
		"type=pages":                {"api:production:pages"},
		"project=nothing":           nil,
	} {
		if got := ask(query); !slices.Equal(got, want) {
			t.Errorf("%s: %q", query, got)
		}
	}
	for query, param := range map[string]string{
		"after=api": "after", "after=lambda/api/production": "after", "after=worker/a%25/b": "after", "after=worker/a/b/c": "after",
		"state=broken": "state", "limit=0": "limit", "status=frozen": "status",
	} {
		problem := f.refused(f.ask(http.MethodGet, "/api/v1/projects?"+query, ""), http.StatusBadRequest, wire.CodeInvalidParameter)
		if problem.Param != param || problem.Hint == "" {
			t.Errorf("%s: %+v", query, problem)
		}
	}
}

// TestLiveTellsTheCommitThatWasPutBack although the deployment that put it back
// names none.
func TestLiveTellsTheCommitThatWasPutBack(t *testing.T) {
	f := newFixture(t)
	f.options.Board = oneCard{board.Card{
		Spot: board.Spot{Type: shipbell.Worker, Project: "a", Environment: shipbell.Production},
		Live: &shipbell.Deployment{ID: 2}, Brought: &shipbell.Deployment{ID: 1, Observation: shipbell.Observation{Commit: "abc"}},
	}}
	f.api = api.New(f.options)
	live := read[wire.Project](f, f.ask(http.MethodGet, "/api/v1/projects/worker/a/live", ""), http.StatusOK)
	if live.Commit != "abc" || live.Brought == nil || live.Brought.ID != 1 {
		t.Errorf("live: %+v", live)
	}
}

// oneCard is a board with one card.
type oneCard struct{ card board.Card }

func (oneCard) Ready() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
func (o oneCard) Cards() ([]board.Card, int64)        { return []board.Card{o.card}, 1 }
func (o oneCard) Card(board.Spot) (board.Card, error) { return o.card, nil }

// TestBoardThatIsNotRead is waited for, and not for ever.
func TestBoardThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.options.Board = board.New(board.Options{Ledger: f.ledger})
		f.api = api.New(f.options)
		answer := f.ask(http.MethodGet, "/api/v1/projects", "")
		f.refused(answer, http.StatusServiceUnavailable, wire.CodeStarting)
		if answer.Header.Get("Retry-After") != "1" {
			t.Errorf("header %v", answer.Header)
		}
	})
}
