package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The past of a company: so much that each list is long, and each filter leaves
// something.
const (
	pastProjects = 500
	pastAuthors  = 300
	pastBranches = 10 // of each project, beside main
	pastDays     = 400
	// pastStep keeps the numbers that one deployment takes its values from apart.
	pastStep = 16
)

// past is a history of so many deployments, which ended now. It is the same in each
// run.
type past struct {
	deployments int
	end         time.Time
}

// dice returns the k-th number below n of the i-th deployment.
func (past) dice(i int64, k, n uint64) uint64 { return mix(uint64(i)*pastStep+k+1) % n }

// project returns the number of the i-th deployment's project: few have most.
func (p past) project(i int64) uint64 {
	a, b := p.dice(i, 0, pastProjects), p.dice(i, 1, pastProjects)
	return min(a, b)
}

func projectName(n uint64) string {
	teams := []string{"shop", "billing", "search", "media", "account", "docs", "ops", "mobile"}
	parts := []string{"api", "web", "edge", "images", "queue", "auth", "admin"}
	return fmt.Sprintf("%s-%s-%d", teams[n%8], parts[n%7], n)
}

// projectType: a third is Pages.
func projectType(n uint64) shipbell.ProjectType {
	if n%3 == 0 {
		return shipbell.Pages
	}
	return shipbell.Worker
}

func authorName(n uint64) string { return fmt.Sprintf("dev%03d@example.com", n) }

func branchName(project, n uint64) string {
	return fmt.Sprintf("feature/%s-%d", projectName(project), n)
}

// startedAt spreads the deployments over the days, in no strict order: builds queue.
func (p past) startedAt(i int64) time.Time {
	step := pastDays * 24 * time.Hour / time.Duration(p.deployments)
	jitter := time.Duration(p.dice(i, 2, uint64(10*time.Minute)))
	return p.end.Add(-time.Duration(int64(p.deployments)-i) * step).Add(-jitter).UTC().Truncate(time.Millisecond)
}

// author returns who made the i-th deployment.
func (p past) author(i int64) string { return authorName(p.dice(i, 9, pastAuthors)) }

// environment: nothing is ever skipped in staging, so that a filter can leave
// nothing although each half of it leaves much.
func (p past) environment(i int64) string {
	switch n := p.dice(i, 3, 100); {
	case n < 55:
		return shipbell.Production
	case n < 85:
		return shipbell.Preview
	}
	return "staging"
}

// status returns what became of the i-th deployment.
func (p past) status(i int64) shipbell.Status {
	if int64(p.deployments)-i <= 20 && i%2 == 0 {
		return shipbell.InProgress
	}
	switch n := p.dice(i, 4, 100); {
	case n < 80:
		return shipbell.Success
	case n < 89:
		return shipbell.Failure
	case n < 93:
		return shipbell.Canceled
	case n < 95 && p.environment(i) != "staging":
		return shipbell.Skipped
	}
	return shipbell.Announced
}

// events returns what was heard of the i-th deployment: the push of its build, and
// of most what Cloudflare says of its outcome.
func (p past) events(i int64) []shipbell.Event {
	project := p.project(i)
	typ, at := projectType(project), p.startedAt(i)
	branch := "main"
	if p.dice(i, 5, 2) == 0 {
		branch = branchName(project, p.dice(i, 6, pastBranches))
	}
	kinds := []string{"Fix", "Add", "Drop", "Rework", "Explain", "Speed up", "Test"}
	things := []string{"the cache of sessions", "retries of the queue", "JWT authentication", "the image pipeline", "a flaky test", "the price list", "search as you type"}
	pushed := shipbell.Event{
		Source: shipbell.SourcePush, ID: shipbell.EventID(fmt.Sprintf("push-%d", i)),
		Keys: []shipbell.Key{{Type: typ, Kind: shipbell.KeyPushed, ID: string(appendUUID(nil, uint64(i)))}},
		At:   at, ReceivedAt: at,
		Observation: shipbell.Observation{
			Type: typ, Project: projectName(project), Environment: p.environment(i), Status: shipbell.Announced,
			Branch: branch, Commit: fmt.Sprintf("%016x%016x%08x", mix(uint64(i)), mix(uint64(i)^1), uint32(i)),
			CommitMessage: fmt.Sprintf("%s %s (#%d)\n\nSeen in the report of last week.", kinds[p.dice(i, 7, 7)], things[p.dice(i, 8, 7)], i),
			Author:        p.author(i), CI: "true",
			CommitTime: at.Add(-time.Duration(p.dice(i, 10, uint64(48*time.Hour)))).Format(time.RFC3339),
		},
	}
	status := p.status(i)
	if status == shipbell.Announced {
		return []shipbell.Event{pushed}
	}
	told := shipbell.Event{
		Source: shipbell.SourcePoll, ID: shipbell.EventID(fmt.Sprintf("poll-%d", i)), Keys: pushed.Keys,
		At: at.Add(20*time.Second + time.Duration(p.dice(i, 11, uint64(3*time.Minute)))).Truncate(time.Millisecond),
		Observation: shipbell.Observation{
			Type: typ, Project: pushed.Project, Environment: pushed.Environment, Status: status,
			URL: "https://" + pushed.Project + ".example.com",
		},
	}
	told.ReceivedAt = told.At
	if status == shipbell.Failure {
		told.Error = "npm run build ended with status 1"
		told.Log = "src/index.ts:12:7: error: cannot find name 'session'"
	}
	return []shipbell.Event{pushed, told}
}

// readToken is what the visitors of a server with a past show.
const readToken = "sb_bench0123456789bench0123456789bench01234567"

// storePast stores a past, brings the lists up to date with it, and keeps a token to
// read it with. It returns how long a deployment took to be taken into the lists.
func (b *bench) storePast(d database, p past) (enlisting time.Duration, err error) {
	store, err := d.open(b.ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = store.Update(b.ctx, func(tx ledger.Tx) error {
		return tx.PutToken(shipbell.Token{ID: "bench", Name: "bench", Scope: shipbell.ScopeRead, Hash: access.HashToken(readToken), MadeAt: p.end})
	})
	if err != nil {
		return 0, err
	}
	start, said := time.Now(), time.Now()
	for from := 0; from < p.deployments; from += pastBatch {
		if err := b.storePart(store, p, int64(from), int64(min(from+pastBatch, p.deployments))); err != nil {
			return 0, err
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			progress("%s: stored %d deployments after %s", d.name, from, time.Since(start).Round(time.Second))
		}
	}
	progress("%s: stored %d deployments in %s", d.name, p.deployments, time.Since(start).Round(time.Second))
	start = time.Now()
	l := ledger.New(ledger.Options{Store: store})
	for left := 1; left > 0; {
		if left, err = l.Enlist(b.ctx); err != nil {
			return 0, err
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			progress("%s: %d are not in the lists yet after %s", d.name, left, time.Since(start).Round(time.Second))
		}
	}
	took := time.Since(start)
	progress("%s: brought the lists up to date in %s", d.name, took.Round(time.Second))
	return took / time.Duration(p.deployments), nil
}

// pastBatch is how many deployments are stored in one transaction.
const pastBatch = 1000

func (b *bench) storePart(store ledger.Store, p past, from, to int64) error {
	heard := make([][]shipbell.Event, 0, to-from)
	var keys []shipbell.Key
	for i := from; i < to; i++ {
		events := p.events(i)
		heard = append(heard, events)
		keys = append(keys, events[0].Keys...)
	}
	return store.Update(b.ctx, func(tx ledger.Tx) error {
		opened := make([]shipbell.Deployment, len(heard))
		for i, events := range heard {
			d := shipbell.NewDeployment(events[0])
			var err error
			if d.ID, err = tx.Open(d); err == nil {
				err = tx.AddEvent(d.ID, events[0])
			}
			if err != nil {
				return err
			}
			opened[i] = d
		}
		// A store can add them all at once, as long as nothing is asked in between.
		for i, d := range opened {
			if err := storeRest(tx, d, heard[i]); err != nil {
				return err
			}
		}
		return nil
	}, keys...)
}

// storeRest stores what was heard of a deployment after it was opened, and that it
// was delivered.
func storeRest(tx ledger.Tx, d shipbell.Deployment, events []shipbell.Event) error {
	for _, e := range events[1:] {
		d = shipbell.Apply(d, e)
		if err := errors.Join(tx.AddEvent(d.ID, e), tx.Save(d)); err != nil {
			return err
		}
	}
	channel := shipbell.ChannelID(fmt.Sprintf("telegram:%d", group))
	last := events[len(events)-1]
	return errors.Join(
		tx.PutAnnouncement(shipbell.Announcement{Deployment: d.ID, Channel: channel, Wanted: d.Revision, Shown: d.Revision, Ref: "posted", Tries: 1}),
		tx.KeepAttempt(shipbell.Attempt{Deployment: d.ID, Channel: channel, Revision: d.Revision, At: last.At, Detail: "delivered"}),
	)
}
