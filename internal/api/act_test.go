package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/wire"
)

const channel = "telegram:-1:7@"

func TestActsOnADeployment(t *testing.T) {
	f := newFixture(t)
	id := f.record(nil)
	path := fmt.Sprint("/api/v1/deployments/", int64(id))
	if d := read[wire.Deployment](f, f.ask(http.MethodPost, path+"/silence", ""), http.StatusOK); !d.Silenced {
		t.Error("silence did nothing")
	}
	if d := read[wire.Deployment](f, f.ask(http.MethodPost, "/api/v1/deployments/build-001/unsilence", ""), http.StatusOK); d.Silenced {
		t.Error("unsilence did nothing")
	}
	for _, body := range []string{"", "{}", `{"channels":["slack:b"]}`} {
		read[wire.Deployment](f, f.ask(http.MethodPost, path+"/replay", body), http.StatusOK)
	}
	d := read[wire.Detail](f, f.ask(http.MethodGet, path, ""), http.StatusOK)
	if len(d.Announcements) != 2 {
		t.Errorf("announcements %+v", d.Announcements)
	}
	audit := read[wire.Audit](f, f.ask(http.MethodGet, "/api/v1/audit", ""), http.StatusOK)
	if len(audit.Acts) != 5 || audit.Acts[4].What != shipbell.ActSilence || audit.Acts[4].Who != "ada" || audit.Acts[4].Subject != "1" {
		t.Errorf("audit %+v", audit)
	}
}

func TestActsThatCannotBe(t *testing.T) {
	f := newFixture(t)
	f.record(nil)
	f.refused(f.ask(http.MethodPost, "/api/v1/deployments/999/replay", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodPost, "/api/v1/deployments/1/replay?channels=x", ""), http.StatusBadRequest, wire.CodeUnknownParameter)
	p := f.refused(f.ask(http.MethodPost, "/api/v1/deployments/1/replay", `{"channels":["nowhere"]}`), http.StatusBadRequest, wire.CodeUnknownChannel)
	if p.Field != "channels" || p.Hint != "accepted: telegram:-1:7@, slack:b" {
		t.Errorf("%+v", p)
	}
	p = f.refused(f.ask(http.MethodPost, "/api/v1/deployments/1/replay", `{"channels":[]}`), http.StatusBadRequest, wire.CodeInvalidJSON)
	if p.Field != "channels" || !strings.HasPrefix(p.Hint, "leave channels out for all of them") {
		t.Errorf("%+v", p)
	}
	for _, body := range []string{"x", "[]", `{"channel":["slack:b"]}`, `{"channels":"slack:b"}`, "{}{}"} {
		f.refused(f.ask(http.MethodPost, "/api/v1/deployments/1/replay", body), http.StatusBadRequest, wire.CodeInvalidJSON)
	}
	f.refused(f.ask(http.MethodPost, "/api/v1/deployments/1/replay", strings.Repeat(" ", 100_000)), http.StatusRequestEntityTooLarge, wire.CodeTooLarge)
	f.refused(f.ask(http.MethodPost, "/api/v1/lanes/nowhere/resume", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodPost, "/api/v1/lanes/nowhere/test", ""), http.StatusNotFound, wire.CodeNotFound)
	if acts, err := f.ledger.Acts(t.Context(), 0, 10); err != nil || len(acts) != 0 {
		t.Errorf("acts %+v, %v", acts, err)
	}
}

func TestLanes(t *testing.T) {
	f := newFixture(t)
	f.record(nil)
	pause := shipbell.Pause{At: start, Reason: "the bot was kicked", Hint: "add it again"}
	err := f.store.Update(t.Context(), func(tx ledger.Tx) error {
		return errors.Join(
			tx.PutLane(shipbell.Lane{Channel: channel, Pause: &pause, Recent: []time.Time{start.Add(-time.Hour), start.Add(-30 * time.Second), start}, LastSuccess: start}),
			tx.PutLane(shipbell.Lane{Channel: "slack:b", ParkedUntil: start.Add(time.Minute), ParkedFor: "slow down"}),
			tx.PutLane(shipbell.Lane{Channel: "gone:without"}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	lanes := read[wire.Lanes](f, f.ask(http.MethodGet, "/api/v1/lanes", ""), http.StatusOK).Lanes
	if len(lanes) != 2 || lanes[0].Status != wire.LanePaused || lanes[0].Backlog != 1 || lanes[0].Pause.Hint != "add it again" || lanes[1].Status != wire.LaneParked {
		t.Fatalf("lanes %+v", lanes)
	}
	if got := fmt.Sprint(lanes[0].Budget); got != "[{20 60 18} {1 1 0}]" {
		t.Errorf("budget %s", got)
	}
	resumed := read[wire.Lane](f, f.ask(http.MethodPost, "/api/v1/lanes/"+url.PathEscape(channel)+"/resume", ""), http.StatusOK)
	if resumed.Status != wire.LaneOK || resumed.Pause != nil {
		t.Errorf("resumed %+v", resumed)
	}
	for _, name := range []string{channel, "telegram%3A-1%3A7%40"} {
		read[wire.Lane](f, f.ask(http.MethodPost, "/api/v1/lanes/"+name+"/test", ""), http.StatusOK)
	}
	audit := read[wire.Audit](f, f.ask(http.MethodGet, "/api/v1/audit?limit=2", ""), http.StatusOK)
	if len(audit.Acts) != 2 || audit.Acts[0].What != shipbell.ActTest || audit.Next != audit.Acts[1].N {
		t.Fatalf("audit %+v", audit)
	}
	rest := read[wire.Audit](f, f.ask(http.MethodGet, fmt.Sprint("/api/v1/audit?before=", audit.Next), ""), http.StatusOK)
	if len(rest.Acts) != 1 || rest.Acts[0].What != shipbell.ActResume || rest.Acts[0].Subject != channel || rest.Next != 0 {
		t.Errorf("the rest %+v", rest)
	}
	f.refused(f.ask(http.MethodGet, "/api/v1/audit?before=-1", ""), http.StatusBadRequest, wire.CodeInvalidParameter)
}

// TestTokensWithoutTheirHashes.
func TestTokensWithoutTheirHashes(t *testing.T) {
	f := newFixture(t)
	token := shipbell.Token{ID: "t1", Name: "ci", Scope: shipbell.ScopePush, Hash: shipbell.TokenHash{0xab, 0xcd, 0xef}, MadeAt: start, Projects: []string{"api-*"}}
	if err := f.store.Update(t.Context(), func(tx ledger.Tx) error { return tx.PutToken(token) }); err != nil {
		t.Fatal(err)
	}
	all := read[map[string][]map[string]any](f, f.ask(http.MethodGet, "/api/v1/tokens", ""), http.StatusOK)["tokens"]
	if len(all) != 1 || all[0]["name"] != "ci" {
		t.Fatalf("tokens %v", all)
	}
	for name := range all[0] {
		if strings.Contains(strings.ToLower(name), "hash") {
			t.Errorf("a token is told with its %s", name)
		}
	}
}

// broken is a ledger whose disk is full.
type broken struct{ api.Ledger }

func (broken) Lanes(context.Context) ([]shipbell.Lane, error) {
	return nil, &shipbell.StoreError{Reason: "the disk is full", Hint: "make room"}
}

func TestLedgerThatCannotBeRead(t *testing.T) {
	f := newFixture(t)
	f.options.Ledger = broken{f.ledger}
	f.api = api.New(f.options)
	answer := f.ask(http.MethodGet, "/api/v1/lanes", "")
	f.refused(answer, http.StatusServiceUnavailable, wire.CodeStoreUnavailable)
	if answer.Header.Get("Retry-After") != "1" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", answer.Header)
	}
}

func TestInsights(t *testing.T) {
	f := newFixture(t)
	got := read[wire.Insights](f, f.ask(http.MethodGet, "/api/v1/insights?project=a&days=7", ""), http.StatusOK)
	if got.Project != "a" || got.Days != 7 || got.Environment != shipbell.Production || len(got.Total.Series) != 7 {
		t.Errorf("%+v", got)
	}
	f.refused(f.ask(http.MethodGet, "/api/v1/insights?days=8", ""), http.StatusBadRequest, wire.CodeInvalidParameter)
}

// TestRoutesSayWhatTheyNeed: nobody who may only read changes anything, or sees
// tokens and the audit log.
func TestRoutesSayWhatTheyNeed(t *testing.T) {
	for _, r := range newFixture(t).api.Routes() {
		want := shipbell.ScopeRead
		if r.Method != http.MethodGet || r.Path == "/api/v1/audit" || r.Path == "/api/v1/tokens" {
			want = shipbell.ScopeAdmin
		}
		if r.Path == "/api/v1/openapi.json" {
			want = shipbell.ScopeNone
		}
		if r.Need != want {
			t.Errorf("%s %s needs %q", r.Method, r.Path, r.Need)
		}
	}
}
