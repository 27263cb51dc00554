package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/web"
)

// guarded is a web side with routes of every kind, and tokens of every scope.
type guarded struct {
	*fixture
	read, push, admin, revoked string
}

func newGuarded(t *testing.T) *guarded {
	g := &guarded{fixture: newFixture(t)}
	g.read, g.push = g.make("wall", shipbell.ScopeRead), g.make("ci", shipbell.ScopePush, "api-*", "web")
	g.admin, g.revoked = g.make("anna", shipbell.ScopeAdmin), g.make("gone", shipbell.ScopeAdmin)
	if _, err := g.ledger.RevokeToken(t.Context(), "gone", "test"); err != nil {
		t.Fatal(err)
	}
	says := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, text+" for "+access.VisitorOf(r.Context()).Name)
		})
	}
	g.server = web.New(web.Options{
		Ledger: g.ledger, Gate: access.New(access.Options{Ledger: g.ledger, PushToken: token}), Version: "1.2.3",
		Explain: func(w http.ResponseWriter, _ *http.Request, status int, title, hint string) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "page: %s: %s", title, hint)
		},
		Match: func(patterns []string, project string) bool {
			for _, p := range patterns {
				if ok, _ := path.Match(p, project); ok {
					return true
				}
			}
			return false
		},
		Routes: []access.Route{
			{Method: "GET", Path: "/{$}", Need: shipbell.ScopeRead, Page: true, Handler: says("the dashboard")},
			{Method: "GET", Path: "/signin", Page: true, Handler: says("a form")},
			{Method: "POST", Path: "/signin", Page: true, Handler: says("a session")},
			{Method: "GET", Path: "/deployments/{id}", Need: shipbell.ScopeRead, Page: true, Handler: says("a page")},
			{Method: "GET", Path: "/api/v1/lanes", Need: shipbell.ScopeRead, Handler: says("lanes")},
			{Method: "POST", Path: "/api/v1/lanes", Need: shipbell.ScopeAdmin, Handler: says("an act")},
			{Method: "POST", Path: "/lanes/resume", Need: shipbell.ScopeAdmin, Page: true, Handler: says("an act")},
			{Method: "GET", Path: "/static/", Handler: says("a file")},
		},
	})
	return g
}

func (g *guarded) make(name string, scope shipbell.Scope, projects ...string) string {
	g.Helper()
	text := access.NewToken()
	_, err := g.ledger.MakeToken(g.Context(), shipbell.Token{
		ID: shipbell.TokenID("tk_" + name), Name: name, Scope: scope, Projects: projects, Hash: access.HashToken(text),
	})
	if err != nil {
		g.Fatal(err)
	}
	return text
}

// ask sends a request with header, names and values.
func (g *guarded) ask(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.server.Handler().ServeHTTP(w, r)
	return w
}

func TestMounted(t *testing.T) {
	g := newGuarded(t)
	const (
		unauthorized = `401 {"error":"Unauthorized","code":"unauthorized","hint":"send a token as Authorization: Bearer, or as the password of Basic; shipbell token make makes one"}`
		forbidden    = `403 {"error":"Forbidden","code":"forbidden","hint":"this needs a token of scope `
		html         = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	)
	as := func(token string) string { return "Bearer " + token }
	for _, tc := range []struct {
		ask    string
		header []string
		want   string
	}{
		{"GET /api/v1/lanes", nil, unauthorized},
		{"GET /api/v1/lanes", []string{"Authorization", as(g.revoked)}, unauthorized},
		{"GET /api/v1/lanes", []string{"Authorization", as("wrong")}, unauthorized},
		{"GET /api/v1/lanes", []string{"Authorization", as(g.push)}, forbidden + `read"}`},
		{"GET /api/v1/lanes", []string{"Authorization", as(token)}, forbidden + `read"}`},
		{"GET /api/v1/lanes", []string{"Authorization", as(g.read)}, "200 lanes for wall"},
		{"HEAD /api/v1/lanes", []string{"Authorization", as(g.read)}, "200 lanes for wall"},
		{"GET /api/v1/lanes", []string{"Authorization", as(g.admin)}, "200 lanes for anna"},
		{"POST /api/v1/lanes", []string{"Authorization", as(g.read)}, forbidden + `admin"}`},
		{"POST /api/v1/lanes", []string{"Authorization", as(g.admin)}, "200 an act for anna"},
		{"POST /api/v1/lanes", nil, unauthorized},
		{"PUT /api/v1/lanes", nil, `405 {"error":"Method not allowed","code":"method_not_allowed","hint":"use GET or POST"}`},
		{"GET /deployments/1?a=b&c=d", nil, "303 /signin?next=%2Fdeployments%2F1%3Fa%3Db%26c%3Dd"},
		{"GET /deployments/1", []string{"Authorization", as("wrong")}, unauthorized},
		{"GET /deployments/1", []string{"Authorization", as(g.read)}, "200 a page for wall"},
		{"POST /lanes/resume", nil, unauthorized},
		{"POST /lanes/resume", []string{"Accept", html}, "303 /signin?next=%2Flanes"},
		{"POST /lanes/resume", []string{"Accept", html, "Authorization", as(g.read)}, "403 page: Forbidden: this needs a token of scope admin"},
		{"GET /elsewhere", []string{"Accept", html}, "404 page: There is no such page: "},
		{"GET /elsewhere", nil, `404 {"error":"Not found"`},
		{"GET /signin", nil, "200 a form for "},
		{"GET /signin", []string{"Authorization", as(g.read)}, "200 a form for wall"},
		{"POST /signin", nil, "200 a session for "},
		{"POST /signin", []string{"Sec-Fetch-Site", "cross-site"}, `403 {"error":"Cross-site request","code":"cross_origin","hint":"another web site made this browser ask; do it on a page of this server"}`},
		{"GET /static/app.css", nil, "200 a file for "},

		{"GET /", []string{"Accept", html}, "303 /signin?next=%2F"},
		{"GET /", []string{"Accept", html, "Authorization", as(g.read)}, "200 the dashboard for wall"},
		{"GET /", nil, "200 Deployment Monitor Active"},
		{"GET /", []string{"Accept", "*/*"}, "200 Deployment Monitor Active"},
		{"GET /", []string{"Accept", "text/plain, text/html;q=0.5"}, "200 Deployment Monitor Active"},
		{"GET /", []string{"Accept", "text/html;q=0"}, "200 Deployment Monitor Active"},

		{"POST /notify", nil, "401 Unauthorized"},
		{"POST /notify", []string{"Authorization", as(g.revoked)}, "401 Unauthorized"},
		{"POST /notify", []string{"Authorization", as(g.read)}, forbidden + `push"}`},
		{"POST /notify", []string{"Authorization", as(g.admin)}, forbidden + `push"}`},
		{"GET /state", nil, "401 Unauthorized"},
		{"GET /state", []string{"Authorization", as(g.push)}, `200 {"workers":[]`},
		{"GET /state", []string{"Authorization", as(g.read)}, `200 {"workers":[]`},
		{"GET /state", []string{"Authorization", as(g.admin)}, `200 {"workers":[]`},
		{"GET /health", []string{"Authorization", as("wrong")}, "200 OK"},
	} {
		method, path, _ := strings.Cut(tc.ask, " ")
		w := g.ask(method, path, tc.header...)
		got := fmt.Sprintf("%d %s", w.Code, w.Body)
		if w.Code == http.StatusSeeOther {
			got = fmt.Sprintf("%d %s", w.Code, w.Header().Get("Location"))
		}
		if !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s with %q:\n got %s\nwant %s", tc.ask, tc.header, got, tc.want)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: a browser may guess what this is", tc.ask)
		}
	}
	if got := g.ask("PUT", "/api/v1/lanes").Header().Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow: %s", got)
	}
	// A feed reader is asked for a password; the script of a page is not.
	if got := g.ask("GET", "/api/v1/lanes").Header().Values("WWW-Authenticate"); len(got) != 2 {
		t.Errorf("a program is asked for %q", got)
	}
	if got := g.ask("GET", "/api/v1/lanes", "Sec-Fetch-Mode", "cors").Header().Values("WWW-Authenticate"); len(got) != 1 {
		t.Errorf("a browser is asked for %q", got)
	}
}

// TestOpenPagesCountWrongTokens: a page that needs no token and shows who looks at it
// tells whether one is right, so wrong ones are slowed down there as everywhere.
func TestOpenPagesCountWrongTokens(t *testing.T) {
	for path, answered := range map[string]int{"/no-such": http.StatusNotFound, "/signin": http.StatusOK} {
		synctest.Test(t, func(t *testing.T) {
			g := newGuarded(t)
			flood := func(header ...string) (codes map[int]int, took time.Duration) {
				var group sync.WaitGroup
				var mu sync.Mutex
				codes = make(map[int]int)
				start := time.Now()
				for range 300 {
					group.Go(func() {
						w := g.ask(http.MethodGet, path, append(header, "Accept", "text/html")...)
						mu.Lock()
						defer mu.Unlock()
						codes[w.Code]++
					})
				}
				group.Wait()
				return codes, time.Since(start)
			}
			// Ten are free, 64 are held, the rest is turned away.
			codes, took := flood("Authorization", "Bearer wrong")
			if codes[answered] != 74 || codes[http.StatusTooManyRequests] != 226 || took != 2*time.Second {
				t.Errorf("%s with wrong tokens: %v in %s", path, codes, took)
			}
			for name, header := range map[string][]string{"without a token": nil, "with the right one": {"Authorization", "Bearer " + g.read}} {
				if codes, took := flood(header...); codes[answered] != 300 || took != 0 {
					t.Errorf("%s %s: %v in %s", path, name, codes, took)
				}
			}
		})
	}
}

// TestPushForProjects: a token for some projects tells of these alone.
func TestPushForProjects(t *testing.T) {
	g := newGuarded(t)
	push := func(project string) *httptest.ResponseRecorder {
		return g.do("POST", "/notify", "Bearer "+g.push, fmt.Sprintf(`{"deployment":{"projectName":%q,"deploymentId":"1-%[1]s"}}`, project))
	}
	for _, project := range []string{"api-service", "web"} {
		g.want(push(project), 200, `{"success":true,"message":"Notification queued"}`)
	}
	for _, project := range []string{"site", "Web", "web-2", "xapi-service"} {
		g.want(push(project), 403, `{"error":"Forbidden","code":"forbidden_project","field":"deployment.projectName","hint":"this token may push for api-*, web"}`)
	}
	g.want(g.do("GET", "/state", "Bearer "+g.read, ""), 200, `{"workers":["1-api-service","1-web"],"pages":[],"lastCheck":"2025-01-15T10:30:45Z"}`)
}

// TestRoutesSayWhatTheyNeed: what changes something needs a scope that may change
// it. The exceptions know by other means who comes, or open a session.
func TestRoutesSayWhatTheyNeed(t *testing.T) {
	g := newGuarded(t)
	exceptions := []string{"POST /signin", "POST /signout", "POST /hooks/cloudflare"}
	for _, r := range g.server.Routes() {
		if r.Handler == nil {
			t.Errorf("%s %s: nothing answers", r.Method, r.Path)
		}
		if r.Method == http.MethodGet || r.Need == shipbell.ScopePush || r.Need == shipbell.ScopeAdmin && r.Or == "" {
			continue
		}
		if name := r.Method + " " + r.Path; !strings.Contains(strings.Join(exceptions, ","), name) {
			t.Errorf("%s needs %q", name, r.Need)
		}
	}
}
