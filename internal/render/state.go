package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/shipbell/shipbell"
)

// The lines between the status and the facts: what speaks against the status,
// and what it means.

// sourceNames are what people call the sources, at the start of a sentence.
var sourceNames = map[shipbell.Source]string{
	shipbell.SourcePush:   "The build step",
	shipbell.SourceExec:   "The deploy command",
	shipbell.SourceAlert:  "Cloudflare's notification",
	shipbell.SourceBuilds: "Workers Builds",
	shipbell.SourcePoll:   "Cloudflare's API",
	shipbell.SourceWatch:  "Shipbell",
}

// claimWords are what a source said that claims an outcome.
var claimWords = map[shipbell.Status]string{
	shipbell.Success:  "reported success",
	shipbell.Failure:  "reported failure",
	shipbell.Canceled: "reported that it was canceled",
	shipbell.Skipped:  "reported that it was skipped",
}

// shownWords are the same where Cloudflare was asked what it has.
var shownWords = map[shipbell.Status]string{
	shipbell.Success:  "Cloudflare shows it live",
	shipbell.Failure:  "Cloudflare shows that it failed",
	shipbell.Canceled: "Cloudflare shows that it was canceled",
	shipbell.Skipped:  "Cloudflare shows that it was skipped",
}

// mostTrusted are the sources in the order in which they are believed.
var mostTrusted = []shipbell.Source{
	shipbell.SourcePoll, shipbell.SourceBuilds, shipbell.SourceAlert, shipbell.SourceExec, shipbell.SourcePush,
}

// sourceName is what people call the source within a sentence.
func sourceName(s shipbell.Source) string {
	return strings.Replace(sourceNames[s], "The ", "the ", 1)
}

// disputes tell who says otherwise, and who is believed.
func (m *message) disputes(d shipbell.Deployment) {
	i := slices.IndexFunc(mostTrusted, d.Claimed)
	if i < 0 || unseen(d) {
		return
	}
	for _, o := range d.Disputes() {
		m.line("", shipbell.Span{Text: fmt.Sprintf("⚠️ %s %s; %s",
			sourceNames[o.Source], claimWords[o.Status], believed(mostTrusted[i], d))})
	}
}

// believed says what the most trusted source says.
func believed(s shipbell.Source, d shipbell.Deployment) string {
	switch {
	case s != shipbell.SourcePoll:
		return sourceName(s) + " " + claimWords[d.Status]
	case d.Status == shipbell.Success && d.Environment == shipbell.Preview:
		return "Cloudflare has it"
	case d.Status == shipbell.Success && d.Rollout != "":
		return "Cloudflare shows it live in part"
	}
	return shownWords[d.Status]
}

// unseen reports whether the deployment counts as failed only because Cloudflare
// shows nothing of it.
func unseen(d shipbell.Deployment) bool {
	return d.Status == shipbell.Failure && d.Alarm != nil && d.Alarm.Reason == shipbell.AlarmNotLive
}

// standing reports whether the alarm stands. What succeeded after it needs none
// any more, also where that was not written down yet.
func standing(d shipbell.Deployment) bool {
	return d.Alarm != nil && d.Alarm.OverAt.IsZero() && d.Status != shipbell.Success
}

// moved reports whether production moved with the deployment or after it.
func moved(d shipbell.Deployment, l shipbell.Lineage) bool {
	return d.Status == shipbell.Success || l.Live != nil && l.Live.StartedAt.After(d.StartedAt)
}

// place names the environment at the start of a sentence.
func place(d shipbell.Deployment) string {
	if name := environmentName(d); name != shipbell.Production {
		return name
	}
	return "Production"
}

// alarm tells that production did not move. What is only overdue may have moved
// it: then nobody said so.
func (m *message) alarm(d shipbell.Deployment, l shipbell.Lineage) {
	where := span(place(d), giveEnvironment)
	switch {
	case d.Alarm == nil:
	case standing(d) && d.Alarm.Reason == shipbell.AlarmUnfinished:
		m.line("", shipbell.Span{Text: "🧊 Overdue. " + missing(d)})
	case standing(d):
		m.line("", shipbell.Span{Text: "🧊 "}, where, shipbell.Span{Text: " has not moved. " + missing(d)})
	case d.Alarm.OverAt.IsZero():
	case d.Alarm.Reason == shipbell.AlarmUnfinished:
		m.line("", shipbell.Span{Text: "🧊 Overdue until " + Time(d.Alarm.OverAt)})
	case moved(d, l):
		m.line("", shipbell.Span{Text: "🧊 "}, where, shipbell.Span{Text: " did not move until " + Time(d.Alarm.OverAt)})
	}
}

// missing says why there is an alarm, as it was when it was given: what came
// later is told when it comes.
func missing(d shipbell.Deployment) string {
	after := ""
	if waited := d.Alarm.At.Sub(d.StartedAt); waited > 0 {
		after = Duration(waited)
	}
	switch d.Alarm.Reason {
	case shipbell.AlarmUnfinished:
		return "The deployment started, and had not ended" + prefixed(" after ", after) + "."
	case shipbell.AlarmMissing:
		return "The deployment was announced, and Cloudflare showed nothing of it" + prefixed(" for ", after) + "."
	case shipbell.AlarmNotLive:
		for _, o := range d.Disputes() {
			if o.Status == shipbell.Success {
				return sourceNames[o.Source] + " reported success, and Cloudflare showed nothing of it."
			}
		}
		return "The deployment was called a success, and Cloudflare showed nothing of it."
	case shipbell.AlarmSkipped:
		return "The deployment was skipped, and nothing newer went live."
	}
	return ""
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// rollback tells that an older version was put back. The ledger knows which one
// only where it knew the older deployment.
func (m *message) rollback(d shipbell.Deployment, l shipbell.Lineage) {
	if d.Cause != shipbell.CauseRollback {
		return
	}
	to := l.Brought
	spans := []shipbell.Span{{Text: "⏪ "}, {Text: "Rollback", Style: shipbell.StyleBold}}
	if by := clean(d.Author); by != "" {
		spans = append(spans, shipbell.Span{Text: " by "}, span(by, giveAuthor))
	}
	if to == nil {
		m.line("", append(spans, shipbell.Span{Text: " to an older version"})...)
		return
	}
	spans = append(spans, shipbell.Span{Text: " to "})
	spans = append(spans, named(*to)...)
	if to.Status == shipbell.Success && to.Environment != shipbell.Preview {
		spans = append(spans, shipbell.Span{Text: ", deployed " + Time(liveSince(*to))})
	}
	m.line("", spans...)
}

// fixed tells that this is the first success after failures. A version that was
// put back, or that was there before, fixes nothing; and a preview has nothing to
// do with the one before.
func (m *message) fixed(d shipbell.Deployment, l shipbell.Lineage) {
	if d.Status != shipbell.Success || l.Failures == 0 || !moves(d, l) {
		return
	}
	after := count(l.Failures, "failure")
	if broken := d.FinishedAt.Sub(l.FailingSince); broken > 0 && !l.FailingSince.IsZero() {
		after = Duration(broken) + " and " + after
	}
	m.line("", shipbell.Span{Text: "🔧 Fixed after " + after})
}

// moves reports whether the deployment brought a change to where the one before
// it was.
func moves(d shipbell.Deployment, l shipbell.Lineage) bool {
	whole := d.Cause == "" || d.Cause == shipbell.CauseRollout && d.Rollout == ""
	return whole && d.Environment != shipbell.Preview
}

// failure tells why it did not deploy.
func (m *message) failure(d shipbell.Deployment) {
	if unseen(d) {
		return // the alarm says it
	}
	switch d.Status {
	case shipbell.Failure, shipbell.Canceled, shipbell.Skipped:
		m.line("", span(d.Error, giveError))
		m.quote(d.Log, clean(d.Error))
	}
}

// rollout tells how the traffic is split.
func (m *message) rollout(d shipbell.Deployment) {
	if d.Status != shipbell.Success {
		return
	}
	m.line("Rollout", span(d.Rollout, giveOther))
}

// The most of a log that a message quotes; whoever fills it keeps it far below.
const (
	maxLogLines = 40
	maxLogLine  = 240 // characters
)

// terminal are the sequences that colour a terminal.
var terminal = regexp.MustCompile("\x1b\\[[0-9;:?]*[ -/]*[@-~]")

// quote quotes lines of a log. They keep their indentation beside each other: a
// caret below a line of code means nothing elsewhere. What stands above the
// quotation is not said twice, with a tool's "✘ [ERROR]" before it or without.
func (m *message) quote(log, above string) {
	var lines []string
	indent := maxLogLine
	for line := range strings.SplitSeq(log, "\n") {
		line = cleanCode(line)
		if len(lines) == 0 && (line == "" || above != "" && strings.HasSuffix(clean(line), above)) {
			continue
		}
		if line != "" {
			indent = min(indent, len(line)-len(strings.TrimLeft(line, " ")))
		}
		if lines = append(lines, line); len(lines) == maxLogLines {
			break
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	for _, line := range lines {
		l := shipbell.Line{Quote: true}
		if line != "" {
			l.Spans = []shipbell.Span{{Text: cutLine(line[indent:]), Give: giveLog}}
		}
		m.lines = append(m.lines, l)
	}
}

// cutLine bounds a line. It leaves no half of an emoji that is joined from
// several.
func cutLine(line string) string {
	if runes := []rune(line); len(runes) > maxLogLine {
		return strings.TrimRight(string(runes[:maxLogLine]), " \u200d\ufe0f") + "…"
	}
	return line
}

// cleanCode is [clean] for a line of which the spaces count.
func cleanCode(line string) string {
	line = terminal.ReplaceAllString(strings.ToValidUTF8(line, "\uFFFD"), "")
	line = strings.ReplaceAll(line, "\t", "  ")
	var t tower
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case hidden(r), t.tooHigh(r):
			return -1
		}
		return r
	}, line)
	return strings.TrimRight(line, " ")
}

// count counts things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
