package api_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/api"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/wire"
)

// parsedFeed is what RFC 4287 wants of a feed, as a reader takes it.
type parsedFeed struct {
	XMLName xml.Name      `xml:"http://www.w3.org/2005/Atom feed"`
	ID      []string      `xml:"id"`
	Title   []string      `xml:"title"`
	Updated []string      `xml:"updated"`
	Author  []string      `xml:"author>name"`
	Links   []parsedLink  `xml:"link"`
	Entries []parsedEntry `xml:"entry"`
}

type parsedEntry struct {
	ID      []string     `xml:"id"`
	Title   []string     `xml:"title"`
	Updated []string     `xml:"updated"`
	Links   []parsedLink `xml:"link"`
	Content []struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	} `xml:"content"`
}

type parsedLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

// parse reads a feed and checks what every feed must have.
func (f *fixture) parse(answer *http.Response) parsedFeed {
	f.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/atom+xml; charset=utf-8" {
		f.Fatalf("%d %v: %s", answer.StatusCode, answer.Header, body)
	}
	var p parsedFeed
	d := xml.NewDecoder(strings.NewReader(string(body)))
	d.Strict = true
	if err := d.Decode(&p); err != nil {
		f.Fatalf("%v: %s", err, body)
	}
	one := func(what string, values ...[]string) {
		for _, v := range values {
			if len(v) != 1 || strings.TrimSpace(v[0]) == "" {
				f.Errorf("%s has %q, want exactly one", what, v)
			}
		}
	}
	one("the feed", p.ID, p.Title, p.Updated, p.Author)
	seen := make(map[string]bool)
	for _, e := range p.Entries {
		one("an entry", e.ID, e.Title, e.Updated)
		if seen[e.ID[0]] || !regexp.MustCompile(`^tag:[a-z0-9-]+\.shipbell\.invalid,2026:deployments/\d+$`).MatchString(e.ID[0]) {
			f.Errorf("id %q", e.ID)
		}
		seen[e.ID[0]] = true
		if _, err := time.Parse(time.RFC3339, e.Updated[0]); err != nil {
			f.Error(err)
		}
		for _, l := range e.Links {
			if u, err := url.Parse(l.Href); err != nil || !u.IsAbs() || u.Host == "" {
				f.Errorf("link %q", l.Href)
			}
		}
		if len(e.Content) != 1 || e.Content[0].Type != "text" {
			f.Errorf("content %+v", e.Content)
		}
	}
	return p
}

func TestFeed(t *testing.T) {
	f := newFixture(t)
	f.record(nil)
	f.record(func(e *shipbell.Event) {
		e.Status, e.Environment, e.URL = shipbell.Failure, "staging", "https://staging.example.com/?a=1&b=2"
	})
	p := f.parse(f.ask(http.MethodGet, "/feed.atom", "", "X-Forwarded-Proto", "https"))
	if len(p.Entries) != 2 || p.ID[0] != "tag:a1b2.shipbell.invalid,2026:feed" || p.Updated[0] != "2026-11-25T10:32:00Z" {
		t.Fatalf("%+v", p)
	}
	e := p.Entries[0]
	if e.Title[0] != "api-service (staging): failed – abababa Add JWT authentication" || !strings.Contains(e.Content[0].Text, "❌ Failed") ||
		e.Links[0].Href != "https://example.com/deployments/2" || e.Links[1].Href != "https://staging.example.com/?a=1&b=2" {
		t.Errorf("%+v", e)
	}
	p = f.parse(f.ask(http.MethodGet, "/feed.atom?status=announced&limit=10&q=%22%3E%0a", ""))
	if p.Updated[0] != "2026-11-25T10:30:00Z" || p.Links[1].Href != "http://example.com/deployments?q=%22%3E%0A&status=announced" {
		t.Errorf("an empty feed of a filter: %+v", p)
	}
	if len(p.Entries) != 0 || p.ID[0] != "tag:a1b2.shipbell.invalid,2026:feed?limit=10&q=%22%3E%0A&status=announced" {
		t.Errorf("%+v", p)
	}
	p = f.parse(f.ask(http.MethodGet, "/feed.atom?status=announced", ""))
	if len(p.Entries) != 1 || p.Title[0] != "Deployments: announced" {
		t.Errorf("%+v", p)
	}
	f.refused(f.ask(http.MethodGet, "/feed.atom?after=x", ""), http.StatusBadRequest, wire.CodeUnknownParameter)
	f.options.BaseURL = "https://bell.example.com/"
	f.api = api.New(f.options)
	if p = f.parse(f.ask(http.MethodGet, "/feed.atom", "")); p.Entries[0].Links[0].Href != "https://bell.example.com/deployments/2" {
		t.Errorf("%+v", p.Entries[0])
	}
}

// hostile are values that break what is not careful.
var hostile = []string{
	"</title><script>alert(1)</script>", "]]>&amp;&#0;<!--", "\x00\x01\x02\x08\x0b\x0c\x0e\x1f\ufffe\uffff", "\xff\xfe\xed\xa0\x80",
	"\u202eevil\u202c\u2028\u2029", "שלום 你好 🚀", `" onload="alert(1)`, "'", strings.Repeat("<", 3000), "a\r\nb\tc",
}

func TestHostileValuesInTheFeed(t *testing.T) {
	f := newFixture(t)
	for _, v := range hostile {
		f.record(func(e *shipbell.Event) {
			e.Keys[0].ID = cutTo(v+e.Keys[0].ID, 500)
			e.Project, e.Environment, e.Branch, e.Commit, e.CommitMessage, e.Author, e.Tag, e.URL = "x"+v, v, v, v, v, v, v, v
		})
	}
	if p := f.parse(f.ask(http.MethodGet, "/feed.atom", "")); len(p.Entries) != len(hostile) {
		t.Errorf("%d entries", len(p.Entries))
	}
}

// TestControlCharactersInTitles: they are left out, as everywhere.
func TestControlCharactersInTitles(t *testing.T) {
	f := newFixture(t)
	f.record(func(e *shipbell.Event) {
		e.Environment, e.CommitMessage, e.Author = "sta\x1bging", "evil\x1b[31mred \u202ethis", "a\x07da"
	})
	body, err := io.ReadAll(f.ask(http.MethodGet, "/feed.atom", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>api-service (staging): announced – abababa evil[31mred this</title>", "<name>ada</name>"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if strings.ContainsAny(string(body), "\ufffd\u202e\x1b") {
		t.Errorf("control characters left a trace: %s", body)
	}
}

func cutTo(text string, n int) string { return text[max(len(text)-n, 0):] }

// TestHostOfLinks: a Host header does not break out of a link.
func TestHostOfLinks(t *testing.T) {
	f := newFixture(t)
	f.record(nil)
	for host, want := range map[string]string{
		"bell.example.com:8443": "http://bell.example.com:8443", "[::1]:80": "http://[::1]:80", `a"><script>`: "http://localhost", "": "http://localhost", "a/b": "http://localhost", "u@h": "http://localhost",
	} {
		r := httptest.NewRequest(http.MethodGet, "/feed.atom", nil)
		r.Host = host
		w := httptest.NewRecorder()
		routes(f.api, shipbell.Visitor{}).ServeHTTP(w, r)
		if p := f.parse(w.Result()); p.Entries[0].Links[0].Href != want+"/deployments/1" {
			t.Errorf("%q: %s", host, p.Entries[0].Links[0].Href)
		}
	}
}

func TestBadges(t *testing.T) {
	f := newFixture(t)
	f.record(func(e *shipbell.Event) { e.Status = shipbell.Success })
	f.record(func(e *shipbell.Event) { e.Project, e.Status, e.Tag = "tagged", shipbell.Success, "v1.2.3" })
	f.record(func(e *shipbell.Event) { e.Project, e.Status = "failing", shipbell.Success })
	f.record(func(e *shipbell.Event) { e.Project, e.Status = "failing", shipbell.Failure })
	f.record(func(e *shipbell.Event) { e.Project = "going-out" })
	f.record(func(e *shipbell.Event) { e.Environment, e.Status = "staging", shipbell.Success })
	f.record(func(e *shipbell.Event) { e.Project, e.At = "announced", e.At.Add(-48*time.Hour) })
	for i, v := range hostile {
		f.record(func(e *shipbell.Event) {
			e.Project, e.Tag, e.Status = "hostile"+string(rune('a'+i)), v, shipbell.Success
		})
	}
	f.withBoard()
	var all strings.Builder
	for _, path := range []string{
		"worker/api-service.svg", "worker/tagged.svg", "worker/failing.svg", "worker/going-out.svg", "worker/announced.svg", "worker/api-service.svg?environment=staging",
		"worker/nothing.svg", "pages/api-service.svg", "worker/" + url.PathEscape(`<script>"&.svg`) + ".svg",
	} {
		answer := f.ask(http.MethodGet, "/badge/"+path, "")
		text := f.svg(answer)
		all.WriteString("GET /badge/" + path + "\n" + answer.Status + " " + answer.Header.Get("Cache-Control") + "\n" + text + "\n")
		if answer.StatusCode == http.StatusOK {
			if again := f.ask(http.MethodGet, "/badge/"+path, "", "If-None-Match", answer.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
				t.Errorf("%s again: %d", path, again.StatusCode)
			}
		}
	}
	channeltest.Golden(t, "badges.golden", all.String())
	for i := range hostile {
		f.svg(f.ask(http.MethodGet, "/badge/worker/hostile"+string(rune('a'+i))+".svg", ""))
	}
	f.refused(f.ask(http.MethodGet, "/badge/worker/api-service", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodGet, "/badge/worker/.svg", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodGet, "/badge/lambda/a.svg", ""), http.StatusNotFound, wire.CodeNotFound)
	f.refused(f.ask(http.MethodGet, "/badge/worker/a.svg?style=flat", ""), http.StatusBadRequest, wire.CodeUnknownParameter)
}

// svg reads a badge, which must be well-formed and hold nothing but shapes and text.
func (f *fixture) svg(answer *http.Response) string {
	f.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.Header.Get("Content-Type") != "image/svg+xml; charset=utf-8" {
		f.Fatalf("%v %v: %s", err, answer.Header, body)
	}
	for d := xml.NewDecoder(strings.NewReader(string(body))); ; {
		token, err := d.Token()
		if err == io.EOF {
			return string(body)
		}
		if err != nil {
			f.Fatalf("%v: %s", err, body)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !strings.Contains(" svg title clipPath rect g text ", " "+start.Name.Local+" ") {
			f.Errorf("an element %s: %s", start.Name.Local, body)
		}
		for _, a := range start.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				f.Errorf("an attribute %s: %s", a.Name.Local, body)
			}
		}
	}
}

// TestPublicBadges need nothing where the settings say so.
func TestPublicBadges(t *testing.T) {
	f := newFixture(t)
	f.options.PublicBadges = true
	for _, r := range api.New(f.options).Routes() {
		if public := r.Need == shipbell.ScopeNone; public != (strings.HasPrefix(r.Path, "/badge/") || r.Path == "/api/v1/openapi.json") {
			t.Errorf("%s needs %q", r.Path, r.Need)
		}
	}
}
