package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// state tells of one deployment in the test's channel: status, then each part.
func (b *book) state(k shipbell.Key) string {
	b.Helper()
	s, err := b.Story(context.Background(), k)
	if err != nil {
		b.Fatal(err)
	}
	text := []string{string(s.Deployment.Status)}
	if a := s.Deployment.Alarm; a != nil {
		over := ""
		if !a.OverAt.IsZero() {
			over = " over"
		}
		text = append(text, string(a.Reason)+over)
	}
	for _, a := range s.Announcements {
		how := "shown"
		switch {
		case a.Told():
			how = "told"
		case a.Held():
			how = "held"
		case a.Stale():
			how = "stale"
		}
		text = append(text, fmt.Sprintf("%d %s", a.Part, how))
	}
	return strings.Join(text, ", ")
}

func (b *book) want(k shipbell.Key, want string) {
	b.Helper()
	if got := b.state(k); got != want {
		b.Errorf("%s: %s\nwant %s", k.ID, got, want)
	}
}

var (
	pushed     = key(shipbell.KeyPushed, "run-1")
	otherRun   = key(shipbell.KeyPushed, "run-2")
	buildOne   = key(shipbell.KeyBuild, "build-1")
	buildTwo   = key(shipbell.KeyBuild, "build-2")
	deployment = key(shipbell.KeyDeployment, "deployment-1")
	version    = key(shipbell.KeyVersion, "version-1")
)

func TestFirstLookIsSilentOfFailures(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourcePush, -3600, shipbell.Announced, pushed))
	b.deliver(0)
	err := b.Report(t.Context(), shipbell.Report{Source: shipbell.SourcePoll, Baseline: true, Events: []shipbell.Event{
		event(shipbell.SourceBuilds, -86400, shipbell.Failure, buildOne),
		event(shipbell.SourceBuilds, -3500, shipbell.Failure, buildTwo, pushed),
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.want(buildOne, "failure")
	b.want(pushed, "failure, 0 stale") // the message that is there becomes true, and nothing rings
	if raised := b.until(3*time.Hour, true); raised != nil {
		t.Errorf("alarms in minutes %v", raised)
	}
}

func TestTwoProjectsOfOneBuild(t *testing.T) {
	b := newBook(t)
	api := event(shipbell.SourceExec, 0, shipbell.Success, pushed)
	web := event(shipbell.SourceExec, 10, shipbell.Failure, pushed)
	web.Project = "web"
	b.record(api, web, web)
	b.want(pushed, "success, 0 stale")
	b.want(key(shipbell.KeyPushed, "run-1:web"), "failure, 0 stale")
	// As the contract has it, a push with another project's id is skipped.
	other := event(shipbell.SourcePush, 20, shipbell.Announced, pushed)
	other.Project = "other"
	b.record(other)
	if n := len(b.deployments()); n != 2 {
		t.Errorf("%d deployments, want 2", n)
	}
}

func TestTwoBuildsAreNotOne(t *testing.T) {
	b := newBook(t)
	b.record(
		event(shipbell.SourceBuilds, 0, shipbell.Failure, buildOne),
		event(shipbell.SourceBuilds, 5, shipbell.Success, buildTwo),
		event(shipbell.SourcePush, 10, shipbell.Success, key(shipbell.KeyPushed, "build-1"), key(shipbell.KeyVersion, "build-2")),
	)
	if n := len(b.deployments()); n != 2 {
		t.Errorf("%d deployments, want 2", n)
	}
}

func TestRememberedFurtherKey(t *testing.T) {
	b := newBook(t)
	if _, _, err := b.Import(t.Context(), ledger.State{Workers: []string{"version-1", "run-2"}}); err != nil {
		t.Fatal(err)
	}
	b.record(event(shipbell.SourcePoll, 0, shipbell.Success, deployment, version), event(shipbell.SourcePush, 0, shipbell.Announced, otherRun))
	if n := len(b.deployments()); n != 1 {
		t.Errorf("%d deployments, want the one that was not told before", n)
	}
}

// TestFailedPostWhileMerged: the message that was taken over meanwhile stays.
func TestFailedPostWhileMerged(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourcePush, 0, shipbell.Announced, pushed), event(shipbell.SourcePush, 0, shipbell.Announced, otherRun))
	under, _, err := b.Stale(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	later := under
	later.DueAt = b.now.Add(time.Hour)
	attempt := shipbell.Attempt{Deployment: under.Deployment, Channel: channel, At: b.now, Fault: shipbell.FaultRefused}
	if err := b.Mark(t.Context(), later, attempt, shipbell.Lane{Channel: channel}, nil); err != nil {
		t.Fatal(err)
	}
	b.deliver(0)
	b.record(event(shipbell.SourceExec, 5, shipbell.InProgress, pushed, otherRun))
	if err := b.Mark(t.Context(), under, attempt, shipbell.Lane{Channel: channel}, nil); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(2 * time.Hour)
	b.deliver(0)
	if b.mains() != 1 || b.posts != 1 {
		t.Errorf("%d messages of %d posts, want 1 of 1", b.mains(), b.posts)
	}
}

// TestOverWhileTheAlertWasUnderWay: what an alert says is not true any more when
// it is there, and is taken back.
func TestOverWhileTheAlertWasUnderWay(t *testing.T) {
	b := newBook(t)
	under := b.alertUnderWay(shipbell.SourceAlert)
	b.record(event(shipbell.SourcePoll, 20, shipbell.Success, pushed))
	b.end(under)
	if !b.edits(under.ref) {
		t.Error("the alert says still that it failed")
	}
}

// alertUnderWay announces a deployment, lets the source say that it failed, and
// begins to deliver the alert.
func (b *book) alertUnderWay(says shipbell.Source) *request {
	b.Helper()
	b.record(event(shipbell.SourcePush, 0, shipbell.Announced, pushed))
	b.deliver(0)
	b.record(event(says, 10, shipbell.Failure, pushed))
	under := b.begin(nil)
	if under.a.Part != shipbell.PartAlert {
		b.Fatalf("part %d is under way, want the alert", under.a.Part)
	}
	return under
}

// edits delivers everything, and reports whether a message was edited.
func (b *book) edits(ref shipbell.MessageRef) (edited bool) {
	b.Helper()
	for r := b.begin(nil); r != nil; r = b.begin(nil) {
		edited = edited || r.a.Ref == ref
		b.end(r)
	}
	return edited
}

// TestPostedWhileNothingWasToBeTold: an alert was under way when its replica lost
// the lane, and the next one found that there was no need for it any more. It is
// there all the same, and is taken back.
func TestPostedWhileNothingWasToBeTold(t *testing.T) {
	b := newBook(t)
	under := b.alertUnderWay(shipbell.SourcePush)
	b.record(event(shipbell.SourcePoll, 20, shipbell.Success, pushed))
	needless, s, err := b.Stale(t.Context(), channel)
	if err != nil || needless.Part != shipbell.PartAlert {
		t.Fatalf("part %d comes next, want the alert: %v", needless.Part, err)
	}
	needless.Shown = s.Deployment.Revision
	attempt := shipbell.Attempt{Deployment: needless.Deployment, Channel: channel, Part: needless.Part, At: b.now}
	if err := b.Mark(t.Context(), needless, attempt, shipbell.Lane{Channel: channel}, nil); err != nil {
		t.Fatal(err)
	}
	b.end(under)
	if !b.edits(under.ref) {
		t.Error("the alert says still that it failed")
	}
}

func TestExitCodeEndsNoAlarm(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourcePush, 0, shipbell.Announced, pushed))
	b.until(time.Hour, true)
	b.want(pushed, "announced, missing, 0 stale, 1 held")
	b.deliver(0)
	b.record(event(shipbell.SourcePush, 3600, shipbell.Success, pushed))
	b.until(90*time.Minute, true)
	b.want(pushed, "success, missing, 0 stale, 1 stale")
	b.record(event(shipbell.SourcePoll, 3590, shipbell.Success, deployment, version))
	b.until(2*time.Hour, true)
	if got := b.state(deployment); !strings.HasPrefix(got, "success, missing over") {
		t.Errorf("after Cloudflare showed it: %s", got)
	}
}

// TestWordOfTheBuildsStart: a success that is dated at the start of the build is
// looked for after it was told, not after its date.
func TestWordOfTheBuildsStart(t *testing.T) {
	b := newBook(t)
	b.now = start.Add(20 * time.Minute)
	e := event(shipbell.SourcePush, 0, shipbell.Success, pushed)
	e.ReceivedAt = b.now
	b.record(e)
	if n := b.watch(true); n > 0 {
		t.Fatal("an alarm at once")
	}
	b.until(25*time.Minute, true)
	b.want(pushed, "failure, not_live, 0 stale, 1 held")
}

func TestDowntimeIsNotOverdue(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourceBuilds, 0, shipbell.InProgress, buildOne))
	b.now = start.Add(70 * time.Minute)
	if n, err := b.Watch(t.Context(), eye{"api": start.Add(time.Minute)}); n > 0 || err != nil {
		t.Fatalf("%d alarms before the first look, %v", n, err)
	}
	b.record(event(shipbell.SourceBuilds, 90, shipbell.Canceled, buildOne))
	if raised := b.until(3*time.Hour, true); raised != nil {
		t.Errorf("alarms in minutes %v", raised)
	}
}

func TestBranchThatNeverWentLive(t *testing.T) {
	b := newBook(t)
	announced := func(second int, branch string, k shipbell.Key) shipbell.Event {
		e := event(shipbell.SourcePush, second, shipbell.Announced, k)
		e.Branch = branch
		return e
	}
	before := event(shipbell.SourcePoll, -86400, shipbell.Success, deployment, version)
	before.Branch = "main"
	b.record(before, announced(0, "feature/x", pushed), announced(5, "main", otherRun))
	b.until(3*time.Hour, true)
	b.want(pushed, "announced, 0 stale")
	b.want(otherRun, "announced, missing, 0 stale, 1 held")
}

func TestWorkerOfAnotherEnvironmentIsNoWitness(t *testing.T) {
	b := newBook(t)
	e := event(shipbell.SourcePush, 0, shipbell.Success, pushed)
	e.Environment = "staging" // its Worker is called something else
	b.record(e)
	if raised := b.until(3*time.Hour, true); raised != nil {
		t.Errorf("alarms in minutes %v", raised)
	}
}

// TestSkipsOnPurpose: Workers whose watched paths did not change are skipped with
// every push of a monorepo.
func TestSkipsOnPurpose(t *testing.T) {
	b := newBook(t)
	for n := range 3 {
		b.record(event(shipbell.SourceBuilds, 60*n, shipbell.Skipped, key(shipbell.KeyBuild, fmt.Sprint("skip-", n))))
	}
	b.record(event(shipbell.SourceBuilds, 1700, shipbell.InProgress, buildOne))
	if raised := b.until(31*time.Minute, true); raised != nil {
		t.Errorf("alarms in minutes %v, one is under way", raised)
	}
	b.record(event(shipbell.SourceBuilds, 1900, shipbell.Success, buildOne), event(shipbell.SourcePoll, 1890, shipbell.Success, deployment, buildOne))
	if raised := b.until(3*time.Hour, true); raised != nil {
		t.Errorf("alarms in minutes %v", raised)
	}
}

func TestOwnFailureRings(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourceExec, 0, shipbell.InProgress, pushed))
	b.deliver(0)
	b.record(event(shipbell.SourcePoll, 30, shipbell.Success, deployment, version))
	b.deliver(0)
	b.want(pushed, "success, 0 shown")
	b.record(event(shipbell.SourceExec, 40, shipbell.Failure, pushed))
	b.want(pushed, "success, 0 stale, 1 stale")
}

// TestFailuresAreToldWhatIsLive: what they say is live is not any more.
func TestFailuresAreToldWhatIsLive(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourceExec, 0, shipbell.InProgress, pushed))
	b.deliver(0)
	b.record(event(shipbell.SourceExec, 60, shipbell.Failure, pushed))
	b.deliver(0)
	b.want(pushed, "failure, 0 shown, 1 shown")
	b.record(event(shipbell.SourceExec, 600, shipbell.InProgress, otherRun), event(shipbell.SourceExec, 660, shipbell.Success, otherRun))
	b.want(pushed, "failure, 0 stale, 1 stale")
	posts := b.posts
	b.deliver(0)
	if b.posts != posts+1 {
		t.Errorf("%d posts for one new deployment", b.posts-posts)
	}
}

// TestAlertIsEditedWithoutItsMessage: while the main message is gone the alert is
// brought up to date all the same.
func TestAlertIsEditedWithoutItsMessage(t *testing.T) {
	b := newBook(t)
	b.record(event(shipbell.SourceBuilds, 0, shipbell.InProgress, buildOne))
	b.deliver(0)
	b.record(event(shipbell.SourceBuilds, 60, shipbell.Failure, buildOne))
	b.deliver(0)
	s, err := b.Story(t.Context(), buildOne)
	if err != nil {
		t.Fatal(err)
	}
	gone := s.Announcements[0]
	gone.Ref, gone.Shown, gone.DueAt = "", 1, b.now.Add(time.Hour)
	attempt := shipbell.Attempt{Deployment: gone.Deployment, Channel: channel, Edit: true, Fault: shipbell.FaultGone}
	if err := b.Mark(t.Context(), gone, attempt, shipbell.Lane{Channel: channel}, nil); err != nil {
		t.Fatal(err)
	}
	b.record(event(shipbell.SourcePoll, 50, shipbell.Success, deployment, buildOne))
	b.want(buildOne, "success, 0 stale, 1 stale")
}
