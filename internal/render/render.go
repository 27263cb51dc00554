// Package render puts into words what an announcement tells.
//
// Its one rule: a message says what the ledger knows now, and nothing that
// merely follows from it. The words of an announced deployment are part of the
// contract with the users of the system before Shipbell; their order and
// spelling do not change.
package render

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/shipbell/shipbell"
)

// How readily each text gives way in a channel with little room; the highest
// goes first. Project, environment and status give way last.
const (
	giveLog   = 12 - iota
	giveOther // other deployments and their commits
	giveError
	giveReason
	giveCommit
	giveLink
	giveTag
	giveBranch
	giveAuthor
	giveID
	giveEnvironment
	giveProject
)

// shortHash is how much of a commit hash people read.
const shortHash = 7

// Message renders the deployment as it is now. While it is announced, the plain
// form is, without blank lines left over:
//
//	⚡ New Worker Deployment
//
//	Project: api-service
//	Environment: 🚀 production
//	Deployment ID: build-abc123
//	Author: dev@example.com
//	Branch: feature/add-auth
//	Commit: abc123d - Add JWT authentication
//	Time: Jan 15, 2025, 10:30 AM UTC
//
// A line whose value is not known is left out. As soon as more is known than
// the announcement, one status line stands below the title, and the rest stays
// where the reader's eye has it:
//
//	⚡ New Worker Deployment
//	✅ Deployed in 34 s
func Message(d shipbell.Deployment) shipbell.Message {
	return deployment(d, shipbell.Lineage{})
}

// Announcement renders what the announcement tells of the subject now. The
// message is empty where there is nothing to tell, or not any more; one that is
// there already is never left saying what is not true.
func Announcement(a shipbell.Announcement, s shipbell.Subject) shipbell.Message {
	there := a.Ref != ""
	switch {
	case a.Part.Obsolete():
		return pointer(s)
	case s.Bulletin != nil:
		return bulletin(*s.Bulletin, s.Missed, there)
	case a.Part == shipbell.PartAlert:
		return alert(s.Deployment, s.Lineage, there)
	case a.Part == shipbell.PartOver:
		return over(s.Deployment, s.Lineage)
	}
	return deployment(s.Deployment, s.Lineage)
}

// deployment renders the main message.
func deployment(d shipbell.Deployment, l shipbell.Lineage) shipbell.Message {
	d = withBrought(d, l)
	m := message{}
	m.title(d)
	m.line("", status(d)...)
	m.alarm(d, l)
	m.disputes(d)
	m.rollback(d, l)
	m.fixed(d, l)
	m.failure(d)
	m.gap()
	m.line("Project", span(d.Project, giveProject))
	m.line("Environment", environment(d)...)
	m.line("Deployment ID", code(d.ShownID, giveID))
	m.line("Author", span(d.Author, giveAuthor))
	m.line("Branch", span(d.Branch, giveBranch))
	m.commit(d)
	m.line("Tag", span(d.Tag, giveTag))
	m.line("Time", shipbell.Span{Text: Time(d.StartedAt)})
	m.rollout(d)
	if d.Status == shipbell.Failure && l.Live != nil {
		m.live(d, l)
	}
	m.changes(d, l)
	m.links(d)
	return shipbell.Message{Lines: m.lines}
}

// withBrought fills in what is deployed where only the deployment that brought
// the version knows. Of a rollback a line of its own tells.
func withBrought(d shipbell.Deployment, l shipbell.Lineage) shipbell.Deployment {
	if b := l.Brought; b != nil && d.Commit == "" && d.Cause != shipbell.CauseRollback {
		d.Commit, d.CommitMessage, d.RepositoryURL = b.Commit, cmp.Or(b.CommitMessage, d.CommitMessage), cmp.Or(d.RepositoryURL, b.RepositoryURL)
		d.Branch, d.Tag = cmp.Or(d.Branch, b.Branch), cmp.Or(d.Tag, b.Tag)
	}
	return d
}

// Time renders a time as the contract has it: Jan 15, 2025, 10:30 AM UTC.
func Time(t time.Time) string { return t.UTC().Format("Jan 2, 2006, 3:04 PM") + " UTC" }

// Duration renders how long something took, to the second, in at most two
// units: 34 s, 2 min 5 s, 1 h 20 min.
func Duration(d time.Duration) string {
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0 && m > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case h > 0:
		return fmt.Sprintf("%d h", h)
	case m > 0 && s > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	case m > 0:
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d s", max(s, 1))
}

// message collects lines and leaves out those without a value.
type message struct{ lines []shipbell.Line }

func (m *message) line(label string, spans ...shipbell.Span) {
	text := ""
	for _, s := range spans {
		text += s.Text
	}
	if text != "" {
		m.lines = append(m.lines, shipbell.Line{Label: label, Spans: spans})
	}
}

// gap parts two blocks, once.
func (m *message) gap() {
	if n := len(m.lines); n > 0 && !m.lines[n-1].Empty() {
		m.lines = append(m.lines, shipbell.Line{})
	}
}

func (m *message) title(d shipbell.Deployment) {
	emoji, name := "⚡", "New Worker Deployment"
	if d.Type == shipbell.Pages {
		emoji, name = "📄", "New Pages Deployment"
	}
	m.line("", shipbell.Span{Text: emoji + " "}, shipbell.Span{Text: name, Style: shipbell.StyleBold})
}

// statusWords are the face of a deployment: an emoji that is told apart at a
// glance, and one word. before joins the word with a duration; where it is
// empty a duration says nothing.
var statusWords = map[shipbell.Status]struct{ emoji, word, before string }{
	shipbell.Queued:     {"⏳", "Queued", ""},
	shipbell.InProgress: {"🔄", "In progress", ""},
	shipbell.Success:    {"✅", "Deployed", " in "},
	shipbell.Failure:    {"❌", "Failed", " after "},
	shipbell.Canceled:   {"🚫", "Canceled", " after "},
	shipbell.Skipped:    {"⏭️", "Skipped", ""},
}

// status returns the status line's spans; none while the deployment is only
// announced.
func status(d shipbell.Deployment) []shipbell.Span {
	w, ok := statusWords[d.Status]
	if !ok {
		return nil
	}
	switch {
	case d.Status == shipbell.Success:
		w.word = successWord(d)
	case unseen(d):
		w.word, w.before = "Not live", ""
	}
	spans := []shipbell.Span{{Text: w.emoji + " "}, {Text: w.word, Style: shipbell.StyleBold}}
	if took := d.Took(); took > 0 && w.before != "" {
		spans = append(spans, shipbell.Span{Text: w.before + Duration(took)})
	}
	return spans
}

// successWord says what success means. What takes no production traffic is not
// called deployed, unless Cloudflare knows a deployment of it: people have
// environments of that name, too.
func successWord(d shipbell.Deployment) string {
	switch {
	case d.Rollout != "":
		return "Partly deployed"
	case d.Environment != shipbell.Preview:
		return "Deployed"
	case d.Type == shipbell.Pages:
		return "Preview ready"
	case d.Key(shipbell.KeyDeployment) == "":
		return "Uploaded"
	}
	return "Deployed"
}

// environmentName is the environment's name. Who names none means production.
// That is said here and not when the push comes in, where it would count as much
// as a name that was given.
func environmentName(d shipbell.Deployment) string {
	return cmp.Or(d.Environment, shipbell.Production)
}

func environment(d shipbell.Deployment) []shipbell.Span {
	name, emoji := environmentName(d), "🔧 "
	if name == shipbell.Production {
		emoji = "🚀 "
	}
	return []shipbell.Span{{Text: emoji}, span(name, giveEnvironment)}
}

// short is as much of a commit hash as people read.
func short(hash string) string {
	hash = clean(hash)
	if runes := []rune(hash); len(runes) > shortHash {
		hash = string(runes[:shortHash])
	}
	return hash
}

func (m *message) commit(d shipbell.Deployment) {
	hash, subject := short(d.Commit), clean(Subject(d.CommitMessage))
	switch {
	case hash == "":
		m.line("Message", span(subject, giveCommit))
	case subject == "":
		m.line("Commit", commitHash(d, hash))
	default:
		m.line("Commit", commitHash(d, hash), shipbell.Span{Text: " - "}, span(subject, giveCommit))
	}
}

// commitHash leads to the commit where the repository is known.
func commitHash(d shipbell.Deployment, short string) shipbell.Span {
	s := shipbell.Span{Text: short, Style: shipbell.StyleCode}
	if base := webAddress(d.RepositoryURL); base != "" && isHash(d.Commit) {
		s.URL = strings.TrimSuffix(base, "/") + "/commit/" + d.Commit
	}
	return s
}

// isHash reports whether text is a whole commit hash, SHA-1 or SHA-256: a part
// of one leads nowhere on some hosts.
func isHash(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && (len(text) == 40 || len(text) == 64)
}

// Subject returns the first line of a commit message that is not blank.
func Subject(message string) string {
	for line := range strings.FieldsFuncSeq(message, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// links close the message: where the deployment answers, its build log, and its
// page in the dashboard. Of an announcement the contract knows no dashboard.
func (m *message) links(d shipbell.Deployment) {
	m.gap()
	m.line("View Deployment", link(d.URL))
	m.line("Build log", link(d.LogURL))
	if d.Status != shipbell.Announced && d.DashboardURL != d.LogURL {
		m.line("Dashboard", link(d.DashboardURL))
	}
	if last := len(m.lines) - 1; m.lines[last].Empty() {
		m.lines = m.lines[:last]
	}
}

// link shows an address without its scheme, which says nothing to people. One
// that a message may not lead to is nothing.
func link(address string) shipbell.Span {
	address = webAddress(address)
	return shipbell.Span{Text: addressText(address), URL: address, Give: giveLink}
}

// maxAddressText is how much of an address people read, in bytes: a line on a
// phone. Of a longer one the host and the end say what it is.
const maxAddressText = 48

func addressText(address string) string {
	_, text, _ := strings.Cut(address, "://")
	text = strings.TrimSuffix(text, "/")
	host, path, _ := strings.Cut(text, "/")
	if len(text) <= maxAddressText || path == "" {
		return text
	}
	i := strings.LastIndexByte(path, '/')
	short := host + "/…/" + path[i+1:]
	if i < 0 || len(short) > maxAddressText {
		return host + "/…"
	}
	return short
}

// maxAddress bounds an address in a message, in bytes. Longer ones are left
// out: they cannot be cut, and no browser needs them.
const maxAddress = 1024

// webAddress returns address if it is one that a message may lead to: an http
// or https address with a host and without credentials; else nothing.
func webAddress(address string) string {
	address = strings.TrimSpace(address)
	if len(address) > maxAddress || strings.ContainsFunc(address, func(r rune) bool { return unicode.IsSpace(r) || hidden(r) }) {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

func span(text string, give int) shipbell.Span {
	return shipbell.Span{Text: clean(text), Give: give}
}

func code(text string, give int) shipbell.Span {
	return shipbell.Span{Text: clean(text), Style: shipbell.StyleCode, Give: give}
}

// clean makes text from outside fit for one line: line breaks and tabs become
// spaces, and characters that show nothing or turn the direction of what
// follows are left out, so that no value can pose as another line.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	var t tower
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case hidden(r), t.tooHigh(r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// maxMarks is how many marks a letter may bear: more than any script puts on one.
// Towers of hundreds run over what stands around them.
const maxMarks = 10

// tower counts the marks on the letter at hand.
type tower int

// tooHigh reports whether the next character is one mark too many.
func (t *tower) tooHigh(r rune) bool {
	if !unicode.In(r, unicode.Mn, unicode.Me) {
		*t = 0
		return false
	}
	*t++
	return *t > maxMarks
}

// hidden reports control characters and the marks that change direction. The
// joiners inside emoji and some scripts stay.
func hidden(r rune) bool {
	switch {
	case r == '\u200c' || r == '\u200d':
		return false
	case unicode.IsControl(r):
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c', r == '\ufeff', r == '\u200b':
		return true
	case r == '\u115f', r == '\u1160', r == '\u3164', r == '\uffa0': // letters that fill a place and show nothing
		return true
	}
	return false
}
