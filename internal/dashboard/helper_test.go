package dashboard_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/dashboard/dashboardtest"
)

// The visitors of the tests.
var (
	admin   = shipbell.Visitor{Name: "anna", Scope: shipbell.ScopeAdmin}
	reader  = shipbell.Visitor{Name: "wall screen", Scope: shipbell.ScopeRead}
	nobody  = shipbell.Visitor{}
	history = (*dashboardtest.World).Fill
	few     = (*dashboardtest.World).Few
	nothing = func(*dashboardtest.World, context.Context) error { return nil }
)

// site is a world with its pages.
type site struct {
	*dashboardtest.World
	mux *http.ServeMux
}

// open makes the pages of a world with a history; change can replace parts.
func open(t testing.TB, fill func(*dashboardtest.World, context.Context) error, change func(*dashboard.Options)) *site {
	t.Helper()
	w := dashboardtest.New(dashboardtest.Options{})
	if err := fill(w, t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() { _ = w.Board.Run(t.Context()) }()
	<-w.Board.Ready()
	o := w.Options()
	if change != nil {
		change(&o)
	}
	s := &site{w, http.NewServeMux()}
	for _, route := range dashboard.New(o).Routes() {
		s.mux.Handle(route.Method+" "+route.Path, route.Handler)
	}
	return s
}

// ask makes a request as a visitor, without a gate before it.
func (s *site) ask(v shipbell.Visitor, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r.WithContext(access.With(r.Context(), v)))
	return w
}

func (s *site) get(v shipbell.Visitor, path string) *httptest.ResponseRecorder {
	return s.ask(v, httptest.NewRequest(http.MethodGet, path, nil))
}

func (s *site) post(v shipbell.Visitor, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.ask(v, r)
}

// part asks for the main part of a page.
func (s *site) part(v shipbell.Visitor, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("X-Fragment", "1")
	return s.ask(v, r)
}

// fragment returns the main part of a page.
func (s *site) fragment(t testing.TB, v shipbell.Visitor, path string) string {
	t.Helper()
	w := s.part(v, path)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d\n%s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// paths are all pages of a world, those of its deployments included.
func (s *site) paths(t testing.TB) []string {
	t.Helper()
	paths := []string{
		"/", "/?state=failing", "/?q=nowhere", "/?type=pages&environment=production&author=x&status=success,failure&since=7d&until=1h&branch=main&project=docs-site",
		"/deployments", "/deployments?q=checkout", "/deployments?status=failure&type=worker", "/channels", "/access", "/insights", "/insights?days=7&project=docs-site", "/insights?days=12", "/deployments/999999", "/deployments/x",
		"/deployments?since=never", "/?until=%3Cscript%3E&status=lorry&q=" + strings.Repeat("%E2%80%AEx", 300), "/signin?notice=signedout", "/?notice=replayed", "/?notice=<script>",
	}
	list, err := s.Ledger.List(t.Context(), shipbell.Filter{}, shipbell.Position{}, 40)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list.Deployments {
		paths = append(paths, "/deployments/"+number(d.ID))
	}
	return paths
}
