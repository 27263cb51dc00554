package render

import (
	"fmt"
	"strings"

	"github.com/shipbell/shipbell"
)

// The policy of this file: these messages make a phone ring, and a phone shows
// the first line. It names project, environment and what happened.

// headline is the first line: emoji, project, environment, what happened.
func (m *message) headline(emoji string, d shipbell.Deployment, what string) {
	m.line("",
		shipbell.Span{Text: emoji + " "},
		shipbell.Span{Text: clean(d.Project), Style: shipbell.StyleBold, Give: giveProject},
		shipbell.Span{Text: " ("}, span(environmentName(d), giveEnvironment), shipbell.Span{Text: ") " + what})
}

// alert tells that the deployment failed or that production did not move. One
// that is there says so when that is not so any more; one that is not there need
// not come then.
func alert(d shipbell.Deployment, l shipbell.Lineage, there bool) shipbell.Message {
	m := message{}
	switch {
	case d.Status == shipbell.Failure && !unseen(d):
		m.failed(d, l)
	case standing(d):
		m.frozen(d, l)
	case d.Status == shipbell.Success && d.OwnFailure():
		m.contradicted(d)
	case !there:
		return shipbell.Message{}
	case d.Alarm != nil && d.Alarm.Reason == shipbell.AlarmUnfinished:
		m.headline("🧊", d, "was overdue")
		m.line("", status(d)...)
	case d.Alarm != nil && !d.Alarm.OverAt.IsZero():
		m.headline("🧊", d, "did not move until "+Time(d.Alarm.OverAt))
	case d.Alarm != nil:
		m.headline("🧊", d, "had not moved")
		m.line("", status(d)...)
	default:
		m.headline("↩️", d, "did not fail")
		m.line("", status(d)...)
		m.disputes(d)
	}
	return shipbell.Message{Lines: m.lines}
}

func (m *message) failed(d shipbell.Deployment, l shipbell.Lineage) {
	what := "failed"
	if took := d.Took(); took > 0 {
		what += " after " + Duration(took)
	}
	m.headline("❌", d, what)
	m.disputes(d)
	m.failure(d)
	m.gap()
	m.commit(d)
	m.line("Author", span(d.Author, giveAuthor))
	m.live(d, l)
	m.links(d)
}

// contradicted tells that the people's own command failed although another
// source reports success: whether that is what the command was to deploy nobody
// else will ask.
func (m *message) contradicted(d shipbell.Deployment) {
	for _, o := range d.Disputes() {
		if o.Status == shipbell.Failure && (o.Source == shipbell.SourceExec || o.Source == shipbell.SourcePush) {
			m.headline("⚠️", d, "failed, says "+sourceName(o.Source))
			m.disputes(d)
			m.line("", span(o.Error, giveError))
			m.quote(o.Log, clean(o.Error))
			break
		}
	}
	m.gap()
	m.commit(d)
	m.line("Author", span(d.Author, giveAuthor))
	m.links(d)
}

// frozen tells what is live, since when, and what is missing.
func (m *message) frozen(d shipbell.Deployment, l shipbell.Lineage) {
	what := "has not moved"
	if d.Alarm.Reason == shipbell.AlarmUnfinished {
		what = "is overdue"
	}
	m.headline("🧊", d, what)
	m.line("", shipbell.Span{Text: missing(d)})
	m.gap()
	m.live(d, l)
	m.line("Missing", named(d)...)
	m.line("Author", span(d.Author, giveAuthor))
	for i, w := range l.Waiting {
		if i == maxChanges {
			m.line("", shipbell.Span{Text: fmt.Sprintf("… and %d more", len(l.Waiting)-i)})
			break
		}
		spans := named(w)
		if word, ok := statusWords[w.Status]; ok {
			spans = append(spans, shipbell.Span{Text: " (" + strings.ToLower(word.word) + ")"})
		}
		m.line("Not live either", spans...)
	}
	m.links(d)
}

// over tells that an alarm is over: production has moved, or what was overdue
// ended otherwise.
func over(d shipbell.Deployment, l shipbell.Lineage) shipbell.Message {
	if d.Alarm == nil || d.Alarm.OverAt.IsZero() {
		return shipbell.Message{}
	}
	m := message{}
	if moved(d, l) {
		m.headline("✅", d, "has moved")
	} else {
		w := statusWords[d.Status]
		m.headline(w.emoji, d, "was "+strings.ToLower(w.word))
	}
	if lasted := d.Alarm.OverAt.Sub(d.Alarm.At); lasted > 0 {
		m.line("", shipbell.Span{Text: "The alarm lasted " + Duration(lasted) + "."})
	}
	if l.Live != nil {
		m.gap()
		m.lastLive("Live", *l.Live)
	}
	return shipbell.Message{Lines: m.lines}
}

// pointer takes the place of a message that must go and cannot be removed.
func pointer(s shipbell.Subject) shipbell.Message {
	m := message{}
	m.line("", shipbell.Span{Text: "↑ See the message about "}, span(s.Deployment.Project, giveProject),
		shipbell.Span{Text: " ("}, span(environmentName(s.Deployment), giveEnvironment), shipbell.Span{Text: ") above"})
	return shipbell.Message{Lines: m.lines}
}
