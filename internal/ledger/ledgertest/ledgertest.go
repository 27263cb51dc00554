// Package ledgertest is the conformance suite of every ledger.Store.
//
// Its one rule: it speaks to a store through the ledger and the store's
// interface alone, so that a store that passes can replace any other.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// Two channels that every deployment of the suite goes to.
const (
	ChannelA shipbell.ChannelID = "test:a"
	ChannelB shipbell.ChannelID = "test:b"
)

// Start is the time at which the suite's clock starts.
var Start = time.Date(2025, 1, 15, 10, 30, 45, 0, time.UTC)

// everywhere routes every deployment to the given channels.
type everywhere []shipbell.ChannelID

func (e everywhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return e }
func (e everywhere) Everywhere() []shipbell.ChannelID                  { return e }

// suite is one store with a ledger on it and a clock that stands still.
type suite struct {
	*testing.T
	store  ledger.Store
	ledger *ledger.Ledger
	now    time.Time
	woken  []shipbell.ChannelID
	mu     sync.Mutex
	asked  func() // called when the clock is asked; nil for nothing
}

// Run runs the suite. Open makes an empty store for one test and closes it in
// the test's clean-up.
func Run(t *testing.T, open func(*testing.T) ledger.Store) {
	tests := []struct {
		name string
		test func(*suite)
	}{
		{"FirstEventOpens", firstEventOpens},
		{"RepeatChangesNothing", repeatChangesNothing},
		{"LaterEventChanges", laterEventChanges},
		{"SameIDOfOtherTypeIsAnother", sameIDOfOtherType},
		{"StrangerIsNotAnnounced", strangerIsNotAnnounced},
		{"LateKeyMerges", lateKeyMerges},
		{"MergeKeepsTheMessage", mergeKeepsTheMessage},
		{"AlertWaitsForTheMessage", alertWaitsForTheMessage},
		{"FirstPostTellsTheFailure", firstPostTellsTheFailure},
		{"AlertIsKeptTrue", alertIsKeptTrue},
		{"MergeRemovesTheLater", mergeRemovesTheLater},
		{"PostUnderWayWhileMerged", postUnderWayWhileMerged},
		{"ReportIsOneTransaction", reportIsOneTransaction},
		{"BaselineIsQuiet", baselineIsQuiet},
		{"LateIsOneBulletin", lateIsOneBulletin},
		{"TellAgain", tellAgain},
		{"RecentByName", recentByName},
		{"WatchesInOrder", watchesInOrder},
		{"SearchAsPeopleDo", searchAsPeopleDo},
		{"ByID", byID},
		{"InvalidEventIsRefused", invalidEventIsRefused},
		{"ConcurrentPushesOfOneID", concurrentPushesOfOneID},
		{"ConcurrentIDs", concurrentIDs},
		{"FailedUpdateLeavesNothing", failedUpdateLeavesNothing},
		{"FailureOfOneSparesOthers", failureOfOneSparesOthers},
		{"CanceledUpdateKeepsNothing", canceledUpdate},
		{"WhoHangsUpIsStillAnnounced", whoHangsUpIsStillAnnounced},
		{"StaleInOrderAndDue", staleInOrderAndDue},
		{"MarkStoresHandleAndAttempt", markStoresHandleAndAttempt},
		{"AnnouncementsByChannel", announcementsByChannel},
		{"AttemptsAreBounded", attemptsAreBounded},
		{"LaneRoundTrip", laneRoundTrip},
		{"ParkIsNotShortened", parkIsNotShortened},
		{"ResumeLane", resumeLane},
		{"StateShape", stateShape},
		{"ImportedIDsAreNotAnnounced", importedIDs},
		{"ImportComesBeforeWhatIsThere", importBefore},
		{"SweepKeepsIds", sweepKeepsIds},
		{"SweepSparesWhatWaits", sweepSparesWhatWaits},
		{"NumbersAreNotUsedAgain", numbersAreNotUsedAgain},
		{"ListInOrder", listInOrder},
		{"ListByEachFilter", listByEachFilter},
		{"ListTakesLongTexts", listTakesLongTexts},
		{"PlacesNewestFirst", placesNewestFirst},
		{"ListIsShort", listIsShort},
		{"ListFollowsChanges", listFollowsChanges},
		{"ListBySearch", listBySearch},
		{"ReadMany", readMany},
		{"FeedOfChanges", feedOfChanges},
		{"FeedOfWhatIsInMind", feedOfWhatIsInMind},
		{"FeedTellsMerges", feedTellsMerges},
		{"ReplayPostsAnew", replayPostsAnew},
		{"SilenceAddsNothing", silenceAddsNothing},
		{"TestInOneChannel", testInOneChannel},
		{"TokensRoundTrip", tokensRoundTrip},
		{"TokensComeAndGo", tokensComeAndGo},
		{"ActsNewestFirst", actsNewestFirst},
		{"SecretIsKept", secretIsKept},
		{"Check", func(s *suite) { s.must(s.store.Check(s.Context())) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &suite{T: t, store: open(t), now: Start}
			s.ledger = ledger.New(ledger.Options{
				Store:  s.store,
				Router: everywhere{ChannelA, ChannelB},
				Now: func() time.Time {
					if s.asked != nil {
						s.asked()
					}
					return s.now
				},
				Wake: func(c shipbell.ChannelID) {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.woken = append(s.woken, c)
				},
			})
			test.test(s)
		})
	}
}

// Push makes the event of a build step's push.
func Push(id string, change ...func(*shipbell.Event)) shipbell.Event {
	e := shipbell.Event{
		Source:     shipbell.SourcePush,
		ID:         shipbell.EventID("push-" + id),
		Keys:       []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: id}},
		At:         Start,
		ReceivedAt: Start,
		Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "api-service", Environment: shipbell.Production,
			Status: shipbell.Announced, Branch: "feature/add-auth", Commit: "abc123def456789",
			CommitMessage: "Add JWT authentication\n\nImplemented:\n- <b>\x01 \U0001F680", Author: "dev@example.com",
		},
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

// outcome makes e the later event that tells how the deployment ended.
func outcome(status shipbell.Status) func(*shipbell.Event) {
	return func(e *shipbell.Event) {
		e.ID += shipbell.EventID("-" + string(status))
		e.Status = status
		e.At = e.At.Add(34 * time.Second)
	}
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) record(e shipbell.Event, want ledger.Verdict) ledger.Recorded {
	s.Helper()
	rec, err := s.ledger.Record(s.Context(), e)
	s.must(err)
	if rec.Verdict != want {
		s.Fatalf("recording %s %s: %s, want %s", e.ID, e.Keys[0], rec.Verdict, want)
	}
	return rec
}

func (s *suite) story(id string) ledger.Story {
	s.Helper()
	story, err := s.ledger.Story(s.Context(), Push(id).Keys[0])
	s.must(err)
	return story
}

// next returns the announcement that is to be delivered in a channel.
func (s *suite) next(c shipbell.ChannelID) shipbell.Announcement {
	s.Helper()
	a, subject, err := s.ledger.Stale(s.Context(), c)
	s.must(err)
	if d := subject.Deployment; d.ID != a.Deployment || d.Revision != a.Wanted {
		s.Fatalf("stale announcement %+v came with deployment %d at revision %d", a, d.ID, d.Revision)
	}
	return a
}

func (s *suite) nothingDue(c shipbell.ChannelID) time.Time {
	s.Helper()
	_, _, err := s.ledger.Stale(s.Context(), c)
	var none ledger.NothingDue
	if !errors.As(err, &none) {
		s.Fatalf("stale announcement of %s: %v, want nothing due", c, err)
	}
	return none.Next
}

// show marks an announcement as delivered.
func (s *suite) show(a shipbell.Announcement, ref shipbell.MessageRef) {
	s.Helper()
	attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: a.Channel, Revision: a.Wanted, At: s.now, Edit: a.Ref != ""}
	a.Shown, a.Ref, a.Tries = a.Wanted, ref, a.Tries+1
	s.must(s.ledger.Mark(s.Context(), a, attempt, shipbell.Lane{Channel: a.Channel, LastSuccess: s.now}, nil))
}

func (s *suite) update(fn func(ledger.Tx) error) error { return s.store.Update(s.Context(), fn) }

func (s *suite) state() ledger.State {
	s.Helper()
	state, err := s.ledger.State(s.Context())
	s.must(err)
	return state
}

func (s *suite) equal(what string, got, want any) {
	s.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		s.Fatalf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func firstEventOpens(s *suite) {
	e := Push("build-abc123")
	rec := s.record(e, ledger.Opened)
	story := s.story("build-abc123")
	want := shipbell.NewDeployment(e)
	want.ID, want.RecordedAt = rec.Deployment, Start
	s.equal("deployment", story.Deployment, want)
	s.equal("events", story.Events, []shipbell.Event{e})
	s.equal("announcements", story.Announcements, []shipbell.Announcement{
		{Deployment: rec.Deployment, Channel: ChannelA, Urgency: shipbell.UrgencyNormal, Wanted: 1},
		{Deployment: rec.Deployment, Channel: ChannelB, Urgency: shipbell.UrgencyNormal, Wanted: 1},
	})
	s.equal("woken", s.woken, []shipbell.ChannelID{ChannelA, ChannelB})
}

func repeatChangesNothing(s *suite) {
	e := Push("build-abc123")
	s.record(e, ledger.Opened)
	before := s.story("build-abc123")
	s.woken = nil
	s.record(e, ledger.Repeated)
	reworded := Push("build-abc123", func(e *shipbell.Event) {
		e.ID, e.At, e.Author = "push-again", e.At.Add(time.Minute), "other@example.com"
	})
	s.record(reworded, ledger.Unchanged)
	after := s.story("build-abc123")
	s.equal("deployment", after.Deployment, before.Deployment)
	s.equal("announcements", after.Announcements, before.Announcements)
	s.equal("kept events", len(after.Events), 2)
	if len(s.woken) > 0 {
		s.Fatalf("a repeat woke %v", s.woken)
	}
}

func laterEventChanges(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.show(s.next(ChannelA), "message-1")
	s.nothingDue(ChannelA)
	s.record(Push("a", outcome(shipbell.Failure), func(e *shipbell.Event) { e.Error = "exit status 1" }), ledger.Changed)
	alert := s.next(ChannelA)
	s.equal("first the alert", alert, shipbell.Announcement{
		Deployment: alert.Deployment, Channel: ChannelA, Part: shipbell.PartAlert, Urgency: shipbell.UrgencyHigh, Wanted: 2, Main: "message-1",
	})
	s.show(alert, "alert-1")
	a := s.next(ChannelA)
	s.equal("then the message", a, shipbell.Announcement{
		Deployment: a.Deployment, Channel: ChannelA, Urgency: shipbell.UrgencyNormal, Wanted: 2, Shown: 1, Ref: "message-1", Tries: 1, Main: "message-1",
	})
	d := s.story("a").Deployment
	if d.Status != shipbell.Failure || d.Error != "exit status 1" || d.Took() != 34*time.Second {
		s.Fatalf("after the outcome: %+v", d)
	}
}

func sameIDOfOtherType(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(Push("a", func(e *shipbell.Event) { e.Type, e.Keys[0].Type = shipbell.Pages, shipbell.Pages }), ledger.Opened)
}

func strangerIsNotAnnounced(s *suite) {
	s.record(Push("a"), ledger.Opened)
	before := s.story("a").Deployment
	e := Push("a", func(e *shipbell.Event) { e.ID, e.Project, e.URL = "push-other", "other", "https://other.example" })
	if rec := s.record(e, ledger.Unchanged); !rec.Stranger {
		s.Fatal("an event of another project was not told apart")
	}
	s.equal("deployment", s.story("a").Deployment, before)
	s.equal("kept events", len(s.story("a").Events), 2)
}

// tie is an event that has the keys of two deployments.
func tie(a, b string) shipbell.Event {
	return Push(a, outcome(shipbell.Success), func(e *shipbell.Event) {
		e.Keys = append(e.Keys, Push(b).Keys...)
	})
}

func lateKeyMerges(s *suite) {
	older := s.record(Push("a"), ledger.Opened).Deployment
	younger := s.record(Push("b", func(e *shipbell.Event) { e.Tag = "v1" }), ledger.Opened).Deployment
	s.record(tie("b", "a"), ledger.Changed)
	story := s.story("b")
	s.equal("deployment", story.Deployment.ID, older)
	s.equal("tag of the younger", story.Deployment.Tag, "v1")
	s.equal("status", story.Deployment.Status, shipbell.Success)
	s.equal("events", len(story.Events), 3)
	s.equal("announcements", len(story.Announcements), 2)
	err := s.store.View(s.Context(), func(tx ledger.Tx) error {
		_, err := tx.Deployment(younger)
		return err
	})
	if !errors.Is(err, shipbell.ErrNotFound) {
		s.Fatalf("the younger deployment: %v, want not found", err)
	}
	s.equal("state", s.state().Workers, []string{"a", "b"})
}

func mergeKeepsTheMessage(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(Push("b"), ledger.Opened)
	// In channel A only the younger one has a message, in B both have.
	for s.next(ChannelA).Deployment == 1 {
		a := s.next(ChannelA)
		a.DueAt = s.now.Add(time.Hour)
		s.must(s.ledger.Mark(s.Context(), a, shipbell.Attempt{Deployment: 1, Channel: ChannelA, At: s.now}, shipbell.Lane{Channel: ChannelA}, nil))
	}
	s.show(s.next(ChannelA), "a-b")
	s.show(s.next(ChannelB), "b-a")
	s.show(s.next(ChannelB), "b-b")
	s.record(tie("a", "b"), ledger.Changed)
	as := s.story("a").Announcements
	s.equal("handle in A", as[0].Ref, "a-b")
	s.equal("handle in B", as[1].Ref, "b-a")
	if !as[0].Stale() || !as[1].Stale() {
		s.Fatalf("after a merge every message must be brought up to date: %+v", as)
	}
	s.equal("attempts", len(s.story("a").Attempts), 4)
}

func invalidEventIsRefused(s *suite) {
	_, err := s.ledger.Record(s.Context(), Push("a", func(e *shipbell.Event) { e.Keys = nil }))
	if !errors.Is(err, shipbell.ErrInvalid) {
		s.Fatalf("an event without keys: %v, want not valid", err)
	}
}

// concurrently runs fn n times at once.
func (s *suite) concurrently(n int, fn func(int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { fn(i) })
	}
	group.Wait()
}

func concurrentPushesOfOneID(s *suite) {
	verdicts := make([]ledger.Verdict, 50)
	s.concurrently(50, func(i int) {
		rec, err := s.ledger.Record(context.Background(), Push("a"))
		if err != nil {
			s.Error(err)
		}
		verdicts[i] = rec.Verdict
	})
	opened := 0
	for _, v := range verdicts {
		if v == ledger.Opened {
			opened++
		}
	}
	s.equal("opened", opened, 1)
	s.equal("state", s.state().Workers, []string{"a"})
}

func concurrentIDs(s *suite) {
	s.concurrently(500, func(i int) {
		if _, err := s.ledger.Record(context.Background(), Push(fmt.Sprintf("build-%03d", i))); err != nil {
			s.Error(err)
		}
	})
	ids := s.state().Workers
	slices.Sort(ids)
	s.equal("ids in the state", len(slices.Compact(ids)), 500)
	lanes, err := s.ledger.Lanes(s.Context())
	s.must(err)
	s.equal("backlog", []int{lanes[0].Backlog, lanes[1].Backlog}, []int{500, 500})
}

var errOnPurpose = errors.New("on purpose")

func failedUpdateLeavesNothing(s *suite) {
	s.record(Push("a"), ledger.Opened)
	before := s.story("a")
	err := s.update(func(tx ledger.Tx) error {
		d := before.Deployment
		d.Status, d.Keys = shipbell.Failure, append(d.Keys, Push("z").Keys...)
		id, err := tx.Open(shipbell.NewDeployment(Push("b")))
		if err := errors.Join(err, tx.Save(d), tx.AddEvent(d.ID, Push("a", outcome(shipbell.Failure))),
			tx.AddEvent(id, Push("b")), tx.Announce(d.ID, 9, []shipbell.ChannelID{"test:c"}),
			tx.PutLane(shipbell.Lane{Channel: "test:d"})); err != nil {
			return err
		}
		if _, err := tx.Remember(shipbell.Worker, []string{"y"}, Start); err != nil {
			return err
		}
		return errOnPurpose
	})
	if !errors.Is(err, errOnPurpose) {
		s.Fatalf("a failing update returned %v", err)
	}
	s.equal("story", s.story("a"), before)
	s.equal("state", s.state().Workers, []string{"a"})
	lanes, err := s.ledger.Lanes(s.Context())
	s.must(err)
	s.equal("lanes", len(lanes), 2)
	s.record(Push("b"), ledger.Opened)
	s.record(Push("z"), ledger.Opened)
}

func failureOfOneSparesOthers(s *suite) {
	var failed sync.Map
	s.concurrently(64, func(i int) {
		if i%8 == 0 {
			if err := s.update(func(ledger.Tx) error { return errOnPurpose }); !errors.Is(err, errOnPurpose) {
				failed.Store(i, err)
			}
			return
		}
		if _, err := s.ledger.Record(context.Background(), Push(fmt.Sprint(i))); err != nil {
			failed.Store(i, err)
		}
	})
	failed.Range(func(i, err any) bool {
		s.Errorf("update %v: %v", i, err)
		return true
	})
	s.equal("ids", len(s.state().Workers), 56)
}

func canceledUpdate(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.ledger.Record(ctx, Push("a")); !errors.Is(err, context.Canceled) {
		s.Fatalf("recording with a canceled context: %v", err)
	}
	s.equal("ids", len(s.state().Workers), 0)
}

// whoHangsUpIsStillAnnounced lets the sender go while its event waits for the
// writer: what is kept all the same must wake its lanes.
func whoHangsUpIsStillAnnounced(s *suite) {
	entered, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		err := s.store.Update(context.Background(), func(ledger.Tx) error {
			close(entered)
			<-release
			return nil
		})
		if err != nil {
			s.Error(err)
		}
	})
	<-entered
	ctx, hangUp := context.WithCancel(s.Context())
	s.asked = hangUp // recording has begun
	group.Go(func() {
		if rec, err := s.ledger.Record(ctx, Push("a")); err != nil || rec.Verdict != ledger.Opened {
			s.Errorf("recording for a sender that hangs up: %s, %v", rec.Verdict, err)
		}
	})
	<-ctx.Done()
	close(release)
	group.Wait()
	s.asked = nil
	s.equal("woken", s.woken, []shipbell.ChannelID{ChannelA, ChannelB})
	s.equal("state", s.state().Workers, []string{"a"})
}

func staleInOrderAndDue(s *suite) {
	s.equal("next of nothing", s.nothingDue(ChannelA), time.Time{})
	for _, id := range []string{"a", "b", "c"} {
		s.record(Push(id), ledger.Opened)
	}
	first := s.next(ChannelA)
	s.equal("first", first.Deployment, shipbell.DeploymentID(1))
	first.DueAt, first.Tries = s.now.Add(time.Minute), 1
	s.must(s.ledger.Mark(s.Context(), first, shipbell.Attempt{Deployment: 1, Channel: ChannelA, At: s.now, Fault: shipbell.FaultRefused, Detail: "no"}, shipbell.Lane{Channel: ChannelA}, nil))
	s.show(s.next(ChannelA), "b")
	s.show(s.next(ChannelA), "c")
	s.equal("next due", s.nothingDue(ChannelA), s.now.Add(time.Minute))
	s.now = s.now.Add(time.Minute)
	s.equal("due again", s.next(ChannelA).Tries, 1)
	s.equal("other channel", s.next(ChannelB).Deployment, shipbell.DeploymentID(1))
}

func markStoresHandleAndAttempt(s *suite) {
	s.record(Push("a"), ledger.Opened)
	a := s.next(ChannelA)
	attempt := shipbell.Attempt{Deployment: a.Deployment, Channel: ChannelA, Revision: 1, At: s.now, Took: 20 * time.Millisecond, Detail: "message 7"}
	a.Shown, a.Ref, a.Tries = 1, `{"id":7}`, 1
	s.must(s.ledger.Mark(s.Context(), a, attempt, shipbell.Lane{Channel: ChannelA}, nil))
	story := s.story("a")
	a.Main = a.Ref
	s.equal("announcement", story.Announcements[0], a)
	s.equal("attempts", story.Attempts, []shipbell.Attempt{attempt})
}

func announcementsByChannel(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.must(s.update(func(tx ledger.Tx) error {
		for _, p := range []shipbell.Part{shipbell.PartOver, shipbell.PartAlert} {
			if err := tx.PutAnnouncement(shipbell.Announcement{Deployment: 1, Channel: ChannelA, Part: p, Wanted: 1}); err != nil {
				return err
			}
		}
		for _, test := range []struct {
			channels []shipbell.ChannelID
			want     string
		}{
			{nil, "[test:a/0 test:a/1 test:a/2 test:b/0]"},
			{[]shipbell.ChannelID{ChannelA}, "[test:a/0 test:a/1 test:a/2]"},
			{[]shipbell.ChannelID{ChannelB, ChannelA}, "[test:a/0 test:a/1 test:a/2 test:b/0]"},
			{[]shipbell.ChannelID{"test:none"}, "[]"},
		} {
			as, err := tx.Announcements(1, test.channels...)
			if err != nil {
				return err
			}
			got := []string{}
			for _, a := range as {
				got = append(got, fmt.Sprintf("%s/%d", a.Channel, a.Part))
			}
			s.equal(fmt.Sprint("in ", test.channels), fmt.Sprint(got), test.want)
		}
		return nil
	}))
}

func attemptsAreBounded(s *suite) {
	s.record(Push("a"), ledger.Opened)
	a := s.next(ChannelA)
	for i := range ledger.KeptAttempts + 20 {
		a.Tries++
		s.now = s.now.Add(time.Second)
		s.must(s.ledger.Mark(s.Context(), a, shipbell.Attempt{Deployment: 1, Channel: ChannelA, At: s.now, Fault: shipbell.FaultTemporary, Detail: fmt.Sprint(i)}, shipbell.Lane{Channel: ChannelA}, nil))
	}
	attempts := s.story("a").Attempts
	s.equal("kept", len(attempts), ledger.KeptAttempts)
	s.equal("last", attempts[len(attempts)-1].Detail, fmt.Sprint(ledger.KeptAttempts+19))
}

func laneRoundTrip(s *suite) {
	got, err := s.ledger.Lane(s.Context(), ChannelA)
	s.must(err)
	s.equal("new lane", got, shipbell.Lane{Channel: ChannelA})
	want := shipbell.Lane{
		Channel: ChannelA, Memory: `{"chat":-1001}`, Note: "moved", Recent: []time.Time{Start, Start.Add(time.Second)},
		ParkedUntil: Start.Add(time.Minute), ParkedFor: "retry after 60", Setbacks: 3,
		Pause: &shipbell.Pause{At: Start, Reason: "kicked", Hint: "add the bot"}, LastSuccess: Start, LastError: "temporary: down", LastErrorAt: Start.Add(-time.Minute),
	}
	s.must(s.update(func(tx ledger.Tx) error { return tx.PutLane(want) }))
	got, err = s.ledger.Lane(s.Context(), ChannelA)
	s.must(err)
	s.equal("pause", *got.Pause, *want.Pause)
	got.Pause, want.Pause = nil, nil
	s.equal("lane", got, want)
}

func parkIsNotShortened(s *suite) {
	until := Start.Add(time.Minute + 300*time.Microsecond)
	s.must(s.update(func(tx ledger.Tx) error { return tx.PutLane(shipbell.Lane{Channel: ChannelA, ParkedUntil: until}) }))
	got, err := s.ledger.Lane(s.Context(), ChannelA)
	s.must(err)
	if early := until.Sub(got.ParkedUntil); early > 0 || early < -time.Millisecond {
		s.Fatalf("parked until %s, stored as %s", until, got.ParkedUntil)
	}
}

func resumeLane(s *suite) {
	if err := s.ledger.Resume(s.Context(), "test:none", "shell: anna"); !errors.Is(err, shipbell.ErrNotFound) {
		s.Fatalf("resuming an unknown lane: %v", err)
	}
	s.must(s.update(func(tx ledger.Tx) error {
		return tx.PutLane(shipbell.Lane{Channel: ChannelA, Memory: "m", Setbacks: 3, ParkedUntil: Start.Add(time.Hour), Pause: &shipbell.Pause{At: Start, Reason: "kicked"}})
	}))
	s.must(s.ledger.Resume(s.Context(), ChannelA, "shell: anna"))
	got, err := s.ledger.Lane(s.Context(), ChannelA)
	s.must(err)
	s.equal("lane", got, shipbell.Lane{Channel: ChannelA, Memory: "m"})
	acts, err := s.ledger.Acts(s.Context(), 0, 10)
	s.must(err)
	s.equal("acts", len(acts), 1)
	s.equal("act", acts[0].Who+" "+string(acts[0].What)+" "+acts[0].Subject, "shell: anna "+string(shipbell.ActResume)+" "+string(ChannelA))
}

func stateShape(s *suite) {
	s.equal("empty state", s.state(), ledger.State{Workers: []string{}, Pages: []string{}, LastCheck: "2025-01-15T10:30:45Z"})
	for i := range ledger.StateSize + 5 {
		s.now = s.now.Add(time.Second)
		s.record(Push(fmt.Sprintf("build-%04d", i)), ledger.Opened)
	}
	s.record(Push("page-001", func(e *shipbell.Event) { e.Type, e.Keys[0].Type = shipbell.Pages, shipbell.Pages }), ledger.Opened)
	state := s.state()
	s.equal("workers", len(state.Workers), ledger.StateSize)
	s.equal("oldest", state.Workers[0], "build-0005")
	s.equal("newest", state.Workers[ledger.StateSize-1], "build-1004")
	s.equal("pages", state.Pages, []string{"page-001"})
	s.equal("last check", state.LastCheck, "2025-01-15T10:47:30Z")
}

var imported = ledger.State{Workers: []string{"deploy-001", "deploy-002", "build-abc123"}, Pages: []string{"page-001"}, LastCheck: "2025-01-15T10:30:45Z"}

func (s *suite) importState(state ledger.State, wantWorkers, wantPages int) {
	s.Helper()
	w, p, err := s.ledger.Import(s.Context(), state)
	s.must(err)
	s.equal("imported", []int{w, p}, []int{wantWorkers, wantPages})
}

func importedIDs(s *suite) {
	s.importState(imported, 3, 1)
	s.importState(imported, 0, 0)
	s.equal("state", s.state(), imported)
	s.record(Push("build-abc123"), ledger.Remembered)
	s.nothingDue(ChannelA)
	_, _, err := s.ledger.Import(s.Context(), ledger.State{Workers: []string{""}})
	if !errors.Is(err, shipbell.ErrInvalid) {
		s.Fatalf("importing an empty id: %v, want not valid", err)
	}
}

func importBefore(s *suite) {
	s.record(Push("new-1"), ledger.Opened)
	s.importState(imported, 3, 1)
	s.importState(ledger.State{Workers: []string{"older", "deploy-001"}}, 1, 0)
	s.record(Push("new-2"), ledger.Opened)
	s.equal("state", s.state().Workers, []string{"older", "deploy-001", "deploy-002", "build-abc123", "new-1", "new-2"})
}

const day = 24 * time.Hour

func sweepKeepsIds(s *suite) {
	for _, id := range []string{"a", "b"} {
		s.record(Push(id), ledger.Opened)
		for _, c := range []shipbell.ChannelID{ChannelA, ChannelB} {
			s.show(s.next(c), shipbell.MessageRef(id))
		}
	}
	s.now = s.now.Add(31 * day)
	s.record(Push("c"), ledger.Opened)
	sweep := func(want int) {
		s.Helper()
		n, err := s.ledger.Sweep(s.Context(), ledger.Retention{Deployments: 30 * day, Ids: 90 * day}, []shipbell.ChannelID{ChannelA, ChannelB})
		s.must(err)
		s.equal("swept", n, want)
	}
	sweep(2)
	s.equal("ids after deployments went", s.state().Workers, []string{"a", "b", "c"})
	s.record(Push("a"), ledger.Remembered)
	s.now = s.now.Add(60 * day)
	sweep(0)
	s.equal("ids after ids went", s.state().Workers, []string{"c"})
	s.record(Push("a"), ledger.Opened)
}

func sweepSparesWhatWaits(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.record(Push("b"), ledger.Opened)
	for range 2 {
		s.show(s.next(ChannelB), "m")
	}
	s.now = s.now.Add(500 * day)
	n, err := s.ledger.Sweep(s.Context(), ledger.DefaultRetention, []shipbell.ChannelID{ChannelA})
	s.must(err)
	s.equal("swept while the channel waits", n, 0)
	// A channel that is configured no more holds nothing back.
	n, err = s.ledger.Sweep(s.Context(), ledger.DefaultRetention, []shipbell.ChannelID{ChannelB})
	s.must(err)
	s.equal("swept", n, 2)
}

func numbersAreNotUsedAgain(s *suite) {
	s.record(Push("a"), ledger.Opened)
	s.now = s.now.Add(500 * day)
	_, err := s.ledger.Sweep(s.Context(), ledger.DefaultRetention, nil)
	s.must(err)
	if id := s.record(Push("b"), ledger.Opened).Deployment; id != 2 {
		s.Fatalf("the deployment after a swept one has number %d, want 2", id)
	}
	s.equal("events", len(s.story("b").Events), 1)
}
