package fakecloudflare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

type workerItem struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Tags       []string `json:"tags"`
	DeployedOn *string  `json:"deployed_on"`
	UpdatedOn  string   `json:"updated_on"`
	Subdomain  struct {
		Enabled bool   `json:"enabled"`
		URL     string `json:"url"`
	} `json:"subdomain"`
	References struct {
		Domains []struct{ Hostname string } `json:"domains"`
	} `json:"references"`
}

type deploymentItem struct {
	ID        string    `json:"id"`
	CreatedOn time.Time `json:"created_on"`
	Source    string    `json:"source"`
	Strategy  string    `json:"strategy"`
	Author    string    `json:"author_email"`
	Versions  []struct {
		ID         string  `json:"version_id"`
		Percentage float64 `json:"percentage"`
	} `json:"versions"`
	Annotations map[string]string `json:"annotations"`
}

type deploymentList struct {
	Deployments []deploymentItem `json:"deployments"`
}

func names(workers []workerItem) string {
	var all []string
	for _, w := range workers {
		all = append(all, w.Name)
	}
	return strings.Join(all, " ")
}

func TestListWorkers(t *testing.T) {
	f := newFake(t, Options{})
	for _, name := range []string{"never", "b", "a", "c"} {
		f.AddWorker(Worker{Name: name, Tags: []string{"cf:service=" + name}, Domains: []string{name + ".example.com"}})
		f.clock.Advance(time.Second)
	}
	for _, name := range []string{"a", "b", "c"} {
		f.Deploy(name, DeployOptions{})
		f.clock.Advance(time.Second)
	}
	f.Touch("a")
	for query, want := range map[string]string{
		"":                               "c b a never",
		"?order_by=deployed_on":          "c b a never",
		"?order_by=updated_on":           "a c b never",
		"?order_by=created_on":           "c a b never",
		"?order_by=name":                 "never c b a",
		"?order_by=name&order=asc":       "a b c never",
		"?per_page=2":                    "c b",
		"?per_page=2&page=2":             "a never",
		"?per_page=2&page=3":             "",
		"?per_page=100":                  "c b a never",
		"?order=asc&per_page=1&page=1":   "never",
		"?order_by=created_on&order=asc": "never b a c",
	} {
		if got := names(getOK[[]workerItem](f, "workers/workers"+query)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?per_page=101", "?per_page=0", "?per_page=x", "?page=0", "?order=down", "?order_by=size"} {
		f.get("workers/workers"+query).wantRefused(t, 400, codeMalformed)
	}
	if got, want := *f.get("workers/workers?per_page=3&page=2").Info, (resultInfo{2, 3, 1, 4, 2}); got != want {
		t.Errorf("result_info %+v, want %+v", got, want)
	}
	a := getOK[workerItem](f, "workers/workers/a")
	if byTag := getOK[workerItem](f, "workers/workers/"+a.ID); byTag.Name != "a" {
		t.Errorf("by tag: %+v", byTag)
	}
	if a.DeployedOn == nil || *a.DeployedOn == a.UpdatedOn || !slices.Equal(a.Tags, []string{"cf:service=a"}) ||
		a.Subdomain.URL != "https://a.example.workers.dev" || !a.Subdomain.Enabled || a.References.Domains[0].Hostname != "a.example.com" {
		t.Errorf("a is %+v", a)
	}
	if never := getOK[workerItem](f, "workers/workers/never"); never.DeployedOn != nil {
		t.Errorf("never is %+v", never)
	}
	if got := dig(t, getOK[any](f, "workers/scripts"), 2, "tag"); got != a.ID {
		t.Errorf("the script's tag is %v, the Worker's id %s", got, a.ID)
	}
	for i := range 7 {
		f.AddWorker(Worker{Name: fmt.Sprint("more", i)})
	}
	if got := getOK[[]workerItem](f, "workers/workers"); len(got) != 10 {
		t.Errorf("a page has %d by default", len(got))
	}
	f.RemoveWorker("a")
	f.get("workers/workers/a").wantRefused(t, 404, 10007)
}

func TestListDeployments(t *testing.T) {
	for _, paged := range []bool{false, true} {
		f := newFake(t, Options{DeploymentsPaged: paged})
		var ids []string
		for i := range 12 {
			ids = append(ids, f.Deploy("shop", DeployOptions{Message: fmt.Sprint(i)}).ID)
			f.clock.Advance(time.Minute)
		}
		slices.Reverse(ids)
		list := func(query string) (got []string) {
			for _, d := range getOK[deploymentList](f, "workers/scripts/shop/deployments"+query).Deployments {
				got = append(got, d.ID)
			}
			return got
		}
		since := f.clock.Now().Add(-3 * time.Minute).Format(time.RFC3339)
		for query, want := range map[string][2][]string{
			"":                    {ids[:10], ids[:10]},
			"?page=2":             {ids[:10], ids[10:]},
			"?per_page=12&page=1": {ids[:10], ids},
			"?since=" + since:     {ids[:10], ids[:3]},
			"?until=" + since:     {ids[:10], ids[2:12]},
		} {
			i := map[bool]int{true: 1}[paged]
			if got := list(query); !slices.Equal(got, want[i]) {
				t.Errorf("paged %t %s: %d deployments %v", paged, query, len(got), got)
			}
		}
		a := f.get("workers/scripts/shop/deployments")
		if paged != (a.Info != nil) {
			t.Errorf("paged %t: result_info %v", paged, a.Info)
		}
		if !paged && !strings.Contains(a.Body, `"result_info":null`) {
			t.Errorf("no null result_info in %s", a.Body[len(a.Body)-200:])
		}
	}
}

func TestWhatPeopleDo(t *testing.T) {
	f := newFake(t, Options{})
	first := f.Deploy("shop", DeployOptions{Message: "one", Tag: "v1", Author: "bob@example.com"})
	v1 := first.Versions[0].Version
	v2 := f.UploadVersion("shop", VersionOptions{Message: "two", Source: SourceDashboard})
	f.Deploy("shop", DeployOptions{Percentages: []Share{{v1, 90}, {v2.ID, 10}}})
	f.Deploy("shop", DeployOptions{Version: v2.ID, Source: SourceAPI})
	f.Rollback("shop", v1, "broken")
	f.PutSecret("shop", "KEY")
	b := f.StartBuild("shop", BuildOptions{})
	f.FinishBuild(b.UUID, BuildResult{Deploys: true})
	var got []string
	for _, d := range getOK[deploymentList](f, "workers/scripts/shop/deployments").Deployments {
		line := d.Annotations["workers/triggered_by"] + " " + d.Source + " " + d.Annotations["workers/message"]
		for _, v := range d.Versions {
			n := dig(t, getOK[any](f, "workers/scripts/shop/versions/"+v.ID), "number")
			line += fmt.Sprintf(" %v:%g", n, v.Percentage)
		}
		got = append(got, line)
		if one := getOK[deploymentItem](f, "workers/scripts/shop/deployments/"+d.ID); one.ID != d.ID {
			t.Errorf("got %+v", one)
		}
	}
	want := []string{
		"upload wrangler  4:100", "secret dash  3:100", "rollback dash broken 1:100", "deployment api  2:100",
		"deployment wrangler  1:90 2:10", "upload wrangler one 1:100",
	}
	if !slices.Equal(got, want) {
		t.Errorf("deployments\n  got  %q\n  want %q", got, want)
	}

	versions := dig(t, getOK[any](f, "workers/scripts/shop/versions"), "items")
	if got := dig(t, versions, 0, "metadata", "source"); got != SourceBuilds {
		t.Errorf("a build's version is from %v", got)
	}
	v := dig(t, getOK[any](f, "workers/workers/shop/versions/"+v1))
	if dig(t, v, "annotations", "workers/tag") != "v1" || dig(t, v, "author_email") != "bob@example.com" ||
		dig(t, v, "urls", 0) != "https://"+v1[:8]+"-shop.example.workers.dev" {
		t.Errorf("version %v", v)
	}
	if got := getOK[[]any](f, "workers/workers/shop/versions?per_page=2&page=2"); len(got) != 2 || dig(t, got, 1, "number") != 1. {
		t.Errorf("second page %v", got)
	}
	if got := dig(t, getOK[any](f, "workers/scripts/shop/versions?per_page=1&deployable=true"), "items"); len(got.([]any)) != 4 {
		t.Errorf("deployable %v", got)
	}
	if got := f.Versions("shop")[0]; got.Build != b.UUID || got.Number != 4 {
		t.Errorf("newest version %+v", got)
	}
	if got := f.Deployments("shop"); len(got) != 6 || got[5].ID != first.ID {
		t.Errorf("deployments %+v", got)
	}
	if got := f.Secrets("shop"); !slices.Equal(got, []string{"KEY"}) {
		t.Errorf("secrets %v", got)
	}
}

// form is an upload as wrangler sends it.
func (f *fake) form(method, path, part, content string) answered {
	f.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.WriteField(part, content)
	_ = w.WriteField("index.js", "export default {}")
	_ = w.Close()
	r, err := http.NewRequest(method, "http://x"+BasePath+"/accounts/"+f.Account()+"/"+path, &body)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("User-Agent", "wrangler/4.164.0")
	return f.send(r)
}

// TestWranglerDeploys makes the calls of a first and a second wrangler deploy, in
// their order.
func TestWranglerDeploys(t *testing.T) {
	f := newFake(t, Options{})
	const script = "workers/scripts/shop"
	metadata := `{"main_module":"index.js","compatibility_date":"2026-02-03","annotations":{"workers/message":"one","workers/tag":"v1"}}`
	f.get("workers/services/shop").wantRefused(t, 404, 10090)
	f.form("POST", script+"/versions", "metadata", metadata).wantRefused(t, 404, 10007)
	put := decode[struct {
		Tag        string `json:"tag"`
		Deployment string `json:"deployment_id"`
	}](t, f.form("PUT", script+"?excludeScript=true", "metadata", metadata))
	f.do("PATCH", script+"/script-settings", `{"tags":["cf:service=shop","cf:environment=staging"]}`)
	if got := getOK[workerItem](f, "workers/workers/shop"); got.Subdomain.Enabled || got.ID != put.Tag || len(got.Tags) != 2 {
		t.Errorf("after the upload: %+v", got)
	}
	f.do("POST", script+"/subdomain", `{"enabled":true}`)
	if got := getOK[workerItem](f, "workers/workers/shop"); !got.Subdomain.Enabled {
		t.Errorf("after the switch: %+v", got)
	}
	if got := f.Deployments("shop")[0]; got.Versions[0].Version != put.Deployment || got.Message != "one" || got.TriggeredBy != "upload" || got.Author != DefaultEmail {
		t.Errorf("first deployment %+v", got)
	}

	version := decode[struct{ ID string }](t, f.form("POST", script+"/versions", "metadata", metadata))
	body := `{"strategy":"percentage","versions":[{"version_id":"` + version.ID + `","percentage":100}],"annotations":{"workers/message":"two"}}`
	f.token = DefaultToken
	d := decode[deploymentItem](t, f.do("POST", script+"/deployments", body))
	if d.Annotations["workers/triggered_by"] != "deployment" || d.Annotations["workers/message"] != "two" || d.Source != "api" || d.Strategy != "percentage" {
		t.Errorf("second deployment %+v", d)
	}
	if got := dig(t, getOK[any](f, "workers/services/shop"), "default_environment", "script", "tag"); got != put.Tag {
		t.Errorf("tag %v", got)
	}

	for _, wrong := range []string{
		`{"versions":[]}`,
		`{"strategy":"percentage","versions":[]}`,
		`{"strategy":"percentage","versions":[{"version_id":"` + version.ID + `","percentage":50}]}`,
		`{"strategy":"percentage","versions":[{"version_id":"` + version.ID + `","percentage":100}],"annotations":{"workers/triggered_by":"rollback"}}`,
		`{`,
	} {
		f.do("POST", script+"/deployments", wrong).wantRefused(t, 400, codeMalformed)
	}
	f.do("POST", script+"/deployments", `{"strategy":"percentage","versions":[{"version_id":"x","percentage":100}]}`).wantRefused(t, 404, 10180)
	f.form("PUT", script, "other", "{}").wantRefused(t, 400, 10021)
	f.form("PUT", "workers/scripts/Not_Valid", "metadata", "{}").wantRefused(t, 400, 10016)
	f.form("PUT", script, "metadata", `{"annotations":{"workers/tag":"`+strings.Repeat("x", 101)+`"}}`).wantRefused(t, 400, 10021)
	if got := len(f.Deployments("shop")); got != 2 {
		t.Errorf("%d deployments after refusals", got)
	}

	f.form("PATCH", script+"/settings", "settings", `{"logpush":true,"tags":["a"]}`)
	settings := getOK[any](f, script+"/settings")
	if dig(t, settings, "logpush") != true || dig(t, settings, "tags", 0) != "a" || dig(t, settings, "compatibility_date") != "2026-02-03" {
		t.Errorf("settings %v", settings)
	}

	f.do("PUT", script+"/secrets", `{"name":"KEY","text":"x","type":"secret_text"}`)
	if got := f.Deployments("shop")[0]; got.TriggeredBy != "secret" {
		t.Errorf("after a secret %+v", got)
	}
	if got := getOK[[]struct{ Name string }](f, script+"/secrets"); len(got) != 1 || got[0].Name != "KEY" {
		t.Errorf("secrets %v", got)
	}
	f.do("DELETE", script+"/secrets/KEY", "")
	f.do("DELETE", script+"/secrets/KEY", "").wantRefused(t, 404, 10056)
	if got := len(f.Deployments("shop")); got != 4 {
		t.Errorf("%d deployments after two changes of a secret", got)
	}
	f.do("DELETE", script, "")
	f.get("workers/workers/shop").wantRefused(t, 404, 10007)
}

// TestAssets uploads static files as wrangler deploy does.
func TestAssets(t *testing.T) {
	f := newFake(t, Options{})
	type session struct {
		JWT     string     `json:"jwt"`
		Buckets [][]string `json:"buckets"`
	}
	begin := func() session {
		return decode[session](t, f.do("POST", "workers/scripts/docs/assets-upload-session", `{"manifest":{"/a":{"hash":"aa"},"/b":{"hash":"bb"},"/c":{"hash":"aa"}}}`))
	}
	first := begin()
	if got := fmt.Sprint(first.Buckets); got != "[[aa bb]]" {
		t.Errorf("missing %s", got)
	}
	f.token = first.JWT
	if a := f.form("POST", "workers/assets/upload?base64=true", "aa", "YQ=="); a.Status != 202 || decode[session](t, a).JWT != "" {
		t.Errorf("after the first file: %s", a.Body)
	}
	if a := f.form("POST", "workers/assets/upload?base64=true", "bb", "Yg=="); a.Status != 201 || decode[session](t, a).JWT == "" {
		t.Errorf("after the last file: %s", a.Body)
	}
	f.token = DefaultToken
	f.form("POST", "workers/assets/upload?base64=true", "bb", "Yg==").wantRefused(t, 401, 10000)
	if again := begin(); len(again.Buckets) != 0 || again.JWT == "" {
		t.Errorf("second time %+v", again)
	}
}

type buildItem struct {
	UUID      string  `json:"build_uuid"`
	Status    string  `json:"status"`
	Outcome   *string `json:"build_outcome"`
	RunningOn *string `json:"running_on"`
	StoppedOn *string `json:"stopped_on"`
	Preview   string  `json:"preview_url"`
	Pull      *struct {
		URL string `json:"pull_request_url"`
	} `json:"pull_request"`
	Metadata struct {
		Branch string          `json:"branch"`
		Commit string          `json:"commit_hash"`
		Source string          `json:"build_trigger_source"`
		Env    json.RawMessage `json:"environment_variables"`
	} `json:"build_trigger_metadata"`
	Trigger struct {
		UUID    string   `json:"trigger_uuid"`
		Exclude []string `json:"branch_excludes"`
	} `json:"trigger"`
}

func TestBuilds(t *testing.T) {
	f := newFake(t, Options{BuildLogPage: 2})
	b := f.StartBuild("shop", BuildOptions{Branch: "main", Commit: strings.Repeat("a", 40)})
	one := func() buildItem { return getOK[buildItem](f, "builds/builds/"+b.UUID) }
	if got := one(); got.Status != "queued" || got.Outcome != nil || got.RunningOn != nil || got.Metadata.Commit != strings.Repeat("a", 40) {
		t.Errorf("queued: %+v", got)
	}
	f.AdvanceBuild(b.UUID)
	if got := one(); got.Status != "initializing" {
		t.Errorf("initializing: %+v", got)
	}
	f.AdvanceBuild(b.UUID)
	f.LogBuild(b.UUID, "line 1")
	if got := one(); got.Status != "running" || got.RunningOn == nil || got.StoppedOn != nil {
		t.Errorf("running: %+v", got)
	}
	done := f.FinishBuild(b.UUID, BuildResult{Deploys: true, Log: []string{"line 2", "line 3", "line 4", "line 5"}, PreviewURL: "https://p"})
	if got := one(); got.Status != "stopped" || *got.Outcome != "success" || got.StoppedOn == nil || got.Preview != "https://p" || !strings.Contains(string(got.Metadata.Env), BuildSecret) {
		t.Errorf("stopped: %+v", got)
	}
	if done.Version == "" || done.Deployment != f.Deployments("shop")[0].ID {
		t.Errorf("deployed %+v", done)
	}
	builds := dig(t, getOK[any](f, "builds/builds?version_ids="+done.Version+",other"), "builds").(map[string]any)
	if len(builds) != 1 || dig(t, builds, done.Version, "build_uuid") != b.UUID {
		t.Errorf("by version: %v", builds)
	}

	var lines []string
	cursor, truncated, pages := "", true, 0
	for ; truncated; pages++ {
		page := getOK[struct {
			Cursor    string
			Truncated bool
			Lines     [][]any
		}](f, "builds/builds/"+b.UUID+"/logs?cursor="+cursor)
		cursor, truncated = page.Cursor, page.Truncated
		for _, l := range page.Lines {
			lines = append(lines, l[1].(string))
			if ms := l[0].(float64); int64(ms) != f.clock.Now().UnixMilli() {
				t.Errorf("line at %v", ms)
			}
		}
	}
	if pages != 3 || strings.Join(lines, ",") != "line 1,line 2,line 3,line 4,line 5" {
		t.Errorf("%d pages of log: %q", pages, lines)
	}
	f.get("builds/builds/"+b.UUID+"/logs?cursor=x").wantRefused(t, 400, codeMalformed)

	green := f.FinishBuild(f.StartBuild("shop", BuildOptions{}).UUID, BuildResult{})
	if green.Version != "" || green.Deployment != "" || green.RunningOn.IsZero() || len(f.Deployments("shop")) != 1 {
		t.Errorf("a green build that deploys nothing: %+v", green)
	}
	claimed := f.Deploy("wrangled", DeployOptions{})
	claiming := f.FinishBuild(f.StartBuild("wrangled", BuildOptions{}).UUID, BuildResult{Version: claimed.Versions[0].Version})
	if v := f.Versions("wrangled")[0]; claiming.Deployment != claimed.ID || v.Build != claiming.UUID || v.Source != SourceBuilds {
		t.Errorf("claimed %+v by %+v", v, claiming)
	}
	pull := f.StartBuild("shop", BuildOptions{Branch: "feat", Trigger: "pull_request", PullRequest: "https://pr/1", DeployCommand: "npx wrangler versions upload"})
	if up := f.FinishBuild(pull.UUID, BuildResult{Uploads: true}); up.Version == "" || up.Deployment != "" {
		t.Errorf("an upload: %+v", up)
	}
	if got := getOK[buildItem](f, "builds/builds/"+pull.UUID); got.Pull.URL != "https://pr/1" || got.Metadata.Source != "pull_request" || got.Trigger.Exclude[0] != "main" {
		t.Errorf("pull request: %+v", got)
	}
	if got := getOK[[]any](f, "builds/workers/"+b.Tag+"/triggers"); len(got) != 2 {
		t.Errorf("%d triggers", len(got))
	}
	other := f.StartBuild("api", BuildOptions{})
	if got := decode[buildItem](t, f.do("PUT", "builds/builds/"+other.UUID+"/cancel", "")); got.Status != "stopped" || *got.Outcome != "cancelled" || got.RunningOn != nil {
		t.Errorf("cancelled: %+v", got)
	}
	latest := dig(t, getOK[any](f, "builds/builds/latest?external_script_ids="+b.Tag+","+other.Tag+",none"), "builds").(map[string]any)
	if len(latest) != 2 || dig(t, latest, b.Tag, "build_uuid") != pull.UUID || dig(t, latest, other.Tag, "build_uuid") != other.UUID {
		t.Errorf("latest: %v", latest)
	}
	a := f.get("builds/workers/" + b.Tag + "/builds?per_page=2")
	if list := decode[[]buildItem](t, a); len(list) != 2 || list[0].UUID != pull.UUID || *a.Info != (resultInfo{1, 2, 2, 3, 2}) {
		t.Errorf("list %+v %+v", a.Info, list)
	}
	f.get("builds/workers/shop/builds").wantRefused(t, 404, 12000) // the tag, never the name
}

func TestBuildWords(t *testing.T) {
	for outcome, want := range map[BuildOutcome][2]string{
		BuildSucceeded: {"stopped success push", "complete success push_event"}, BuildFailed: {"stopped fail push", "complete failure push_event"},
		BuildSkipped: {"stopped skipped push", "complete skipped push_event"}, BuildCancelled: {"stopped cancelled push", "complete canceled push_event"},
		BuildTerminated: {"stopped terminated push", "complete terminated push_event"},
	} {
		for i, words := range []BuildWords{WordsOfSchema, WordsOfClients} {
			f := newFake(t, Options{BuildWords: words})
			b := f.FinishBuild(f.StartBuild("shop", BuildOptions{}).UUID, BuildResult{Outcome: outcome})
			item := getOK[buildItem](f, "builds/builds/"+b.UUID)
			if got := item.Status + " " + *item.Outcome + " " + item.Metadata.Source; got != want[i] {
				t.Errorf("%s: %s, want %s", outcome, got, want[i])
			}
		}
	}
}
