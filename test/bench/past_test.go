package main

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
)

// TestPast: whoever measures filters must find something with each, and nothing with
// the one that says so.
func TestPast(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	p := past{deployments: 20_000, end: now}
	var all []shipbell.Deployment
	projects, authors, branches := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range int64(p.deployments) {
		events := p.events(i)
		d := shipbell.NewDeployment(events[0])
		for _, e := range events {
			if err := e.Validate(); err != nil {
				t.Fatal(err)
			}
			d = shipbell.Apply(d, e)
		}
		projects[d.Project], authors[d.Author], branches[d.Branch] = true, true, true
		if d.StartedAt.After(now) || d.StartedAt.Before(now.AddDate(0, 0, -pastDays-1)) {
			t.Fatalf("deployment %d started at %s", i, d.StartedAt)
		}
		all = append(all, d)
	}
	if len(projects) < pastProjects*9/10 || len(authors) != pastAuthors || len(branches) < pastBranches*pastProjects/2 {
		t.Errorf("%d projects, %d authors, %d branches", len(projects), len(authors), len(branches))
	}
	for _, page := range pageList(p, "1.1") {
		_, query, _ := strings.Cut(page.path, "?")
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		f, err := shipbell.ParseFilter(v, now)
		if err != nil {
			t.Fatalf("%s: %v", page.name, err)
		}
		found := 0
		for _, d := range all {
			if f.Match(d) {
				found++
			}
		}
		none := strings.Contains(page.name, "never has") || strings.Contains(page.name, "none")
		if none != (found == 0) {
			t.Errorf("%s: %d of %d", page.name, found, len(all))
		}
	}
}

// TestPastIsTheSame in each run, so that runs can be compared.
func TestPastIsTheSame(t *testing.T) {
	p := past{deployments: 100, end: time.UnixMilli(1_800_000_000_000)}
	for i := range int64(100) {
		if a, b := p.events(i), p.events(i); a[0].Commit != b[0].Commit || len(a) != len(b) {
			t.Fatalf("deployment %d differs", i)
		}
	}
}

// TestReadToken: the token has the form of one, or nobody would get in.
func TestReadToken(t *testing.T) {
	if made := access.NewToken(); len(readToken) != len(made) || readToken[:3] != made[:3] {
		t.Errorf("%s is no token such as %s", readToken, made)
	}
}
