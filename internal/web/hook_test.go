package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
	"github.com/shipbell/shipbell/internal/web"
)

// decode reads the ids of Pages deployments, a line each.
func decode(body []byte, now time.Time) ([]shipbell.Event, error) {
	var events []shipbell.Event
	for id := range strings.FieldsSeq(string(body)) {
		if id == "bad" {
			return nil, errors.New("not JSON")
		}
		events = append(events, shipbell.Event{
			Source: shipbell.SourceAlert, ID: shipbell.EventID(id), At: now,
			Keys:        []shipbell.Key{{Type: shipbell.Pages, Kind: shipbell.KeyDeployment, ID: id}},
			Observation: shipbell.Observation{Type: shipbell.Pages, Project: "site", Status: shipbell.InProgress},
		})
	}
	return events, nil
}

func TestHook(t *testing.T) {
	l := ledger.New(ledger.Options{Store: memory.New(), Router: everywhere{"test:a"}})
	nudges := 0
	s := web.New(web.Options{
		Ledger: l, Gate: gate(),
		Hook: &web.Hook{Secret: "hook secret", Decode: decode, Nudge: func() { nudges++ }},
	})
	post := func(body string, secret ...string) int {
		r := httptest.NewRequest(http.MethodPost, "/hooks/cloudflare", strings.NewReader(body))
		for _, s := range secret {
			r.Header.Set("cf-webhook-auth", s)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for _, test := range []struct {
		name   string
		status int
	}{
		{"without a secret", post("a")},
		{"with a wrong one", post("a", "hook secre")},
		{"with the token of pushes", post("a", token)},
	} {
		if test.status != http.StatusUnauthorized {
			t.Errorf("%s: status %d", test.name, test.status)
		}
	}
	if _, err := l.Story(t.Context(), shipbell.Key{Type: shipbell.Pages, ID: "a"}); !errors.Is(err, shipbell.ErrNotFound) || nudges != 0 {
		t.Fatalf("a refused notification was taken: %v, %d nudges", err, nudges)
	}
	if status := post("a b", "hook secret"); status != http.StatusOK {
		t.Errorf("a notification: status %d", status)
	}
	if _, err := l.Story(t.Context(), shipbell.Key{Type: shipbell.Pages, ID: "b"}); err != nil {
		t.Error(err)
	}
	if status := post("", "hook secret"); status != http.StatusOK {
		t.Errorf("a test message: status %d", status)
	}
	if status := post("bad", "hook secret"); status != http.StatusBadRequest {
		t.Errorf("a body that is none: status %d", status)
	}
	if nudges != 2 {
		t.Errorf("%d nudges, want 2", nudges)
	}
}

// TestHookIsClosed where no secret is set.
func TestHookIsClosed(t *testing.T) {
	s := web.New(web.Options{Ledger: ledger.New(ledger.Options{Store: memory.New(), Router: everywhere{}}), Gate: gate()})
	r := httptest.NewRequest(http.MethodPost, "/hooks/cloudflare", strings.NewReader("{}"))
	r.Header.Set("cf-webhook-auth", "")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}

// full is a ledger that cannot store reports.
type full struct{ *ledger.Ledger }

func (full) Report(context.Context, shipbell.Report) error { return errDisk }

// TestHookIsToldWhatIsNotStored, so that Cloudflare tries again.
func TestHookIsToldWhatIsNotStored(t *testing.T) {
	l := full{ledger.New(ledger.Options{Store: memory.New(), Router: everywhere{}})}
	s := web.New(web.Options{Ledger: l, Gate: gate(), Hook: &web.Hook{Secret: "x", Decode: decode, Nudge: func() {}}})
	r := httptest.NewRequest(http.MethodPost, "/hooks/cloudflare", strings.NewReader("a"))
	r.Header.Set("cf-webhook-auth", "x")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
}

func TestSourcesInHealth(t *testing.T) {
	l := ledger.New(ledger.Options{Store: memory.New(), Router: everywhere{}})
	since := time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)
	s := web.New(web.Options{Ledger: l, Gate: gate(), Hearings: func() []shipbell.Hearing {
		return []shipbell.Hearing{
			{Source: shipbell.SourcePoll, LastHeard: since, Requests: 5, Remaining: 1100},
			{Source: shipbell.SourceBuilds, BlindSince: since, Reason: "403", Hint: "Queues Read", Remaining: -1},
		}
	}})
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health?verbose", nil))
	var h struct {
		Status  string           `json:"status"`
		Sources []map[string]any `json:"sources"`
	}
	body, _ := io.ReadAll(w.Body)
	if err := json.Unmarshal(body, &h); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusOK || h.Status != "ok" || len(h.Sources) != 2 || h.Sources[0]["status"] != "ok" || h.Sources[1]["status"] != "blind" || h.Sources[1]["hint"] != "Queues Read" {
		t.Errorf("%d %s", w.Code, body)
	}
}
