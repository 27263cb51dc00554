package dashboard

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/board"
)

// security is what a page may do: load what this server has, and nothing in it that
// came as text.
const security = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func setSecurity(h http.Header) {
	h.Set("Content-Security-Policy", security)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// fragmentHeader asks for the main part of a page alone: the script puts it in the
// place of what is there.
const fragmentHeader = "X-Fragment"

// liveAll has a page look again at every event.
const liveAll = "all"

// frame is a page with what stands around it.
type frame struct {
	Title string
	Nav   string // the path of the page in the navigation
	// Live says which events make the page look again: all, the number of a
	// deployment, or none.
	Live string
	// Refresh is after how many seconds it does so without any; 0 for never.
	Refresh int
	Notice  notice
	// Feed is the address of what the page shows as a feed; empty for none.
	Feed string
	Body any

	// The rest is filled in by show.
	Class    string // the name of the page
	Insights bool
	Visitor  shipbell.Visitor
	Admin    bool
	Known    bool // somebody is signed in, or may look without
	Open     bool
	Version  string
	Replica  shipbell.Replica
	At       time.Time
	// Sum is filled in where the page did not do so itself.
	Sum summary
}

// summary counts the cards by state.
type summary struct {
	Cards, Frozen, Failing, Live, Announced, Unknown int
	// UnderWay counts the cards on which something goes out, whatever else they say.
	UnderWay int
	// Paused counts the channels that wait for a person, and Unheard the sources that
	// cannot be heard.
	Paused, Unheard int
	// Unsure is set where it is not known whether channels wait for a person.
	Unsure bool
}

// wrong lists what needs somebody.
func (s summary) wrong() []string {
	var all []string
	if s.Frozen > 0 {
		all = append(all, number(s.Frozen)+" frozen")
	}
	if s.Failing > 0 {
		all = append(all, number(s.Failing)+" failing")
	}
	if s.Paused > 0 {
		all = append(all, plural(s.Paused, "channel")+" paused")
	}
	if s.Unheard > 0 {
		all = append(all, plural(s.Unheard, "source")+" not heard")
	}
	if s.Unsure {
		all = append(all, "messages not known")
	}
	return all
}

// snapshot returns the cards, which are not to be changed, and their counts.
func (d *Dashboard) snapshot() ([]board.Card, summary) {
	cards, _ := d.Board.Cards()
	return cards, summarize(cards)
}

func summarize(cards []board.Card) summary {
	s := summary{Cards: len(cards)}
	for i := range cards {
		if len(cards[i].UnderWay) > 0 {
			s.UnderWay++
		}
		switch cards[i].State() {
		case board.StateFrozen:
			s.Frozen++
		case board.StateFailing:
			s.Failing++
		case board.StateLive:
			s.Live++
		case board.StateAnnounced:
			s.Announced++
		case board.StateUnknown:
			s.Unknown++
		}
	}
	return s
}

// Badge is what stands before the title while something is wrong.
func (s summary) Badge() string {
	if wrong := s.wrong(); wrong != nil {
		return "(" + strings.Join(wrong, ", ") + ") "
	}
	return ""
}

// Icon names the icon of the page.
func (s summary) Icon() string {
	switch {
	case s.wrong() != nil:
		return "failing"
	case s.UnderWay > 0:
		return "way"
	}
	return "live"
}

// Said is the summary as one sentence.
func (s summary) Said() string {
	return strings.Join(append(s.wrong(), number(s.UnderWay)+" under way", number(s.Live)+" live"), ", ")
}

// FullTitle is the title of the window.
func (f frame) FullTitle() string { return f.Sum.Badge() + f.Title + " · Shipbell" }

// tab is a page in the navigation.
type tab struct {
	Path, Name string
	Here       bool
}

func newTab(f frame, path, name string) tab { return tab{path, name, f.Nav == path} }

// pages are the parsed templates by name.
type pages map[string]*template.Template

func loadPages(a assets) pages {
	funcs := template.FuncMap{
		"asset": a.address, "when": when, "age": age, "clock": clock, "since": since,
		"took": took, "text": line, "long": paragraph, "number": number, "plural": plural,
		"icon": icon, "web": web, "tab": newTab,
	}
	parts := template.Must(template.New("").Funcs(funcs).ParseFS(files, "templates/part/*.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err) // they are in the binary
	}
	all := make(pages)
	for _, name := range names {
		page := template.Must(template.Must(parts.Clone()).ParseFS(files, name))
		all[strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")] = page
	}
	return all
}

// show writes a page.
func (d *Dashboard) show(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f = d.fill(r, f)
	f.Class = name
	part := "frame"
	if r.Header.Get(fragmentHeader) != "" {
		part = "main"
	}
	var body bytes.Buffer
	if err := d.pages[name].ExecuteTemplate(&body, part, f); err != nil {
		d.Log.Error("could not make a page", "page", name, "error", err)
		http.Error(w, "This page could not be made. The log of the server says why.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	setSecurity(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	if f.Class != "signin" { // what that says is for who came last
		h.Set("Cache-Control", "private, no-cache")
	}
	h.Add("Vary", fragmentHeader)
	h.Add("Vary", "Cookie")
	if part == "main" && status == http.StatusOK {
		sum := sha256.Sum256(body.Bytes())
		tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		h.Set("Etag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	write(w, status, body.Bytes())
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// fill says what stands around every page.
func (d *Dashboard) fill(r *http.Request, f frame) frame {
	f.Visitor = access.VisitorOf(r.Context())
	f.Admin = f.Visitor.Scope.Allows(shipbell.ScopeAdmin)
	f.Known = f.Visitor.Scope.Allows(shipbell.ScopeRead)
	f.Open, f.Insights = d.Doors.Open(), d.Insights != nil
	f.Version, f.Replica, f.At = d.Version, d.Replica, d.Now()
	if f.Known && f.Sum == (summary{}) {
		_, f.Sum = d.snapshot()
		var known bool
		f.Sum.Paused, f.Sum.Unheard, known = d.stuck(r.Context())
		f.Sum.Unsure = !known
	}
	if f.Notice == (notice{}) {
		f.Notice = notices[r.URL.Query().Get(paramNotice)]
	}
	return f
}

// Fail shows a page that says what went wrong and what can be done.
func (d *Dashboard) Fail(w http.ResponseWriter, r *http.Request, status int, title, hint string) {
	f := frame{Title: title, Body: problem{status, title, hint}}
	if status == http.StatusServiceUnavailable {
		f.Refresh = 5
	}
	d.show(w, r, status, "problem", f)
}

// problem is what the page of an error says.
type problem struct {
	Status      int
	Title, Hint string
}

// failed shows that the ledger could not be read or written.
func (d *Dashboard) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there any more
	}
	d.Log.Error("could not read what a page shows", "path", r.URL.Path, "error", err)
	w.Header().Set("Retry-After", "1")
	d.Fail(w, r, http.StatusServiceUnavailable, "The store does not answer",
		"Pushes are kept by their senders until it does. The log of the server and /health say what is wrong; this page tries again by itself.")
}

// address returns where build steps reach the server.
func (d *Dashboard) address(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return cmp.Or(strings.TrimSuffix(d.URL, "/"), (&url.URL{Scheme: scheme, Host: r.Host}).String())
}
