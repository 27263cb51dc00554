package render

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// maxChanges is how many commits a message lists. Who wants more follows the
// link.
const maxChanges = 5

// named is a deployment by its commit and subject, or else by its id.
func named(d shipbell.Deployment) []shipbell.Span {
	hash, subject := short(d.Commit), clean(Subject(d.CommitMessage))
	switch {
	case hash == "" && subject == "":
		return []shipbell.Span{code(d.ShownID, giveOther)}
	case hash == "":
		return []shipbell.Span{span(subject, giveOther)}
	case subject == "":
		return []shipbell.Span{commitHash(d, hash)}
	}
	return []shipbell.Span{commitHash(d, hash), {Text: " - "}, span(subject, giveOther)}
}

// liveSince is when a deployment that succeeded did.
func liveSince(d shipbell.Deployment) time.Time {
	if d.FinishedAt.IsZero() {
		return d.StartedAt
	}
	return d.FinishedAt
}

// live tells what is live in place of the deployment. A preview takes nothing's
// place.
func (m *message) live(d shipbell.Deployment, l shipbell.Lineage) {
	if d.Environment == shipbell.Preview || l.Live != nil && l.Live.ID == d.ID {
		return
	}
	if l.Live == nil {
		m.line("Live", shipbell.Span{Text: "not known"})
		return
	}
	label := "Still live"
	if l.Live.StartedAt.After(d.StartedAt) {
		label = "Live by now"
	}
	m.lastLive(label, *l.Live)
}

// lastLive tells of the deployment that succeeded last. Only where Cloudflare was
// asked it is called live; otherwise somebody said that it was deployed.
func (m *message) lastLive(label string, live shipbell.Deployment) {
	if !live.Claimed(shipbell.SourcePoll) {
		m.line("Last deployed", append(named(live), shipbell.Span{Text: ", " + Time(liveSince(live))})...)
		return
	}
	m.line(label, append(named(live), shipbell.Span{Text: ", since " + Time(liveSince(live))})...)
}

// changes tell what is new since the last deployment that succeeded. One commit
// is told by the commit line.
func (m *message) changes(d shipbell.Deployment, l shipbell.Lineage) {
	if d.Status != shipbell.Success || l.Previous == nil || l.Previous.Commit == "" || !moves(d, l) {
		return
	}
	since, address := l.Previous.Commit, compareAddress(d, *l.Previous)
	subjects, known := newSince(d.History, since)
	switch {
	case !known && address != "":
		m.line("Changes", shipbell.Span{Text: short(since) + "..." + short(d.Commit), URL: address, Give: giveLink})
		return
	case !known, len(subjects) == 1:
		return
	case len(subjects) == 0:
		m.line("Changes", shipbell.Span{Text: "no new commit"})
		return
	}
	m.line("Changes",
		shipbell.Span{Text: count(len(subjects), "commit") + " since "},
		shipbell.Span{Text: short(since), Style: shipbell.StyleCode, URL: address})
	for _, s := range subjects[:min(len(subjects), maxChanges)] {
		m.line("", shipbell.Span{Text: "• "}, span(s, giveOther))
	}
	if more := len(subjects) - maxChanges; more > 0 {
		m.line("", shipbell.Span{Text: fmt.Sprintf("… and %d more", more)})
	}
}

// newSince returns the subjects of the commits after that one, the newest first.
// They are not known where the history does not reach back to it.
func newSince(history, commit string) (subjects []string, known bool) {
	for line := range strings.SplitSeq(history, "\n") {
		hash, subject, _ := strings.Cut(strings.TrimSpace(line), " ")
		if hash == "" {
			continue
		}
		if shipbell.SameCommit(hash, commit) {
			return subjects, true
		}
		subjects = append(subjects, cmp.Or(clean(subject), short(hash)))
	}
	return nil, false
}

// compareAddress leads to what is new in the deployment since another, where the
// repository's host is one whose addresses are known; else it is empty.
func compareAddress(d, since shipbell.Deployment) string {
	base := strings.TrimSuffix(webAddress(d.RepositoryURL), "/")
	if base == "" || !isHash(d.Commit) || !isHash(since.Commit) || shipbell.SameCommit(d.Commit, since.Commit) {
		return ""
	}
	u, err := url.Parse(base)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	base = strings.TrimSuffix(base, ".git")
	switch host := u.Hostname(); {
	case strings.Contains(host, "github"):
		return base + "/compare/" + since.Commit + "..." + d.Commit
	case strings.Contains(host, "gitlab"):
		return base + "/-/compare/" + since.Commit + "..." + d.Commit
	case host == "bitbucket.org":
		return base + "/branches/compare/" + d.Commit + "%0D" + since.Commit
	}
	return ""
}
