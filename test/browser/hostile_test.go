package browser

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/test/hostile"
)

// free are the fields of a push that take any text.
var free = []string{
	"projectName", "deploymentId", "environment", "branch", "commitHash", "commitMessage", "author", "tag", "url", "versionId",
	"logUrl", "repositoryUrl", "error", "cloudflareId", "script", "dashboardUrl", "log", "commitTime",
}

// strict are those that take some texts only.
var strict = []string{"type", "status", "timestamp", "source", "isCI"}

// refusal is how a push is answered that cannot be taken.
type refusal struct {
	Code  string `json:"code"`
	Field string `json:"field"`
	Hint  string `json:"hint"`
}

// attack is a hostile value in every field that takes it.
type attack struct {
	hostile.Value
	id     string
	fields fields
	number int64 // of the deployment
}

// refused sends a body that may be refused, and returns the field that was to blame;
// empty where it was taken.
func (s *server) refused(what, body string) (field string) {
	s.Helper()
	code, answer := s.request(http.MethodPost, "/notify", notifyToken, body)
	if code == http.StatusOK {
		return ""
	}
	var r refusal
	if err := json.Unmarshal([]byte(answer), &r); err != nil || code != http.StatusBadRequest || r.Code == "" || r.Hint == "" {
		s.Errorf("%s: the answer is no clear refusal: %d %s", what, code, answer)
	}
	if r.Field == "" {
		return r.Code
	}
	return strings.TrimPrefix(r.Field, "deployment.")
}

// attack pushes a value in every field. What is refused for one field is sent again
// without the value there: the others must not be lost with it.
func (s *server) attack(n int, v hostile.Value) attack {
	s.Helper()
	a := attack{Value: v, id: fmt.Sprintf("attack-%03d", n), fields: fields{"type": "worker", "status": "failure", "source": "exec"}}
	for _, name := range free {
		a.fields[name] = v.Text
	}
	a.fields["history"] = []string{v.Text, "abc1234567 " + v.Text}
	a.fields["deploymentId"] = a.id + " " + v.Text
	a.fields["cloudflareId"] = fmt.Sprintf("cf-%03d %s", n, v.Text)
	for range len(free) {
		body, err := json.Marshal(map[string]any{"deployment": a.fields})
		if err != nil {
			s.Error(err)
			return a
		}
		switch field := s.refused(v.Name, string(body)); field {
		case "":
			return a
		case "deploymentId":
			a.fields[field] = a.id
		case "projectName":
			a.fields[field] = "too-long-for-a-project"
		default:
			if _, ok := a.fields[field]; !ok {
				s.Errorf("%s: refused for %s", v.Name, field)
				return a
			}
			delete(a.fields, field)
		}
	}
	s.Errorf("%s: refused whatever was left out", v.Name)
	return a
}

// letters are what is left of a text when all is taken away that a page may set in
// another way: nothing of it may be lost. At most so many as a list shows.
func letters(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if isLetter(r) && n < 40 {
			b.WriteRune(r)
			n++
		}
	}
	return b.String()
}

// isLetter reports whether a character is one that people see.
func isLetter(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N) && !strings.ContainsRune("\u115f\u1160\u3164\uffa0", r)
}

// lettersOf is the same of what a page says, closed parts too.
const lettersOf = `document.body.textContent.replace(/[^\p{L}\p{N}]|[\u115f\u1160\u3164\uffa0]/gu, "")`

// firstLine is the line of a commit message that lists show.
func firstLine(text string) string {
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// TestHostile pushes every hostile value in every field, and looks at everything that
// shows it.
func TestHostile(t *testing.T) {
	s := serve(t)
	attacks := s.attackAll(hostile.Values())
	t.Run("strict fields", func(t *testing.T) { t.Parallel(); s.strictFields(t) })
	t.Run("bodies", func(t *testing.T) { t.Parallel(); s.bodies(t) })
	t.Run("messages", func(t *testing.T) { t.Parallel(); s.messagesAreWhole(t, attacks) })
	t.Run("feeds and badges", func(t *testing.T) { t.Parallel(); s.feedsAndBadges(t, attacks) })
	for part := range 2 {
		t.Run(fmt.Sprintf("deployments %d", part), func(t *testing.T) {
			t.Parallel()
			p := open(t, s.url)
			p.size([]int64{390, 1280}[part])
			for i, a := range attacks {
				if i%2 == part || a.Breaks {
					p.survives(a)
				}
			}
		})
	}
	t.Run("lists", func(t *testing.T) { t.Parallel(); s.listsSurvive(t, attacks) })
}

// attackAll pushes them, and finds out their numbers.
func (s *server) attackAll(values []hostile.Value) []attack {
	s.Helper()
	attacks := make([]attack, len(values))
	var pushes sync.WaitGroup
	for n, v := range values {
		pushes.Go(func() { attacks[n] = s.attack(n, v) })
	}
	pushes.Wait()
	numbers := map[string]int64{}
	for after := ""; ; {
		_, body := s.request(http.MethodGet, "/api/v1/deployments?limit=100&after="+after, "", "")
		var page struct {
			Deployments []struct {
				ID      int64  `json:"id"`
				ShownID string `json:"shownId"`
			} `json:"deployments"`
			Next string `json:"next"`
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			s.Fatalf("the list: %v %.300s", err, body)
		}
		for _, d := range page.Deployments {
			numbers[strings.Fields(d.ShownID)[0]] = d.ID
		}
		if after = page.Next; after == "" {
			break
		}
	}
	for i := range attacks {
		if attacks[i].number = numbers[attacks[i].id]; attacks[i].number == 0 {
			s.Errorf("%s: the deployment is not in the list", attacks[i].Name)
		}
	}
	return attacks
}

// survives looks at the page of a deployment.
func (p *page) survives(a attack) {
	p.Helper()
	path := fmt.Sprintf("/deployments/%d", a.number)
	before := len(p.pages())
	if r := p.visit(path); r.Status != http.StatusOK {
		p.Errorf("%s: status %d", a.Name, r.Status)
	}
	if pages := p.pages()[before:]; len(pages) != 1 || p.where() != path {
		p.Errorf("%s: it led to %q", a.Name, pages)
	}
	// All of it must stay in its place, opened too; what .more folds out lies over it.
	p.do(evaluate(`document.querySelectorAll("details:not(.more)").forEach((d) => { d.open = true; })`))
	p.passes(" ("+a.Name+")", layout)
	if a.Breaks {
		p.passes(" ("+a.Name+")", names, structure)
	}
	said := eval[string](p, lettersOf)
	for _, field := range []string{"projectName", "deploymentId", "environment", "branch", "author", "tag", "error", "commitMessage"} {
		text, _ := a.fields[field].(string)
		if field == "commitMessage" {
			text = firstLine(text)
		}
		if want := letters(text); !strings.Contains(said, want) {
			p.Errorf("%s: the page does not say its %s: %q", a.Name, field, want)
		}
	}
	links := eval[[]string](p, `[...document.querySelectorAll("a[href],form[action]")].map((e) => e.href ?? e.action)`)
	for _, link := range links {
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			p.Errorf("%s: there is a link to %q", a.Name, link)
		}
	}
	for _, wrong := range p.take() {
		p.Errorf("%s: %s", a.Name, wrong)
	}
}

// strictFields: what takes some texts only refuses all others by name.
func (s *server) strictFields(t *testing.T) {
	for _, v := range hostile.Values() {
		for _, name := range strict {
			d := fields{"type": "worker", "projectName": "strict", "deploymentId": "strict"}.with(fields{name: v.Text})
			body, err := json.Marshal(map[string]any{"deployment": d})
			if err != nil {
				t.Fatal(err)
			}
			if field := s.refused(v.Name, string(body)); field != name {
				t.Errorf("%s as %s: refused for %q", v.Name, name, field)
			}
		}
	}
	if found := s.list("project=strict", ""); len(found) > 0 {
		t.Errorf("something was recorded: %v", found)
	}
}

// bodies: what no JSON library makes is taken or clearly refused, and what is taken
// can be seen.
func (s *server) bodies(t *testing.T) {
	p := open(t, s.url)
	taken := 0
	for i, b := range hostile.Bodies() {
		if s.refused(b.Name, strings.ReplaceAll(b.Text, "%ID%", fmt.Sprintf("body-%d", i))) == "" {
			taken++
		}
	}
	found := s.list("project=bodies", "")
	if len(found) != taken {
		t.Errorf("%d bodies were taken and %d deployments are there", taken, len(found))
	}
	for _, d := range found {
		p.visit(fmt.Sprintf("/deployments/%d", d.ID))
		p.passes("", layout)
	}
}

// messagesAreWhole: every deployment is announced once, by a message that Telegram
// takes at the first try, with its markup, and that says what it is about.
func (s *server) messagesAreWhole(t *testing.T, attacks []attack) {
	text := func(id string) (found []string) {
		for _, m := range s.chat.Messages(group) {
			if strings.Contains(m.Text, id) && !m.Deleted {
				found = append(found, m.Text)
			}
		}
		return found
	}
	s.told(func(*faketelegram.Server) bool {
		return !slices.ContainsFunc(attacks, func(a attack) bool { return len(text(a.id)) == 0 })
	})
	for _, a := range attacks {
		messages := text(a.id)
		if len(messages) != 1 {
			t.Errorf("%s: %d messages", a.Name, len(messages))
		}
		said := allLetters(messages[0])
		for _, field := range []string{"projectName", "environment", "author", "branch", "commitMessage"} {
			value, _ := a.fields[field].(string)
			if field == "commitMessage" {
				value = firstLine(value)
			}
			if want := letters(value); !strings.Contains(said, want) {
				t.Errorf("%s: the message does not say its %s %q:\n%s", a.Name, field, want, messages[0])
			}
		}
	}
	for _, c := range s.chat.Calls() {
		if !c.Accepted {
			t.Errorf("Telegram refused %s: %s\n%s", c.Method, c.Description, c.Text)
		}
		if c.Text != "" && c.ParseMode != "HTML" {
			t.Errorf("a message was sent without its markup:\n%s", c.Text)
		}
	}
	if v := s.chat.Violations(); len(v) > 0 {
		t.Errorf("violations: %s", v)
	}
}

// allLetters is letters of a whole text.
func allLetters(text string) string {
	return strings.Map(func(r rune) rune {
		if isLetter(r) {
			return r
		}
		return -1
	}, text)
}

// wellFormed reads a document of XML to its end.
func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.Entity = true, nil
	for {
		switch _, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// feedsAndBadges: they are well-formed, say what they are about, and run nothing where
// a browser opens them.
func (s *server) feedsAndBadges(t *testing.T, attacks []attack) {
	_, feed := s.request(http.MethodGet, "/feed.atom?limit=100", "", "")
	if err := wellFormed(feed); err != nil || strings.Count(feed, "<entry>") != 100 {
		t.Errorf("the feed: %v, %d entries", err, strings.Count(feed, "<entry>"))
	}
	p := open(t, s.url)
	p.excuse("/favicon.ico") // a drawing by itself names no icon
	for _, a := range attacks {
		project := strings.TrimSpace(strings.ReplaceAll(a.fields["projectName"].(string), "\x00", ""))
		filtered := "/feed.atom?project=" + url.QueryEscape(project)
		if code, text := s.request(http.MethodGet, filtered, "", ""); code != http.StatusOK || wellFormed(text) != nil || !strings.Contains(text, "<entry>") {
			t.Errorf("%s: the feed of its project: %d, %v: %.300s", a.Name, code, wellFormed(text), text)
		}
		environment, _ := a.fields["environment"].(string)
		environment = strings.TrimSpace(strings.ReplaceAll(environment, "\x00", ""))
		path := "/badge/worker/" + url.PathEscape(project) + ".svg?environment=" + url.QueryEscape(environment)
		code, text := s.request(http.MethodGet, path, "", "")
		if code != http.StatusOK {
			// What a path cannot name has no badge.
			if !slices.Contains([]string{".", ".."}, project) {
				t.Errorf("%s: its badge: %d %.200s", a.Name, code, text)
			}
			continue
		}
		if err := wellFormed(text); err != nil {
			t.Errorf("%s: its badge: %v", a.Name, err)
		}
		if a.Runs {
			p.visit(path)
			if n := eval[int](p, `document.querySelectorAll("script,foreignObject,a,image,use,animate,[onload],[onerror],[onbegin]").length`); n > 0 {
				t.Errorf("%s: its badge holds more than a picture", a.Name)
			}
		}
	}
}

// listsSurvive looks at the pages that show many, and at filters and addresses of
// pages that hold hostile values.
func (s *server) listsSurvive(t *testing.T, attacks []attack) {
	p := open(t, s.url)
	seen := 0
	for _, start := range []string{"/", "/deployments"} {
		for path := start; path != ""; {
			p.visit(path)
			for _, width := range widths {
				p.size(width)
				p.passes(fmt.Sprintf(" at %d", width), layout)
			}
			p.passes("", names, structure, contrast)
			p.shoot("hostile-" + strconv.Itoa(seen))
			seen++
			path = strings.TrimPrefix(eval[string](p, `document.querySelector("a[rel=next]")?.href ?? ""`), s.url)
		}
	}
	for _, path := range []string{"/channels", "/insights", "/access"} {
		p.visit(path)
		p.passes("", layout, names, structure)
	}
	p.size(390)
	short := slices.DeleteFunc(slices.Clone(attacks), func(a attack) bool { return len(a.Text) > 500 })
	for len(short) > 0 {
		// Several at a time, each as the value of another parameter.
		v := url.Values{}
		for i, name := range []string{"q", "project", "environment", "author", "branch"} {
			v.Set(name, short[min(i, len(short)-1)].Text)
		}
		if r := p.visit("/deployments?" + v.Encode()); r.Status != http.StatusOK {
			t.Errorf("%q: status %d", v, r.Status)
		}
		p.passes("", layout)
		said := eval[string](p, `[...document.querySelectorAll(".filter input")].map((i) => i.value).join(" ").replace(/[^\p{L}\p{N}]|[\u115f\u1160\u3164\uffa0]/gu, "")`)
		for name, texts := range v {
			if want := letters(strings.TrimSpace(texts[0])); !strings.Contains(said, want) && name != "environment" {
				t.Errorf("the field %s does not say %q", name, want)
			}
		}
		short = short[min(5, len(short)):]
	}
}

// TestHostileSignIn: nobody is led elsewhere by having signed in.
func TestHostileSignIn(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	token := s.token("admin", shipbell.ScopeAdmin)
	s.run()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, v := range hostile.Values() {
		if len(v.Text) > 2000 {
			continue
		}
		r, err := client.PostForm(s.url+"/signin", url.Values{"token": {token}, "next": {v.Text}})
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		to, err := r.Location()
		if r.StatusCode != http.StatusSeeOther || err != nil || !strings.HasPrefix(to.String(), s.url+"/") {
			t.Errorf("%s: status %d, leads to %v (%v)", v.Name, r.StatusCode, to, err)
		}
	}
	p := open(t, s.url)
	for _, v := range hostile.Values() {
		if v.Breaks || strings.Contains(v.Text, "evil.example") {
			p.visit("/signin?next=" + url.QueryEscape(v.Text))
			p.passes(" "+v.Name, layout)
		}
	}
	p.visit("/signin?next=" + url.QueryEscape(`/\evil.example`))
	p.signIn(token)
	if p.where() != "/" {
		t.Errorf("it led to %s", p.where())
	}
}

// TestHostileBuilds: what Cloudflare tells of builds is as little to be trusted.
func TestHostileBuilds(t *testing.T) {
	t.Parallel()
	cf := fakecloudflare.New(fakecloudflare.Options{Unlimited: true})
	api, stop, err := cf.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	cf.Deploy("builds", fakecloudflare.DeployOptions{})
	cf.AddQueue("builds", fakecloudflare.QueueOptions{})
	cf.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
	s := serve(t, func(c *config.Settings) {
		c.Cloudflare = config.Cloudflare{Token: fakecloudflare.DefaultToken, API: api, Interval: pollEvery, Queue: "builds"}
	})
	s.until("the first look", func() bool {
		_, body := s.request(http.MethodGet, "/health?verbose", "", "")
		return strings.Contains(body, `"source":"poll","status":"ok"`)
	})
	values := slices.DeleteFunc(hostile.Values(), func(v hostile.Value) bool { return !v.Breaks && !strings.Contains(v.Name, "direction") })
	for _, v := range values {
		b := cf.StartBuild("builds", fakecloudflare.BuildOptions{
			Branch: v.Text, Message: v.Text, Author: v.Text, PullRequest: v.Text, Repo: v.Text, Owner: v.Text, BuildCommand: v.Text, DeployCommand: v.Text,
		})
		cf.AdvanceBuild(b.UUID)
		cf.AdvanceBuild(b.UUID)
		cf.FinishBuild(b.UUID, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildFailed, Log: []string{"$ build", "✘ [ERROR] " + v.Text, "Failed: error occurred while running build command"}})
	}
	cf.Send("builds", fakecloudflare.QueueMessage{Body: []byte(`{"type":"<img src=x onerror=__pwned(name)>"`)})
	s.until("all builds", func() bool { return len(s.list("status=failure&project=builds", "")) == len(values) })
	p := open(t, s.url)
	for _, d := range s.list("project=builds", "") {
		p.visit(fmt.Sprintf("/deployments/%d", d.ID))
		p.passes("", layout, names)
	}
	for _, path := range []string{"/", "/deployments", "/channels"} {
		p.visit(path)
		p.passes("", layout, names, structure)
	}
	for _, c := range s.chat.Calls() {
		if !c.Accepted {
			t.Errorf("Telegram refused %s: %s\n%s", c.Method, c.Description, c.Text)
		}
	}
	if bytes.Contains([]byte(s.log.String()), []byte("\x1b[")) {
		t.Error("the log has colours of a stranger's")
	}
}
