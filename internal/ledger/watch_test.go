package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// eye is a witness that looked at some projects at a time.
type eye map[string]time.Time

func (e eye) Looked(_ shipbell.ProjectType, names []string) time.Time {
	for _, name := range names {
		if at, ok := e[name]; ok {
			return at
		}
	}
	return time.Time{}
}

// watch looks at what is due, as if Cloudflare was asked a moment ago; with
// nobody asked when asked is false.
func (b *book) watch(asked bool) int {
	b.Helper()
	var w ledger.Witness
	if asked {
		w = eye{"api": b.now.Add(-time.Second)}
	}
	n, err := b.Watch(b.Context(), w)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// until watches every minute until the time after the start, and returns the
// minutes in which something changed.
func (b *book) until(after time.Duration, asked bool) (minutes []int) {
	for ; !b.now.After(start.Add(after)); b.now = b.now.Add(time.Minute) {
		if b.watch(asked) > 0 {
			minutes = append(minutes, int(b.now.Sub(start)/time.Minute))
		}
	}
	return minutes
}

func TestFrozen(t *testing.T) {
	pushed, build := key(shipbell.KeyPushed, "run-1"), key(shipbell.KeyBuild, "build-1")
	seen := []shipbell.Key{key(shipbell.KeyDeployment, "deployment-1"), key(shipbell.KeyVersion, "version-1")}
	later := event(shipbell.SourcePoll, 7200, shipbell.Success, key(shipbell.KeyDeployment, "deployment-2"), key(shipbell.KeyVersion, "version-2"))
	preview := func(e shipbell.Event) shipbell.Event {
		e.Environment = shipbell.Preview
		return e
	}
	var history []shipbell.Event // three deployments of 60 s each
	for n := range 3 {
		k := key(shipbell.KeyPushed, fmt.Sprint("before-", n))
		history = append(history,
			event(shipbell.SourceExec, -86400*(n+1), shipbell.InProgress, k),
			event(shipbell.SourceExec, -86400*(n+1)+60*(n+2), shipbell.Success, k))
	}
	// The same behind many previews, and behind one more success.
	behind := func(history []shipbell.Event, last shipbell.Event) []shipbell.Event {
		all := slices.Clone(history)
		for n := range 40 {
			all = append(all, preview(event(shipbell.SourceExec, -7200+60*n, shipbell.Success, key(shipbell.KeyPushed, fmt.Sprint("preview-", n)))))
		}
		return append(all, last)
	}
	on := func(branch string, e shipbell.Event) shipbell.Event {
		e.Branch = branch
		return e
	}
	var polled []shipbell.Event
	for n := range 3 {
		polled = append(polled, on("main", event(shipbell.SourcePoll, -86400*(n+1), shipbell.Success, key(shipbell.KeyDeployment, fmt.Sprint("polled-", n)))))
	}
	hotfix := on("hotfix", event(shipbell.SourcePoll, -600, shipbell.Success, key(shipbell.KeyDeployment, "polled-hotfix")))
	for _, test := range []struct {
		name   string
		events []shipbell.Event
		asked  bool
		want   string // status, reason, and when it was raised and over, in minutes
		then   []shipbell.Event
	}{
		{"what is only pushed is never alarmed about", []shipbell.Event{event(shipbell.SourcePush, 0, shipbell.Announced, pushed)}, false, "announced", nil},
		{"announced, and Cloudflare shows nothing", []shipbell.Event{event(shipbell.SourcePush, 0, shipbell.Announced, pushed)}, true, "announced missing [33]", nil},
		{"it is over when a later one is live", []shipbell.Event{event(shipbell.SourcePush, 0, shipbell.Announced, pushed)}, true, "announced missing [33] over [185]", []shipbell.Event{later}},
		{"started, and never ended", []shipbell.Event{event(shipbell.SourceExec, 0, shipbell.InProgress, pushed)}, false, "in_progress unfinished [31]", nil},
		{"the project's own history sets the deadline", append(history, event(shipbell.SourceExec, 0, shipbell.InProgress, pushed)), false, "in_progress unfinished [9]", nil},
		{"its history behind many previews, too", append(behind(history, event(shipbell.SourceExec, -500, shipbell.Success, key(shipbell.KeyPushed, "before"))), event(shipbell.SourceExec, 0, shipbell.InProgress, pushed)), false, "in_progress unfinished [9]", nil},
		{"and its branch, which went live long ago", append(behind(polled, hotfix), on("main", event(shipbell.SourcePush, 0, shipbell.Announced, pushed))), true, "announced missing [33]", nil},
		{"a build that never ended", []shipbell.Event{event(shipbell.SourceBuilds, 0, shipbell.InProgress, build)}, true, "in_progress unfinished [32]", nil},
		{"it ended after all", []shipbell.Event{event(shipbell.SourceExec, 0, shipbell.InProgress, pushed)}, false, "success unfinished [31] over [181]", []shipbell.Event{event(shipbell.SourceExec, 7200, shipbell.Success, pushed)}},
		{"a green build without a deployment", []shipbell.Event{event(shipbell.SourceBuilds, 0, shipbell.InProgress, build), event(shipbell.SourceBuilds, 60, shipbell.Success, build)}, true, "failure not_live [4]", nil},
		{"a green build that Cloudflare shows late", []shipbell.Event{event(shipbell.SourceBuilds, 60, shipbell.Success, build)}, true, "success not_live [4] over [181]", []shipbell.Event{event(shipbell.SourcePoll, 55, shipbell.Success, append(seen, build)...)}},
		{"a green build and a deployment", []shipbell.Event{event(shipbell.SourceBuilds, 60, shipbell.Success, build), event(shipbell.SourcePoll, 55, shipbell.Success, append(seen, build)...)}, true, "success", nil},
		{"nobody asks, nobody doubts", []shipbell.Event{event(shipbell.SourceExec, 60, shipbell.Success, pushed)}, false, "success", nil},
		{"an uploaded version is not expected to be live", []shipbell.Event{preview(event(shipbell.SourceExec, 60, shipbell.Success, pushed))}, true, "success", nil},
		{"a failure is no alarm: it has an alert of its own", []shipbell.Event{event(shipbell.SourceExec, 60, shipbell.Failure, pushed)}, true, "failure", nil},
		{"a success that is told a day later is not looked for", []shipbell.Event{event(shipbell.SourceExec, -86400, shipbell.Success, pushed)}, true, "success", nil},
		{"what is told late is not overdue at once", []shipbell.Event{event(shipbell.SourceExec, -86400, shipbell.InProgress, pushed)}, true, "in_progress unfinished [32]", nil},
		{"a skipped build with nothing after it", []shipbell.Event{event(shipbell.SourceBuilds, 0, shipbell.Skipped, build)}, true, "skipped", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBook(t)
			b.Ledger = ledger.New(ledger.Options{Store: b.store, Router: b, Now: func() time.Time { return b.now }, Asked: test.asked})
			b.record(test.events...)
			raised := b.until(3*time.Hour, test.asked)
			if test.then != nil {
				b.record(test.then...)
			}
			over := b.until(6*time.Hour, test.asked)
			s, err := b.Story(t.Context(), test.events[len(test.events)-1].Keys[0])
			if err != nil {
				t.Fatal(err)
			}
			got := string(s.Deployment.Status)
			if a := s.Deployment.Alarm; a != nil {
				got += fmt.Sprintf(" %s %v", a.Reason, raised)
				if !a.OverAt.IsZero() {
					got += fmt.Sprintf(" over %v", over)
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestUnclearIsNoAlarm: where a deployment was seen that may be this one,
// nothing is concluded.
func TestUnclearIsNoAlarm(t *testing.T) {
	b := newBook(t)
	b.record(
		event(shipbell.SourcePush, 0, shipbell.Announced, key(shipbell.KeyPushed, "run-1")),
		event(shipbell.SourcePush, 1, shipbell.Announced, key(shipbell.KeyPushed, "run-2")),
		event(shipbell.SourcePoll, 20, shipbell.Success, key(shipbell.KeyDeployment, "deployment-1")),
	)
	if n := len(b.deployments()); n != 3 {
		t.Fatalf("%d deployments, want 3", n)
	}
	if raised := b.until(5*time.Hour, true); raised != nil {
		t.Errorf("alarms in minutes %v", raised)
	}
}

// TestUnknownProjectIsNoAlarm: what Cloudflare does not know it cannot show.
func TestUnknownProjectIsNoAlarm(t *testing.T) {
	b := newBook(t)
	e := event(shipbell.SourcePush, 0, shipbell.Success, key(shipbell.KeyPushed, "run-1"))
	e.Project = "elsewhere"
	b.record(e)
	if raised := b.until(5*time.Hour, true); raised != nil {
		t.Errorf("alarms in minutes %v", raised)
	}
}

func TestDeadline(t *testing.T) {
	took := func(durations ...time.Duration) (history []shipbell.Deployment) {
		for _, d := range durations {
			history = append(history, shipbell.Deployment{
				Observation: shipbell.Observation{Status: shipbell.Success}, StartedAt: start, FinishedAt: start.Add(d),
			})
		}
		return history
	}
	for _, test := range []struct {
		history []shipbell.Deployment
		want    time.Duration
	}{
		{nil, 30 * time.Minute},
		{took(time.Minute, time.Minute), 30 * time.Minute},
		{took(time.Second, time.Second, time.Second), 5 * time.Minute},
		{took(4*time.Minute, 5*time.Minute, 6*time.Minute, 7*time.Minute), 14 * time.Minute},
		{took(time.Hour, 2*time.Hour, 3*time.Hour), time.Hour},
	} {
		if got := ledger.Deadline(test.history); got != test.want {
			t.Errorf("deadline %s, want %s", got, test.want)
		}
	}
}
