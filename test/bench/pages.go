package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The goals of the first pages with the largest history.
const (
	goalFirstPage = 50.0 // milliseconds, p99
	goalWire      = 100  // kB
)

// deepPage is a page that nobody reaches by chance, and rowsOnPage how many
// deployments a page has.
const (
	deepPage   = 1000
	rowsOnPage = 50
)

// manyVisitors is how many look at the same time.
const manyVisitors = 16

// page is one thing that can be looked at.
type page struct {
	name  string
	path  string
	first bool // there are goals for it
}

// pages measures what people and programs read from a long history.
func (b *bench) pages() error {
	bare, err := b.startBytes()
	if err != nil {
		return err
	}
	if err := b.pagesOn(b.sqlite(), bare); err != nil {
		return err
	}
	d, err := b.postgres()
	if err != nil {
		b.add(row{what: "pages of a history in PostgreSQL", missing: err.Error()})
		return nil
	}
	return b.pagesOn(d, bare)
}

func (b *bench) pagesOn(d database, bare *process) error {
	p := past{deployments: b.stored, end: time.Now()}
	enlisting, err := b.storePast(d, p)
	if err != nil {
		return err
	}
	where := fmt.Sprintf("%s with %s", d.name, many(b.stored))
	b.add(row{what: where + ": taking one into the lists", figure: short(enlisting)})
	all, err := b.pagesOf(d, p)
	if err != nil {
		return err
	}
	telegram, err := b.startTelegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	server, err := b.startShipbell(d, telegram, "SHIPBELL_RETENTION=1000d")
	if err != nil {
		return err
	}
	began := time.Now().Add(-server.ready)
	if err := b.awaitBoard(server); err != nil {
		return err
	}
	b.add(row{what: where + ": start to Now", figure: short(time.Since(began))})
	for _, visitors := range []int{1, manyVisitors} {
		for _, page := range all {
			r, err := b.lookAt(server, bare, cpuSum(d, []*process{server}), page, visitors)
			if err != nil {
				return err
			}
			r.what = fmt.Sprintf("%s, %s: %s", where, count(visitors, "visitor"), page.name)
			b.add(r)
		}
	}
	b.add(row{what: where + ": memory after", figure: megabytes(server.resident())})
	return server.stop()
}

// pagesOf returns what is looked at in a past, after asking the store where the deep
// pages are.
func (b *bench) pagesOf(d database, p past) (all []page, err error) {
	store, err := d.open(b.ctx)
	if err != nil {
		return nil, err
	}
	var position string
	err = store.View(b.ctx, func(tx ledger.Tx) error {
		before := min(deepPage*rowsOnPage, p.deployments/2)
		briefs, err := tx.Briefs(shipbell.Filter{}, shipbell.Position{}, before)
		if err == nil {
			position = briefs[len(briefs)-1].Position().String()
		}
		return err
	})
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	return pageList(p, position), nil
}

// pageList returns what is looked at: what people see first, each filter, and what
// matches little or nothing.
func pageList(p past, deep string) []page {
	few := int64(p.deployments / 3) // the project and the author of some deployment
	live := projectName(p.project(few))
	rare := few
	for p.status(rare) != shipbell.Canceled || p.environment(rare) != "staging" {
		rare++
	}
	filters := []struct {
		name   string
		values url.Values
	}{
		{"type", url.Values{"type": {"pages"}}},
		{"project", url.Values{"project": {live}}},
		{"environment", url.Values{"environment": {"staging"}}},
		{"status", url.Values{"status": {"failure"}}},
		{"author", url.Values{"author": {authorName(7)}}},
		{"branch", url.Values{"branch": {branchName(p.project(few), 3)}}},
		{"since and until", url.Values{"since": {"200d"}, "until": {"190d"}}},
		{"q", url.Values{"q": {"search as you type"}}},
		{"q of which there is none", url.Values{"q": {"no such words"}}},
		{"author, status and environment", url.Values{"author": {p.author(rare)}, "status": {"canceled"}, "environment": {"staging"}}},
		{"environment and a status it never has", url.Values{"environment": {"staging"}, "status": {"skipped"}}},
	}
	all := []page{
		{name: "Now", path: "/", first: true},
		{name: "Now, by type", path: "/?type=pages"},
		{name: "Now, by q", path: "/?q=billing"},
		{name: "Deployments", path: "/deployments", first: true},
		{name: fmt.Sprintf("Deployments, page %d", deepPage), path: "/deployments?after=" + deep},
	}
	for _, f := range filters {
		all = append(all, page{name: "Deployments, by " + f.name, path: "/deployments?" + f.values.Encode()})
	}
	all = append(all,
		page{name: "Deployment", path: fmt.Sprintf("/deployments/%d", few)},
		page{name: "Channels", path: "/channels", first: true},
		page{name: "Insights", path: "/insights", first: true},
		page{name: "API deployments", path: "/api/v1/deployments", first: true},
		page{name: fmt.Sprintf("API deployments, page %d", deepPage), path: "/api/v1/deployments?after=" + deep},
	)
	for _, f := range filters {
		all = append(all, page{name: "API deployments, by " + f.name, path: "/api/v1/deployments?" + f.values.Encode()})
	}
	return append(all,
		page{name: "API deployment", path: fmt.Sprintf("/api/v1/deployments/%d", few)},
		page{name: "API what is live", path: fmt.Sprintf("/api/v1/projects/%s/%s/live", projectType(p.project(few)), live)},
		page{name: "API projects", path: "/api/v1/projects"},
		page{name: "API insights", path: "/api/v1/insights"},
	)
}

// lookAt looks at a page in turns with as many bytes from the bare server.
func (b *bench) lookAt(server, bare *process, cpu func() time.Duration, p page, visitors int) (row, error) {
	status, bytes, err := look(http.DefaultClient, server.url+p.path)
	if status == http.StatusNotFound {
		return row{missing: "there is no such page"}, nil
	}
	if err != nil {
		return row{}, err
	}
	each := max(b.samples/b.turns, 1)
	var ours, theirs result
	var spent time.Duration
	for range b.turns {
		before := cpu()
		s, err := looks{server.url + p.path, visitors, each}.run()
		if err != nil {
			return row{}, err
		}
		spent += cpu() - before
		ours.latencies = append(ours.latencies, s.latencies...)
		limit, err := looks{fmt.Sprintf("%s/%d", bare.url, bytes), visitors, each}.run()
		if err != nil {
			return row{}, err
		}
		theirs.latencies = append(theirs.latencies, limit.latencies...)
	}
	ours, theirs = ours.sorted(), theirs.sorted()
	share := float64(ours.quantile(0.5)) / float64(theirs.quantile(0.5))
	r := row{
		figure: kilobytes(bytes), p50: ours.quantile(0.5), p99: ours.quantile(0.99), cpu: spent / time.Duration(len(ours.latencies)),
		against: "as many bytes: " + short(theirs.quantile(0.5)), ratio: ratio(share),
	}
	if p.first {
		inTime := below(goalFirstPage, float64(r.p99.Microseconds())/1000, " ms")
		small := atMost(goalWire, float64(bytes)/1000, " kB")
		r.goal = both(inTime, small)
	}
	progress("%s, %s: p50 %s, p99 %s, %s", count(visitors, "visitor"), p.name, short(r.p50), short(r.p99), r.figure)
	return r, nil
}

// boardBound is how long a server may take until it shows what is live.
const boardBound = 5 * time.Minute

// awaitBoard waits until the server has read what is live where.
func (b *bench) awaitBoard(server *process) error {
	for began := time.Now(); time.Since(began) < boardBound; {
		request, err := http.NewRequestWithContext(b.ctx, http.MethodGet, server.url+"/api/v1/projects", nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+readToken)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		said, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		switch answer.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusServiceUnavailable:
		default:
			return fmt.Errorf("ask what is live: %s: %s", answer.Status, strings.TrimSpace(string(said)))
		}
	}
	return fmt.Errorf("the server does not show what is live after %s", boardBound)
}
