package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/render"
)

// storyPage is everything known of one deployment.
type storyPage struct {
	row
	Deployment shipbell.Deployment
	Message    string // the whole commit message
	Remarks    []shipbell.Line
	Error      string
	Excerpt    []string
	Changes    changes
	Links      []link
	Keys       []fact
	Heard      []heard
	Bubbles    []bubble
	Attempts   []attempt
	Hidden     int // attempts that are not shown
	Silenced   bool
	Quiet      bool
	Since      time.Time // when it started, of one under way
	Now        time.Time
	All        string
	Finished   time.Time
	Tag        string
	Rollout    string
}

// changes is what is new since the last deployment that succeeded.
type changes struct {
	Known    bool
	Subjects []string
	More     int
	Since    *version
	Compare  string
	Live     *version // what is live in its place
}

type link struct{ Name, Text, URL string }

// heard is one event of a deployment.
type heard struct {
	Key    string
	Face   face
	Source string
	Said   string
	Joined string
	Error  string
	At     time.Time
	Late   time.Duration // how long after it happened it was taken
	Facts  []fact
}

type fact struct{ Name, Value string }

type attempt struct {
	shipbell.Attempt
	What, Part string
	Face       face
}

const (
	// maxSubjects bounds the commits that are listed.
	maxSubjects = 50
	// maxAttempts bounds the attempts that are shown, the newest.
	maxAttempts = 50
	// tellLate is how much later an event must have come for it to be worth a word.
	tellLate = 5 * time.Second
)

// story shows the deployment that the address names: by its number, or by one of its
// ids, for a build step knows no other. The page stands at the number.
func (d *Dashboard) story(w http.ResponseWriter, r *http.Request) {
	text := r.PathValue("id")
	stories, err := d.Ledger.ByID(r.Context(), text, 2)
	switch {
	case errors.Is(err, shipbell.ErrNotFound) || len(stories) > 1:
		d.noDeployment(w, r)
		return
	case err != nil:
		d.failed(w, r, err)
		return
	}
	s := stories[0]
	if id := s.Deployment.ID; text != strconv.FormatInt(int64(id), 10) {
		http.Redirect(w, r, addressOf(id), http.StatusFound)
		return
	}
	p := newStory(s, d.Now())
	refresh := 0
	if p.moving() {
		refresh = 5
	}
	d.show(w, r, http.StatusOK, "deployment", frame{
		Title: line(s.Deployment.Project) + " " + cmp.Or(p.Commit, line(s.Deployment.ShownID)), Nav: pathDeployments,
		Live: p.Key, Refresh: refresh, Body: p,
	})
}

// moving reports whether a message is to be changed: no event tells when it was.
func (p storyPage) moving() bool {
	return slices.ContainsFunc(p.Bubbles, func(b bubble) bool { return b.Waiting })
}

func newStory(s ledger.Story, now time.Time) storyPage {
	d := s.Deployment
	p := storyPage{
		row: newRow(d), Deployment: d, Message: paragraph(d.CommitMessage), Remarks: render.Remarks(d, s.Subject.Lineage),
		Error: line(d.Error), Excerpt: render.Excerpt(d), Changes: newChanges(s), Links: links(d),
		Silenced: d.Silenced, Quiet: d.Quiet, Now: now, Finished: d.FinishedAt, Tag: line(d.Tag), Rollout: line(d.Rollout),
		Bubbles: bubbles(s),
	}
	p.All = placeAddress(d)
	if !d.Status.Final() {
		p.Since = d.StartedAt
	}
	for _, k := range d.Keys {
		p.Keys = append(p.Keys, fact{keyName(k), line(k.ID)})
	}
	for _, e := range s.Events {
		h := newHeard(e)
		if h.Error == p.Error { // it stands above
			h.Error = ""
		}
		p.Heard = append(p.Heard, h)
	}
	attempts := s.Attempts
	if len(attempts) > maxAttempts {
		p.Hidden = len(attempts) - maxAttempts
		attempts = attempts[p.Hidden:]
	}
	for _, a := range slices.Backward(attempts) {
		p.Attempts = append(p.Attempts, newAttempt(a))
	}
	return p
}

func newChanges(s ledger.Story) changes {
	d, l := s.Deployment, s.Subject.Lineage
	var c changes
	if l.Live != nil && l.Live.ID != d.ID {
		v := newVersion(*l.Live)
		c.Live = &v
	}
	if l.Previous == nil {
		return c
	}
	v := newVersion(*l.Previous)
	c.Since, c.Compare = &v, render.CompareAddress(d, *l.Previous)
	c.Subjects, c.Known = render.NewSince(d, *l.Previous)
	if len(c.Subjects) > maxSubjects {
		c.Subjects, c.More = c.Subjects[:maxSubjects], len(c.Subjects)-maxSubjects
	}
	for i, subject := range c.Subjects {
		c.Subjects[i] = line(subject)
	}
	return c
}

func links(d shipbell.Deployment) []link {
	var all []link
	for _, l := range []link{
		{"Open it", "", d.URL}, {"Build log", "", d.LogURL}, {"Dashboard", "", d.DashboardURL}, {"Repository", "", d.RepositoryURL},
	} {
		if l.URL = web(l.URL); l.URL != "" {
			_, l.Text, _ = strings.Cut(l.URL, "://")
			l.Text = line(strings.TrimSuffix(l.Text, "/"))
			all = append(all, l)
		}
	}
	return all
}

func newHeard(e shipbell.Event) heard {
	h := heard{
		Key: string(e.Source) + "/" + string(e.ID), Source: render.Source(e.Source), Said: statusSaid[e.Status],
		Joined: line(e.Joined), Error: line(e.Error), At: e.At,
		Face: face{Tone: "off", Icon: "unknown"},
	}
	if e.Status != "" {
		h.Face = faceOf(shipbell.Deployment{Observation: shipbell.Observation{Status: e.Status}})
	}
	if e.Source == shipbell.SourceWatch {
		h.Said = "concluded that it did not go live"
		if e.Status != shipbell.Failure {
			h.Said = "concluded something"
		}
	}
	h.Source = cmp.Or(h.Source, line(string(e.Source)))
	if late := e.ReceivedAt.Sub(e.At); late >= tellLate {
		h.Late = late
	}
	add := func(name, value string) {
		if value = line(value); value != "" {
			h.Facts = append(h.Facts, fact{name, value})
		}
	}
	for _, k := range e.Keys {
		add(keyName(k), k.ID)
	}
	add("Project", e.Project)
	add("Script", e.Script)
	add("Environment", e.Environment)
	add("Branch", e.Branch)
	add("Commit", e.Commit)
	add("Message", render.Subject(e.CommitMessage))
	add("Author", e.Author)
	add("Tag", e.Tag)
	add("Cause", string(e.Cause))
	add("Rollout", e.Rollout)
	add("Address", web(e.URL))
	add("Error", e.Error)
	return h
}

// keyName is what people call the id of a key.
func keyName(k shipbell.Key) string { return capital(string(k.Kind)) + " id" }

// capital is a word of ours as the first of a line.
func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// partNames are what people call the messages of a deployment.
var partNames = map[shipbell.Part]string{
	shipbell.PartMain: "message", shipbell.PartAlert: "alert", shipbell.PartOver: "all-clear",
}

func partName(p shipbell.Part) string { return cmp.Or(partNames[p], "needless message") }

// faultWords are what came back, for people.
var faultWords = map[shipbell.Fault]string{
	"":                        "Delivered",
	shipbell.FaultTemporary:   "Not now",
	shipbell.FaultRateLimited: "Too fast",
	shipbell.FaultGone:        "Message gone",
	shipbell.FaultKept:        "Cannot be removed",
	shipbell.FaultMoved:       "Chat moved",
	shipbell.FaultMarkup:      "Markup refused",
	shipbell.FaultRefused:     "Refused",
	shipbell.FaultBlocked:     "Blocked",
}

func newAttempt(a shipbell.Attempt) attempt {
	o := attempt{Attempt: a, What: "Posted", Part: partName(a.Part), Face: face{"ok", "ok", cmp.Or(faultWords[a.Fault], string(a.Fault))}}
	if strings.EqualFold(strings.TrimSpace(o.Detail), o.Face.Word) {
		o.Detail = ""
	}
	switch {
	case a.Part.Obsolete():
		o.What = "Removed"
	case a.Edit:
		o.What = "Edited"
	}
	switch a.Fault {
	case "":
	case shipbell.FaultTemporary, shipbell.FaultRateLimited, shipbell.FaultMoved, shipbell.FaultMarkup, shipbell.FaultGone, shipbell.FaultKept:
		o.Face.Tone, o.Face.Icon = "warn", "warn"
	default:
		o.Face.Tone, o.Face.Icon = "bad", "bad"
	}
	return o
}

// bubble is a message as channels show it.
type bubble struct {
	Key      string
	Part     string
	Title    string // the same, as the first of a line
	Open     bool   // one is, so that others do not say the same below it
	Lines    []bubbleLine
	Channels []shown
	Waiting  bool
}

// bubbleLine is a line of a message; neighbouring lines of a quotation are one.
type bubbleLine struct {
	Label string
	Spans []shipbell.Span
	Quote []string
	Gap   bool
}

// shown is how far a channel is with a message.
type shown struct {
	Channel shipbell.ChannelID
	Face    face
	Due     time.Time
	Tries   int
}

// bubbles are the messages of a deployment. Channels that show the same share one.
func bubbles(s ledger.Story) []bubble {
	var all []bubble
	at := make(map[string]int)
	for _, a := range s.Announcements {
		if a.Part.Obsolete() || a.Held() {
			continue
		}
		m := render.Announcement(a, s.Subject)
		if m.Empty() {
			continue
		}
		text := partName(a.Part) + m.Plain()
		i, known := at[text]
		if !known {
			i = len(all)
			at[text] = i
			all = append(all, bubble{Key: partName(a.Part) + string(a.Channel), Part: partName(a.Part), Title: capital(partName(a.Part)), Lines: bubbleLines(m)})
		}
		sh := shown{Channel: a.Channel, Face: face{"ok", "ok", "shown as it is now"}, Tries: a.Tries}
		switch {
		case a.Told():
			sh.Face = face{"off", "skipped", "told by another message"}
		case a.Stale() && a.Shown == 0:
			sh.Face, sh.Due = face{"way", "queued", "on its way"}, a.DueAt
		case a.Stale():
			sh.Face, sh.Due = face{"way", "queued", "being brought up to date"}, a.DueAt
		}
		all[i].Waiting = all[i].Waiting || a.Stale()
		all[i].Channels = append(all[i].Channels, sh)
	}
	slices.SortStableFunc(all, func(a, b bubble) int { return cmp.Compare(partOrder(a.Part), partOrder(b.Part)) })
	if len(all) > 0 {
		all[0].Open = true
	}
	return all
}

func partOrder(name string) shipbell.Part {
	for p, n := range partNames {
		if n == name {
			return p
		}
	}
	return shipbell.PartObsolete
}

func bubbleLines(m shipbell.Message) []bubbleLine {
	var lines []bubbleLine
	for _, l := range m.Lines {
		switch n := len(lines); {
		case l.Quote:
			var text strings.Builder
			for _, s := range l.Spans {
				text.WriteString(s.Text)
			}
			if n == 0 || lines[n-1].Quote == nil {
				lines = append(lines, bubbleLine{})
				n++
			}
			lines[n-1].Quote = append(lines[n-1].Quote, text.String())
		case l.Empty():
			lines = append(lines, bubbleLine{Gap: true})
		default:
			lines = append(lines, bubbleLine{Label: l.Label, Spans: l.Spans})
		}
	}
	return lines
}
