// Package dashboardtest holds a history that never was, for whoever looks at pages:
// tests, and people who change how they look.
//
// Its one rule: everything in it went the way of real news, through the ledger.
package dashboardtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/insight"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// The channels of the world.
const (
	Team  shipbell.ChannelID = "telegram:-1001234567890"
	Topic shipbell.ChannelID = "telegram:@acme_ops:45"
)

// Start is when the world is looked at, unless it is told otherwise.
var Start = time.Date(2026, 11, 25, 14, 3, 20, 0, time.UTC)

// World is a ledger with a history, and what stands on it.
type World struct {
	Ledger *ledger.Ledger
	Store  *memory.Store
	Board  *board.Board
	Doors  *Doors
	// Hearings is what sources say of themselves.
	Hearings []shipbell.Hearing

	now   time.Time // while the history is made
	clock func() time.Time
	n     int
}

// Options are what a world is made of.
type Options struct {
	// Now tells the time at which the history ends; nil for Start, always.
	Now func() time.Time
	// Committed is called after every commit; nil for nobody.
	Committed func()
}

// New makes a world without a history.
func New(o Options) *World {
	if o.Now == nil {
		o.Now = func() time.Time { return Start }
	}
	w := &World{Store: memory.New(), Doors: &Doors{}, clock: o.Now}
	w.Ledger = ledger.New(ledger.Options{Store: w.Store, Router: w, Now: w.Now, Asked: true, Committed: o.Committed})
	w.Board = board.New(board.Options{Ledger: w.Ledger, Now: w.Now})
	return w
}

// Now tells the time in the world.
func (w *World) Now() time.Time {
	if w.now.IsZero() {
		return w.clock().UTC()
	}
	return w.now
}

// Channels says that all is shown everywhere, but for previews.
func (w *World) Channels(d shipbell.Deployment) []shipbell.ChannelID {
	if d.Environment == shipbell.Preview {
		return []shipbell.ChannelID{Topic}
	}
	return w.Everywhere()
}

// Everywhere returns all channels.
func (w *World) Everywhere() []shipbell.ChannelID { return []shipbell.ChannelID{Team, Topic} }

// Options returns what a dashboard of the world is made of.
func (w *World) Options() dashboard.Options {
	minute := shipbell.Limit{N: 20, Per: time.Minute}
	return dashboard.Options{
		Ledger: w.Ledger, Acts: w.Ledger, Board: w.Board, Doors: w.Doors, Channels: w.Everywhere(),
		Budgets: map[shipbell.ChannelID]shipbell.Budget{
			Team:  {Name: "team", Limits: []shipbell.Limit{{N: 1, Per: time.Second}, minute}},
			Topic: {Name: "ops", Limits: []shipbell.Limit{minute}},
		},
		Hearings: func() []shipbell.Hearing { return w.Hearings },
		Insights: insight.New(insight.Options{Ledger: w.Ledger, Now: w.Now}),
		URL:      "http://127.0.0.1:8787", TokenHint: "in /var/lib/shipbell/token on the server", Version: "v0.5.0", Now: w.Now,
	}
}

// Doors lets everybody in who says the word.
type Doors struct{ IsOpen, Tokens bool }

// Word is what [Doors.SignIn] takes.
const Word = "sb_good"

// ErrWrong is what it says to others.
var ErrWrong = errors.New("the token is wrong or revoked")

// SignIn sets a cookie for who says the word.
func (d *Doors) SignIn(w http.ResponseWriter, _ *http.Request, token string) (shipbell.Visitor, error) {
	if token != Word {
		return shipbell.Visitor{}, ErrWrong
	}
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "yes", Path: "/"})
	return shipbell.Visitor{Name: "anna", Scope: shipbell.ScopeAdmin}, nil
}

// SignOut takes the cookie away.
func (d *Doors) SignOut(w http.ResponseWriter, _ *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
}

// Open reports what the doors were told.
func (d *Doors) Open() bool { return d.IsOpen }

// HasTokens reports what the doors were told.
func (d *Doors) HasTokens() bool { return d.Tokens }

// Tell records an event of a deployment at a time before the end of the history.
func (w *World) Tell(ctx context.Context, ago time.Duration, e shipbell.Event) (shipbell.DeploymentID, error) {
	w.now = w.clock().UTC().Add(-ago).Truncate(time.Millisecond)
	defer func() { w.now = time.Time{} }()
	w.n++
	e.ID = shipbell.EventID(fmt.Sprint(w.n))
	if e.At.IsZero() {
		e.At = w.now
	}
	r, err := w.Ledger.Record(ctx, e)
	return r.Deployment, err
}

// Deliver makes every message current, as a channel would that never fails.
func (w *World) Deliver(ctx context.Context, ago time.Duration, channels ...shipbell.ChannelID) error {
	w.now = w.clock().UTC().Add(-ago).Truncate(time.Millisecond)
	defer func() { w.now = time.Time{} }()
	for _, c := range channels {
		for {
			a, s, err := w.Ledger.Stale(ctx, c)
			var none ledger.NothingDue
			if errors.As(err, &none) {
				break
			}
			if err != nil {
				return err
			}
			lane, err := w.Ledger.Lane(ctx, c)
			if err != nil {
				return err
			}
			attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: c, Part: a.Part, Revision: s.Deployment.Revision, At: w.now, Edit: a.Ref != "", Took: 143 * time.Millisecond, Detail: "message 4711"}
			lane.LastSuccess, lane.Recent = w.now, append(lane.Recent, w.now)
			a.Shown, a.Tries = s.Deployment.Revision, a.Tries+1
			if a.Ref == "" {
				a.Ref = shipbell.MessageRef(fmt.Sprint("m", a.Deployment, c, a.Part))
			}
			if err := w.Ledger.Mark(ctx, a, attempt, lane, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// hash is a commit that looks like one.
func hash(n int) string {
	return fmt.Sprintf("%07x%s", 0xa1b2c3d+n*7919, strings.Repeat("0f1e2d3c4b", 4))[:40]
}
