package dashboardtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// project is one that deploys now and then.
type project struct {
	kind   shipbell.ProjectType
	name   string
	env    string
	author string
	every  time.Duration
	took   time.Duration
}

var projects = []project{
	{shipbell.Worker, "api-service", shipbell.Production, "anna@acme.example", 9 * time.Hour, 74 * time.Second},
	{shipbell.Worker, "api-service", "staging", "anna@acme.example", 5 * time.Hour, 61 * time.Second},
	{shipbell.Worker, "checkout", shipbell.Production, "ben@acme.example", 14 * time.Hour, 48 * time.Second},
	{shipbell.Worker, "edge-auth", shipbell.Production, "chiara@acme.example", 31 * time.Hour, 35 * time.Second},
	{shipbell.Worker, "image-resizer", shipbell.Production, "dmitri@acme.example", 52 * time.Hour, 29 * time.Second},
	{shipbell.Worker, "webhooks", shipbell.Production, "ben@acme.example", 22 * time.Hour, 41 * time.Second},
	{shipbell.Worker, "cron-reports", shipbell.Production, "eve@acme.example", 70 * time.Hour, 33 * time.Second},
	{shipbell.Worker, "queue-consumer", shipbell.Production, "dmitri@acme.example", 19 * time.Hour, 52 * time.Second},
	{shipbell.Pages, "docs-site", shipbell.Production, "faye@acme.example", 11 * time.Hour, 95 * time.Second},
	{shipbell.Pages, "docs-site", shipbell.Preview, "faye@acme.example", 3 * time.Hour, 88 * time.Second},
	{shipbell.Pages, "marketing", shipbell.Production, "gus@acme.example", 26 * time.Hour, 132 * time.Second},
	{shipbell.Pages, "status-page", shipbell.Production, "eve@acme.example", 90 * time.Hour, 64 * time.Second},
	{shipbell.Pages, "admin-console", shipbell.Production, "chiara@acme.example", 16 * time.Hour, 181 * time.Second},
}

var subjects = []string{
	"Add JWT authentication", "Cache the price list at the edge", "Fix rounding of refunds", "Upgrade the framework to 5.2",
	"Say why a card was declined", "Speed up the first paint", "Rotate the signing keys", "Drop the old checkout",
	"Retry webhooks that time out", "Show prices with tax", "Move sessions to Durable Objects", "Make the table of contents sticky",
	"Revert \"Drop the old checkout\"", "Log the ray id with every error", "Translate the mails", "Remove a feature flag that nobody used",
}

// buildLog is what a deploy command says when it fails.
const buildLog = "✘ [ERROR] Could not resolve \"./auth\"\n\n    src/index.ts:3:22:\n      3 │ import { verify } from \"./auth\";\n        ╵                        ~~~~~~~~\n\n  Build failed with 1 error"

// event is one of a project's.
func (w *World) event(p project, id string, s shipbell.Source, status shipbell.Status, n int) shipbell.Event {
	kind := shipbell.KeyPushed
	if s == shipbell.SourceBuilds {
		kind = shipbell.KeyBuild
	}
	return shipbell.Event{
		Source: s, Keys: []shipbell.Key{{Type: p.kind, Kind: kind, ID: id}},
		Observation: shipbell.Observation{
			Type: p.kind, Project: p.name, Environment: p.env, Status: status, Author: p.author, Branch: "main",
			Commit: hash(n), CommitMessage: subjects[n%len(subjects)], RepositoryURL: "https://github.com/acme/" + p.name,
			CI: "true",
		},
	}
}

// Fill tells the whole history: a week of a dozen projects, one that fails, one that
// is frozen, some under way, and some that nobody should call a project.
func (w *World) Fill(ctx context.Context) error {
	tell := teller{w: w, ctx: ctx}
	n := 0
	for i, p := range projects {
		for ago := 7*24*time.Hour - time.Duration(i)*37*time.Minute; ago > 40*time.Minute; ago -= p.every {
			n++
			tell.whole(p, n, ago)
		}
	}
	tell.deliver(35 * time.Minute)
	tell.troubles(n)
	tell.hostile()
	tell.deliver(20*time.Second, Team)
	tell.lanes()
	tell.doors()
	return tell.err
}

// teller keeps the first error.
type teller struct {
	w   *World
	ctx context.Context
	err error
}

func (t *teller) tell(ago time.Duration, e shipbell.Event) shipbell.DeploymentID {
	if t.err != nil {
		return 0
	}
	var id shipbell.DeploymentID
	id, t.err = t.w.Tell(t.ctx, ago, e)
	return id
}

func (t *teller) deliver(ago time.Duration, channels ...shipbell.ChannelID) {
	if len(channels) == 0 {
		channels = t.w.Everywhere()
	}
	if t.err == nil {
		t.err = t.w.Deliver(t.ctx, ago, channels...)
	}
}

// whole tells a deployment that is announced, starts and ends.
func (t *teller) whole(p project, n int, ago time.Duration) {
	id := fmt.Sprintf("build-%04x", 0xbeef+n*31)
	took := p.took + time.Duration(n%9)*time.Second
	e := t.w.event(p, id, shipbell.SourcePush, shipbell.Announced, n)
	e.CommitTime = t.w.clock().Add(-ago - time.Duration(12+n*37%300)*time.Minute).UTC().Format(time.RFC3339)
	t.tell(ago, e)
	t.tell(ago-4*time.Second, t.w.event(p, id, shipbell.SourceBuilds, shipbell.InProgress, n))
	end := t.w.event(p, id, shipbell.SourcePoll, shipbell.Success, n)
	end.URL = "https://" + p.name + ".acme.example/"
	end.DashboardURL = "https://dash.cloudflare.com/0/workers/services/view/" + p.name
	end.History = fmt.Sprintf("%s %s\n%s Fix a typo\n%s %s", hash(n)[:10], subjects[n%len(subjects)], hash(n + 5000)[:10], hash(n - 1)[:10], subjects[(n-1)%len(subjects)])
	if n%11 == 0 && ago > 24*time.Hour {
		end.Source, end.Status, end.Error, end.Log, end.History = shipbell.SourceExec, shipbell.Failure, `Could not resolve "./auth"`, buildLog, ""
	}
	t.tell(ago-took, end)
}

// troubles tells what people open the page for.
func (t *teller) troubles(n int) {
	w := t.w
	failing := projects[2]
	e := w.event(failing, "build-f001", shipbell.SourcePush, shipbell.Announced, n+1)
	t.tell(26*time.Minute, e)
	e = w.event(failing, "build-f001", shipbell.SourceExec, shipbell.Failure, n+1)
	e.Error, e.Log, e.LogURL = `✘ [ERROR] Could not resolve "./auth"`, buildLog, "https://github.com/acme/checkout/actions/runs/7"
	t.tell(25*time.Minute, e)

	frozen := projects[3]
	e = w.event(frozen, "build-f002", shipbell.SourcePush, shipbell.Announced, n+2)
	id := t.tell(58*time.Minute, e)
	t.tell(57*time.Minute, w.event(frozen, "build-f002", shipbell.SourceBuilds, shipbell.Skipped, n+2))
	t.alarm(id)

	for i, p := range []project{projects[0], projects[8], projects[12]} {
		id := fmt.Sprintf("build-a%03d", i)
		ago := []time.Duration{31 * time.Second, 40 * time.Second, 6 * time.Minute}[i]
		t.tell(ago, w.event(p, id, shipbell.SourcePush, shipbell.Announced, n+10+i))
		t.tell(ago-3*time.Second, w.event(p, id, shipbell.SourceBuilds, shipbell.InProgress, n+10+i))
	}
	canceled := w.event(projects[10], "build-c001", shipbell.SourceBuilds, shipbell.Canceled, n+20)
	t.tell(3*time.Hour, canceled)
	rollback := w.event(projects[5], "build-r001", shipbell.SourcePoll, shipbell.Success, n+21)
	rollback.Cause, rollback.Author = shipbell.CauseRollback, "ben@acme.example"
	t.tell(44*time.Minute, rollback)
	only := project{shipbell.Worker, "night-shift", "staging", "hana@acme.example", 0, 0}
	t.tell(5*time.Hour, w.event(only, "build-o001", shipbell.SourcePush, shipbell.Announced, n+22))
}

// alarm says that production did not move, as the watch does.
func (t *teller) alarm(id shipbell.DeploymentID) {
	if t.err != nil {
		return
	}
	t.err = t.w.Store.Update(t.ctx, func(tx ledger.Tx) error {
		d, err := tx.Deployment(id)
		if err != nil {
			return err
		}
		d.Alarm = &shipbell.Alarm{At: d.StartedAt.Add(10 * time.Minute), Reason: shipbell.AlarmSkipped}
		d.Revision++
		return tx.Save(d)
	})
}

// hostile tells what somebody sends who means no good, or does not know better.
func (t *teller) hostile() {
	for i, name := range []string{
		`<script>alert(1)</script>`, "\u202eecivres-ipa\u202c", `"><img src=x onerror=alert(1)>`, strings.Repeat("very-long-project-name-", 10),
		"שירות-תשלומים", "zero\u200bwidth\u2066\u2069",
	} {
		p := project{shipbell.Worker, name, `production" onload="alert(2)`, "Zoë <script>alert(3)</script>", 0, 0}
		e := t.w.event(p, fmt.Sprintf("bad-%d'\"><b>", i), shipbell.SourcePush, shipbell.Announced, i)
		e.CommitMessage = []string{
			"</title><script>alert(4)</script>", "\u202egnp.exe\u202c then\u2066more", strings.Repeat("A long first line & no end in sight. ", 280) + "\n\nsecond",
			"👩‍👩‍👧‍👦 family 🏳️‍🌈 " + strings.Repeat("🚀", 30), "תיקון באג בכניסה", strings.Repeat("unbroken", 400),
		}[i]
		e.URL, e.LogURL, e.RepositoryURL = "javascript:alert(5)", "https://user:secret@example.com/log", "data:text/html,<script>alert(6)</script>"
		e.Branch = "feature/\u2066hidden\u2069\u200b{{.}}"
		t.tell(time.Duration(i+2)*time.Hour, e)
		if i%2 == 0 {
			e.Source, e.Status = shipbell.SourcePoll, shipbell.Success
			t.tell(time.Duration(i+2)*time.Hour-time.Minute, e)
		}
	}
}

// lanes lets one lane wait for a person.
func (t *teller) lanes() {
	if t.err != nil {
		return
	}
	now := t.w.clock().UTC().Truncate(time.Millisecond)
	t.err = t.w.Store.Update(t.ctx, func(tx ledger.Tx) error {
		l, err := tx.Lane(Topic)
		if err != nil {
			return err
		}
		l.Pause = &shipbell.Pause{At: now.Add(-12 * time.Minute), Reason: "Forbidden: bot was kicked from the supergroup chat", Hint: "Add the bot to the group again, and resume."}
		l.LastError, l.LastErrorAt = "blocked: Forbidden: bot was kicked from the supergroup chat", now.Add(-12*time.Minute)
		return tx.PutLane(l)
	})
	t.w.Hearings = []shipbell.Hearing{
		{Source: shipbell.SourcePoll, LastHeard: now.Add(-8 * time.Second), Requests: 14, Remaining: 1160},
		{
			Source: shipbell.SourceBuilds, LastHeard: now.Add(-3 * time.Second), Requests: 1, Remaining: -1,
			Notes:  []string{"The token lacks the permission Pages Read: Pages projects are known by their pushes alone."},
			Poison: []shipbell.Poison{{At: now.Add(-time.Hour), Reason: "not JSON", Body: "<script>alert(7)</script>"}},
		},
	}
}

// doors makes tokens, and keeps what people did.
func (t *teller) doors() {
	now := t.w.clock().UTC().Truncate(time.Millisecond)
	for i, token := range []shipbell.Token{
		{ID: "tk_a1b2c3", Name: "anna", Scope: shipbell.ScopeAdmin, LastUsed: now.Add(-2 * time.Minute)},
		{ID: "tk_d4e5f6", Name: "wall screen", Scope: shipbell.ScopeRead, LastUsed: now.Add(-time.Minute)},
		{ID: "tk_g7h8i9", Name: "ci of checkout", Scope: shipbell.ScopePush, Projects: []string{"checkout", "checkout-*"}},
		{ID: "tk_j1k2l3", Name: "<b>old</b>", Scope: shipbell.ScopeAdmin, RevokedAt: now.Add(-48 * time.Hour)},
	} {
		token.MadeAt, token.MadeBy = now.Add(-time.Duration(30-i)*24*time.Hour), "root"
		if t.err == nil {
			t.err = errors.Join(
				t.w.Store.Update(t.ctx, func(tx ledger.Tx) error { return tx.PutToken(token) }),
				t.w.Ledger.KeepAct(t.ctx, shipbell.Act{Who: "root", What: shipbell.ActTokenMade, Subject: string(token.ID), Detail: token.Name}),
			)
		}
	}
	if t.err == nil {
		t.err = t.w.Ledger.Replay(t.ctx, 3, "anna", Team)
	}
}

// Project tells one more project with some deployments, the i-th.
func (w *World) Project(ctx context.Context, i int) error {
	t := teller{w: w, ctx: ctx}
	p := project{shipbell.Worker, fmt.Sprintf("service-%04d", i), shipbell.Production, fmt.Sprintf("dev%d@acme.example", i%40), 0, 50 * time.Second}
	if i%3 == 0 {
		p.kind = shipbell.Pages
	}
	for j := range 4 {
		n := 10_000 + i*5 + j
		id := fmt.Sprintf("many-%d-%d", i, j)
		ago := time.Duration(i*7+3+(4-j)*600) * time.Minute
		t.tell(ago, w.event(p, id, shipbell.SourcePush, shipbell.Announced, n))
		e := w.event(p, id, shipbell.SourcePoll, shipbell.Success, n)
		if j == 3 && i%25 == 0 {
			e.Status, e.Error = shipbell.Failure, "Build failed with 1 error"
		}
		t.tell(ago-p.took, e)
	}
	return t.err
}

// Step lets something happen, the i-th time.
func (w *World) Step(ctx context.Context, i int) error {
	t := teller{w: w, ctx: ctx}
	p := projects[(i/3)%len(projects)]
	id := fmt.Sprintf("step-%d", i/3)
	n := 90_000 + i/3
	e := w.event(p, id, shipbell.SourcePush, shipbell.Announced, n)
	switch i % 3 {
	case 1:
		e = w.event(p, id, shipbell.SourceBuilds, shipbell.InProgress, n)
	case 2:
		e = w.event(p, id, shipbell.SourcePoll, shipbell.Success, n)
		if i%5 == 0 {
			e.Status, e.Error, e.Log = shipbell.Failure, `Could not resolve "./auth"`, buildLog
		}
	}
	t.tell(0, e)
	t.deliver(0, Team)
	return t.err
}

// Few tells a short history, of which each page can be read at a glance: one project
// that is live, one that fails and one that is under way.
func (w *World) Few(ctx context.Context) error {
	t := teller{w: w, ctx: ctx}
	api, checkout, docs := projects[0], projects[2], projects[8]
	for i := range 3 { // so that it is known how long one usually takes
		t.whole(docs, 1+i, time.Duration(30-8*i)*time.Hour)
	}
	t.whole(api, 12, 3*time.Hour)
	t.deliver(2*time.Hour, Team)
	e := w.event(checkout, "build-f001", shipbell.SourcePush, shipbell.Announced, 20)
	t.tell(26*time.Minute, e)
	e = w.event(checkout, "build-f001", shipbell.SourceExec, shipbell.Failure, 20)
	e.Error, e.Log, e.LogURL = `✘ [ERROR] Could not resolve "./auth"`, buildLog, "https://github.com/acme/checkout/actions/runs/7"
	t.tell(25*time.Minute, e)
	t.tell(50*time.Second, w.event(docs, "build-a001", shipbell.SourcePush, shipbell.Announced, 21))
	t.tell(47*time.Second, w.event(docs, "build-a001", shipbell.SourceBuilds, shipbell.InProgress, 21))
	t.lanes()
	t.doors()
	return t.err
}
