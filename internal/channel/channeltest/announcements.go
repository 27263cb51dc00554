package channeltest

import (
	"fmt"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// AnnouncementCase is an announcement with what it is about.
type AnnouncementCase struct {
	Name         string
	Announcement shipbell.Announcement
	Subject      shipbell.Subject
}

// The commits of the list, whole hashes as git gives them.
const (
	CommitLive  = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
	CommitThis  = "abc123def4560718293a4b5c6d7e8f9012345678"
	CommitLater = "def456abc7890718293a4b5c6d7e8f9012345678"
)

// Log is the reason of a failure as a deploy command tells it.
const Log = `✘ [ERROR] Could not resolve "./auth"

    src/index.ts:3:22:
      3 │ import { verify } from "./auth";
        ╵                        ~~~~~~~~`

// told is an event of the contract's deployment, or of one like it.
func told(source shipbell.Source, status shipbell.Status, after time.Duration, change func(*shipbell.Event)) shipbell.Event {
	e := Contract()
	e.Source, e.ID = source, shipbell.EventID(fmt.Sprint(source, status, after))
	e.Keys = []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: "build-abc123"}}
	e.Status, e.At, e.Commit = status, Start.Add(after), CommitThis
	if change != nil {
		change(&e)
	}
	return e
}

// merged is the deployment of several events.
func merged(id shipbell.DeploymentID, events ...shipbell.Event) shipbell.Deployment {
	d := shipbell.NewDeployment(events[0])
	for _, e := range events[1:] {
		d = shipbell.Apply(d, e)
	}
	d.ID = id
	return d
}

// Announcements returns the list.
func Announcements() []AnnouncementCase {
	const posted = shipbell.MessageRef("posted")
	repository := func(e *shipbell.Event) { e.RepositoryURL = "https://github.com/example/api-service" }
	announced := told(shipbell.SourcePush, shipbell.Announced, 0, repository)
	live := merged(1, told(shipbell.SourcePoll, shipbell.Success, -90*time.Minute, func(e *shipbell.Event) {
		e.Commit, e.CommitMessage = CommitLive, "Fix the login"
		repository(e)
	}))
	pushedOnly := live
	pushedOnly.Outcomes = []shipbell.Outcome{{Source: shipbell.SourceExec, Status: shipbell.Success, At: live.FinishedAt}}
	later := merged(9, told(shipbell.SourcePoll, shipbell.Success, 42*time.Minute, func(e *shipbell.Event) {
		e.Commit, e.CommitMessage = CommitLater, "Add rate limit"
	}))
	history := func(n int) string {
		lines := []string{CommitThis[:10] + " Add JWT authentication"}
		for i := 1; i < n; i++ {
			lines = append(lines, fmt.Sprintf("%07x Change number %d", 0xb000000+i, i))
		}
		return strings.Join(append(lines, CommitLive[:10]+" Fix the login"), "\n")
	}
	success := func(change func(*shipbell.Event)) shipbell.Deployment {
		return merged(5, announced, told(shipbell.SourcePoll, shipbell.Success, 34*time.Second, func(e *shipbell.Event) {
			e.URL, e.LogURL = "https://api-service.example.workers.dev", "https://dash.cloudflare.com/a/builds/1"
			e.DashboardURL = "https://dash.cloudflare.com/a/workers/services/view/api-service/production"
			if change != nil {
				change(e)
			}
		}))
	}
	failure := func(change func(*shipbell.Event)) shipbell.Deployment {
		return merged(5, announced, told(shipbell.SourceExec, shipbell.Failure, 125*time.Second, func(e *shipbell.Event) {
			e.Error, e.Log = `✘ [ERROR] Could not resolve "./auth"`, Log
			e.LogURL = "https://dash.cloudflare.com/a/builds/1"
			if change != nil {
				change(e)
			}
		}))
	}
	alarmed := func(d shipbell.Deployment, reason shipbell.AlarmReason, after, lasted time.Duration) shipbell.Deployment {
		d.Alarm = &shipbell.Alarm{At: Start.Add(after), Reason: reason}
		if lasted > 0 {
			d.Alarm.OverAt = d.Alarm.At.Add(lasted)
		}
		return d
	}
	started := merged(5, announced, told(shipbell.SourceBuilds, shipbell.InProgress, 2*time.Second, nil))
	skipped := merged(5, announced, told(shipbell.SourceBuilds, shipbell.Skipped, time.Second, nil))
	canceled := merged(5, announced, told(shipbell.SourceBuilds, shipbell.InProgress, 2*time.Second, nil), told(shipbell.SourceBuilds, shipbell.Canceled, 80*time.Minute, nil))
	absent := merged(5, announced, told(shipbell.SourceExec, shipbell.Success, 34*time.Second, nil),
		told(shipbell.SourceWatch, shipbell.Failure, 34*time.Second, func(e *shipbell.Event) { e.Error = "Cloudflare shows no deployment of it" }))
	waiting := func(n int) []shipbell.Deployment {
		var all []shipbell.Deployment
		for i := range n {
			all = append(all, merged(shipbell.DeploymentID(6+i), told(shipbell.SourceBuilds, []shipbell.Status{shipbell.Skipped, shipbell.InProgress, shipbell.Failure}[i%3], time.Duration(i+1)*time.Minute, func(e *shipbell.Event) {
				e.Commit, e.CommitMessage = CommitLater, fmt.Sprintf("Later change %d", i+1)
			})))
		}
		return all
	}
	preview := func(t shipbell.ProjectType, change func(*shipbell.Event)) shipbell.Deployment {
		d := merged(5, told(shipbell.SourcePoll, shipbell.Success, 0, func(e *shipbell.Event) {
			e.Type, e.Environment = t, shipbell.Preview
			e.Keys = []shipbell.Key{{Type: t, Kind: shipbell.KeyVersion, ID: "1a2b3c4d"}}
			e.URL = "https://1a2b3c4d-api-service.example.workers.dev"
			if change != nil {
				change(e)
			}
		}))
		return d
	}

	main := func(name string, d shipbell.Deployment, l shipbell.Lineage) AnnouncementCase {
		return AnnouncementCase{"main-" + name, shipbell.Announcement{Deployment: d.ID, Ref: posted}, shipbell.Subject{Deployment: d, Lineage: l}}
	}
	reply := func(part shipbell.Part, there bool, name string, d shipbell.Deployment, l shipbell.Lineage) AnnouncementCase {
		a := shipbell.Announcement{Deployment: d.ID, Part: part, Main: posted, Urgency: shipbell.UrgencyHigh}
		if there {
			a.Ref = posted
		}
		return AnnouncementCase{name, a, shipbell.Subject{Deployment: d, Lineage: l}}
	}
	alert := func(name string, d shipbell.Deployment, l shipbell.Lineage) AnnouncementCase {
		return reply(shipbell.PartAlert, false, "alert-"+name, d, l)
	}
	shown := func(name string, d shipbell.Deployment, l shipbell.Lineage) AnnouncementCase {
		return reply(shipbell.PartAlert, true, "shown-alert-"+name, d, l)
	}
	over := func(name string, d shipbell.Deployment, l shipbell.Lineage) AnnouncementCase {
		return reply(shipbell.PartOver, false, "over-"+name, d, l)
	}
	bulletin := func(name string, b shipbell.Bulletin, missed []shipbell.Deployment, there bool) AnnouncementCase {
		b.ID, b.Revision = 1, 1
		a := shipbell.Announcement{Deployment: b.ID.Subject()}
		if there {
			a.Ref = posted
		}
		return AnnouncementCase{"bulletin-" + name, a, shipbell.Subject{Bulletin: &b, Missed: missed}}
	}
	since := shipbell.Lineage{Previous: &live, Live: &live}
	host := func(address string) shipbell.Deployment {
		return success(func(e *shipbell.Event) { e.RepositoryURL = address })
	}
	awkward := `</blockquote><b>&"'` + "\u202e" + `[31m` + "\x1b[31mred\x1b[0m\x00"

	cases := []AnnouncementCase{
		main("announced", merged(5, told(shipbell.SourcePush, shipbell.Announced, 0, func(e *shipbell.Event) {
			e.DashboardURL, e.History, e.Log = "https://dash.cloudflare.com/a", history(3), Log
		})), since),
		main("success", success(nil), shipbell.Lineage{}),
		main("changes", success(func(e *shipbell.Event) { e.History = history(3) }), since),
		main("many-changes", success(func(e *shipbell.Event) { e.History = history(12) }), since),
		main("six-changes", success(func(e *shipbell.Event) { e.History = history(6) }), since),
		main("one-change", success(func(e *shipbell.Event) { e.History = history(1) }), since),
		main("no-change", success(func(e *shipbell.Event) { e.Commit, e.History = CommitLive, CommitLive+" Fix the login" }), shipbell.Lineage{Previous: &live}),
		main("changes-without-repository", merged(5, told(shipbell.SourceExec, shipbell.Success, 0, func(e *shipbell.Event) { e.History = history(3) })), since),
		main("changes-beyond-the-history", success(func(e *shipbell.Event) { e.History = CommitThis + " Add JWT authentication" }), since),
		main("changes-on-gitlab", host("https://gitlab.example.com/team/api-service.git"), since),
		main("changes-on-bitbucket", host("https://bitbucket.org/team/api-service/"), since),
		main("changes-on-unknown-host", host("https://git.example.com/api-service"), since),
		main("markup-in-changes", success(func(e *shipbell.Event) {
			e.History = "b000001 <b>" + awkward + "\nb000002\n\nb000003 תיקון באג \u202eevil\u202c\n" + CommitLive
		}), since),
		main("fixed", success(nil), shipbell.Lineage{Previous: &live, Live: &live, Failures: 3, FailingSince: Start.Add(34*time.Second - 42*time.Minute)}),
		main("fixed-after-one", success(nil), shipbell.Lineage{Failures: 1}),
		main("rollback", success(func(e *shipbell.Event) {
			e.Cause, e.Author, e.History = shipbell.CauseRollback, "ops@example.com", history(3)
		}), shipbell.Lineage{Previous: &later, Brought: &live, Failures: 2}),
		main("rollback-to-unknown", merged(5, told(shipbell.SourcePoll, shipbell.Success, 0, func(e *shipbell.Event) {
			e.Cause = shipbell.CauseRollback
			e.Commit, e.CommitMessage, e.Author, e.Branch = "", "", "", ""
		})), since),
		main("rollout", success(func(e *shipbell.Event) { e.Cause, e.Rollout = shipbell.CauseRollout, "10 % 1a2b3c4d, 90 % 0f9e8d7c" }), since),
		main("preview-of-worker", preview(shipbell.Worker, nil), shipbell.Lineage{Previous: &live, Live: &live, Failures: 2}),
		main("preview-of-pages", preview(shipbell.Pages, nil), since),
		main("environment-called-preview", preview(shipbell.Worker, func(e *shipbell.Event) {
			e.Keys = append(e.Keys, shipbell.Key{Type: shipbell.Worker, Kind: shipbell.KeyDeployment, ID: "d1"})
		}), since),
		main("dispute", merged(5, announced, told(shipbell.SourceExec, shipbell.Failure, 30*time.Second, nil), told(shipbell.SourcePoll, shipbell.Success, 34*time.Second, nil)), since),
		main("disputes", merged(5, announced, told(shipbell.SourcePush, shipbell.Canceled, time.Minute, nil), told(shipbell.SourceExec, shipbell.Success, 30*time.Second, nil),
			told(shipbell.SourceAlert, shipbell.Skipped, time.Minute, nil), told(shipbell.SourceBuilds, shipbell.Failure, 34*time.Second, nil)), since),
		main("failure", failure(func(e *shipbell.Event) { e.DashboardURL = "https://dash.cloudflare.com/a" }), since),
		main("failure-after-which-it-moved", failure(nil), shipbell.Lineage{Previous: &live, Live: &later}),
		main("canceled-with-reason", merged(5, announced, told(shipbell.SourceBuilds, shipbell.Canceled, time.Minute, func(e *shipbell.Event) { e.Error = "canceled by ops@example.com" })), since),
		main("overdue", alarmed(started, shipbell.AlarmUnfinished, 45*time.Minute, 0), since),
		main("overdue-until", alarmed(canceled, shipbell.AlarmUnfinished, 45*time.Minute, 35*time.Minute), since),
		main("missing", alarmed(merged(5, announced), shipbell.AlarmMissing, 15*time.Minute, 0), since),
		main("not-live", alarmed(absent, shipbell.AlarmNotLive, 3*time.Minute, 0), since),
		main("not-live-until", alarmed(absent, shipbell.AlarmNotLive, 3*time.Minute, 39*time.Minute), shipbell.Lineage{Previous: &live, Live: &later}),
		main("skipped", alarmed(skipped, shipbell.AlarmSkipped, 30*time.Minute, 0), since),

		alert("failure", failure(nil), since),
		alert("failure-in-staging", failure(func(e *shipbell.Event) { e.Environment = "staging" }), since),
		alert("failure-of-preview", failure(func(e *shipbell.Event) { e.Environment = shipbell.Preview }), since),
		alert("failure-without-cloudflare", failure(nil), shipbell.Lineage{Live: &pushedOnly}),
		alert("failure-least", merged(5, told(shipbell.SourcePush, shipbell.Failure, 0, func(e *shipbell.Event) {
			e.Observation = shipbell.Observation{Type: shipbell.Worker, Project: "api-service", Status: shipbell.Failure}
		})), shipbell.Lineage{}),
		alert("failure-with-long-log", failure(func(e *shipbell.Event) {
			e.Log = strings.Repeat("A line of a log & no end <in sight>.\n", 280)
		}), since),
		alert("failure-with-long-line", failure(func(e *shipbell.Event) { e.Log = strings.Repeat("<x>🚀 ", 2500) }), since),
		alert("failure-with-markup", failure(func(e *shipbell.Event) {
			e.Error, e.CommitMessage = awkward, "Use <b> & </b>"
			e.Log = "\n\n" + awkward + "\n\tindented\r\n\n  two < spaces & \u2028 more\n\n"
		}), since),
		alert("failure-right-to-left", failure(func(e *shipbell.Event) {
			e.Error, e.CommitMessage = "שגיאה: \u202eevil\u202c", "תיקון באג"
			e.Log = "שגיאה בקובץ src/index.ts:3\n\u2067hidden\u2069"
		}), since),
		alert("failure-disputed", merged(5, announced, told(shipbell.SourceExec, shipbell.Success, 30*time.Second, nil), told(shipbell.SourceBuilds, shipbell.Failure, 34*time.Second, nil)), since),
		alert("contradicted", merged(5, announced, told(shipbell.SourceExec, shipbell.Failure, 30*time.Second, func(e *shipbell.Event) { e.Error, e.Log = `✘ [ERROR] Could not resolve "./auth"`, Log }), told(shipbell.SourcePoll, shipbell.Success, 34*time.Second, nil)), since),
		alert("overdue", alarmed(started, shipbell.AlarmUnfinished, 45*time.Minute, 0), since),
		alert("missing", alarmed(merged(5, announced), shipbell.AlarmMissing, 15*time.Minute, 0), shipbell.Lineage{Live: &live, Waiting: waiting(2)}),
		alert("not-live", alarmed(absent, shipbell.AlarmNotLive, 3*time.Minute, 0), since),
		alert("skipped", alarmed(skipped, shipbell.AlarmSkipped, 30*time.Minute, 0), shipbell.Lineage{Waiting: waiting(8)}),

		shown("failure-that-was-none", merged(5, announced, told(shipbell.SourceBuilds, shipbell.Failure, 30*time.Second, nil), told(shipbell.SourcePoll, shipbell.Success, 34*time.Second, nil)), since),
		shown("overdue-canceled", alarmed(canceled, shipbell.AlarmUnfinished, 45*time.Minute, 35*time.Minute), since),
		shown("missing-and-moved", alarmed(success(nil), shipbell.AlarmMissing, 15*time.Minute, 42*time.Minute), since),
		shown("not-live-moving", alarmed(success(nil), shipbell.AlarmNotLive, 3*time.Minute, 0), since),
		shown("overdue-failed", alarmed(failure(nil), shipbell.AlarmUnfinished, time.Minute, 0), since),

		over("moved", alarmed(success(nil), shipbell.AlarmMissing, 15*time.Minute, 42*time.Minute), shipbell.Lineage{Live: &later}),
		over("moved-with-the-next", alarmed(absent, shipbell.AlarmNotLive, 3*time.Minute, 39*time.Minute), shipbell.Lineage{Live: &later}),
		over("canceled", alarmed(canceled, shipbell.AlarmUnfinished, 45*time.Minute, 35*time.Minute), since),

		bulletin("missed", shipbell.Bulletin{Kind: shipbell.BulletinMissed, At: Start}, missed(12, 3), false),
		bulletin("missed-one", shipbell.Bulletin{Kind: shipbell.BulletinMissed, At: Start, Reason: "Shipbell was not running"}, missed(1, 1), false),
		bulletin("missed-many", shipbell.Bulletin{Kind: shipbell.BulletinMissed, At: Start}, missed(200, 14), false),
		bulletin("blind", shipbell.Bulletin{
			Kind: shipbell.BulletinBlind, Source: shipbell.SourcePoll, At: Start,
			Reason: "the API token was refused <401> & nothing else", Hint: "make a new token and put it in SHIPBELL_CLOUDFLARE_API_TOKEN",
		}, nil, false),
		bulletin("blind-least", shipbell.Bulletin{Kind: shipbell.BulletinBlind, Source: shipbell.SourceBuilds, At: Start}, nil, false),
		bulletin("blind-no-more", shipbell.Bulletin{
			Kind: shipbell.BulletinBlind, Source: shipbell.SourcePoll, At: Start, OverAt: Start.Add(42 * time.Minute), Reason: "the API token was refused",
		}, nil, true),
		bulletin("test", shipbell.Bulletin{Kind: shipbell.BulletinTest, At: Start, Reason: "<anna> & co"}, nil, false),
		{"pointer", shipbell.Announcement{Deployment: 5, Part: shipbell.PartObsolete, Ref: posted}, shipbell.Subject{Deployment: success(nil)}},
	}
	return cases
}

// Nothing returns announcements that have nothing to tell.
func Nothing() []AnnouncementCase {
	success := merged(5, told(shipbell.SourcePoll, shipbell.Success, 34*time.Second, nil))
	moved, standing := success, success
	moved.Alarm = &shipbell.Alarm{At: Start, Reason: shipbell.AlarmMissing, OverAt: Start.Add(time.Minute)}
	standing.Alarm = &shipbell.Alarm{At: Start, Reason: shipbell.AlarmMissing}
	blind := shipbell.Bulletin{ID: 1, Kind: shipbell.BulletinBlind, Source: shipbell.SourcePoll, At: Start, OverAt: Start.Add(time.Minute)}
	swept := shipbell.Bulletin{ID: 1, Kind: shipbell.BulletinMissed, At: Start, Missed: []shipbell.DeploymentID{1}}
	alert := shipbell.Announcement{Part: shipbell.PartAlert}
	return []AnnouncementCase{
		{"alert-of-a-success", alert, shipbell.Subject{Deployment: success}},
		{"alert-that-is-over", alert, shipbell.Subject{Deployment: moved}},
		{"alert-that-is-about-to-be-over", alert, shipbell.Subject{Deployment: standing}},
		{"over-without-an-alarm", shipbell.Announcement{Part: shipbell.PartOver}, shipbell.Subject{Deployment: success}},
		{"over-while-it-stands", shipbell.Announcement{Part: shipbell.PartOver}, shipbell.Subject{Deployment: standing}},
		{"blind-and-over", shipbell.Announcement{Deployment: -1}, shipbell.Subject{Bulletin: &blind}},
		{"missed-and-swept", shipbell.Announcement{Deployment: -1}, shipbell.Subject{Bulletin: &swept}},
	}
}

// missed are n deployments of several projects, the oldest first.
func missed(n, projects int) []shipbell.Deployment {
	statuses := []shipbell.Status{shipbell.Success, shipbell.Success, shipbell.Canceled, shipbell.Success, shipbell.InProgress, shipbell.Skipped}
	var all []shipbell.Deployment
	for i := range n {
		d := merged(shipbell.DeploymentID(i+1), told(shipbell.SourcePoll, statuses[i%len(statuses)], time.Duration(i)*17*time.Minute, func(e *shipbell.Event) {
			e.Project = []string{"api-service", "docs-site", "<web> & co"}[i%min(projects, 3)]
			if k := i % projects; k >= 3 {
				e.Project = fmt.Sprintf("service-%d", k)
			}
			e.CommitMessage = fmt.Sprintf("Change number %d", i+1)
			if i%4 == 3 {
				e.Environment = "staging"
			}
		}))
		all = append(all, d)
	}
	return all
}
