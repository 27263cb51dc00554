package web_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/web"
)

// A request that panics is cut off and logged where operators see it, and others are
// answered.
func TestPanic(t *testing.T) {
	f := newFixture(t)
	var log bytes.Buffer
	server := httptest.NewUnstartedServer(web.New(web.Options{
		Ledger: f.ledger, Gate: access.New(access.Options{Ledger: f.ledger}), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Routes: []access.Route{{Method: "GET", Path: "/broken", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("so far"))
			panic("a mistake")
		})}},
	}).Handler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	defer server.Close()
	answer, err := http.Get(server.URL + "/broken")
	if err == nil {
		_, err = new(bytes.Buffer).ReadFrom(answer.Body)
		_ = answer.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looks whole")
	}
	if answer, err = http.Get(server.URL + "/health"); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards %v, %v", answer, err)
	}
	_ = answer.Body.Close()
	server.Close()
	if got := log.String(); !strings.Contains(got, "a mistake") || !strings.Contains(got, "attack_test.go") || !strings.Contains(got, "/broken") {
		t.Errorf("logged: %s", got)
	}
}

// What says nothing of caches is kept by none, and shown on no other web site:
// refusals, redirects and texts too.
func TestNobodyKeepsAnAnswer(t *testing.T) {
	g := newGuarded(t)
	for _, r := range [][]string{
		{"GET", "/"}, {"GET", "/", "Accept", "text/html"}, {"GET", "/state"}, {"GET", "/state", "Authorization", "Bearer " + g.read}, {"GET", "/nothing"},
		{"GET", "/api/v1/lanes"}, {"GET", "/api/v1/lanes", "Authorization", "Bearer " + g.read}, {"PUT", "/state"}, {"GET", "/deployments/1", "Accept", "text/html"},
	} {
		h := g.ask(r[0], r[1], r[2:]...).Header()
		if h.Get("Cache-Control") != "no-store" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%v: %v", r, h)
		}
	}
}

// A token for some projects cannot write into the history of others by naming their
// script.
func TestPushForScripts(t *testing.T) {
	g := newGuarded(t)
	for i, c := range []struct {
		project, script, environment string
		status                       int
	}{
		{"web", "", "", 200}, {"web", "web", "", 200}, {"web", "web-staging", "staging", 200}, {"web", "api-gateway", "", 200},
		{"web", "billing", "", 403}, {"web", "web-admin", "staging", 403},
	} {
		body := fmt.Sprintf(`{"deployment":{"projectName":%q,"deploymentId":"s%d","script":%q,"environment":%q}}`, c.project, i, c.script, c.environment)
		if w := g.do("POST", "/notify", "Bearer "+g.push, body); w.Code != c.status || c.status == 403 && !strings.Contains(w.Body.String(), `"field":"deployment.script"`) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}
