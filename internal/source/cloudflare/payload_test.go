package cloudflare

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
)

var (
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	account = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

func decode[T any](t testing.TB, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("decode %s: %v", body, err)
	}
	return v
}

func TestWorkerIsNamedByItsTags(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want site
	}{
		"no tags": {`{"id":"t","name":"shop","tags":null,"subdomain":null,"references":null}`,
			site{project: "shop", script: "shop"}},
		"base": {`{"id":"t","name":"shop","tags":["cf:service=shop"],"subdomain":{"enabled":true,"url":"shop.acme.workers.dev"}}`,
			site{project: "shop", script: "shop", url: "https://shop.acme.workers.dev"}},
		"environment": {`{"id":"t","name":"shop-live","tags":["team:a","cf:service=shop","cf:environment=prod"],"references":{"domains":[{"hostname":"shop.example.com"},{"hostname":"b.example.com"}]}}`,
			site{project: "shop", script: "shop-live", env: "prod", url: "https://shop.example.com"}},
		"not reachable": {`{"id":"t","name":"shop","tags":[],"subdomain":{"enabled":false,"url":"https://shop.acme.workers.dev"}}`,
			site{project: "shop", script: "shop"}},
		"odd types": {`{"id":7,"name":"shop","tags":["",3,null,{}],"subdomain":"x","references":{"domains":{"a":1}}}`,
			site{project: "shop", script: "shop"}},
	} {
		w := decode[worker](t, test.body)
		test.want.account = account
		if got := w.site(account); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestBuildWords(t *testing.T) {
	for status, words := range map[shipbell.Status]string{
		shipbell.Queued:     "queued pending QUEUED",
		shipbell.InProgress: "initializing running started in_progress Running",
		shipbell.Success:    "success succeeded SUCCESS",
		shipbell.Failure:    "fail failed failure error",
		shipbell.Canceled:   "canceled cancelled cancel terminated superseded",
		shipbell.Skipped:    "skipped skip",
		"":                  "stopped complete completed odd",
	} {
		for word := range strings.FieldsSeq(words) {
			if got := buildWord(text(word)); got != status {
				t.Errorf("%s = %q, want %q", word, got, status)
			}
		}
	}
	for body, want := range map[string]shipbell.Status{
		`{"build_uuid":"b","status":"stopped","build_outcome":"fail"}`:    shipbell.Failure,
		`{"buildUuid":"b","status":"stopped","buildOutcome":"cancelled"}`: shipbell.Canceled,
		`{"build_uuid":"b","status":"failed","build_outcome":"canceled"}`: shipbell.Canceled,
		`{"build_uuid":"b","status":"stopped","build_outcome":null}`:      shipbell.InProgress,
		`{"build_uuid":"b","status":"queued"}`:                            shipbell.Queued,
		`{"build_uuid":"b","status":"failed"}`:                            shipbell.Failure,
	} {
		if got := decode[build](t, body).state(); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestBuildsOfPreviews(t *testing.T) {
	for command, want := range map[string]string{
		"npx wrangler versions upload":                    shipbell.Preview,
		"npx wrangler  versions upload --env staging":     shipbell.Preview,
		"npx wrangler deploy":                             "",
		"npx wrangler@4 deploy --env staging":             "",
		"pnpm exec wrangler --config a.toml deploy":       "",
		"npm run release":                                 "",
		"npx wrangler deploy && npx shipbell-not-a-thing": "",
	} {
		b := build{}
		b.Metadata.V.DeployCommand = text(command)
		if got := b.environment(); got != want {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
	}
	b := build{}
	b.Trigger.V.Name, b.Trigger.V.DeployCommand = "Deploy non-production branches", "npm run release"
	if b.environment() != shipbell.Preview {
		t.Error("the trigger of branches that are not production is no preview")
	}
	// Such a branch can have an environment of its own.
	b.Metadata.V.DeployCommand = "npx wrangler deploy --env staging"
	if b.environment() != "" {
		t.Error("what deploys is a preview")
	}
}

const pagesBody = `{"id":"f64788e9-fccd-4d4a-a28a-cb84f88f6000","short_id":"f64788e9","project_name":"docs","environment":"production",
 "url":"https://f64788e9.docs.pages.dev","aliases":null,"created_on":"2026-11-22T12:00:00.123456Z","modified_on":"2026-11-22T12:02:00Z",
 "env_vars":{"A":{"type":"plain_text","value":"hush"}},"is_skipped":false,"latest_stage":LATEST,"stages":STAGES,
 "deployment_trigger":{"type":"github:push","metadata":{"branch":"main","commit_hash":"0123456789","commit_message":"Fix\n\nAll","commit_dirty":false}},
 "source":{"type":"gitlab","config":{"owner":"acme/web","repo_name":"docs"}}}`

func TestPagesStages(t *testing.T) {
	for name, test := range map[string]struct {
		latest, stages string
		want           shipbell.Status
	}{
		"queued":           {`{"name":"queued","status":"active"}`, `[]`, shipbell.Queued},
		"queued, idle":     {`{"name":"queued","status":"idle"}`, `null`, shipbell.Queued},
		"build succeeded":  {`{"name":"build","status":"success","ended_on":null}`, `[{"name":"build","status":"success"},{"name":"deploy","status":"idle"}]`, shipbell.InProgress},
		"deploying":        {`{"name":"deploy","status":"active"}`, `[]`, shipbell.InProgress},
		"deployed":         {`{"name":"deploy","status":"success","ended_on":"2026-11-22T12:01:00Z"}`, `[]`, shipbell.Success},
		"failed":           {`{"name":"build","status":"failure","ended_on":"2026-11-22T12:01:00Z"}`, `[]`, shipbell.Failure},
		"failed earlier":   {`{"name":"deploy","status":"idle"}`, `[{"name":"clone_repo","status":"failure","ended_on":"2026-11-22T12:01:00Z"}]`, shipbell.Failure},
		"canceled":         {`{"name":"build","status":"canceled","ended_on":"2026-11-22T12:01:00Z"}`, `[]`, shipbell.Canceled},
		"another spelling": {`{"name":"build","status":"cancelled","ended_on":"2026-11-22T12:01:00Z"}`, `[]`, shipbell.Canceled},
		"nothing":          {`null`, `null`, shipbell.InProgress},
	} {
		d := decode[pagesDeployment](t, strings.NewReplacer("LATEST", test.latest, "STAGES", test.stages).Replace(pagesBody))
		if got, _ := d.state(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		events := sealed(pagesSeen{site: site{account: account, project: "docs"}, d: d, at: noon}.events(shipbell.SourcePoll)...)
		if test.want.Final() {
			if e := events[1]; !e.At.Equal(noon.Add(time.Minute)) {
				t.Errorf("%s ended at %s", name, e.At)
			}
		} else if len(events) != 1 {
			t.Errorf("%s: %d events", name, len(events))
		}
		e := events[0]
		if !e.At.Equal(noon.Add(123*time.Millisecond)) || e.Commit != "0123456789" || e.CommitMessage != "Fix\n\nAll" || e.RepositoryURL != "https://gitlab.com/acme/web/docs" {
			t.Errorf("%s: %+v", name, e)
		}
		if all, _ := json.Marshal(events); strings.Contains(string(all), "hush") {
			t.Errorf("%s: a variable is forwarded: %s", name, all)
		}
	}
	d := decode[pagesDeployment](t, `{"id":"f64788e9-fccd","is_skipped":true,"skip_reason":"some_new_reason","latest_stage":{"name":"queued","status":"idle"},"created_on":"2026-11-22T12:00:00Z","modified_on":"2027-01-01T00:00:00Z"}`)
	events := pagesSeen{site: site{project: "docs"}, d: d, at: noon}.events(shipbell.SourcePoll)
	if len(events) != 1 || events[0].Status != shipbell.Skipped || events[0].Error != "some new reason" || !events[0].At.Equal(noon) {
		t.Errorf("skipped: %+v", events)
	}
}

func TestSameObservationHasTheSameID(t *testing.T) {
	b := decode[build](t, `{"build_uuid":"b1","status":"stopped","build_outcome":"success","created_on":"2026-11-22T12:00:00Z","stopped_on":"2026-11-22T12:01:00Z"}`)
	s := site{account: account, project: "shop", script: "shop"}
	once := sealed(observed{site: s, build: b, at: noon}.events(shipbell.SourcePoll)...)
	again := sealed(observed{site: s, build: b, at: noon.Add(time.Hour)}.events(shipbell.SourcePoll)...)
	if len(once) != 2 || once[0].ID != again[0].ID || once[1].ID != again[1].ID || once[0].ID == once[1].ID {
		t.Errorf("%v, then %v", once, again)
	}
	more := sealed(observed{site: s, build: b, versions: []string{"v1"}}.events(shipbell.SourcePoll)...)
	if more[1].ID == once[1].ID || len(more[1].Keys) != 2 {
		t.Errorf("with the version it has the id of before")
	}
}

func TestBodiesOfMessages(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":1}`:                    `{"a":1}`,
		`"{\"a\":1}"`:                `{"a":1}`,
		`" {\"a\":1}"`:               `{"a":1}`,
		`"eyJhIjoxfQ=="`:             `{"a":1}`,
		`"eyJhIjoxfQ"`:               `{"a":1}`,
		`"\"{\\\"a\\\":1}\""`:        `{"a":1}`,
		`"ZXlKaElqb3hmUT09"`:         `{"a":1}`,
		`"not an event"`:             "",
		`""`:                         "",
		`null`:                       "",
		`17`:                         "",
		`[]`:                         "",
		`"AAAA"`:                     "",
		``:                           "",
		`"/w9vBkludGVyZmFjZQ=="`:     "", // v8
		`"W10="`:                     "",
		`"IA=="`:                     "",
		`"ZGVlcA=="`:                 "",
		`"eyJhIjoxfQ==\n"`:           `{"a":1}`,
		`"eyJ0eXBlIjoi8J-agCJ9"`:     `{"type":"🚀"}`,
		`"eyJ0eXBlIjoi8J+agCJ9"`:     `{"type":"🚀"}`,
		`{"a":{"b":[1,2,{"c":""}]}}`: `{"a":{"b":[1,2,{"c":""}]}}`,
	} {
		got, err := readBody(json.RawMessage(body))
		if err == nil != (want != "") || err == nil && string(got) != want {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
}

func TestHistoryIsRemembered(t *testing.T) {
	var h history
	for _, d := range []deployment{
		{Versions: list[share]{{"11111111-a", 100}}},
		{Versions: list[share]{{"22222222-b", 10}, {"11111111-a", 90}}},
		{Versions: list[share]{{"33333333-c", 100}}},
	} {
		h = h.with(d)
	}
	words := h.remember()
	if !slices.Equal(words, []string{"11111111", "22222222~", "33333333"}) {
		t.Errorf("remembered %v", words)
	}
	for version, want := range map[string]shipbell.Cause{
		"11111111-a": shipbell.CauseRollback, "22222222-b": shipbell.CauseRollout, "44444444-d": "",
	} {
		d := deployment{Versions: list[share]{{text(version), 100}}}
		if v := recall(words).judge(d, nil); v.cause != want || v.first != (want == "") {
			t.Errorf("%s: %+v", version, v)
		}
	}
	// Put back is only what is older than what it replaces.
	alone := func(version string) deployment { return deployment{Versions: list[share]{{text(version), 100}}} }
	split := deployment{Versions: list[share]{{"22222222-b", 10}, {"11111111-a", 90}}}
	back := alone("33333333-c")
	back.Annotations = dict[text]{annotationTrigger: "rollback"}
	for name, test := range map[string]struct {
		before, now deployment
		want        shipbell.Cause
	}{
		"back":                         {alone("33333333-c"), alone("11111111-a"), shipbell.CauseRollback},
		"forward":                      {alone("11111111-a"), alone("33333333-c"), shipbell.CauseRollout},
		"forward, whatever it is said": {alone("11111111-a"), back, shipbell.CauseRollout},
		"all of it":                    {split, alone("22222222-b"), shipbell.CauseRollout},
		"broken off":                   {split, alone("11111111-a"), shipbell.CauseRollback},
		"back to what was broken off":  {alone("33333333-c"), alone("22222222-b"), shipbell.CauseRollback},
		"part of it":                   {alone("33333333-c"), split, shipbell.CauseRollout},
	} {
		if v := recall(words).judge(test.now, &test.before); v.cause != test.want || v.first {
			t.Errorf("%s: %+v", name, v)
		}
	}
	// The same version once more is neither.
	same := deployment{Versions: list[share]{{"33333333-c", 100}}}
	if v := recall(words).judge(same, &same); v.cause != "" || v.first {
		t.Errorf("again: %+v", v)
	}
}

func TestMemoryThatCannotBeReadIsNoFirstLook(t *testing.T) {
	if _, err := readMemory("{"); err == nil {
		t.Error("no error: everything would be told in silence or again")
	}
	m, err := readMemory("")
	if err != nil || m.write() != `{"accounts":{}}` {
		t.Errorf("%v, %v", m, err)
	}
}

// seeds are payloads for the fuzz targets.
var seeds = []string{
	`{"type":"cf.workersBuilds.worker.build.failed","source":{"type":"workersBuilds.worker","workerName":"shop"},"payload":{"buildUuid":"b","status":"failed","buildOutcome":"failure","createdAt":"2026-11-22T12:00:00Z","stoppedAt":null,"buildTriggerMetadata":{"branch":"main","commitHash":"0123456789abcdef","author":"Ada","deployCommand":"npx wrangler deploy","repoName":"shop","providerAccountName":"acme","providerType":"github"}},"metadata":{"accountId":"a","eventTimestamp":"2026-11-22T12:01:00Z"}}`,
	`{"type":"cf.workers.script.deployment.created","source":{"type":"workers.script","id":"t"},"payload":{"workerName":"shop","id":"d","versions":[{"versionId":"v","percentage":100}],"annotations":{"workers/triggered_by":"upload"},"authorEmail":"a@example.com","createdOn":"2026-11-22T12:00:00Z"},"metadata":null}`,
	`{"id":"d","created_on":"2026-11-22T12:00:00Z","versions":[{"version_id":"v","percentage":10.5},{"version_id":"w","percentage":"89.5"}],"annotations":{"workers/message":"x"},"author_email":null}`,
	`{"build_uuid":"b","status":"stopped","build_outcome":"skipped","created_on":1763812800,"trigger":null,"build_trigger_metadata":null}`,
	pagesBody, `{}`, `null`, `[]`, `"x"`, `{"alert_type":"pages_event_alert","text":"x","data":{"project_name":"docs","deployment_id":"12345678","event":"EVENT_DEPLOYMENT_FAILED"}}`,
}

// fit fails for an event that the ledger would refuse, or that could break a
// message.
func fit(t *testing.T, events []shipbell.Event) {
	t.Helper()
	for _, e := range events {
		if err := e.Validate(); err != nil {
			t.Error(err)
		}
		for _, line := range []string{e.Project, e.Branch, e.Commit, e.Author, e.Error, e.URL, e.LogURL, e.RepositoryURL, e.Rollout} {
			if strings.ContainsAny(line, "\n\r\x00") || len(line) > maxLine {
				t.Errorf("not one short line: %q", line)
			}
		}
		if again := seal(e); again.ID != e.ID {
			t.Errorf("sealed again it has another id")
		}
	}
}

func FuzzWorker(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(`{"id":"t","name":"shop","tags":["cf:service=a"]}`), []byte(s))
	}
	f.Fuzz(func(t *testing.T, of, body []byte) {
		var w worker
		var d deployment
		if json.Unmarshal(of, &w) != nil || json.Unmarshal(body, &d) != nil {
			return
		}
		var h history
		s := seen{verdict: h.judge(d, &d), site: w.site(account), d: d}
		fit(t, sealed(s.event(shipbell.SourcePoll)))
		words := h.with(d).remember()
		if again := recall(words).remember(); !slices.Equal(words, again) {
			t.Errorf("%v is recalled as %v", words, again)
		}
	})
}

func FuzzBuild(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var b build
		if json.Unmarshal(body, &b) == nil {
			o := observed{site: site{account: account, project: "shop", script: "shop"}, build: b, at: noon}
			fit(t, sealed(o.events(shipbell.SourcePoll)...))
			supersedes(b, []build{b, b})
		}
		var many struct {
			Builds builds `json:"builds"`
		}
		_ = json.Unmarshal(body, &many)
	})
}

func FuzzPages(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p pagesProject
		var d pagesDeployment
		if json.Unmarshal(body, &p) != nil || json.Unmarshal(body, &d) != nil {
			return
		}
		seen := pagesSeen{site: p.site(account), d: d, at: noon, newer: superseding(d, []pagesDeployment{d, p.Latest.V})}
		fit(t, sealed(append(seen.events(shipbell.SourcePoll), seen.rollback(shipbell.SourcePoll, "x"))...))
	})
}

func FuzzBuildEvent(f *testing.F) {
	for _, s := range seeds {
		quoted, _ := json.Marshal(s)
		f.Add([]byte(s))
		f.Add(quoted)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		body, err := readBody(raw)
		if shown := showBody(body, func(s string) string { return s }); len(shown) > maxPoisonBody {
			t.Errorf("%d bytes of poison", len(shown))
		}
		if err != nil {
			return
		}
		s, err := readSubscribed(body, noon)
		if err != nil || s.script == "" {
			return
		}
		fit(t, s.events(site{account: s.account, project: s.script, script: s.script}))
	})
}

func FuzzAlert(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ReadAlert(body, noon)
		if err != nil {
			return
		}
		fit(t, a.Events)
		if strings.ContainsAny(a.Text, "\n\r") {
			t.Errorf("text = %q", a.Text)
		}
	})
}
