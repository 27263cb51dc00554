package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/dashboard/dashboardtest"
	"github.com/shipbell/shipbell/internal/ledger"
)

var assetHash = regexp.MustCompile(`(/assets/[a-z-]+)\.[0-9a-f]{12}\.`)

// TestGolden: what each page says of a short history.
func TestGolden(t *testing.T) {
	s := open(t, few, nil)
	failed, err := s.Ledger.List(t.Context(), shipbell.Filter{Project: "checkout"}, shipbell.Position{}, 1)
	if err != nil || len(failed.Deployments) == 0 {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"now": "/", "deployments": "/deployments?type=worker", "deployment": "/deployments/" + number(failed.Deployments[0].ID),
		"channels": "/channels", "access": "/access", "insights": "/insights?days=7",
	} {
		channeltest.Golden(t, name+".golden", s.fragment(t, admin, path))
	}
	channeltest.Golden(t, "signin.golden", assetHash.ReplaceAllString(s.get(nobody, "/signin").Body.String(), "$1."))
	channeltest.Golden(t, "misread.golden", s.part(reader, "/deployments?project=checkout&until=foo").Body.String())
	channeltest.Golden(t, "problem.golden", stripAttributes(s.get(reader, "/deployments/77777").Body.String()))
	empty := open(t, nothing, nil)
	channeltest.Golden(t, "welcome.golden", empty.fragment(t, admin, "/"))
}

// TestReading: before the board has read the ledger nothing is said to be missing.
func TestReading(t *testing.T) {
	w := dashboardtest.New(dashboardtest.Options{})
	for _, route := range dashboard.New(w.Options()).Routes() {
		if route.Path != "/{$}" {
			continue
		}
		answer := httptest.NewRecorder()
		route.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(access.With(t.Context(), admin)))
		if page := answer.Body.String(); !strings.Contains(page, "Reading the ledger") || !strings.Contains(page, `data-refresh="2"`) {
			t.Errorf("got %s", page)
		}
	}
}

// TestRoutes: what can be changed needs an admin, and nothing is open that shows
// anything.
func TestRoutes(t *testing.T) {
	for _, route := range open(t, nothing, nil).routes() {
		want := shipbell.ScopeRead
		switch {
		case route.Path == "/signin" || route.Path == "/signout" || strings.HasPrefix(route.Path, "/assets/"):
			want = shipbell.ScopeNone
		case route.Method != http.MethodGet || route.Path == "/access":
			want = shipbell.ScopeAdmin
		}
		if route.Need != want {
			t.Errorf("%s %s needs %q, not %q", route.Method, route.Path, route.Need, want)
		}
	}
}

func (s *site) routes() []access.Route { return dashboard.New(s.World.Options()).Routes() }

// TestActs: what is done is done, written down, and leads back with a word of it.
func TestActs(t *testing.T) {
	s := open(t, few, nil)
	lane := "/channels/" + url.PathEscape(string(dashboardtest.Topic))
	for path, want := range map[string]struct {
		back string
		kind shipbell.ActKind
	}{
		"/deployments/1/silence":   {"/deployments/1?notice=silenced", shipbell.ActSilence},
		"/deployments/2/unsilence": {"/deployments/2?notice=unsilenced", shipbell.ActUnsilence},
		"/deployments/1/replay":    {"/deployments/1?notice=replayed", shipbell.ActReplay},
		lane + "/resume":           {"/channels?notice=resumed", shipbell.ActResume},
		lane + "/test":             {"/channels?notice=tested", shipbell.ActTest},
	} {
		w := s.post(admin, path, nil)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want.back {
			t.Errorf("POST %s: %d %s", path, w.Code, w.Header().Get("Location"))
		}
		acts, err := s.Ledger.Acts(t.Context(), 0, 1)
		if err != nil || acts[0].What != want.kind || acts[0].Who != "anna" {
			t.Errorf("POST %s: the audit log has %v, %v", path, acts, err)
		}
		if page := s.fragment(t, admin, want.back); !strings.Contains(page, `class="notice"`) {
			t.Errorf("%s says nothing", want.back)
		}
	}
	before, err := s.Ledger.Acts(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for path, code := range map[string]int{
		"/deployments/99999/replay": http.StatusNotFound, "/deployments/x/silence": http.StatusNotFound,
		"/channels/telegram:1/test": http.StatusNotFound, "/channels/%00/resume": http.StatusNotFound,
	} {
		if w := s.post(admin, path, nil); w.Code != code || !strings.Contains(w.Body.String(), "<h1>") {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/deployments/1/replay", "/deployments/1/silence", "/deployments/1/unsilence", lane + "/resume", lane + "/test"} {
		if w := s.post(reader, path, nil); w.Code != http.StatusForbidden {
			t.Errorf("POST %s by a reader: %d", path, w.Code)
		}
	}
	after, err := s.Ledger.Acts(t.Context(), 0, 1000)
	if err != nil || len(after) != len(before) {
		t.Errorf("%d acts, then %d: %v", len(before), len(after), err)
	}
}

// TestSignIn: a good token opens, and nobody is led elsewhere.
func TestSignIn(t *testing.T) {
	s := open(t, few, nil)
	for next, want := range map[string]string{
		"/deployments?q=a": "/deployments?q=a", "": "/", "//evil.example/": "/", "https://evil.example": "/", `/\evil.example`: "/", "/signin?next=/x": "/",
		"/\t/evil.example": "/",
	} {
		w := s.post(nobody, "/signin", url.Values{"token": {dashboardtest.Word}, "next": {next}})
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want || w.Header().Get("Set-Cookie") == "" {
			t.Errorf("next %q: %d %v", next, w.Code, w.Header())
		}
	}
	w := s.post(nobody, "/signin", url.Values{"token": {"sb_wrong"}, "next": {"/channels"}})
	page := w.Body.String()
	if w.Code != http.StatusForbidden || !strings.Contains(page, "The token is wrong or revoked.") || strings.Contains(page, "sb_wrong") || !strings.Contains(page, `value="/channels"`) {
		t.Errorf("a wrong token: %d %s", w.Code, page)
	}
	if w := s.get(nobody, "/signin"); strings.Contains(w.Body.String(), "1 failing") || strings.Contains(w.Body.String(), "checkout") {
		t.Errorf("a stranger sees %s", w.Body)
	}
	if w := s.post(admin, "/signout", nil); w.Header().Get("Location") != "/signin?notice=signedout" {
		t.Errorf("after signing out: %v", w.Header())
	}
	if w := s.get(admin, "/signin?next=/channels"); w.Header().Get("Location") != "/channels" {
		t.Errorf("who is signed in: %v", w.Header())
	}
}

// TestFragment: the main part alone is what is in the page, and is not sent again.
func TestFragment(t *testing.T) {
	s := open(t, few, nil)
	r := httptest.NewRequest(http.MethodGet, "/deployments", nil)
	r.Header.Set("X-Fragment", "1")
	first := s.ask(reader, r)
	if whole := s.get(reader, "/deployments").Body.String(); !strings.Contains(whole, strings.TrimSpace(first.Body.String())) {
		t.Error("the part is not in the whole")
	}
	r.Header.Set("If-None-Match", first.Header().Get("Etag"))
	if again := s.ask(reader, r); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("asked again: %d", again.Code)
	}
	if r.Header.Set("X-Fragment", ""); s.ask(reader, r).Code != http.StatusOK {
		t.Error("the whole page is taken for its part")
	}
}

// fake answers instead of the ledger.
type fake struct {
	dashboard.Ledger
	list  func(shipbell.Position) (ledger.List, error)
	story ledger.Story
	err   error
}

func (f fake) List(_ context.Context, _ shipbell.Filter, after shipbell.Position, _ int) (ledger.List, error) {
	return f.list(after)
}

func (f fake) ByID(context.Context, string, int) ([]ledger.Story, error) {
	return []ledger.Story{f.story}, f.err
}

// TestSearchedSoFar: a search that found nothing yet says how far it looked.
func TestSearchedSoFar(t *testing.T) {
	next := shipbell.Position{StartedAt: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), ID: 12}
	s := open(t, few, func(o *dashboard.Options) {
		o.Ledger = fake{Ledger: o.Ledger, list: func(shipbell.Position) (ledger.List, error) {
			return ledger.List{Next: next, Unlisted: 12_345}, nil
		}}
	})
	page := s.fragment(t, reader, "/deployments?q=needle")
	for _, want := range []string{"Nothing found so far: searched back to", "4 Mar 2026, 05:06 UTC", "Search on", "after=" + next.String(), "12\u202f345 deployments not listed yet"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in %s", want, page)
		}
	}
}

// TestUnreadable: a store that does not answer is a page that says so.
func TestUnreadable(t *testing.T) {
	broken := errors.New("disk I/O error: secret path")
	s := open(t, few, func(o *dashboard.Options) {
		o.Ledger = fake{Ledger: o.Ledger, err: broken, list: func(shipbell.Position) (ledger.List, error) { return ledger.List{}, broken }}
	})
	for _, path := range []string{"/deployments", "/deployments/1"} {
		w := s.get(reader, path)
		if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret path") || !strings.Contains(w.Body.String(), "The store does not answer") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestPageByID: an id that a build step knows leads to its deployment's page; the name
// of a project, and the start of an id, do not.
func TestPageByID(t *testing.T) {
	s := open(t, few, nil)
	list, err := s.Ledger.List(t.Context(), shipbell.Filter{Project: "checkout"}, shipbell.Position{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	number := fmt.Sprint(list.Deployments[0].ID)
	pushed := func(id string) string {
		n, err := s.Tell(t.Context(), 0, shipbell.Event{
			Source: shipbell.SourcePush, Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: id}},
			Observation: shipbell.Observation{Type: shipbell.Worker, Project: "api", Status: shipbell.Announced},
		})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("/deployments/%d", n)
	}
	day, odd := pushed("20261125"), pushed("id:odd")
	for path, want := range map[string]string{
		"/deployments/20261125":                    day, // no deployment has that number
		"/deployments/id:20261125":                 day,
		"/deployments/2026112":                     "",
		"/deployments/id:odd":                      odd, // no deployment has the id odd
		"/deployments/id:id:odd":                   odd,
		"/deployments/odd":                         "",
		"/deployments/0" + number:                  "/deployments/" + number,
		"/deployments/build-f001":                  "/deployments/" + number,
		"/deployments/id:build-f001":               "/deployments/" + number,
		"/deployments/build-f00":                   "",
		"/deployments/checkout":                    "",
		"/deployments/id:" + number:                "",
		"/deployments/" + strings.Repeat("x", 600): "",
	} {
		w := s.get(reader, path)
		if got := w.Header().Get("Location"); got != want || (want == "") != (w.Code == http.StatusNotFound) {
			t.Errorf("%.40s: %d to %q, want %q", path, w.Code, got, want)
		}
	}
}

// TestMerged: the number of a deployment that became part of another leads there.
func TestMerged(t *testing.T) {
	s := open(t, few, func(o *dashboard.Options) {
		o.Ledger = fake{Ledger: o.Ledger, story: ledger.Story{Deployment: shipbell.Deployment{ID: 3}}}
	})
	if w := s.get(reader, "/deployments/7"); w.Code != http.StatusFound || w.Header().Get("Location") != "/deployments/3" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

var link = regexp.MustCompile(`href="(/deployments\?[^"]*)" rel="(next|prev)"`)

// TestTurning: following the links shows every deployment once, and back again.
func TestTurning(t *testing.T) {
	s := open(t, history, nil)
	path, pages := "/deployments?type=worker", []string{}
	seen := make(map[string]int)
	rows := regexp.MustCompile(`<li class="row" data-key="(d\d+)"`)
	links := func(page string) map[string]string {
		found := make(map[string]string)
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			found[m[2]] = html.UnescapeString(m[1])
		}
		return found
	}
	for path != "" {
		page := s.fragment(t, reader, path)
		for _, m := range rows.FindAllStringSubmatch(page, -1) {
			seen[m[1]]++
		}
		pages = append(pages, page)
		path = links(page)["next"]
	}
	all, err := s.Ledger.List(t.Context(), shipbell.Filter{Type: shipbell.Worker}, shipbell.Position{}, 10_000)
	if err != nil || len(seen) != len(all.Deployments) || len(pages) < 3 {
		t.Fatalf("saw %d of %d deployments on %d pages: %v", len(seen), len(all.Deployments), len(pages), err)
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s was shown %d times", key, n)
		}
	}
	for i := range slices.Backward(pages[:len(pages)-1]) {
		back := links(pages[i+1])["prev"]
		if s.fragment(t, reader, back) != pages[i] {
			t.Errorf("back from page %d is not page %d", i+2, i+1)
		}
	}
}

// TestNeverFinished: a bar does not say that something is over before it is.
func TestNeverFinished(t *testing.T) {
	s := open(t, few, nil)
	page := s.fragment(t, reader, "/?state=under_way")
	if !strings.Contains(page, `<progress max="100" value="51"`) || !strings.Contains(page, "data-late hidden") {
		t.Errorf("under way for half of the usual time: %s", page)
	}
	late := dashboardtest.Start.Add(10 * time.Minute)
	s = open(t, few, func(o *dashboard.Options) { o.Now = func() time.Time { return late } })
	page = s.fragment(t, reader, "/?state=under_way")
	if !strings.Contains(page, `<progress max="100" value="95"`) || strings.Contains(page, "data-late hidden") {
		t.Errorf("under way for too long: %s", page)
	}
}

// TestFilters: what is filtered is in the address and can be taken away.
func TestFilters(t *testing.T) {
	s := open(t, few, nil)
	page := s.fragment(t, reader, "/deployments?project=checkout&status=failure&q=re")
	for _, want := range []string{
		`href="/deployments?q=re&amp;status=failure"`, `href="/deployments?project=checkout&amp;q=re"`, `href="/deployments?project=checkout&amp;status=failure"`,
		`<option value="failure" selected>Failed</option>`, `value="re"`, `class="count">2<`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing in %s", want, page)
		}
	}
	if page := s.fragment(t, reader, "/?state=failing"); !strings.Contains(page, ">checkout<") || strings.Contains(page, ">api-service<") {
		t.Errorf("failing are %s", page)
	}
	if page := s.fragment(t, reader, "/?state=failing"); !strings.Contains(page, `<input type="hidden" name="state" value="failing">`) {
		t.Errorf("with another field the state is lost: %s", page)
	}
	if page := s.fragment(t, reader, "/deployments?q=nowhere"); !strings.Contains(page, "No deployments match.") {
		t.Errorf("nothing is found: %s", page)
	}
}

// TestMisread: a filter that cannot be read lists nothing, keeps all that was filled
// in, and says beside each field that is wrong what it accepts.
func TestMisread(t *testing.T) {
	s := open(t, few, nil)
	for _, path := range []string{"/deployments", "/"} {
		w := s.get(reader, path+"?until=foo&status=failure,lorry&type=page&project=checkout&author=x%22y&since=7d&state=failing&environment=mars")
		page := w.Body.String()
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d", path, w.Code)
		}
		for _, want := range []string{
			`name="until" value="foo"`, `<option value="failure,lorry" selected>failure,lorry</option>`, `<option value="pages" selected>`, `name="project" value="checkout"`,
			`name="author" value="x&#34;y"`, `<option value="7d" selected>`, `<option value="mars" selected>`, `<input type="hidden" name="state" value="failing">`,
			`aria-invalid="true" aria-describedby="amiss-until"`, `id="amiss-until">Not understood. Accepted: a time such as 2026-11-25T10:30:00Z`,
			`aria-invalid="true" aria-describedby="amiss-status"`, `id="amiss-status">Not understood. Accepted: one or more of announced`,
			`<details class="more" data-key="more" open>`, "“Status” and “Started until” cannot be understood",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: %s is missing in %s", path, want, page)
			}
		}
		if n := strings.Count(page, "aria-invalid"); n != 2 || strings.Contains(page, `class="row"`) || strings.Contains(page, `class="card`) {
			t.Errorf("%s: %d fields are marked: %s", path, n, page)
		}
		// What can be taken away leads to a list again.
		for _, m := range regexp.MustCompile(`class="chip" href="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if w := s.get(reader, html.UnescapeString(m[1])); w.Code != http.StatusOK {
				t.Errorf("%s: %s answers %d", path, m[1], w.Code)
			}
		}
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "&status=x%d", i)
	}
	if w := s.get(reader, "/deployments?project=checkout"+many.String()); w.Code != http.StatusBadRequest || w.Body.Len() > 64<<10 {
		t.Errorf("many that are none: %d, a page of %d bytes", w.Code, w.Body.Len())
	}
	// Each field, the longest values too.
	for _, name := range shipbell.FilterParams() {
		w := s.get(reader, "/deployments?"+name+"="+strings.Repeat("x", 600))
		if page := w.Body.String(); w.Code != http.StatusBadRequest || !strings.Contains(page, `aria-describedby="amiss-`+name+`"`) || strings.Count(page, "at most 512 bytes") != 1 {
			t.Errorf("a long %s: %d %s", name, w.Code, page)
		}
	}
}
