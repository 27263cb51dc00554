package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

// says is an expression that is true once the page says a text.
func says(text string) string { return fmt.Sprintf("document.body.innerText.includes(%q)", text) }

// mark leaves something in the window that a reload would take away.
const mark = `window.__mark = 1`

func (p *page) stayed() {
	p.Helper()
	if eval[string](p, `String(window.__mark)`) != "1" {
		p.Errorf("%s: the page was loaded again", p.where())
	}
}

// live waits until the page hears of what happens.
func (p *page) live() {
	p.Helper()
	p.until(`document.getElementById("live")?.dataset.state === "live"`)
}

// deployed is a deployment of the tests.
func deployed(project, id string, more fields) fields {
	return fields{"type": "worker", "projectName": project, "deploymentId": id, "commitMessage": "Change " + id, "author": "dev@example.com"}.with(more)
}

// TestLive: what happens is seen without a reload, and nothing that a person does is
// disturbed by it.
func TestLive(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for i := range 30 {
		s.push(deployed(fmt.Sprintf("project-%02d", i), fmt.Sprintf("old-%d", i), fields{"status": "success"}))
	}
	for _, path := range []string{"/", "/deployments"} {
		p := open(t, s.url)
		p.size(390)
		p.visit(path)
		p.live()
		p.do(evaluate(mark), click("#q"), chromedp.KeyEvent("half a wo"))
		p.do(evaluate(`scrollTo(0, 900)`))
		anchor := `[...document.querySelectorAll("main [data-key]")].find((e) => e.getBoundingClientRect().top > 200 && !e.querySelector("[data-key]"))`
		p.do(evaluate(`window.__anchor = ` + anchor + `; window.__top = window.__anchor.getBoundingClientRect().top`))

		project := "brand-new-" + strings.Trim(path, "/")
		s.push(deployed(project, "new-"+path, fields{"status": "in_progress", "source": "exec"}))
		p.until(says(project))
		p.stayed()
		if got := eval[[]any](p, `[document.activeElement.id, document.getElementById("q").value]`); fmt.Sprint(got) != "[q half a wo]" {
			t.Errorf("%s: focus and text in the field became %q", path, got)
		}
		if moved := eval[float64](p, `window.__anchor.isConnected ? Math.abs(window.__anchor.getBoundingClientRect().top - window.__top) : 1e6`); moved > 3 {
			t.Errorf("%s: what was read moved by %.0f pixels", path, moved)
		}
		// What a person goes on to type is added to what was there.
		p.do(chromedp.KeyEvent("rd"))
		if got := eval[string](p, `document.getElementById("q").value`); got != "half a word" {
			t.Errorf("%s: the field says %q", path, got)
		}
	}

	// The page of a deployment.
	s.push(deployed("story", "story-1", fields{"status": "in_progress", "source": "exec"}))
	p := open(t, s.url)
	p.visit(fmt.Sprintf("/deployments/%d", s.list("project=story", "")[0].ID))
	p.live()
	p.do(evaluate(mark), click(".heard details summary"))
	s.push(deployed("story", "story-1", fields{"status": "failure", "source": "exec", "error": "exit status 17"}))
	p.until(says("exit status 17"))
	p.stayed()
	if !eval[bool](p, `document.querySelector(".heard details").open`) {
		t.Error("what a person opened was closed")
	}
}

// TestReconnect: a page that was open while the server was away goes on by itself.
func TestReconnect(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.push(deployed("before", "1", nil))
	p := open(t, s.url)
	p.excuse("net::ERR_")
	p.visit("/")
	p.live()
	p.do(evaluate(mark))
	s.stop()
	p.until(`document.getElementById("live").dataset.state !== "live"`)
	s.run()
	s.push(deployed("afterwards", "2", nil))
	p.until(says("afterwards"))
	p.live()
	p.stayed()
}

// TestFilters: what is filtered stands in the address, and nothing else does.
func TestFilters(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for i, status := range []string{"success", "failure", "canceled"} {
		s.push(deployed("api-"+status, fmt.Sprint(i), fields{"status": status}))
		s.push(deployed("web-"+status, fmt.Sprint(i+10), fields{"status": status, "type": "pages"}))
	}
	p := open(t, s.url)
	p.visit("/deployments")
	rows := func() string {
		return eval[string](p, `[...document.querySelectorAll(".c-project bdi:first-of-type")].map((e) => e.textContent).filter((s) => /^(api|web)-/.test(s)).sort().join(" ")`)
	}
	expect := func(what, path, want string) {
		t.Helper()
		if p.where() != path || rows() != want {
			t.Errorf("%s: at %s it shows %q; want %s and %q", what, p.where(), rows(), path, want)
		}
	}
	choose := func(id, value string) {
		p.do(evaluate(fmt.Sprintf(`{ const s = document.getElementById(%q); s.focus(); s.value = %q;
			for (const name of ["input", "change"]) s.dispatchEvent(new Event(name, { bubbles: true })); }`, id, value)))
	}
	expect("at first", "/deployments", "api-canceled api-failure api-success web-canceled web-failure web-success")
	p.live()
	p.do(evaluate(mark), click("details.more summary"))
	choose("f-status", "failure")
	choose("f-type", "pages")
	// What happens meanwhile takes nothing of it away.
	s.push(deployed("api-later", "20", fields{"status": "success"}))
	p.until(says("api-later"))
	p.stayed()
	if got := eval[string](p, `[document.querySelector(".more").open, document.activeElement.id, document.getElementById("f-status").value, document.getElementById("f-type").value].join(" ")`); got != "true f-type failure pages" {
		t.Errorf("while one fills in, the panel says %q", got)
	}
	p.follow(click(".fields button"))
	expect("two at once", "/deployments?type=pages&status=failure", "web-failure")
	p.do(click("details.more summary"))
	choose("f-type", "")
	p.follow(click(".fields button"))
	expect("a status", "/deployments?status=failure", "api-failure web-failure")
	p.do(chromedp.Reload())
	expect("after a reload", "/deployments?status=failure", "api-failure web-failure")
	p.do(click("#q"))
	p.follow(chromedp.KeyEvent("web\r"))
	expect("a search too", "/deployments?q=web&status=failure", "web-failure")
	p.do(click("details.more summary"))
	p.follow(click(".fields .do a"))
	expect("the panel cleared", "/deployments?q=web", "web-canceled web-failure web-success")
	p.do(evaluate(`setTimeout(() => history.go(-2), 300)`))
	p.until(`location.search === "?status=failure"`)
	expect("two back", "/deployments?status=failure", "api-failure web-failure")
	p.do(evaluate(`document.querySelector(".chip").click()`))
	p.until(`location.search === "" && document.readyState === "complete"`)
	expect("without its chip", "/deployments", "api-canceled api-failure api-later api-success web-canceled web-failure web-success")

	p.visit("/?type=pages")
	cards := eval[string](p, `[...document.querySelectorAll(".card h3 a")].map((e) => e.textContent).sort().join(" ")`)
	if cards != "web-canceled web-failure web-success" {
		t.Errorf("cards: %q", cards)
	}
}

// TestMisread: a filter that cannot be read is there to be mended, with all the rest.
func TestMisread(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.push(deployed("api-service", "1", fields{"status": "failure"}))
	s.push(deployed("api-service", "2", fields{"status": "success"}))
	p := open(t, s.url)
	p.excuse("400 (Bad Request)")
	for _, path := range []string{"/", "/deployments"} {
		if r := p.visit(path + "?project=api-service&status=failure&until=tomorrow"); r.Status != http.StatusBadRequest {
			t.Errorf("%s: status %d", path, r.Status)
		}
		p.look("misread-" + strings.Trim(path, "/"))
	}
	p.do(click("h1"))
	if !eval[bool](p, `document.querySelector(".more").open && document.getElementById("amiss-until").checkVisibility()`) {
		t.Error("what is to be mended was folded away")
	}
	p.do(evaluate(`document.getElementById("f-until").select()`))
	p.follow(chromedp.KeyEvent("0h\r"))
	if p.where() != "/deployments?status=failure&project=api-service&until=0h" || eval[int](p, `document.querySelectorAll(".row").length`) != 1 {
		t.Errorf("mended, at %s: %s", p.where(), p.text("main"))
	}
}

// spaced is how far apart people may set letters, words and lines, see WCAG 1.4.12.
const spaced = `{ const s = new CSSStyleSheet(); s.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"); document.adoptedStyleSheets = [s]; }`

// TestRows: in a list short values are there whole at every width, and stand below the
// names of their columns.
func TestRows(t *testing.T) {
	t.Parallel()
	s := serve(t)
	long := fields{"author": "Bram de Vries", "source": "exec", "type": "pages", "environment": "preview", "commitHash": "0123456789abcdef0123456789abcdef01234567"}
	for i, project := range []string{"web", "a-project-with-a-name-that-is-longer-than-most"} {
		f := deployed(project, fmt.Sprint(i), long)
		s.push(f.with(fields{"status": "in_progress", "timestamp": at(time.Duration(30*i+1) * time.Hour)}))
		s.push(f.with(fields{"status": "success", "timestamp": at(time.Duration(30*i+1)*time.Hour - 53*time.Minute - 48*time.Second)}))
	}
	s.push(deployed("api", "going", fields{"status": "in_progress", "source": "exec"}))
	p := open(t, s.url)
	bare := open(t, s.url)
	bare.withoutScripts()
	for _, p := range []*page{p, bare} {
		p.visit("/deployments")
		for _, width := range []int64{320, 390, 721, 768, 900, 1024, 1100, 1101, 1280, 1440, 1441, 2560} {
			p.size(width)
			for _, apart := range []bool{false, true} {
				p.do(evaluate(`document.adoptedStyleSheets = []`))
				if apart {
					p.do(evaluate(spaced))
				}
				what := fmt.Sprintf("at %d, further apart: %t", width, apart)
				if cut := eval[[]string](p, `[...document.querySelectorAll(".row > span")].filter((e) => e.offsetWidth && (!e.matches(".c-project,.c-subject,.c-author,.c-branch") || e.matches(".c-author") && innerWidth > 700))
					.filter((e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().right > e.parentElement.getBoundingClientRect().right - 12)
					.map((e) => e.className + " “" + e.innerText + "”")`); len(cut) > 0 {
					t.Errorf("%s: cut off: %q", what, cut)
				}
				apartBy := eval[[]string](p, `[...document.querySelectorAll(".cols > span")].flatMap((name, i) => [...document.querySelectorAll(".row")].map((row) => {
					const a = name.getBoundingClientRect(), b = row.children[i].getBoundingClientRect();
					return Math.abs(a.left - b.left) < 1 && Math.abs(a.right - b.right) < 1 ? "" : name.textContent + " " + row.children[i].className + " " + a.left + " " + b.left;
				})).filter(Boolean)`)
				shown := eval[bool](p, `document.querySelector(".cols").checkVisibility()`)
				if shown != (width > 1100) || shown && len(apartBy) > 0 {
					t.Errorf("%s: the names of the columns are shown: %t; elsewhere are %q", what, shown, apartBy)
				}
			}
		}
	}
	if got := eval[string](p, `document.querySelector(".list .row:nth-child(1) .c-time").textContent`); !strings.HasPrefix(got, "started ") {
		t.Errorf("who listens hears %q", got)
	}
}

// signIn shows a token at the door.
func (p *page) signIn(token string) {
	p.Helper()
	p.excuse("Autofocus processing was blocked") // a test can be faster than the browser
	p.do(typeInto("#token", token))
	p.follow(click("main button[type=submit]"))
}

// TestSignIn: who shows no token sees nothing, who shows a reader's changes nothing.
func TestSignIn(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	reader, admin := s.token("wall screen", shipbell.ScopeRead), s.token("anna", shipbell.ScopeAdmin)
	pusher := s.token("ci", shipbell.ScopePush)
	s.run()
	s.push(deployed("secret-project", "1", fields{"status": "failure"}))
	number := s.list("", reader)[0].ID
	story := fmt.Sprintf("/deployments/%d", number)

	p := open(t, s.url)
	p.excuse("403 (Forbidden)")
	p.excuse("/favicon.ico") // the answer to a program names no icon
	for _, path := range []string{"/", "/deployments", story, "/channels", "/insights", "/access"} {
		p.visit(path)
		if !strings.HasPrefix(p.where(), "/signin") || eval[bool](p, says("secret-project")) {
			t.Errorf("without a token %s leads to %s", path, p.where())
		}
	}
	p.visit(story)
	for _, wrong := range []string{"not a token", notifyToken, pusher} {
		p.signIn(wrong)
		if !strings.HasPrefix(p.where(), "/signin") || eval[string](p, `document.querySelector("[role=alert]")?.innerText ?? ""`) == "" {
			t.Errorf("a wrong token leads to %s without a word", p.where())
		}
	}
	p.passes(" after a mistake", contrast, names, structure, layout)
	p.signIn(reader)
	if p.where() != story {
		t.Errorf("a reader was led to %s", p.where())
	}
	if eval[string](p, `document.cookie`) != "" {
		t.Error("scripts can read the cookie")
	}
	if forms := eval[[]string](p, `[...document.querySelectorAll("form[method=post]")].map((f) => new URL(f.action).pathname)`); !slices.Equal(forms, []string{"/signout"}) {
		t.Errorf("a reader is shown %q", forms)
	}
	acts := []string{story + "/replay", story + "/silence", story + "/unsilence", fmt.Sprintf("/channels/telegram:%d/test", group), fmt.Sprintf("/channels/telegram:%d/resume", group)}
	for _, path := range acts {
		for _, path := range []string{path, "/api/v1" + strings.Replace(path, "/channels/", "/lanes/", 1)} {
			if status := eval[int](p, fmt.Sprintf(`fetch(%q, { method: "POST" }).then((r) => r.status)`, path)); status != http.StatusForbidden {
				t.Errorf("a reader at %s: status %d", path, status)
			}
		}
	}
	if r := p.visit("/access"); r.Status != http.StatusForbidden {
		t.Errorf("a reader sees who may do what: status %d", r.Status)
	}
	p.visit("/")
	p.follow(click(`form[action="/signout"] button`))
	if !eval[bool](p, says("signed out")) {
		t.Error("nobody says that one is signed out")
	}
	if p.visit(story); !strings.HasPrefix(p.where(), "/signin") {
		t.Errorf("signed out, one sees %s", p.where())
	}
	p.signIn(admin)
	if n := eval[int](p, `document.querySelectorAll("form[method=post] button").length`); n < 3 {
		t.Errorf("who administers is shown %d buttons", n)
	}
	if r := p.visit("/access"); r.Status != http.StatusOK || !eval[bool](p, says("wall screen")) {
		t.Errorf("who administers does not see who may do what: status %d", r.Status)
	}
}

// act does, by the keyboard up to its button, what must say first what it does.
func (p *page) act(name string) {
	p.Helper()
	form := fmt.Sprintf("form[action$=%q]", "/"+name)
	if shown := fmt.Sprintf("document.querySelector(%q).checkVisibility()", form); eval[bool](p, shown) {
		p.Errorf("%s: %s is one click away", p.where(), name)
	}
	p.do(evaluate(fmt.Sprintf("document.querySelector(%q).focus()", fmt.Sprintf("details[data-key=%q] > summary", name))), chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	if !eval[bool](p, fmt.Sprintf("document.activeElement.matches(%q)", form+" button")) {
		p.Errorf("%s: Tab does not lead to the button of %s", p.where(), name)
	}
	if text := p.text(form); len(strings.Fields(text)) < 8 {
		p.Errorf("%s: it is not said what %s does: %q", p.where(), name, text)
	}
	p.passes(" with "+name+" open", contrast, names, structure)
	p.follow(click(form + " button"))
}

// TestActs: replay, silence, a test and resuming do what they say, and leave a trace.
func TestActs(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	admin := s.token("anna", shipbell.ScopeAdmin)
	s.run()
	s.push(deployed("api-service", "one", nil))
	s.told(func(c *faketelegram.Server) bool { return c.Count(group) == 1 })
	story := fmt.Sprintf("/deployments/%d", s.list("", admin)[0].ID)

	p := open(t, s.url)
	p.visit(story)
	p.signIn(admin)
	p.act("replay")
	if !eval[bool](p, says("posted anew")) {
		t.Error("nobody says that it is posted anew")
	}
	// The message that was there is gone, and another one says the same.
	s.told(func(c *faketelegram.Server) bool {
		all := c.Messages(group)
		return len(all) == 2 && all[0].Deleted && !all[1].Deleted && all[0].Text == all[1].Text
	})

	p.act("silence")
	s.push(deployed("api-service", "one", fields{"status": "failure", "source": "exec", "error": "exit status 9"}))
	s.told(func(c *faketelegram.Server) bool { return strings.Contains(c.Messages(group)[1].Text, "exit status 9") })
	if len(s.messages()) != 1 {
		t.Errorf("a silenced deployment rang: %q", s.messages())
	}
	p.follow(click(`form[action$="/unsilence"] button`))
	s.told(func(c *faketelegram.Server) bool { return len(s.messages()) == 2 })

	p.visit("/channels")
	p.follow(click(`form[action$="/test"] button`))
	s.told(func(c *faketelegram.Server) bool { return len(s.messages()) == 3 })

	s.chat.Block(group)
	s.push(deployed("api-service", "two", nil))
	p.until(says("Paused"))
	p.passes(" with a pause", contrast, names, structure, layout)
	s.chat.Unblock(group)
	p.follow(click(`form[action$="/resume"] button`))
	s.told(func(c *faketelegram.Server) bool {
		return slices.ContainsFunc(s.messages(), func(m string) bool { return strings.Contains(m, "Change two") })
	})

	p.visit("/access")
	for _, act := range []string{"Signed in", "Replayed", "Silenced", "test", "Resumed"} {
		if !eval[bool](p, `document.body.innerText.toLowerCase().includes(`+fmt.Sprintf("%q", strings.ToLower(act))+`)`) {
			t.Errorf("the audit log does not say %q:\n%s", act, p.text("main"))
		}
	}
}

// TestCrossSite: another page in the same browser can make it send what it likes, and
// nothing comes of it. Another port is another origin, but the same site: the cookie
// goes with it.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	admin := s.token("anna", shipbell.ScopeAdmin)
	s.run()
	s.push(deployed("api-service", "one", nil))
	s.told(func(c *faketelegram.Server) bool { return c.Count(group) == 1 })
	replay := s.url + fmt.Sprintf("/deployments/%d/replay", s.list("", admin)[0].ID)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><link rel=icon href="data:,"><form method=post action=%q><button>You have won</button></form>
<iframe src=%q></iframe>`, replay, s.url+"/")
	}))
	t.Cleanup(evil.Close)

	p := open(t, s.url)
	p.visit("/")
	p.signIn(admin)
	p.report()
	for _, expected := range []string{"another server is asked: " + evil.URL, "403 (Forbidden)", "frame-ancestors", "a frame was loaded", "ERR_BLOCKED_BY_RESPONSE", "ERR_FAILED", "CORS", "/favicon.ico"} {
		p.excuse(expected)
	}
	p.do(chromedp.Navigate(evil.URL))
	if got := eval[string](p, fmt.Sprintf(`fetch(%q, { method: "POST", credentials: "include", mode: "no-cors" }).then(() => "sent", () => "failed")`, replay)); got == "" {
		t.Error("it was not sent")
	}
	if got := eval[string](p, fmt.Sprintf(`fetch(%q, { credentials: "include" }).then((r) => r.text(), () => "unreadable")`, s.url+"/api/v1/deployments")); got != "unreadable" {
		t.Errorf("another origin reads %q", got)
	}
	if r := p.follow(click("button")); r.Status != http.StatusForbidden {
		t.Errorf("a form of another origin: status %d", r.Status)
	}
	p.visit("/access")
	if eval[bool](p, says("Replayed")) || len(s.messages()) != 1 {
		t.Errorf("something came of it:\n%s\n%q", p.text("main"), s.messages())
	}
}

// TestWithoutScripts: all can be read and done by who has none.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	s := prepare(t)
	admin := s.token("anna", shipbell.ScopeAdmin)
	s.run()
	s.push(deployed("api-service", "one", fields{"status": "failure", "error": "exit status 3", "source": "exec"}))
	s.push(deployed("web", "two", fields{"status": "success", "type": "pages"}))
	s.told(func(c *faketelegram.Server) bool { return c.Count(group) >= 2 })
	p := open(t, s.url)
	p.withoutScripts()
	p.visit("/deployments")
	p.signIn(admin)
	if p.where() != "/deployments" {
		t.Fatalf("signing in led to %s", p.where())
	}
	p.do(click("details.more summary"), chromedp.SetValue(chromedp.ID("f-status"), "failure"))
	p.follow(click("form.filter button[type=submit]"))
	p.do(click("#q"))
	p.follow(chromedp.KeyEvent("api\r"))
	if p.where() != "/deployments?q=api&type=&environment=&status=failure&project=&since=&until=&author=&branch=" {
		t.Errorf("Enter leads to %s", p.where())
	}
	if text := p.text("main"); !strings.Contains(text, "api-service") || strings.Contains(text, "Change two") {
		t.Errorf("filtered: %s", text)
	}
	p.follow(click(".c-subject a"))
	if text := p.text("main"); !strings.Contains(text, "exit status 3") {
		t.Errorf("the deployment: %s", text)
	}
	p.act("replay")
	if text := p.text("main"); !strings.Contains(text, "posted anew") {
		t.Errorf("replayed: %s", text)
	}
	for _, path := range []string{"/", "/channels", "/insights", "/access"} {
		p.visit(path)
		p.passes(" without scripts", contrast, names, structure, layout)
	}
	p.visit("/")
	if shown := eval[int](p, `[...document.querySelectorAll(".js")].filter((e) => e.checkVisibility()).length`); shown > 0 {
		t.Errorf("%d things are shown that need scripts", shown)
	}
	p.follow(click(`form[action="/signout"] button`))
	if !strings.HasPrefix(p.where(), "/signin") {
		t.Errorf("signed out at %s", p.where())
	}
}

// TestKeys: what can be done by a pointer can be done by keys.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.push(deployed("api-service", "one", fields{"status": "failure"}))
	s.push(deployed("web", "two", fields{"status": "success", "type": "pages"}))
	p := open(t, s.url)
	p.visit("/")
	p.live()
	focus := func() string {
		return eval[string](p, `document.activeElement.id || document.activeElement.textContent.trim()`)
	}
	press := func(keys ...string) {
		for _, key := range keys {
			p.do(chromedp.KeyEvent(key))
		}
	}
	press(kb.Tab, kb.Enter)
	if focus() != "main" {
		t.Errorf("the skip link leads to %q", focus())
	}
	press("/")
	if focus() != "q" {
		t.Errorf("/ leads to %q", focus())
	}
	press(kb.Tab, kb.Enter)
	if !eval[bool](p, `document.querySelector("details.more").open`) {
		t.Error("Enter does not open the filters")
	}
	press(kb.Escape)
	if eval[bool](p, `document.querySelector("details.more").open`) {
		t.Error("Escape does not close the filters")
	}
	press(kb.Enter, kb.Tab, kb.Tab, kb.Escape)
	if focus() != "Filters" || eval[bool](p, `document.querySelector("details.more").open`) {
		t.Errorf("Escape in the filters leads to %q", focus())
	}
	press(kb.Enter)
	for range 11 { // eight fields, to apply, to clear, and out
		press(kb.Tab)
	}
	if eval[bool](p, `document.querySelector("details.more").open || document.querySelector("details.more").contains(document.activeElement)`) {
		t.Errorf("the filters lie over %q, which has the focus", focus())
	}
	p.do(evaluate(`document.activeElement.blur()`))
	press("j")
	first := focus()
	press("j")
	second := focus()
	press("k")
	if first == second || focus() != first {
		t.Errorf("j, j, k: %q, %q, %q", first, second, focus())
	}
	p.follow(chromedp.KeyEvent(kb.Enter))
	if !strings.HasPrefix(p.where(), "/deployments") {
		t.Errorf("Enter leads to %s", p.where())
	}
	// The theme can be changed, and stays.
	p.do(chromedp.Focus(chromedp.ID("theme")))
	press(kb.Enter)
	p.visit("/")
	if theme := eval[string](p, `document.documentElement.dataset.theme ?? ""`); theme != dark {
		t.Errorf("the theme is %q", theme)
	}
	p.passes(" in the other theme", contrast)
	for _, want := range []string{light, ""} { // and back to that of the system
		p.do(chromedp.Focus(chromedp.ID("theme")))
		press(kb.Enter)
		p.visit("/")
		if theme := eval[string](p, `document.documentElement.dataset.theme`); theme != want {
			t.Errorf("the theme is %q, want %q", theme, want)
		}
	}
	// Keys of one letter can be switched off, and stay so.
	p.do(chromedp.Focus(chromedp.ID("keys")))
	press(kb.Enter)
	p.visit("/")
	press("/")
	if focus() == "q" || eval[string](p, `document.getElementById("keys").textContent`) != "Keys are off" {
		t.Errorf("switched off, / leads to %q", focus())
	}
}

// TestZone: times and days are those of the reader, and UTC where one points.
func TestZone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for i, at := range []string{"14T23:10:00", "15T02:00:00", "15T14:59:00", "15T15:00:00", "15T20:30:45"} {
		s.push(deployed("api-service", fmt.Sprint(i), fields{"timestamp": "2026-01-" + at + "Z"}))
	}
	shown := `[...document.querySelectorAll("main section.day")].map((d) => d.querySelector("h2").textContent.trim() + ": " +
		[...d.querySelectorAll(".c-time time")].map((t) => t.textContent).join(" ")).join("; ")`
	for _, test := range []struct{ zone, want string }{
		{"UTC", "Thursday, January 15, 2026: 20:30 15:00 14:59 02:00; Wednesday, January 14, 2026: 23:10"},
		{"America/St_Johns", "Thursday, January 15, 2026: 17:00 11:30 11:29; Wednesday, January 14, 2026: 22:30 19:40"},
		{"Asia/Tokyo", "Friday, January 16, 2026: 05:30 00:00; Thursday, January 15, 2026: 23:59 11:00 08:10"},
	} {
		zone, want := test.zone, test.want
		p := open(t, s.url)
		p.do(call(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone}))
		p.visit("/deployments")
		if got := eval[string](p, shown); got != want {
			t.Errorf("in %s:\n got %s\nwant %s", zone, got, want)
		}
		title := eval[string](p, `document.querySelector(".c-time time").title`)
		if !strings.Contains(title, "2026-01-15 20:30:45 UTC") {
			t.Errorf("in %s one points at %q", zone, title)
		}
		if zone == "Asia/Tokyo" { // what is told later is put into the same days
			p.live()
			p.do(evaluate(mark))
			s.push(deployed("web", "later", fields{"timestamp": "2026-01-15T16:00:00Z"}))
			p.until(says("Change later"))
			p.stayed()
			if got := eval[string](p, shown); got != strings.Replace(want, "05:30 ", "05:30 01:00 ", 1) {
				t.Errorf("later: %s", got)
			}
		}
		p.close()
	}
}
