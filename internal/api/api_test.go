package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/insight"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
	"github.com/shipbell/shipbell/internal/wire"
)

// start is the time by all clocks of these tests.
var start = time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC)

type everywhere []shipbell.ChannelID

func (e everywhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return e }
func (e everywhere) Everywhere() []shipbell.ChannelID                  { return e }

// fixture is an API on a ledger in memory.
type fixture struct {
	*testing.T
	store   ledger.Store
	ledger  *ledger.Ledger
	options api.Options
	api     *api.API
	n       int
	// committed is called after every commit.
	committed func()
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{T: t, store: memory.New(), committed: func() {}}
	now := func() time.Time { return start }
	f.ledger = ledger.New(ledger.Options{Store: f.store, Router: everywhere{channel}, Now: now, Committed: func() { f.committed() }})
	f.options = api.Options{
		Ledger: f.ledger, Acts: f.ledger, Channels: []shipbell.ChannelID{channel, "slack:b"}, Now: now, Version: "1.2.3",
		Insights: insight.New(insight.Options{Ledger: f.ledger, Now: now}),
		Instance: func(context.Context) (string, error) { return "a1b2", nil },
		Budgets:  map[shipbell.ChannelID]shipbell.Budget{channel: {Name: "a", Limits: []shipbell.Limit{{N: 20, Per: time.Minute}, {N: 1, Per: time.Second}}}},
	}
	f.api = api.New(f.options)
	return f
}

// withBoard puts a board beside the ledger, which has read it.
func (f *fixture) withBoard() {
	f.Helper()
	b := board.New(board.Options{Ledger: f.ledger, Now: f.options.Now})
	f.options.Board = b
	f.api = api.New(f.options)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx)
	}()
	f.Cleanup(func() { cancel(); <-ended })
	<-b.Ready()
}

// record records a push of a project, changed as the caller wants.
func (f *fixture) record(change func(*shipbell.Event)) shipbell.DeploymentID {
	f.Helper()
	f.n++
	e := shipbell.Event{
		Source: shipbell.SourcePush, ID: shipbell.EventID(fmt.Sprint("event-", f.n)),
		Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: fmt.Sprintf("build-%03d", f.n)}},
		At:   start.Add(time.Duration(f.n) * time.Minute), ReceivedAt: start.Add(time.Duration(f.n) * time.Minute),
		Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "api-service", Status: shipbell.Announced, Branch: "main",
			Commit: strings.Repeat("ab", 20), CommitMessage: "Add JWT authentication\n\nAnd more", Author: "dev@example.com",
		},
	}
	if change != nil {
		change(&e)
	}
	recorded, err := f.ledger.Record(context.Background(), e)
	if err != nil {
		f.Fatal(err)
	}
	return recorded.Deployment
}

// routes puts the routes together as the server does, without asking who it is.
func routes(a *api.API, visitor shipbell.Visitor) http.Handler {
	mux := http.NewServeMux()
	for _, r := range a.Routes() {
		mux.HandleFunc(r.Method+" "+r.Path, func(w http.ResponseWriter, request *http.Request) {
			r.Handler.ServeHTTP(w, request.WithContext(access.With(request.Context(), visitor)))
		})
	}
	return mux
}

// ask makes a request and returns the answer.
func (f *fixture) ask(method, target, body string, header ...string) *http.Response {
	f.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	routes(f.api, shipbell.Visitor{Name: "ada", Scope: shipbell.ScopeAdmin}).ServeHTTP(w, r)
	return w.Result()
}

// read reads an answer that must have the status.
func read[V any](f *fixture, answer *http.Response, status int) V {
	f.Helper()
	var v V
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.Fatal(err)
	}
	if answer.StatusCode != status {
		f.Fatalf("status %d, want %d: %s", answer.StatusCode, status, body)
	}
	if err := json.Unmarshal(body, &v); err != nil {
		f.Fatalf("%v: %s", err, body)
	}
	return v
}

// refused reads a refusal.
func (f *fixture) refused(answer *http.Response, status int, code wire.Code) wire.Problem {
	f.Helper()
	p := read[wire.Problem](f, answer, status)
	if p.Code != code || p.Message == "" || p.Hint == "" {
		f.Fatalf("code %q, want %q, with a sentence and a hint: %+v", p.Code, code, p)
	}
	return p
}
