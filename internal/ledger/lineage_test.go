package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

// TestLineage: what the history says of each deployment of a project.
func TestLineage(t *testing.T) {
	b := newBook(t)
	run := func(n int) shipbell.Key { return key(shipbell.KeyPushed, fmt.Sprint("run-", n)) }
	for n, outcome := range []shipbell.Status{shipbell.Success, shipbell.Failure, shipbell.Failure, shipbell.Canceled, shipbell.Success, shipbell.Failure, ""} {
		b.record(event(shipbell.SourceExec, 600*n, shipbell.InProgress, run(n)))
		if outcome != "" {
			b.record(event(shipbell.SourceExec, 600*n+60, outcome, run(n)))
		}
	}
	// Of others nothing is said here: another environment, another project, a preview.
	for i, change := range []func(*shipbell.Event){
		func(e *shipbell.Event) { e.Environment = "staging" },
		func(e *shipbell.Event) { e.Project = "web" },
		func(e *shipbell.Event) { e.Environment = shipbell.Preview },
	} {
		e := event(shipbell.SourceExec, 4000, shipbell.Success, run(100+i))
		change(&e)
		b.record(e)
	}
	name := func(d *shipbell.Deployment) string {
		if d == nil {
			return "-"
		}
		return d.ShownID
	}
	for n, want := range []string{
		"previous -, live run-4, failures 0 since 0s, waiting 5",
		"previous run-0, live run-4, failures 0 since 0s, waiting 4",
		"previous run-0, live run-4, failures 1 since 10m0s, waiting 3",
		"previous run-0, live run-4, failures 2 since 10m0s, waiting 2",
		"previous run-0, live run-4, failures 2 since 10m0s, waiting 2",
		"previous run-4, live run-4, failures 0 since 0s, waiting 1",
		"previous run-4, live run-4, failures 1 since 50m0s, waiting 0",
	} {
		s, err := b.Story(t.Context(), run(n))
		if err != nil {
			t.Fatal(err)
		}
		l := s.Subject.Lineage
		since := time.Duration(0)
		if !l.FailingSince.IsZero() {
			since = l.FailingSince.Sub(start)
		}
		got := fmt.Sprintf("previous %s, live %s, failures %d since %s, waiting %d", name(l.Previous), name(l.Live), l.Failures, since, len(l.Waiting))
		if got != want {
			t.Errorf("run %d: %s\nwant   %s", n, got, want)
		}
	}
}

// TestLineageGoesFarBack: what was live before is found behind many previews, and of an
// old deployment, too.
func TestLineageGoesFarBack(t *testing.T) {
	b := newBook(t)
	run := func(n int) shipbell.Key { return key(shipbell.KeyPushed, fmt.Sprint("run-", n)) }
	b.record(event(shipbell.SourceExec, 0, shipbell.Success, run(0)), event(shipbell.SourceExec, 10, shipbell.Success, run(1)))
	for n := range 100 {
		e := event(shipbell.SourceExec, 100+10*n, shipbell.Success, run(10+n))
		e.Environment = shipbell.Preview
		b.record(e)
	}
	b.record(event(shipbell.SourceExec, 5000, shipbell.Failure, run(2)))
	for n, previous := range map[int]string{2: "run-1", 1: "run-0", 60: "run-59"} {
		s, err := b.Story(t.Context(), run(n))
		if err != nil {
			t.Fatal(err)
		}
		if l := s.Subject.Lineage; l.Previous == nil || l.Previous.ShownID != previous {
			t.Errorf("before run %d: %+v, want %s", n, l.Previous, previous)
		}
	}
}

// TestBrought: the deployment whose version goes live again is found by
// the version.
func TestBrought(t *testing.T) {
	b := newBook(t)
	first := event(shipbell.SourcePoll, 0, shipbell.Success, key(shipbell.KeyDeployment, "deployment-1"), key(shipbell.KeyVersion, "version-1"))
	b.record(first,
		event(shipbell.SourcePoll, 100, shipbell.Success, key(shipbell.KeyDeployment, "deployment-2"), key(shipbell.KeyVersion, "version-2")))
	back := event(shipbell.SourcePoll, 200, shipbell.Success, key(shipbell.KeyDeployment, "deployment-3"))
	back.Cause, back.VersionID = shipbell.CauseRollback, "version-1"
	b.record(back)
	s, err := b.Story(t.Context(), back.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if to := s.Subject.Lineage.Brought; to == nil || to.ShownID != "deployment-1" {
		t.Errorf("brought by %+v", to)
	}
}
