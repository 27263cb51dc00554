package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shipbell/shipbell"
)

// maxProjects is how many projects a bulletin lists.
const maxProjects = 10

func bulletin(b shipbell.Bulletin, missed []shipbell.Deployment, there bool) shipbell.Message {
	m := message{}
	switch b.Kind {
	case shipbell.BulletinMissed:
		m.missed(b, missed)
	case shipbell.BulletinBlind:
		if !there && !b.OverAt.IsZero() {
			break // it was over before anybody was told
		}
		m.blind(b)
	case shipbell.BulletinTest:
		m.test(b)
	}
	return shipbell.Message{Lines: m.lines}
}

// test tells nothing but that messages arrive.
func (m *message) test(b shipbell.Bulletin) {
	m.line("", shipbell.Span{Text: "🔔 "}, shipbell.Span{Text: "Test message", Style: shipbell.StyleBold})
	m.line("", shipbell.Span{Text: "Messages of Shipbell arrive here."})
	m.gap()
	m.line("Sent by", span(b.Reason, giveReason))
	m.line("Time", shipbell.Span{Text: Time(b.At)})
}

// missed tells of many deployments at once: how many, when, and of each project
// how they ended, the project that deployed last first.
func (m *message) missed(b shipbell.Bulletin, missed []shipbell.Deployment) {
	if len(missed) == 0 {
		return
	}
	m.line("", shipbell.Span{Text: "📬 "},
		shipbell.Span{Text: count(len(missed), "deployment") + " heard of late", Style: shipbell.StyleBold})
	first, last := missed[0].StartedAt, missed[len(missed)-1].StartedAt
	when := "Between " + Time(first) + " and " + Time(last)
	if Time(first) == Time(last) {
		when = "At " + Time(first)
	}
	m.line("", shipbell.Span{Text: when})
	m.line("Reason", span(b.Reason, giveReason))
	m.gap()
	groups := groupsOf(missed)
	for i, g := range groups {
		if i == maxProjects {
			m.line("", shipbell.Span{Text: "… and " + count(len(groups)-i, "more project")})
			break
		}
		m.group(g)
	}
	m.gap()
	m.line("", shipbell.Span{Text: "Deployments that failed have messages of their own."})
}

// groupsOf puts together what was deployed to one place, the place where
// something happened last first.
func groupsOf(missed []shipbell.Deployment) [][]shipbell.Deployment {
	var groups [][]shipbell.Deployment
	for _, d := range slices.Backward(missed) {
		i := slices.IndexFunc(groups, func(g []shipbell.Deployment) bool {
			return g[0].Type == d.Type && g[0].Project == d.Project && environmentName(g[0]) == environmentName(d)
		})
		if i < 0 {
			groups = append(groups, []shipbell.Deployment{d})
			continue
		}
		groups[i] = append(groups[i], d)
	}
	return groups
}

// group tells of one place: how its deployments ended, and the last of them.
func (m *message) group(g []shipbell.Deployment) {
	last := g[0]
	spans := []shipbell.Span{
		{Text: "• "}, {Text: clean(last.Project), Style: shipbell.StyleBold, Give: giveOther},
		{Text: " ("}, span(environmentName(last), giveOther), {Text: "): " + outcomesOf(g)},
	}
	if last.Commit != "" || last.CommitMessage != "" {
		spans = append(append(spans, shipbell.Span{Text: "; last "}), named(last)...)
	}
	m.line("", spans...)
}

// outcomesOf counts how deployments ended, the way the last one did first.
func outcomesOf(g []shipbell.Deployment) string {
	var words []string
	counts := make(map[string]int)
	for _, d := range g {
		word := "under way"
		if w, ok := statusWords[d.Status]; ok && d.Status.Final() {
			word = strings.ToLower(w.word)
			if d.Status == shipbell.Success {
				word = strings.ToLower(successWord(d))
			}
		}
		if counts[word] == 0 {
			words = append(words, word)
		}
		counts[word]++
	}
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", counts[w], w)
	}
	return strings.Join(words, ", ")
}

// blind tells that a source cannot be heard, or again.
func (m *message) blind(b shipbell.Bulletin) {
	name := sourceName(b.Source)
	if !b.OverAt.IsZero() {
		m.line("", shipbell.Span{Text: "📡 "}, shipbell.Span{Text: "Shipbell hears " + name + " again", Style: shipbell.StyleBold})
		m.line("", shipbell.Span{Text: fmt.Sprintf("It could not for %s, from %s to %s.", Duration(b.OverAt.Sub(b.At)), Time(b.At), Time(b.OverAt))})
		return
	}
	m.line("", shipbell.Span{Text: "📡 "}, shipbell.Span{Text: "Shipbell cannot hear " + name, Style: shipbell.StyleBold})
	m.line("", shipbell.Span{Text: "Deployments that nobody else tells of will be told late, or not at all."})
	m.gap()
	m.line("Since", shipbell.Span{Text: Time(b.At)})
	m.line("Reason", span(b.Reason, giveReason))
	m.line("What to do", span(b.Hint, giveReason))
}
