package api

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/render"
	"github.com/shipbell/shipbell/internal/wire"
)

// maxSubject bounds the subject of a commit, and the reason of a failure, where many
// are told, in bytes.
const maxSubject = 120

// cut returns at most n bytes of a text, whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.TrimRight(text[:n], " ") + "…"
}

func brief(d shipbell.Deployment) wire.Brief {
	return wire.Brief{
		ID: d.ID, Revision: d.Revision, ShownID: d.ShownID,
		Type: d.Type, Project: d.Project, Environment: cmp.Or(d.Environment, shipbell.Production), Status: d.Status,
		Frozen: d.Frozen(), Branch: d.Branch, Commit: d.Commit, Subject: cut(render.Subject(d.CommitMessage), maxSubject),
		Author: d.Author, Reason: cut(render.Subject(d.Error), maxSubject), StartedAt: d.StartedAt.UTC(), FinishedAt: utc(d.FinishedAt),
	}
}

func briefOf(d *shipbell.Deployment) *wire.Brief {
	if d == nil {
		return nil
	}
	b := brief(*d)
	return &b
}

// utc leaves the zero time as it is.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

func deployment(d shipbell.Deployment) wire.Deployment {
	o := wire.Deployment{
		Brief: brief(d), Keys: []wire.Key{}, Silenced: d.Silenced, CommittedAt: d.Brief().CommittedAt,
		Tag: d.Tag, VersionID: d.VersionID,
		URL: render.WebAddress(d.URL), LogURL: render.WebAddress(d.LogURL),
		DashboardURL: render.WebAddress(d.DashboardURL), RepositoryURL: render.WebAddress(d.RepositoryURL),
		Rollout: d.Rollout, Cause: d.Cause, Error: d.Error, RecordedAt: d.RecordedAt.UTC(),
		TookSeconds: d.Took().Seconds(),
	}
	for _, k := range d.Keys {
		o.Keys = append(o.Keys, wire.Key{Kind: k.Kind, ID: k.ID})
	}
	if d.Alarm != nil {
		o.Alarm = &wire.Alarm{At: d.Alarm.At.UTC(), Reason: d.Alarm.Reason, OverAt: utc(d.Alarm.OverAt)}
	}
	return o
}

func detail(s ledger.Story) wire.Detail {
	d := s.Deployment
	o := wire.Detail{
		Deployment: deployment(d), CommitMessage: d.CommitMessage, Log: d.Log,
		Disputes: []wire.Dispute{}, Events: []wire.Heard{}, Announcements: []wire.Announcement{}, Attempts: []wire.Attempt{},
	}
	for _, c := range d.Disputes() {
		o.Disputes = append(o.Disputes, wire.Dispute{Source: c.Source, Status: c.Status, At: c.At.UTC()})
	}
	for _, e := range s.Events {
		o.Events = append(o.Events, wire.Heard{
			Source: e.Source, ID: e.ID, At: e.At.UTC(), ReceivedAt: e.ReceivedAt.UTC(), Joined: e.Joined, Status: e.Status, Error: e.Error,
		})
	}
	for _, a := range s.Announcements {
		o.Announcements = append(o.Announcements, announcement(a, s.Subject))
	}
	for _, a := range s.Attempts {
		o.Attempts = append(o.Attempts, attempt(a))
	}
	l := s.Subject.Lineage
	o.Lineage = wire.Lineage{
		Previous: briefOf(l.Previous), Live: briefOf(l.Live), Brought: briefOf(l.Brought),
		Failures: l.Failures, FailingSince: utc(l.FailingSince),
	}
	return o
}

func announcement(a shipbell.Announcement, s shipbell.Subject) wire.Announcement {
	o := wire.Announcement{
		Channel: a.Channel, Part: wire.PartOf(a.Part), State: wire.AnnouncementCurrent, Urgency: urgency(a.Urgency),
		Shown: a.Shown, Wanted: a.Wanted, Tries: a.Tries, Text: render.Announcement(a, s).Plain(),
	}
	switch {
	case a.Held():
		o.State = wire.AnnouncementHeld
	case a.Told():
		o.State = wire.AnnouncementTold
	case a.Stale():
		o.State, o.DueAt = wire.AnnouncementWaiting, utc(a.DueAt)
	}
	return o
}

func urgency(u shipbell.Urgency) wire.Urgency {
	switch u {
	case shipbell.UrgencyLow:
		return wire.UrgencyLow
	case shipbell.UrgencyHigh:
		return wire.UrgencyHigh
	}
	return wire.UrgencyNormal
}

func attempt(a shipbell.Attempt) wire.Attempt {
	what := wire.AttemptPost
	switch {
	case a.Part.Obsolete():
		what = wire.AttemptRemove
	case a.Edit:
		what = wire.AttemptEdit
	}
	return wire.Attempt{
		Channel: a.Channel, Part: wire.PartOf(a.Part), What: what, Revision: a.Revision,
		At: a.At.UTC(), TookMs: a.Took.Milliseconds(), Fault: a.Fault, Detail: a.Detail,
	}
}
