package fakecloudflare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

type stageItem struct {
	Name, Status string
	Started      *string `json:"started_on"`
	Ended        *string `json:"ended_on"`
}

type pagesItem struct {
	ID          string      `json:"id"`
	ShortID     string      `json:"short_id"`
	URL         string      `json:"url"`
	Environment string      `json:"environment"`
	Aliases     []string    `json:"aliases"`
	Skipped     bool        `json:"is_skipped"`
	SkipReason  *string     `json:"skip_reason"`
	Latest      stageItem   `json:"latest_stage"`
	Stages      []stageItem `json:"stages"`
	Trigger     struct {
		Type     string
		Metadata struct {
			Branch string
			Commit string `json:"commit_hash"`
		}
	} `json:"deployment_trigger"`
}

func (p pagesItem) states() string {
	var all []string
	for _, s := range p.Stages {
		all = append(all, s.Status)
	}
	return p.Latest.Name + ":" + p.Latest.Status + " of " + strings.Join(all, " ")
}

type projectItem struct {
	Name, Subdomain string
	Latest          *pagesItem `json:"latest_deployment"`
	Canonical       *pagesItem `json:"canonical_deployment"`
}

func TestPagesStages(t *testing.T) {
	f := newFake(t, Options{})
	f.AddPagesProject(PagesProject{Name: "web", Subdomain: "web-9k2", Domains: []string{"web.example.com"}})
	start := func(o PagesOptions) (*PagesDeployment, func(string)) {
		d := f.StartPages("web", o)
		return d, func(want string) {
			t.Helper()
			if got := getOK[pagesItem](f, "pages/projects/web/deployments/"+d.ID).states(); got != want {
				t.Errorf("stages\n  got  %s\n  want %s", got, want)
			}
		}
	}
	d, want := start(PagesOptions{})
	want("queued:active of active idle idle idle idle")
	d.Pause()
	want("queued:success of success idle idle idle idle")
	d.Advance("hello")
	want("initialize:active of success active idle idle idle")
	d.AdvanceTo(StageBuild)
	want("build:active of success success success active idle")
	d.Advance()
	want("deploy:active of success success success success active")
	d.Advance("bye")
	want("deploy:success of success success success success success")
	item := getOK[pagesItem](f, "pages/projects/web/deployments/"+d.ID)
	if item.URL != "https://"+d.ID[:8]+".web-9k2.pages.dev" || item.ShortID != d.ID[:8] || item.URL != d.URL ||
		!slices.Equal(item.Aliases, []string{"https://web-9k2.pages.dev", "https://web.example.com"}) || item.Environment != "production" {
		t.Errorf("finished: %+v", item)
	}
	logs := getOK[any](f, "pages/projects/web/deployments/"+d.ID+"/history/logs?size=10000000")
	if dig(t, logs, "total") != 2. || dig(t, logs, "data", 1, "line") != "bye" || dig(t, logs, "data", 1, "ts") != "2026-01-02T03:04:05.000000Z" {
		t.Errorf("logs %v", logs)
	}

	d, want = start(PagesOptions{Branch: "feat/Login_page"})
	d.AdvanceTo(StageBuild)
	d.Fail("npm ERR!")
	want("build:failure of success success success failure idle")
	if stage, status := d.Latest(); stage != StageBuild || status != StageFailure {
		t.Errorf("latest %s %s", stage, status)
	}
	d, want = start(PagesOptions{Branch: "feat/Login_page"})
	d.Finish()
	want("deploy:success of success success success success success")
	if got := getOK[pagesItem](f, "pages/projects/web/deployments/"+d.ID); got.Environment != "preview" || got.Aliases[0] != "https://feat-login-page.web-9k2.pages.dev" {
		t.Errorf("preview: %+v", got)
	}
	d, want = start(PagesOptions{})
	d.Cancel()
	want("queued:canceled of canceled idle idle idle idle")
	d, want = start(PagesOptions{})
	d.Advance()
	d.Skip(SkippedByPath)
	want("queued:idle of idle idle idle idle idle")
	if got := getOK[pagesItem](f, "pages/projects/web/deployments/"+d.ID); !got.Skipped || *got.SkipReason != "path_config" {
		t.Errorf("skipped: %+v", got)
	}
	_, want = start(PagesOptions{Trigger: PagesAdHoc})
	want("deploy:success of success idle idle idle success")
	for _, again := range []func(){func() { d.Advance() }, d.Finish, func() { d.Fail() }, d.Cancel} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a deployment that is over goes on")
				}
			}()
			again()
		}()
	}
}

func TestPagesProjects(t *testing.T) {
	f := newFake(t, Options{})
	f.AddPagesProject(PagesProject{Name: "web", Subdomain: "web-9k2"})
	project := func() projectItem { return getOK[projectItem](f, "pages/projects/web") }
	if got := project(); got.Latest != nil || got.Canonical != nil || got.Subdomain != "web-9k2.pages.dev" {
		t.Errorf("new: %+v", got)
	}
	first := f.StartPages("web", PagesOptions{})
	if got := project(); got.Latest.ID != first.ID || got.Canonical != nil {
		t.Errorf("queued: %+v", got)
	}
	first.Finish()
	second := f.StartPages("web", PagesOptions{})
	second.Finish()
	failed := f.StartPages("web", PagesOptions{})
	failed.Fail()
	preview := f.StartPages("web", PagesOptions{Branch: "feat"})
	preview.Finish()
	if got := project(); got.Latest.ID != preview.ID || got.Canonical.ID != second.ID {
		t.Errorf("latest %s, canonical %s", got.Latest.ID, got.Canonical.ID)
	}
	f.PagesRollback("web", first.ID)
	if got := project(); got.Latest.ID != preview.ID || got.Canonical.ID != first.ID {
		t.Errorf("rolled back: latest %s, canonical %s", got.Latest.ID, got.Canonical.ID)
	}
	path := "pages/projects/web/deployments/"
	if a := f.do("POST", path+second.ID+"/rollback", ""); !a.Success || project().Canonical.ID != second.ID {
		t.Errorf("rolled back over HTTP: %s", a.Body)
	}
	for _, d := range []*PagesDeployment{failed, preview} {
		if a := f.do("POST", path+d.ID+"/rollback", ""); a.Success {
			t.Error("rolled back to what is no successful production deployment")
		}
	}
	if a := f.get("pages/projects"); !strings.Contains(a.Body, PagesSecret) {
		t.Error("no plain-text variable in the list of projects")
	}
	if a := f.get(path + first.ID); !strings.Contains(a.Body, PagesSecret) {
		t.Error("no plain-text variable in a deployment")
	}
	if got := f.PagesDeployments("web"); len(got) != 4 || got[0].ID != preview.ID {
		t.Errorf("deployments %v", got)
	}
}

func TestPagesPaging(t *testing.T) {
	f := newFake(t, Options{PagesProjectsPerPage: 10})
	for i := range 27 {
		f.AddPagesProject(PagesProject{Name: fmt.Sprint("p", i)})
		f.StartPages("p0", PagesOptions{Branch: []string{"main", "feat"}[i%2]})
		f.clock.Advance(time.Second)
	}
	for path, want := range map[string]int{
		"pages/projects":                                                 10,
		"pages/projects?page=3":                                          7,
		"pages/projects?per_page=25":                                     25,
		"pages/projects?per_page=25&page=2":                              2,
		"pages/projects/p0/deployments":                                  25,
		"pages/projects/p0/deployments?page=2&per_page=25":               2,
		"pages/projects/p0/deployments?env=preview":                      13,
		"pages/projects/p0/deployments?env=production&per_page=5":        5,
		"pages/projects/p0/deployments?env=production&page=3&per_page=5": 4,
	} {
		a := f.get(path)
		if got := len(decode[[]json.RawMessage](t, a)); got != want || a.Info.Count != want {
			t.Errorf("%s: %d items, count %d, want %d", path, got, a.Info.Count, want)
		}
	}
	for _, path := range []string{
		"pages/projects?per_page=26", "pages/projects?per_page=0", "pages/projects/p0/deployments?per_page=26",
		"pages/projects/p0/deployments?page=1", "pages/projects/p0/deployments?env=staging",
	} {
		f.get(path).wantRefused(t, 400, 8000024)
	}
	if got := getOK[[]pagesItem](f, "pages/projects/p0/deployments?per_page=1&page=1"); got[0].ID != f.PagesDeployments("p0")[0].ID {
		t.Error("the first is not the newest")
	}
	f = newFake(t, Options{PagesProjectsRefusePerPage: true})
	f.get("pages/projects?per_page=5").wantRefused(t, 400, 8000024)
	if a := f.get("pages/projects?page=1"); !a.Success {
		t.Error(a.Body)
	}
}

// TestDirectUpload makes the calls of wrangler pages deploy.
func TestDirectUpload(t *testing.T) {
	f := newFake(t, Options{})
	f.do("POST", "pages/projects", `{"name":"web","production_branch":"trunk"}`)
	f.do("POST", "pages/projects", `{"name":"web"}`).wantRefused(t, 409, 8000002)
	f.do("POST", "/pages/assets/check-missing", `{"hashes":["a"]}`).wantRefused(t, 401, 8000013)
	f.token = getOK[struct{ JWT string }](f, "pages/projects/web/upload-token").JWT
	missing := func() []string {
		return decode[[]string](t, f.do("POST", "/pages/assets/check-missing", `{"hashes":["a","b"]}`))
	}
	if got := missing(); len(got) != 2 {
		t.Errorf("missing %v", got)
	}
	f.do("POST", "/pages/assets/upload", `[{"key":"a","value":"YQ==","base64":true}]`)
	if got := missing(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("missing %v", got)
	}
	f.do("POST", "/pages/assets/upsert-hashes", `{"hashes":["a","b"]}`)
	f.token = DefaultToken
	made := decode[pagesItem](t, f.form("POST", "pages/projects/web/deployments", "branch", "trunk"))
	if made.Environment != "production" || made.Trigger.Type != "ad_hoc" || made.Latest.Name != "deploy" || made.Trigger.Metadata.Commit != "" {
		t.Errorf("made %+v", made)
	}
}

func TestAlerts(t *testing.T) {
	f := newFake(t, Options{})
	id := f.AddPagesProject(PagesProject{Name: "web"})
	d := f.StartPages("web", PagesOptions{Branch: "feat"})
	body := func(shape AlertShape) any {
		var v any
		if err := json.Unmarshal(f.PagesAlert(d, PagesFailed, shape), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	flat := body(AlertFlat)
	if dig(t, flat, "alert_type") != "pages_event_alert" || dig(t, flat, "account_id") != f.Account() || dig(t, flat, "data", "project_id") != id ||
		dig(t, flat, "data", "environment") != "ENVIRONMENT_PREVIEW" || dig(t, flat, "data", "event") != "EVENT_DEPLOYMENT_FAILED" || dig(t, flat, "ts") != 1767323045. {
		t.Errorf("flat %v", flat)
	}
	if nested := body(AlertNested); dig(t, nested, "data", "deployment", "id") != d.ID || dig(t, nested, "data", "project", "name") != "web" {
		t.Errorf("nested %v", nested)
	}
	if text := body(AlertTextOnly); len(dig(t, text, "data").(map[string]any)) != 0 || dig(t, text, "text") != "Pages project web: the preview deployment has failed." {
		t.Errorf("text %v", text)
	}
	if got := body(AlertMinimal).(map[string]any); len(got) != 3 {
		t.Errorf("minimal %v", got)
	}
	for _, shape := range []AlertShape{AlertFlat, AlertNested, AlertTextOnly, AlertMinimal} {
		if bytes.Contains(f.PagesAlert(d, PagesFailed, shape), []byte(PagesSecret)) {
			t.Errorf("shape %q shows variables", shape)
		}
	}
	var hello map[string]string
	if err := json.Unmarshal(HelloWorld(), &hello); err != nil || len(hello) != 1 || !strings.HasPrefix(hello["text"], "Hello World!") {
		t.Errorf("%v %v", hello, err)
	}
	h := http.Header{}
	SignAlert(h, "s3cret")
	if h.Get("cf-webhook-auth") != "s3cret" {
		t.Errorf("headers %v", h)
	}
}
