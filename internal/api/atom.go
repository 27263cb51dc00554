package api

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/render"
)

const contentAtom = "application/atom+xml; charset=utf-8"

// The feed is Atom 1.0, RFC 4287. Ids are tag: addresses, RFC 4151, of a name that
// nobody else can have: an entry keeps its id when the server gets another address.
type atomFeed struct {
	XMLName  xml.Name   `xml:"http://www.w3.org/2005/Atom feed"`
	ID       string     `xml:"id"`
	Title    string     `xml:"title"`
	Updated  time.Time  `xml:"updated"`
	Author   atomAuthor `xml:"author"`
	Software atomMaker  `xml:"generator"`
	Links    []atomLink `xml:"link"`
	Entries  []atomItem `xml:"entry"`
}

type atomMaker struct {
	Version string `xml:"version,attr,omitempty"`
	Name    string `xml:",chardata"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomItem struct {
	ID        string      `xml:"id"`
	Title     string      `xml:"title"`
	Updated   time.Time   `xml:"updated"`
	Published time.Time   `xml:"published"`
	Author    *atomAuthor `xml:"author,omitempty"`
	Links     []atomLink  `xml:"link"`
	Content   atomText    `xml:"content"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func (a *API) atom() access.Route {
	return access.Route{
		Method: http.MethodGet, Path: "/feed.atom", Need: shipbell.ScopeRead,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := a.feedOf(r)
			if err != nil {
				a.fail(w, r, err)
				return
			}
			reply(w, r, http.StatusOK, contentAtom, private, body)
		}),
	}
}

func (a *API) feedOf(r *http.Request) ([]byte, error) {
	v := r.URL.Query()
	if err := checkParams(v, append(shipbell.FilterParams(), paramLimit)); err != nil {
		return nil, err
	}
	f, err := a.filter(v)
	if err != nil {
		return nil, err
	}
	n, err := limit(v)
	if err != nil {
		return nil, err
	}
	list, err := a.Ledger.List(r.Context(), f, shipbell.Position{}, n)
	if err != nil {
		return nil, err
	}
	instance, err := a.Instance(r.Context())
	if err != nil {
		return nil, err
	}
	base, filter := a.base(r), v.Encode()
	v.Del(paramLimit)
	pages := base + "/deployments" + asQuery(v.Encode())
	o := atomFeed{
		ID: tag(instance, "feed"), Title: "Deployments", Author: atomAuthor{"Shipbell"},
		Software: atomMaker{a.Version, "Shipbell"},
		Links:    []atomLink{{"self", "application/atom+xml", base + "/feed.atom" + asQuery(filter)}, {"alternate", "text/html", pages}},
	}
	if filter != "" {
		o.ID, o.Title = tag(instance, "feed?"+filter), "Deployments: "+described(f)
	}
	for _, d := range list.Deployments {
		item := entry(instance, base, d)
		if item.Updated.After(o.Updated) {
			o.Updated = item.Updated
		}
		o.Entries = append(o.Entries, item)
	}
	if len(o.Entries) == 0 {
		o.Updated = a.started // it must say some time, and one that stays
	}
	body, err := xml.MarshalIndent(o, "", " ")
	return append([]byte(xml.Header), append(body, '\n')...), err
}

func asQuery(params string) string {
	if params == "" {
		return ""
	}
	return "?" + params
}

// described names a filter for people.
func described(f shipbell.Filter) string {
	var words []string
	for _, name := range shipbell.FilterParams() {
		if value := f.Values().Get(name); value != "" && name != "since" && name != "until" {
			words = append(words, strings.ReplaceAll(value, ",", ", "))
		}
	}
	return cmp.Or(render.Text(strings.Join(words, " · ")), "a time")
}

func entry(instance, base string, d shipbell.Deployment) atomItem {
	number := strconv.FormatInt(int64(d.ID), 10)
	item := atomItem{
		ID: tag(instance, "deployments/"+number), Title: headline(d), Updated: updated(d), Published: d.StartedAt.UTC(),
		Links:   []atomLink{{"alternate", "text/html", base + "/deployments/" + number}},
		Content: atomText{"text", render.Message(d).Plain()},
	}
	if name := render.Text(d.Author); name != "" {
		item.Author = &atomAuthor{name}
	}
	if u := render.WebAddress(d.URL); u != "" {
		item.Links = append(item.Links, atomLink{Rel: "related", Href: u})
	}
	return item
}

// updated is when something visible of a deployment last changed, as far as it is
// known.
func updated(d shipbell.Deployment) time.Time {
	last := d.StartedAt
	times := []time.Time{d.RecordedAt, d.FinishedAt}
	if d.Alarm != nil {
		times = append(times, d.Alarm.At, d.Alarm.OverAt)
	}
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last.UTC()
}

// statusWords are the statuses as a headline has them.
var statusWords = map[shipbell.Status]string{
	shipbell.Announced: "announced", shipbell.Queued: "queued", shipbell.InProgress: "in progress",
	shipbell.Success: "deployed", shipbell.Failure: "failed", shipbell.Canceled: "canceled", shipbell.Skipped: "skipped",
}

// headline says in a line what became of a deployment.
func headline(d shipbell.Deployment) string {
	text := d.Project
	if e := cmp.Or(d.Environment, shipbell.Production); e != shipbell.Production {
		text += " (" + e + ")"
	}
	text += ": " + cmp.Or(statusWords[d.Status], string(d.Status))
	if d.Frozen() {
		text += ", production did not move"
	}
	if what := strings.TrimSpace(short(d.Commit) + " " + cut(render.Subject(d.CommitMessage), maxSubject)); what != "" {
		text += " – " + what
	}
	return render.Text(text)
}

// shortHash is how much of a commit hash people read.
const shortHash = 7

func short(hash string) string {
	if runes := []rune(hash); len(runes) > shortHash {
		return string(runes[:shortHash])
	}
	return hash
}

// tag returns an id that stays, whatever the address of the server.
func tag(instance, what string) string {
	return "tag:" + instance + ".shipbell.invalid,2026:" + what
}

// hostName matches what a Host header may hold to become part of a link.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._\-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:.]+\](:[0-9]+)?$`)

// base is the address under which the server was asked, or the one of the settings.
func (a *API) base(r *http.Request) string {
	if a.BaseURL != "" {
		return strings.TrimSuffix(a.BaseURL, "/")
	}
	scheme, host := "http", r.Host
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	if !hostName.MatchString(host) {
		host = "localhost"
	}
	return scheme + "://" + host
}
