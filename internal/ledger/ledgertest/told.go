package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// parts lists the announcements of the deployment "a" in channel A as
// "part:state", for comparison.
func (s *suite) parts() string {
	s.Helper()
	var text string
	for _, a := range s.story("a").Announcements {
		if a.Channel != ChannelA {
			continue
		}
		state := "shown " + string(a.Ref)
		switch {
		case a.Held():
			state = "held"
		case a.Told():
			state = "told"
		case a.Stale():
			state = "stale " + string(a.Ref)
		}
		text += fmt.Sprintf("%d:%s\n", a.Part, state)
	}
	return text
}

// deliver marks everything stale in channel A as delivered, with one handle
// after the other, and returns the handles of the messages that were removed.
func (s *suite) deliver(told ...shipbell.Part) (removed []shipbell.MessageRef) {
	s.Helper()
	for n := 0; ; {
		a, _, err := s.ledger.Stale(s.Context(), ChannelA)
		var none ledger.NothingDue
		if errors.As(err, &none) {
			return removed
		}
		s.must(err)
		attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: ChannelA, Part: a.Part, Revision: a.Wanted, At: s.now, Edit: a.Ref != ""}
		a.Shown = a.Wanted
		switch {
		case a.Part.Obsolete():
			removed = append(removed, a.Ref)
			a.Ref = ""
		case a.Ref == "":
			n++
			a.Ref = shipbell.MessageRef(fmt.Sprintf("%d/%d/%d", a.Deployment, a.Part, n))
		}
		s.must(s.ledger.Mark(s.Context(), a, attempt, shipbell.Lane{Channel: ChannelA}, told))
	}
}

func failed() shipbell.Event { return Push("a", outcome(shipbell.Failure)) }

func alertWaitsForTheMessage(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(failed(), ledger.Changed)
	s.equal("before the first post", s.parts(), "0:stale \n1:held\n")
	s.deliver()
	s.equal("after a first post that showed less", s.parts(), "0:shown 1/0/1\n1:shown 1/1/2\n")
}

func firstPostTellsTheFailure(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(failed(), ledger.Changed)
	s.deliver(shipbell.PartAlert)
	s.equal("after a first post that rang", s.parts(), "0:shown 1/0/1\n1:told\n")
	s.record(Push("a", outcome(shipbell.Failure), func(e *shipbell.Event) { e.ID, e.Log = "push-log", "why" }), ledger.Changed)
	s.equal("more is known", s.parts(), "0:stale 1/0/1\n1:told\n")
}

func alertIsKeptTrue(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.deliver()
	s.record(failed(), ledger.Changed)
	s.deliver()
	s.record(Push("a", func(e *shipbell.Event) {
		e.ID, e.Source, e.Status = "seen", shipbell.SourcePoll, shipbell.Success
	}), ledger.Changed)
	s.equal("it is live after all", s.parts(), "0:stale 1/0/1\n1:stale 1/1/1\n")
}

func mergeRemovesTheLater(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(Push("b"), ledger.Opened)
	s.record(Push("b", outcome(shipbell.Failure)), ledger.Changed)
	s.deliver()
	s.record(tie("a", "b"), ledger.Changed)
	s.equal("after the merge", s.parts(), "0:stale 1/0/3\n1:stale 2/1/2\n3:stale 2/0/1\n")
	s.equal("removed", s.deliver(), []shipbell.MessageRef{"2/0/1"})
	s.equal("at the end", s.parts(), "0:shown 1/0/3\n1:shown 2/1/2\n")
	into := shipbell.DeploymentID(0)
	s.must(s.store.View(s.Context(), func(tx ledger.Tx) (err error) {
		into, err = tx.Merged(2)
		return err
	}))
	s.equal("merged into", into, shipbell.DeploymentID(1))
}

// postUnderWayWhileMerged: a request that was under way when its announcement
// went, or took over another message, leaves no message behind.
func postUnderWayWhileMerged(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(Push("b"), ledger.Opened)
	older := s.next(ChannelA)
	s.must(s.update(func(tx ledger.Tx) error {
		later := older
		later.DueAt = s.now.Add(time.Hour)
		return tx.PutAnnouncement(later)
	}))
	younger := s.next(ChannelA)
	s.show(younger, "b")
	s.record(tie("a", "b"), ledger.Changed)
	s.show(older, "a") // its post was under way
	s.now = s.now.Add(2 * time.Hour)
	s.equal("after both posts", s.parts(), "0:stale b\n3:stale a\n")
	s.equal("removed", s.deliver(), []shipbell.MessageRef{"a"})

	// The other way round: the announcement under way is the one that goes.
	s.record(Push("c"), ledger.Opened)
	under := s.next(ChannelA)
	s.record(tie("a", "c"), ledger.Changed)
	s.deliver()
	s.show(under, "c")
	s.equal("removed", s.deliver(), []shipbell.MessageRef{"c"})
	s.equal("at the end", s.parts(), "0:shown b\n")
}

func seen(id string, change ...func(*shipbell.Event)) shipbell.Event {
	return Push(id, append([]func(*shipbell.Event){func(e *shipbell.Event) {
		e.Source, e.Status, e.Keys[0].Kind, e.Commit = shipbell.SourcePoll, shipbell.Success, shipbell.KeyDeployment, ""
	}}, change...)...)
}

func reportIsOneTransaction(s *suite) {
	report := shipbell.Report{Source: shipbell.SourcePoll, Events: []shipbell.Event{seen("a"), seen("b")}, Memory: "1"}
	s.must(s.ledger.Report(s.Context(), report))
	s.must(s.ledger.Report(s.Context(), report))
	s.equal("events", len(s.story("a").Events), 1)
	memory, err := s.ledger.Memory(s.Context(), shipbell.SourcePoll)
	s.must(err)
	s.equal("memory", memory, "1")
	bad := shipbell.Report{Source: shipbell.SourcePoll, Events: []shipbell.Event{seen("c"), seen("d", func(e *shipbell.Event) { e.Keys = nil })}, Memory: "2"}
	if err := s.ledger.Report(s.Context(), bad); !errors.Is(err, shipbell.ErrInvalid) {
		s.Fatalf("a report with a bad event: %v, want not valid", err)
	}
	_, err = s.ledger.Story(s.Context(), seen("c").Keys[0])
	if !errors.Is(err, shipbell.ErrNotFound) {
		s.Fatalf("a report that was refused left a deployment: %v", err)
	}
	memory, err = s.ledger.Memory(s.Context(), shipbell.SourcePoll)
	s.must(err)
	s.equal("memory after a refused report", memory, "1")
}

func baselineIsQuiet(s *suite) {
	s.must(s.ledger.Report(s.Context(), shipbell.Report{Source: shipbell.SourcePoll, Baseline: true, Events: []shipbell.Event{seen("a")}}))
	s.nothingDue(ChannelA)
	s.equal("quiet", s.story("a").Deployment.Quiet, true)
	s.record(seen("a", func(e *shipbell.Event) { e.ID, e.Status, e.At = "failed", shipbell.Failure, e.At.Add(time.Minute) }), ledger.Changed)
	s.equal("a failure is told", s.parts(), "0:stale \n")
}

func lateIsOneBulletin(s *suite) {
	var events []shipbell.Event
	for i := range 5 {
		events = append(events, seen(fmt.Sprint("late-", i), func(e *shipbell.Event) { e.At = e.At.Add(time.Duration(i-200) * time.Minute) }))
	}
	events[3].Status = shipbell.Failure
	events = append(events, seen("new"))
	s.woken = nil
	report := shipbell.Report{Source: shipbell.SourcePoll, Events: events, LateBefore: s.now.Add(-time.Hour)}
	s.must(s.ledger.Report(s.Context(), report))
	s.must(s.ledger.Report(s.Context(), report))
	var about []string
	for {
		a, subject, err := s.ledger.Stale(s.Context(), ChannelA)
		var none ledger.NothingDue
		if errors.As(err, &none) {
			break
		}
		s.must(err)
		what := subject.Deployment.ShownID
		if subject.Bulletin != nil {
			what = fmt.Sprintf("%s of %d since %s", subject.Bulletin.Kind, len(subject.Missed), subject.Bulletin.At.Format(time.TimeOnly))
		}
		about = append(about, what)
		s.show(a, shipbell.MessageRef(fmt.Sprint(len(about))))
	}
	s.equal("messages", about, []string{"late-3", "missed of 4 since 07:10:45", "new"})
	if len(s.woken) == 0 {
		s.Fatal("nobody was woken")
	}
}

func tellAgain(s *suite) {
	b := shipbell.Bulletin{Key: "blind/poll/1", Kind: shipbell.BulletinBlind, At: Start, Source: shipbell.SourcePoll, Reason: "401"}
	s.must(s.ledger.Tell(s.Context(), b))
	s.must(s.ledger.Tell(s.Context(), b))
	a, subject, err := s.ledger.Stale(s.Context(), ChannelA)
	s.must(err)
	s.equal("bulletin", subject.Bulletin.Reason, "401")
	s.show(a, "1")
	s.nothingDue(ChannelA)
	b.OverAt = Start.Add(time.Hour)
	s.must(s.ledger.Tell(s.Context(), b))
	a, subject, err = s.ledger.Stale(s.Context(), ChannelA)
	s.must(err)
	s.equal("handle", a.Ref, shipbell.MessageRef("1"))
	s.equal("over", subject.Bulletin.OverAt, b.OverAt)
	s.show(a, "1")

	s.now = s.now.Add(500 * 24 * time.Hour)
	_, err = s.ledger.Sweep(s.Context(), ledger.DefaultRetention, []shipbell.ChannelID{ChannelA})
	s.must(err)
	if err := s.store.View(s.Context(), func(tx ledger.Tx) error {
		_, err := tx.BulletinOf(b.Key)
		return err
	}); !errors.Is(err, shipbell.ErrNotFound) {
		s.Fatalf("an old bulletin after the sweep: %v", err)
	}
}

func recentByName(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(Push("b", func(e *shipbell.Event) { e.Project = "other" }), ledger.Opened)
	s.record(seen("c", func(e *shipbell.Event) {
		e.Script, e.Environment, e.At = "api-service-staging", "staging", e.At.Add(24*time.Hour)
	}), ledger.Opened)
	s.record(Push("d", func(e *shipbell.Event) { e.At = e.At.Add(48 * time.Hour) }), ledger.Opened)
	recent := func(n int, unnamed bool, names ...string) string {
		var ids string
		s.must(s.store.View(s.Context(), func(tx ledger.Tx) error {
			all, err := tx.Recent(shipbell.Worker, names, n, unnamed)
			for _, d := range all {
				ids += d.ShownID
			}
			return err
		}))
		return ids
	}
	s.equal("by name", recent(10, false, "api-service"), "da")
	s.equal("by two names", recent(10, false, "api-service", "other"), "dba")
	s.equal("the newest", recent(2, false, "api-service", "other"), "db")
	s.equal("by its own name", recent(10, false, "api-service-staging"), "c")
	s.equal("unnamed", recent(10, true, "api-service", "other", "api-service-staging"), "c")
	s.record(Push("e", func(e *shipbell.Event) { e.Keys = append(e.Keys, seen("c").Keys...); e.Environment = "staging" }), ledger.Changed)
	s.equal("once a build step has named it", recent(10, true, "api-service", "other", "api-service-staging"), "")
}

func watchesInOrder(s *suite) {
	for _, id := range []string{"a", "b", "c"} {
		s.record(Push(id), ledger.Opened)
	}
	watch := func(id shipbell.DeploymentID, due time.Time) {
		s.must(s.update(func(tx ledger.Tx) error { return tx.Watch(id, due) }))
	}
	due := func(n int) string {
		var ids []shipbell.DeploymentID
		s.must(s.store.View(s.Context(), func(tx ledger.Tx) (err error) {
			ids, err = tx.Due(s.now, n)
			return err
		}))
		return fmt.Sprint(ids)
	}
	watch(1, s.now.Add(time.Second))
	watch(2, s.now)
	watch(3, s.now.Add(-time.Second))
	s.equal("due", due(10), "[3 2]")
	s.equal("the first", due(1), "[3]")
	watch(2, time.Time{})
	watch(3, s.now.Add(time.Minute))
	s.equal("due", due(10), "[]")
	s.now = s.now.Add(time.Second)
	s.equal("due later", due(10), "[1]")
}

func searchAsPeopleDo(s *suite) {
	s.record(Push("build-1"), ledger.Opened)
	s.record(Push("build-2"), ledger.Opened)
	s.record(Push("build-10", func(e *shipbell.Event) { e.Project = "build" }), ledger.Opened)
	for text, want := range map[string]string{
		"build-1": "build-1", " build-2 ": "build-2", "build": "build-10", "build-": "build-1 build-2 build-10", "api-service": "build-2 build-1",
	} {
		stories, err := s.ledger.Search(s.Context(), text, 10)
		s.must(err)
		var ids []string
		for _, story := range stories {
			ids = append(ids, story.Deployment.ShownID)
		}
		s.equal("found by "+text, strings.Join(ids, " "), want)
	}
	if _, err := s.ledger.Search(s.Context(), "other", 10); !errors.Is(err, shipbell.ErrNotFound) {
		s.Fatalf("found by other: %v", err)
	}
}

func byID(s *suite) {
	push := func(id string) shipbell.DeploymentID {
		return s.record(Push(id), ledger.Opened).Deployment
	}
	first, second := push("build-1"), push("build-2")
	number, odd, odder := push(fmt.Sprint(int64(first))), push("id:odd"), push("odd-1")
	day := push("20261125")
	twin := s.record(Push("build-2", func(e *shipbell.Event) { e.Type, e.Keys[0].Type = shipbell.Pages, shipbell.Pages }), ledger.Opened).Deployment
	found := func(stories []ledger.Story, err error) string {
		if len(stories) == 0 {
			s.equal("not found", errors.Is(err, shipbell.ErrNotFound), true)
		} else {
			s.must(err)
		}
		var ids []shipbell.DeploymentID
		for _, story := range stories {
			ids = append(ids, story.Deployment.ID)
		}
		return fmt.Sprint(ids)
	}
	list := func(ids ...shipbell.DeploymentID) string { return fmt.Sprint(ids) }
	for text, want := range map[string]string{
		fmt.Sprint(int64(first)): list(first), fmt.Sprintf("id:%d", first): list(number), "20261125": list(day), "id:20261125": list(day),
		"id:odd": list(odd), "id:id:odd": list(odd), "odd": list(), "build-1": list(first), "id:build-1": list(first),
		"build-2": list(second, twin), "build": list(), "api-service": list(), "0": list(), "-1": list(), "id:": list(), "": list(),
		strings.Repeat("x", 2*shipbell.MaxKeyLength): list(),
	} {
		s.equal("by "+text, found(s.ledger.ByID(s.Context(), text, 5)), want)
	}
	for text, want := range map[string]string{
		"build": list(first, second, twin), "id:build-1": list(first), "2026": list(day), "od": list(odder), "id:od": list(odder), "id:": list(odd),
		"id:id": list(odd), "api-service": list(), "": list(),
	} {
		s.equal("by the start "+text, found(s.ledger.ByStart(s.Context(), text, 5)), want)
	}
	s.equal("at most", found(s.ledger.ByStart(s.Context(), "build", 1)), list(first))
}
