package cloudflare_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
)

// book is a ledger that keeps what it is told, in the one transaction that the
// contract promises: a report that fails leaves nothing.
type book struct {
	mu        sync.Mutex
	events    []shipbell.Event // that people hear of, in order
	baseline  []shipbell.Event
	reports   []shipbell.Report
	bulletins []shipbell.Bulletin
	memory    map[shipbell.Source]string
	known     map[string]bool // source and id
	repeats   int
	failing   int // that many reports fail
	dying     int // that many reports are stored and then seem to fail
}

func newBook() *book {
	return &book{memory: map[shipbell.Source]string{}, known: map[string]bool{}}
}

var errDisk = errors.New("disk full")

func (b *book) Report(_ context.Context, r shipbell.Report) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing > 0 {
		b.failing--
		return errDisk
	}
	for _, e := range r.Events {
		if err := e.Validate(); err != nil {
			return err
		}
	}
	b.reports = append(b.reports, r)
	for _, e := range r.Events {
		name := string(e.Source) + "/" + string(e.ID)
		if b.known[name] {
			b.repeats++
			continue
		}
		b.known[name] = true
		if r.Baseline {
			b.baseline = append(b.baseline, e)
		} else {
			b.events = append(b.events, e)
		}
	}
	if r.Memory != "" {
		b.memory[r.Source] = r.Memory
	}
	if b.dying > 0 {
		b.dying--
		return errDisk
	}
	return nil
}

func (b *book) Memory(_ context.Context, s shipbell.Source) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.memory[s], nil
}

func (b *book) Tell(_ context.Context, t shipbell.Bulletin) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, known := range b.bulletins {
		if known.Key == t.Key {
			b.bulletins[i] = t
			return nil
		}
	}
	b.bulletins = append(b.bulletins, t)
	return nil
}

// take returns what people heard of since the last call.
func (b *book) take() []shipbell.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

func (b *book) everything() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, err := json.Marshal([]any{b.events, b.baseline, b.reports, b.bulletins, b.memory})
	if err != nil {
		panic(err)
	}
	return string(all)
}

func newClient(srv *fakecloudflare.Server) *cloudflare.Client {
	return clientWith(srv, fakecloudflare.DefaultToken)
}

func clientWith(srv *fakecloudflare.Server, token string) *cloudflare.Client {
	return cloudflare.NewClient(cloudflare.ClientOptions{
		Token: outbound.NewSecret(token),
		HTTP:  outbound.New(outbound.Options{Transport: srv.Client().Transport, MaxBody: cloudflare.MaxBody}),
	})
}

func newPoller(srv *fakecloudflare.Server, b *book) *cloudflare.Poller {
	return cloudflare.NewPoller(cloudflare.PollerOptions{Client: newClient(srv), Ledger: b})
}

// once looks, and fails the test if anything could not be asked.
func once(t *testing.T, p *cloudflare.Poller) shipbell.Report {
	t.Helper()
	r, err := p.Once(t.Context())
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	return r
}

// minute lets a minute pass and looks.
func minute(t *testing.T, p *cloudflare.Poller) shipbell.Report {
	t.Helper()
	time.Sleep(time.Minute) // of the bubble's clock
	return once(t, p)
}

// asked returns the routes that were asked since a number of calls.
func asked(srv *fakecloudflare.Server, since int) []string {
	var routes []string
	for _, c := range srv.Calls()[since:] {
		routes = append(routes, c.Method+" "+c.Route)
	}
	return routes
}

// lines say what events tell, one a line.
func lines(events []shipbell.Event) []string {
	var all []string
	for _, e := range events {
		line := fmt.Sprintf("%s %s %s", e.Type, e.Project, e.Status)
		if e.Environment != "" {
			line += " to " + e.Environment
		}
		if e.Cause != "" {
			line += " by " + string(e.Cause)
		}
		if e.Rollout != "" {
			line += " with " + e.Rollout
		}
		if e.Error != "" {
			line += ": " + e.Error
		}
		all = append(all, line)
	}
	return all
}

func wantLines(t *testing.T, events []shipbell.Event, want ...string) {
	t.Helper()
	got := lines(events)
	if !slices.Equal(got, want) {
		t.Errorf("events:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func ids(e shipbell.Event, kind shipbell.KeyKind) (all []string) {
	for _, k := range e.Keys {
		if k.Kind == kind {
			all = append(all, k.ID)
		}
	}
	return all
}

// transport answers requests by account.
type transport map[string]http.RoundTripper

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for account, next := range t {
		if strings.Contains(r.URL.Path, "/accounts/"+account) {
			return next.RoundTrip(r)
		}
	}
	return nil, errors.New("no such account")
}
