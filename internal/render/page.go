package render

import (
	"strings"

	"github.com/shipbell/shipbell"
)

// What a page shows beside the message, in the same words.

// Text makes text from outside fit for one line of a page, as every text of a
// message is.
func Text(text string) string { return clean(text) }

// Commit is as much of a commit hash as people read.
func Commit(hash string) string { return short(hash) }

// CommitAddress leads to the commit of a deployment where its repository is known;
// else it is empty.
func CommitAddress(d shipbell.Deployment) string { return commitHash(d, "").URL }

// CompareAddress leads to what is new in the deployment since another, where the
// repository's host is known; else it is empty.
func CompareAddress(d, since shipbell.Deployment) string { return compareAddress(d, since) }

// NewSince returns the subjects of the commits that are new in the deployment since
// another, the newest first. They are not known where its history does not reach
// back to that.
func NewSince(d, since shipbell.Deployment) (subjects []string, known bool) {
	return newSince(d.History, since.Commit)
}

// Status is the word for what became of a deployment; empty while it is only
// announced.
func Status(d shipbell.Deployment) string {
	switch {
	case d.Status == shipbell.Success:
		return successWord(d)
	case unseen(d):
		return "Not live"
	}
	return statusWords[d.Status].word
}

// Source is what people call a source, at the start of a sentence.
func Source(s shipbell.Source) string { return sourceNames[s] }

// Remarks are the lines of the message that speak against the status or say what it
// means: an alarm, who says otherwise, a rollback, what was fixed.
func Remarks(d shipbell.Deployment, l shipbell.Lineage) []shipbell.Line {
	m := message{}
	m.alarm(d, l)
	m.disputes(d)
	m.rollback(d, l)
	m.fixed(d, l)
	return m.lines
}

// Excerpt returns the lines of a deployment's log that tell why it failed.
func Excerpt(d shipbell.Deployment) []string {
	m := message{}
	m.quote(d.Log, clean(d.Error))
	var lines []string
	for _, l := range m.lines {
		var text strings.Builder
		for _, s := range l.Spans {
			text.WriteString(s.Text)
		}
		lines = append(lines, text.String())
	}
	return lines
}
