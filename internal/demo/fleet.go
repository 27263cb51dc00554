package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/app"
	"github.com/shipbell/shipbell/internal/channel/console"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The policy of this file: the dashboard of a demo shows a month of a made-up
// company. The deployments are made up and say so; what is shown of them is what
// the ledger made of them, with its own rules on a clock that runs quickly.

const (
	fleetDays = 30
	// liveEvery is how often something is deployed while people look.
	liveEvery = 7 * time.Second
)

// fleetProject is a project of the company. Daily is how often it is deployed on a
// working day.
type fleetProject struct {
	typ          shipbell.ProjectType
	name         string
	environments []string
	daily        float64
	takes        time.Duration
	fails        float64
}

var (
	production = []string{""}
	staged     = []string{"", "staging"}
	previewed  = []string{"", shipbell.Preview}
)

func fleetProjects() []fleetProject {
	return []fleetProject{
		{shipbell.Worker, "api-gateway", staged, 4, 48 * time.Second, 0.06},
		{shipbell.Worker, "checkout", staged, 3, 71 * time.Second, 0.1},
		{shipbell.Worker, "auth", staged, 1.5, 39 * time.Second, 0.05},
		{shipbell.Worker, "image-resizer", production, 0.5, 27 * time.Second, 0.08},
		{shipbell.Worker, "search-index", staged, 1.2, 94 * time.Second, 0.12},
		{shipbell.Worker, "webhooks", production, 0.8, 33 * time.Second, 0.05},
		{shipbell.Worker, "mailer", production, 0.6, 30 * time.Second, 0.04},
		{shipbell.Worker, "feature-flags", production, 0.4, 22 * time.Second, 0.02},
		{shipbell.Pages, "storefront", previewed, 6, 132 * time.Second, 0.07},
		{shipbell.Pages, "docs", previewed, 2, 64 * time.Second, 0.03},
		{shipbell.Pages, "status", production, 0.2, 41 * time.Second, 0},
		{shipbell.Pages, "careers", production, 0.15, 55 * time.Second, 0},
	}
}

var (
	fleetPeople   = []string{"Anna Weiss", "Bram de Vries", "Chidi Okafor", "Dana Levi", "Emi Sato", "Farid Haddad", "Greta Holm"}
	fleetBranches = []string{"fix/timeouts", "feature/new-cart", "chore/update-deps", "feature/dark-mode", "fix/flaky-login"}
	fleetSubjects = []string{
		"Retry the payment when the bank is slow", "Cache the price list for a minute", "Show delivery dates in the reader's zone",
		"Drop support for the old cart", "Update dependencies", "Log who changed an address", "Compress images a little more",
		"Mend the login on slow networks", "Explain why a card was refused", "Move the queue consumer into a Worker of its own",
		"Limit requests per customer", "Translate the order mails", "Make the search forgive typing errors", "Remove the banner of last summer",
	}
	fleetErrors = []string{
		`✘ [ERROR] Could not resolve "@acme/prices"`, `✘ [ERROR] A request to the Cloudflare API failed: script exceeds the size limit [code: 10027]`,
		"Error: Command failed with exit code 1: npm run build", `TypeError: Cannot read properties of undefined (reading 'currency')`,
	}
)

// everywhere routes all that happens to the console, which prints nowhere here.
type everywhere struct{}

func (everywhere) Channels(shipbell.Deployment) []shipbell.ChannelID {
	return []shipbell.ChannelID{console.ID}
}
func (everywhere) Everywhere() []shipbell.ChannelID { return []shipbell.ChannelID{console.ID} }

// fleet makes up a history.
type fleet struct {
	dice *rand.Rand
	n    int
}

// deployment is a made-up deployment: what is said of it, and when.
type deployment struct {
	start, end time.Time
	event      shipbell.Event
	status     shipbell.Status
	reason     string
}

func (f *fleet) id() string { return fmt.Sprintf("%08x-%04x", f.dice.Uint32(), f.dice.Uint32()>>16) }

func (f *fleet) deploy(p fleetProject, at time.Time) deployment {
	f.n++
	pick := func(words []string) string { return words[f.dice.IntN(len(words))] }
	environment := p.environments[f.dice.IntN(len(p.environments))]
	branch := "main"
	if environment != "" {
		branch = pick(fleetBranches)
	}
	commit := fmt.Sprintf("%08x%08x%08x%08x%08x", f.dice.Uint32(), f.dice.Uint32(), f.dice.Uint32(), f.dice.Uint32(), f.dice.Uint32())
	takes := time.Duration(float64(p.takes) * (0.75 + 0.5*f.dice.Float64()))
	d := deployment{start: at, end: at.Add(takes.Round(time.Second)), status: shipbell.Success, event: shipbell.Event{
		Source: shipbell.SourcePush, At: at,
		Keys: []shipbell.Key{{Type: p.typ, Kind: shipbell.KeyPushed, ID: f.id()}},
		Observation: shipbell.Observation{
			Type: p.typ, Project: p.name, Environment: environment, Status: shipbell.InProgress,
			Branch: branch, Commit: commit, CommitMessage: pick(fleetSubjects), Author: pick(fleetPeople),
			RepositoryURL: "https://github.com/acme-shop/" + p.name, URL: "https://" + p.name + ".acme-shop.example",
			CommitTime: at.Add(-time.Duration(3+f.dice.IntN(400)) * time.Minute).Format(time.RFC3339), CI: "true",
		},
	}}
	if f.dice.Float64() < p.fails {
		d.status, d.reason = shipbell.Failure, pick(fleetErrors)
		d.end = at.Add(takes / 2).Truncate(time.Second)
	}
	return d
}

// history is a month of deployments, the oldest first.
func (f *fleet) history(until time.Time) []deployment {
	var all []deployment
	for day := range fleetDays {
		midnight := until.Truncate(24*time.Hour).AddDate(0, 0, day-fleetDays+1)
		weekend := midnight.Weekday() == time.Saturday || midnight.Weekday() == time.Sunday
		for _, p := range fleetProjects() {
			rate := p.daily
			if weekend {
				rate /= 8
			}
			for n := 0; n < int(rate) || f.dice.Float64() < rate-float64(int(rate)) && n == int(rate); n++ {
				at := midnight.Add(8*time.Hour + time.Duration(f.dice.IntN(10*3600))*time.Second)
				if at.Before(until.Add(-90 * time.Minute)) {
					all = append(all, f.deploy(p, at))
				}
			}
		}
	}
	for day := range 9 {
		all = append(all, f.deploy(frozenProject(), until.AddDate(0, 0, day-9)))
	}
	slices.SortFunc(all, func(a, b deployment) int { return a.start.Compare(b.start) })
	return all
}

// frozenProject returns the one whose last deployment started and never ended.
func frozenProject() fleetProject {
	return fleetProject{shipbell.Worker, "reports", production, 0, 58 * time.Second, 0}
}

// fill records a history, as it would have been heard.
func (f *fleet) fill(ctx context.Context, store ledger.Store, until time.Time) error {
	now := until.AddDate(0, 0, -fleetDays)
	l := ledger.New(ledger.Options{Store: store, Router: everywhere{}, Now: func() time.Time { return now }})
	for _, d := range f.history(until) {
		now = d.start
		if err := f.record(ctx, l, d.begin()); err != nil {
			return err
		}
		now = d.end
		if err := f.record(ctx, l, d.finish()); err != nil {
			return err
		}
	}
	// One has failed, and one started, and nothing was heard of it since.
	failing := f.deploy(fleetProjects()[1], until.Add(-80*time.Minute))
	failing.event.Environment, failing.event.Branch = "", "main"
	failing.status, failing.reason = shipbell.Failure, fleetErrors[0]
	now = failing.start
	if err := f.record(ctx, l, failing.begin()); err != nil {
		return err
	}
	now = failing.end
	if err := f.record(ctx, l, failing.finish()); err != nil {
		return err
	}
	frozen := f.deploy(frozenProject(), until.Add(-50*time.Minute))
	now = frozen.start
	if err := f.record(ctx, l, frozen.begin()); err != nil {
		return err
	}
	now = until.Add(-20 * time.Minute)
	_, err := l.Watch(ctx, nil)
	return err
}

func (f *fleet) record(ctx context.Context, l *ledger.Ledger, e shipbell.Event) error {
	e.ID = shipbell.EventID(fmt.Sprintf("made-up-%s-%s", e.Keys[0].ID, e.Status))
	_, err := l.Record(ctx, e)
	return err
}

func (d deployment) begin() shipbell.Event { return d.event }

func (d deployment) finish() shipbell.Event {
	e := d.event
	e.Status, e.At, e.Error = d.status, d.end, d.reason
	if d.reason != "" {
		e.Log = "> npm run deploy\n\n" + d.reason + "\n    at build (src/index.ts:42:11)"
	}
	return e
}

// Dashboard serves the dashboard of a made-up company until ctx is done. The
// directory goes when it ends.
func Dashboard(ctx context.Context, o Options, listen string) (err error) {
	dir, err := os.MkdirTemp("", "shipbell-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	where := config.Store{Data: filepath.Join(dir, "data")}
	store, err := app.OpenStore(ctx, where, nil)
	if err != nil {
		return err
	}
	f := &fleet{dice: rand.New(rand.NewPCG(5, uint64(time.Now().YearDay())))}
	if err := errors.Join(f.fill(ctx, store, time.Now().UTC().Truncate(time.Second)), store.Close()); err != nil {
		return err
	}
	a, err := app.Open(ctx, app.Options{
		Settings: config.Settings{Listen: listen, Store: where, Retention: ledger.DefaultRetention.Deployments, LogLevel: "error"},
		Version:  o.Version, Out: io.Discard, Log: app.NewLog(io.Discard, false, slog.LevelError),
	})
	if err != nil {
		return err
	}
	s := newScreen(o.Out)
	s.gap()
	s.line(indent, s.paint("Shipbell", accent, sgrBold), s.dim("  Know what is live."))
	s.gap()
	s.note("The dashboard of a company that does not exist, with a month of its deployments. Nothing leaves this machine.")
	s.gap()
	s.line(indent, s.paint(a.URL(), sgrBold))
	s.gap()
	s.note("Something is deployed every few seconds. Ctrl-C ends it and leaves nothing behind.")
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.live(ctx, a)
	}()
	err = errors.Join(a.Run(ctx), a.Close())
	<-done
	return err
}

// live deploys something every few seconds, as a build step would tell of it.
func (f *fleet) live(ctx context.Context, a *app.App) {
	token, _ := a.Token()
	var open []deployment
	for {
		now := time.Now().UTC()
		open = slices.DeleteFunc(open, func(d deployment) bool {
			over := !d.end.After(now)
			if over {
				f.push(ctx, a.URL(), token, d.finish())
			}
			return over
		})
		if len(open) < 4 {
			d := f.deploy(fleetProjects()[f.dice.IntN(10)], now.Truncate(time.Millisecond))
			d.end = now.Add(time.Duration(15+f.dice.IntN(40)) * time.Second)
			f.push(ctx, a.URL(), token, d.begin())
			open = append(open, d)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(liveEvery):
		}
	}
}

// push tells the server over HTTP. What goes wrong shows on the page.
func (f *fleet) push(ctx context.Context, url, token string, e shipbell.Event) {
	body, err := json.Marshal(map[string]any{"deployment": map[string]any{
		"type": e.Type, "projectName": e.Project, "deploymentId": e.Keys[0].ID, "environment": e.Environment, "status": e.Status,
		"branch": e.Branch, "commitHash": e.Commit, "commitMessage": e.CommitMessage, "author": e.Author, "timestamp": e.At.Format(time.RFC3339Nano),
		"repositoryUrl": e.RepositoryURL, "url": e.URL, "error": e.Error, "log": e.Log, "isCI": true, "commitTime": e.CommitTime,
	}})
	if err != nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+"/notify", bytes.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	if answer, err := http.DefaultClient.Do(r); err == nil {
		_ = answer.Body.Close()
	}
}
