package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/wire"
)

// nextOf is where the header Link of an answer says that the next part is.
func nextOf(answer *http.Response) string {
	link := regexp.MustCompile(`^<([^>]*)>; rel="next"$`).FindStringSubmatch(answer.Header.Get("Link"))
	if link == nil {
		return ""
	}
	return link[1]
}

func TestListGoesOnWhereItEnded(t *testing.T) {
	f := newFixture(t)
	for range 7 {
		f.record(nil)
	}
	var seen []string
	target := "/api/v1/deployments?limit=3&type=worker"
	for range 4 {
		answer := f.ask(http.MethodGet, target, "")
		list := read[wire.Deployments](f, answer, http.StatusOK)
		for _, d := range list.Deployments {
			seen = append(seen, d.ShownID)
		}
		target = nextOf(answer)
		if (list.Next == "") != (target == "") {
			t.Fatalf("next %q with the link %q", list.Next, target)
		}
		if target == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "build-007 build-006 build-005 build-004 build-003 build-002 build-001" {
		t.Errorf("saw %s", got)
	}
}

func TestFiltersOfTheList(t *testing.T) {
	f := newFixture(t)
	f.record(nil)
	f.record(func(e *shipbell.Event) { e.Project, e.Status, e.Environment = "other", shipbell.Failure, "staging" })
	f.record(func(e *shipbell.Event) { e.Status, e.Author = shipbell.Success, "eve" })
	for query, want := range map[string]string{
		"":                                  "build-003 build-002 build-001",
		"project=other":                     "build-002",
		"status=failure,success":            "build-003 build-002",
		"status=failure&status=announced":   "build-002 build-001",
		"environment=production":            "build-003 build-001",
		"author=eve":                        "build-003",
		"q=JWT":                             "build-003 build-002 build-001",
		"since=2026-11-25T10:32:00Z":        "build-003 build-002",
		"until=2026-11-25T10:32:00Z&branch": "build-001",
	} {
		list := read[wire.Deployments](f, f.ask(http.MethodGet, "/api/v1/deployments?"+query, ""), http.StatusOK)
		var got []string
		for _, d := range list.Deployments {
			got = append(got, d.ShownID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
}

func TestBadParameters(t *testing.T) {
	f := newFixture(t)
	for query, want := range map[string]struct {
		code        wire.Code
		param, hint string
	}{
		"limit=0":                   {wire.CodeInvalidParameter, "limit", "a number from 1 to 200"},
		"limit=201":                 {wire.CodeInvalidParameter, "limit", "a number from 1 to 200"},
		"limit=x":                   {wire.CodeInvalidParameter, "limit", "a number from 1 to 200"},
		"after=x":                   {wire.CodeInvalidParameter, "after", "the next of an earlier answer"},
		"type=lambda":               {wire.CodeInvalidParameter, "type", "worker or pages"},
		"status=broken":             {wire.CodeInvalidParameter, "status", "one or more of " + shipbell.AcceptedStatuses + ", separated by commas"},
		"since=yesterday":           {wire.CodeInvalidParameter, "since", "a time such as 2026-11-25T10:30:00Z, a date such as 2026-11-25, or how long ago such as 12h or 7d"},
		"project=a&project=b":       {wire.CodeInvalidParameter, "project", "give it once"},
		"projekt=a":                 {wire.CodeUnknownParameter, "projekt", "did you mean project?"},
		"Status=failure":            {wire.CodeUnknownParameter, "Status", "did you mean status?"},
		"env=production":            {wire.CodeUnknownParameter, "env", "accepted: type, project, environment, status, author, branch, since, until, q, after, limit"},
		strings.Repeat("x", 100000): {wire.CodeUnknownParameter, strings.Repeat("x", 64) + "…", "accepted: type, project, environment, status, author, branch, since, until, q, after, limit"},
	} {
		p := f.refused(f.ask(http.MethodGet, "/api/v1/deployments?"+query, ""), http.StatusBadRequest, want.code)
		if p.Param != want.param || p.Hint != want.hint {
			t.Errorf("%.40s: %+v", query, p)
		}
	}
}

func TestDeploymentByAnyOfItsNames(t *testing.T) {
	f := newFixture(t)
	id := f.record(func(e *shipbell.Event) { e.Keys[0].ID = "feature/one two" })
	f.record(func(e *shipbell.Event) { e.Keys[0].ID = "1234-a" })
	f.record(func(e *shipbell.Event) { e.Keys[0].ID = "1234-b" })
	for _, name := range []string{fmt.Sprint(int64(id)), "feature/one two", "feat"} {
		d := read[wire.Detail](f, f.ask(http.MethodGet, "/api/v1/deployments/"+url.PathEscape(name), ""), http.StatusOK)
		if d.ID != id {
			t.Errorf("%s leads to %d", name, d.ID)
		}
	}
	p := f.refused(f.ask(http.MethodGet, "/api/v1/deployments/1234", ""), http.StatusConflict, wire.CodeAmbiguous)
	if len(p.Candidates) != 2 || p.Candidates[0].ShownID != "1234-a" {
		t.Errorf("candidates %+v", p.Candidates)
	}
	for _, name := range []string{"nothing", "999", "0", "-1", "api-service", strings.Repeat("x", 2000)} {
		f.refused(f.ask(http.MethodGet, "/api/v1/deployments/"+name, ""), http.StatusNotFound, wire.CodeNotFound)
	}
}

// TestIDThatLooksLikeANumber: the number goes first, and the mark leads to the id.
func TestIDThatLooksLikeANumber(t *testing.T) {
	f := newFixture(t)
	first := f.record(nil)
	second := f.record(func(e *shipbell.Event) { e.Keys[0].ID = fmt.Sprint(int64(first)) })
	third := f.record(func(e *shipbell.Event) { e.Keys[0].ID = "id:odd" })
	f.record(func(e *shipbell.Event) { e.Keys[0].ID, e.Project = "odd-1", "build" }) // neither hides an id
	for name, want := range map[string]shipbell.DeploymentID{
		"1": first, "id:1": second, "id%3A1": second, "id:build-001": first, "id:build": first, "id:odd": third, "id:id:odd": third,
	} {
		d := read[wire.Detail](f, f.ask(http.MethodGet, "/api/v1/deployments/"+name, ""), http.StatusOK)
		if d.ID != want {
			t.Errorf("%s leads to %d, want %d", name, d.ID, want)
		}
	}
	for _, name := range []string{"id:2", "id:999"} {
		f.refused(f.ask(http.MethodGet, "/api/v1/deployments/"+name, ""), http.StatusNotFound, wire.CodeNotFound)
	}
	read[wire.Deployment](f, f.ask(http.MethodPost, "/api/v1/deployments/id:1/silence", ""), http.StatusOK)
	if d := read[wire.Detail](f, f.ask(http.MethodGet, "/api/v1/deployments/2", ""), http.StatusOK); !d.Silenced {
		t.Error("the act did not meet the deployment with the id")
	}
}

func TestDetailTellsAll(t *testing.T) {
	f := newFixture(t)
	f.record(func(e *shipbell.Event) { e.Status, e.Keys[0].ID, e.Commit = shipbell.Success, "before", "" })
	id := f.record(nil)
	f.record(func(e *shipbell.Event) {
		e.Source, e.Keys[0].ID, e.Status, e.Error, e.Log = shipbell.SourceExec, "build-002", shipbell.Failure, "no\nmore", "line 1\nline 2"
		e.URL, e.LogURL = "javascript:alert(1)", "https://user:secret@example.com/"
		e.DashboardURL = "https://dash.cloudflare.com/a"
	})
	d := read[wire.Detail](f, f.ask(http.MethodGet, fmt.Sprint("/api/v1/deployments/", int64(id)), ""), http.StatusOK)
	switch {
	case d.Status != shipbell.Failure || d.TookSeconds != 60 || d.Error != "no\nmore" || d.Reason != "no" || d.Log != "line 1\nline 2":
		t.Errorf("the outcome is missing: %+v", d.Deployment)
	case d.Subject != "Add JWT authentication" || d.CommitMessage != "Add JWT authentication\n\nAnd more":
		t.Errorf("the commit is missing: %q, %q", d.Subject, d.CommitMessage)
	case d.Environment != shipbell.Production || len(d.Keys) != 1 || d.Keys[0] != wire.Key{Kind: shipbell.KeyPushed, ID: "build-002"}:
		t.Errorf("what and where is missing: %+v", d.Deployment)
	case len(d.Events) != 2 || d.Events[1].Source != shipbell.SourceExec || d.Events[1].Joined == "":
		t.Errorf("the events are missing: %+v", d.Events)
	case len(d.Announcements) != 2 || d.Announcements[0].State != wire.AnnouncementWaiting || !strings.Contains(d.Announcements[0].Text, "❌ Failed"):
		t.Errorf("the announcements are missing: %+v", d.Announcements)
	case d.Lineage.Previous == nil || d.Lineage.Previous.ShownID != "before":
		t.Errorf("the lineage is missing: %+v", d.Lineage)
	case d.URL != "" || d.LogURL != "" || d.DashboardURL != "https://dash.cloudflare.com/a":
		t.Errorf("addresses that nobody may follow: %q, %q, %q", d.URL, d.LogURL, d.DashboardURL)
	}
}

func TestAnswersAreKeptUntilTheyChange(t *testing.T) {
	f := newFixture(t)
	f.record(nil)
	first := f.ask(http.MethodGet, "/api/v1/deployments", "")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("header %v", first.Header)
	}
	for _, given := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		again := f.ask(http.MethodGet, "/api/v1/deployments", "", "If-None-Match", given)
		if again.StatusCode != http.StatusNotModified || again.ContentLength > 0 {
			t.Errorf("%s: status %d", given, again.StatusCode)
		}
	}
	f.record(nil)
	if now := f.ask(http.MethodGet, "/api/v1/deployments", "", "If-None-Match", tag); now.StatusCode != http.StatusOK {
		t.Errorf("after a change: status %d", now.StatusCode)
	}
}
