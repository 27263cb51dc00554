package app_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

// beside works on the ledger of a running server, as the commands do.
func (s *server) beside(fn func(*ledger.Ledger) error) {
	s.Helper()
	store, err := app.OpenStore(s.Context(), s.settings.Store, nil)
	if err != nil {
		s.Fatal(err)
	}
	if err := errors.Join(fn(ledger.New(ledger.Options{Store: store, Now: store.Now})), store.Close()); err != nil {
		s.Fatal(err)
	}
}

// named makes a token beside the running server.
func (s *server) named(name string, scope shipbell.Scope, projects ...string) (text string) {
	s.Helper()
	s.beside(func(l *ledger.Ledger) (err error) {
		text, _, err = app.MakeToken(s.Context(), l, shipbell.Token{Name: name, Scope: scope, Projects: projects, MadeBy: "shell: test"})
		return err
	})
	return text
}

// image is all of the ledger that a visitor could change.
func (s *server) image() (all []any) {
	s.beside(func(l *ledger.Ledger) error {
		state, err := l.State(s.Context())
		lanes, failed := l.Lanes(s.Context())
		tokens, failed2 := l.Tokens(s.Context())
		acts, failed3 := l.Acts(s.Context(), 0, 1000)
		for i := range tokens {
			tokens[i].LastUsed = time.Time{} // that it was used is not what it did
		}
		all = []any{state, lanes, tokens, acts}
		return errors.Join(err, failed, failed2, failed3)
	})
	return all
}

// wildcard is a part of a path that stands for something.
var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// status asks for a route with a token, and returns what is answered.
func (s *server) status(r access.Route, token string) int {
	s.Helper()
	path := wildcard.ReplaceAllStringFunc(r.Path, func(word string) string {
		if word == "{$}" {
			return ""
		}
		return "1"
	})
	request, err := http.NewRequestWithContext(s.Context(), r.Method, s.url+path, strings.NewReader("{}"))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Accept", "text/html") // of the root, the page
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
	if err != nil {
		s.Fatal(err)
	}
	_ = answer.Body.Close() // a stream has no end
	return answer.StatusCode
}

// TestWhoMay walks every route that the server has with every kind of token, and
// holds that whoever may read can change nothing.
func TestWhoMay(t *testing.T) {
	s := start(t)
	s.push(body("id-1", ""))
	s.wait(func(f *faketelegram.Server) bool { return f.Count(group) == 1 })
	read, admin := s.named("wall", shipbell.ScopeRead), s.named("anna", shipbell.ScopeAdmin)
	push, revoked := s.named("ci", shipbell.ScopePush), s.named("gone", shipbell.ScopeAdmin)
	s.beside(func(l *ledger.Ledger) error {
		_, err := l.RevokeToken(t.Context(), "gone", "shell: test")
		return err
	})
	s.stop()
	before := s.image()
	s.run()
	if len(s.routes) < 4 {
		t.Errorf("only %d routes", len(s.routes))
	}
	s.walk("nobody", "", "")
	s.walk("a revoked token", revoked, "")
	s.walk("a read token", read, shipbell.ScopeRead)
	s.stop() // all that is in the background is done
	if after := s.image(); !reflect.DeepEqual(before, after) {
		t.Errorf("who may read changed something:\n%+v\n%+v", before, after)
	}
	s.run()
	s.walk("a push token", push, shipbell.ScopePush)
	s.walk("the push token", s.token, shipbell.ScopePush)
	s.walk("an admin token", admin, shipbell.ScopeAdmin)
}

// walk asks for every route, and holds that who may not is refused.
func (s *server) walk(who, token string, scope shipbell.Scope) {
	s.Helper()
	for i, r := range s.routes {
		if scope == "" && i%8 == 7 { // so many wrong tokens are answered late
			s.stop()
			s.run()
		}
		got := s.status(r, token)
		if r.Need == shipbell.ScopeNone {
			continue
		}
		refused := got == http.StatusUnauthorized || got == http.StatusForbidden || got == http.StatusSeeOther && r.Page && scope == ""
		may := scope != "" && (scope.Allows(r.Need) || r.Or != "" && scope.Allows(r.Or))
		if refused == may {
			s.Errorf("%s %s: %s is answered %d", r.Method, r.Path, who, got)
		}
		if may && scope == shipbell.ScopeRead && r.Method != http.MethodGet {
			s.Errorf("%s %s: %s may", r.Method, r.Path, who)
		}
	}
}

// TestNamedTokens push for their projects, until they are revoked while the server
// runs.
func TestNamedTokens(t *testing.T) {
	s := start(t)
	s.stop()
	ci := s.named("ci", shipbell.ScopePush, "api-*")
	s.run()
	if code, text := s.request("POST", "/notify", ci, body("id-1", "")); code != 200 {
		t.Errorf("a named token: %d %s", code, text)
	}
	if code, text := s.request("POST", "/notify", ci, strings.Replace(body("id-2", ""), "api-service", "site", 1)); code != 403 || !strings.Contains(text, `"code":"forbidden_project"`) {
		t.Errorf("another project: %d %s", code, text)
	}
	s.beside(func(l *ledger.Ledger) error {
		_, err := l.RevokeToken(t.Context(), "ci", "shell: test")
		return err
	})
	s.until("a revoked token to be refused", func() bool {
		code, _ := s.request("POST", "/notify", ci, body("id-1", ""))
		return code == 401
	})
	s.stop()
	s.beside(func(l *ledger.Ledger) error {
		tokens, err := l.Tokens(t.Context())
		if err == nil && tokens[0].LastUsed.IsZero() {
			t.Error("it does not show that the token was used")
		}
		return err
	})
	for _, secret := range []string{ci, notifyToken} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("a token is in the log")
		}
	}
}

// TestOpenToThisMachine: without a token to look with, the server says that it is
// open to whoever sits at this machine; with one it is closed.
func TestOpenToThisMachine(t *testing.T) {
	s := start(t)
	if got, _ := s.request("GET", "/state", "", ""); got != 401 {
		t.Errorf("the state is open: %d", got)
	}
	s.stop()
	if !strings.Contains(s.log.String(), "open to everybody on this machine") {
		t.Errorf("not said in the log:\n%s", s.log)
	}
}

// TestIssuers: the settings say who is asked for keys, and while nobody answers,
// who shows a signed token is told to come again, and others push.
func TestIssuers(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	s := start(t, func(c *config.Settings) {
		c.Access = config.Access{
			Repositories: "74", Audience: "shipbell", Issuer: dead.URL + "/github",
			Team: dead.URL + "/access", Tags: []string{"tag"}, Admins: []string{"anna@example.com"},
		}
	})
	signed := func(issuer string) string {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + encode([]byte(`{"iss":"`+dead.URL+issuer+`","aud":"shipbell"}`)) + "." + encode([]byte("signature"))
	}
	if code, text := s.request("POST", "/notify", signed("/github"), body("id-1", "")); code != 503 || !strings.Contains(text, `"code":"access_unavailable"`) {
		t.Errorf("a workflow: %d %s", code, text)
	}
	if code, text := s.request("POST", "/notify", signed("/another"), body("id-1", "")); code != 401 || text != "Unauthorized" {
		t.Errorf("signed by another: %d %s", code, text)
	}
	s.push(body("id-1", ""))
	s.stop()
	if strings.Contains(s.log.String(), "open to everybody") {
		t.Error("open, although Cloudflare Access is set")
	}
}
