package cloudflare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
)

// crowd makes an account of 200 Workers and 100 Pages projects, all deployed.
func crowd(t *testing.T, srv *fakecloudflare.Server) {
	t.Helper()
	for i := range 200 {
		srv.Deploy(fmt.Sprintf("worker-%03d", i), fakecloudflare.DeployOptions{})
		time.Sleep(time.Second)
	}
	for i := range 100 {
		name := fmt.Sprintf("site-%03d", i)
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: name})
		srv.StartPages(name, fakecloudflare.PagesOptions{}).Finish()
	}
}

func TestIdleAndBusyCycles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		crowd(t, srv)
		b := newBook()
		p := newPoller(srv, b)
		before := srv.CallCount()
		once(t, p)
		t.Logf("first look: %d requests, %d events in silence, %d bytes of memory",
			srv.CallCount()-before, len(b.baseline), len(b.memory[shipbell.SourcePoll]))
		if got := b.take(); len(got) != 0 {
			t.Fatalf("the first look told %d events", len(got))
		}
		wait := time.Minute
		if raced {
			wait = 7 * time.Minute
		}
		for i := range int(70 * time.Minute / wait) { // more than an hour after the second look: every kind of cycle comes by
			before := srv.CallCount()
			reports := len(b.reports)
			time.Sleep(wait)
			once(t, p)
			n := srv.CallCount() - before
			if i < 3 {
				t.Logf("idle: %d requests: %v", n, asked(srv, before))
			}
			if n > 6 {
				t.Fatalf("idle look %d: %d requests: %v", i, n, asked(srv, before))
			}
			if len(b.reports) != reports {
				t.Fatalf("idle look %d wrote to the ledger", i)
			}
		}

		for i := range 5 {
			srv.Deploy(fmt.Sprintf("worker-%03d", 7*i), fakecloudflare.DeployOptions{})
			srv.StartPages(fmt.Sprintf("site-%03d", 7*i), fakecloudflare.PagesOptions{}).Finish()
		}
		before = srv.CallCount()
		minute(t, p)
		n := srv.CallCount() - before
		t.Logf("busy, 10 changes: %d requests", n)
		// 6 lists, 10 details, 1 for builds, 5 for the commits of versions.
		if n > 22 {
			t.Errorf("10 changes took %d requests: %v", n, asked(srv, before))
		}
		if got := b.take(); len(got) != 5+2*5 {
			t.Errorf("10 changes told %d events: %v", len(got), lines(got))
		}
		h := p.Hearing()
		if h.Requests != n || h.Remaining < 0 || h.LastHeard.IsZero() || !h.BlindSince.IsZero() {
			t.Errorf("hearing = %+v", h)
		}
	})
}

func TestWorkerIsDeployed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddWorker(fakecloudflare.Worker{
			Name: "shop-staging", Tags: []string{"cf:service=shop", "cf:environment=staging"}, Domains: []string{"shop.example.com"},
		})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(10 * time.Second)
		d := srv.Deploy("shop-staging", fakecloudflare.DeployOptions{Tag: "0123456789abcdef0123456789abcdef01234567", Message: "Fix the till"})
		minute(t, p)
		events := b.take()
		wantLines(t, events, "worker shop success to staging")
		e := events[0]
		if e.Script != "shop-staging" || e.URL != "https://shop.example.com" || !e.At.Equal(d.CreatedOn.Truncate(time.Millisecond)) ||
			e.Commit != "0123456789abcdef0123456789abcdef01234567" || e.CommitMessage != "Fix the till" || e.Author != fakecloudflare.DefaultEmail {
			t.Errorf("event = %+v", e)
		}
		if e.Keys[0].ID != d.ID || !slices.Equal(ids(e, shipbell.KeyVersion), []string{d.Versions[0].Version}) {
			t.Errorf("keys = %v", e.Keys)
		}
		if e.DashboardURL != "https://dash.cloudflare.com/"+srv.Account()+"/workers/services/view/shop-staging/production/deployments" {
			t.Errorf("dashboard = %s", e.DashboardURL)
		}
		if project, env, _ := p.Base(srv.Account(), "shop-staging"); project != "shop" || env != "staging" {
			t.Errorf("base = %s, %s", project, env)
		}
	})
}

func TestSecretsAndSettingsAreNoDeployments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		srv.PutSecret("shop", "API_KEY")
		srv.Touch("shop")
		srv.SetTags("shop", "cf:service=shop")
		minute(t, p)
		wantLines(t, b.take())
		// What is deployed after a secret is told, and is no rollback.
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		minute(t, p)
		wantLines(t, b.take(), "worker shop success")
	})
}

func TestRollbackAndRollout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		first := srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		second := srv.Deploy("shop", fakecloudflare.DeployOptions{})
		minute(t, p)
		b.take()
		v1, v2 := first.Versions[0].Version, second.Versions[0].Version

		back := srv.Rollback("shop", v1, "it was better before")
		minute(t, p)
		events := b.take()
		wantLines(t, events, "worker shop success by rollback")
		if len(events[0].Keys) != 1 || events[0].Keys[0].ID != back.ID || events[0].VersionID != v1 {
			t.Errorf("a rollback has the keys %v", events[0].Keys)
		}

		// To go forward again is none.
		srv.Deploy("shop", fakecloudflare.DeployOptions{Version: v2})
		minute(t, p)
		wantLines(t, b.take(), "worker shop success by rollout")
		// Without the word for it, that an older version is live again is enough.
		srv.Deploy("shop", fakecloudflare.DeployOptions{Version: v1})
		time.Sleep(time.Second)
		srv.Deploy("shop", fakecloudflare.DeployOptions{Version: v2, TriggeredBy: fakecloudflare.TriggeredByRollback})
		minute(t, p)
		wantLines(t, b.take(), "worker shop success by rollback", "worker shop success by rollout")

		v3 := srv.UploadVersion("shop", fakecloudflare.VersionOptions{}).ID
		for i, percent := range []float64{10, 50, 100} {
			shares := []fakecloudflare.Share{{Version: v3, Percentage: percent}, {Version: v2, Percentage: 100 - percent}}
			if percent == 100 {
				shares = shares[:1]
			}
			srv.Deploy("shop", fakecloudflare.DeployOptions{Percentages: shares, TriggeredBy: fakecloudflare.TriggeredByPromotion})
			minute(t, p)
			events := b.take()
			wantLines(t, events, []string{
				"worker shop success with 10 % " + v3[:8] + ", 90 % " + v2[:8],
				"worker shop success by rollout with 50 % " + v3[:8] + ", 50 % " + v2[:8],
				"worker shop success by rollout",
			}[i])
			if keys := ids(events[0], shipbell.KeyVersion); (len(keys) == 1 && keys[0] == v3) != (i == 0) {
				t.Errorf("%v %%: version keys %v", percent, keys)
			}
		}

		// A rollout that is broken off puts the old version back.
		v4 := srv.UploadVersion("shop", fakecloudflare.VersionOptions{}).ID
		srv.Deploy("shop", fakecloudflare.DeployOptions{Percentages: []fakecloudflare.Share{{Version: v4, Percentage: 10}, {Version: v3, Percentage: 90}}})
		time.Sleep(time.Second)
		srv.Deploy("shop", fakecloudflare.DeployOptions{Version: v3})
		minute(t, p)
		wantLines(t, b.take(), "worker shop success with 10 % "+v4[:8]+", 90 % "+v3[:8], "worker shop success by rollback")
	})
}

func TestBuildIsFollowedAndJoined(t *testing.T) {
	for _, words := range []fakecloudflare.BuildWords{fakecloudflare.WordsOfSchema, fakecloudflare.WordsOfClients} {
		synctest.Test(t, func(t *testing.T) {
			srv := fakecloudflare.New(fakecloudflare.Options{BuildWords: words})
			srv.Deploy("shop", fakecloudflare.DeployOptions{})
			b := newBook()
			p := newPoller(srv, b)
			once(t, p)
			time.Sleep(time.Second)
			build := srv.StartBuild("shop", fakecloudflare.BuildOptions{Author: "Ada", Message: "Fix", Owner: "acme", Repo: "shop"})
			minute(t, p)
			minute(t, p) // the hourly sweep comes second and asks for no builds
			wantLines(t, b.take(), "worker shop queued")
			srv.AdvanceBuild(build.UUID)
			srv.AdvanceBuild(build.UUID)
			minute(t, p)
			wantLines(t, b.take(), "worker shop in_progress")
			minute(t, p)
			wantLines(t, b.take())
			done := srv.FinishBuild(build.UUID, fakecloudflare.BuildResult{Deploys: true})
			minute(t, p)
			events := b.take()
			wantLines(t, events, "worker shop success", "worker shop success")
			for _, e := range events {
				if !slices.Contains(ids(e, shipbell.KeyBuild), build.UUID) {
					t.Errorf("keys %v without the build", e.Keys)
				}
				if e.Commit != build.Options.Commit || e.Branch != "main" || e.Author != "Ada" || e.RepositoryURL != "https://github.com/acme/shop" ||
					e.LogURL != "https://dash.cloudflare.com/"+srv.Account()+"/workers/services/view/shop/production/builds/"+build.UUID || e.CI != "true" {
					t.Errorf("event = %+v", e)
				}
			}
			if !slices.ContainsFunc(events, func(e shipbell.Event) bool {
				return slices.Equal(ids(e, shipbell.KeyDeployment), []string{done.Deployment}) &&
					slices.Equal(ids(e, shipbell.KeyVersion), []string{done.Version})
			}) {
				t.Errorf("no event joins deployment, version and build")
			}
			minute(t, p)
			wantLines(t, b.take())
		})
	}
}

func TestBuildsThatDoNotDeploy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		for _, name := range []string{"failing", "canceled", "skipped", "superseded", "preview", "terminated"} {
			srv.Deploy(name, fakecloudflare.DeployOptions{})
		}
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		minute(t, p)
		run := func(name string, o fakecloudflare.BuildOptions, r fakecloudflare.BuildResult) fakecloudflare.Build {
			id := srv.StartBuild(name, o).UUID
			srv.AdvanceBuild(id)
			srv.AdvanceBuild(id)
			time.Sleep(time.Second)
			return srv.FinishBuild(id, r)
		}
		failed := run("failing", fakecloudflare.BuildOptions{}, fakecloudflare.BuildResult{
			Outcome: fakecloudflare.BuildFailed,
			Log:     append(slices.Repeat([]string{"installing"}, 450), "src/index.ts:3:5 - error TS2304: Cannot find name 'till'.", "Failed: error occurred while running build command"),
		})
		run("canceled", fakecloudflare.BuildOptions{}, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildCancelled})
		run("skipped", fakecloudflare.BuildOptions{}, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildSkipped})
		run("terminated", fakecloudflare.BuildOptions{}, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildTerminated})
		run("preview", fakecloudflare.BuildOptions{Branch: "topic", DeployCommand: "npx wrangler versions upload"},
			fakecloudflare.BuildResult{Uploads: true, PreviewURL: "https://1a2b3c4d-preview.example.workers.dev"})
		old := srv.StartBuild("superseded", fakecloudflare.BuildOptions{})
		time.Sleep(time.Second)
		newer := srv.StartBuild("superseded", fakecloudflare.BuildOptions{})
		srv.FinishBuild(old.UUID, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildCancelled})
		minute(t, p)
		events := b.take()
		var finals []shipbell.Event
		for _, e := range events {
			if e.Status.Final() {
				finals = append(finals, e)
			}
		}
		got := lines(finals)
		slices.Sort(got)
		want := []string{
			"worker canceled canceled",
			"worker failing failure: " + finalError(finals, "failing", false),
			"worker failing failure: the build failed",
			"worker preview success to preview",
			"worker skipped skipped",
			"worker superseded canceled: superseded by build " + newer.UUID[:8] + " of commit " + newer.Options.Commit[:8],
			"worker terminated canceled: terminated by Cloudflare, such as for taking too long",
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("outcomes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, e := range finals {
			if e.Project == "failing" && e.Log != "" {
				if !strings.Contains(e.Log, "TS2304") || !strings.Contains(e.Error, "till") || !e.At.Equal(failed.StoppedOn.Truncate(time.Millisecond)) {
					t.Errorf("failure with log = %+v", e)
				}
			}
			if e.Project == "preview" && e.URL != "https://1a2b3c4d-preview.example.workers.dev" {
				t.Errorf("preview at %q", e.URL)
			}
		}
		if finalError(finals, "failing", false) == "" {
			t.Error("the log of the failure was not told")
		}
	})
}

// finalError returns the error of the failure of a project that has a log.
func finalError(events []shipbell.Event, project string, plain bool) string {
	for _, e := range events {
		if e.Project == project && (e.Log == "") == plain {
			return e.Error
		}
	}
	return ""
}

func TestPagesFromStartToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs", Subdomain: "docs-a1b", Domains: []string{"docs.example.com"}})
		srv.StartPages("docs", fakecloudflare.PagesOptions{}).Finish()
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		production := srv.StartPages("docs", fakecloudflare.PagesOptions{Message: "Fix"})
		minute(t, p)
		wantLines(t, b.take(), "pages docs queued to production")
		production.AdvanceTo(fakecloudflare.StageBuild)
		// It is not the latest any more.
		preview := srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "topic"})
		minute(t, p)
		wantLines(t, b.take(), "pages docs in_progress to production", "pages docs queued to preview")
		production.Pause() // the build succeeded, which is no end
		minute(t, p)
		wantLines(t, b.take())
		preview.Finish()
		time.Sleep(time.Second)
		production.Advance()
		production.Finish()
		minute(t, p)
		events := b.take()
		wantLines(t, events, "pages docs success to preview", "pages docs success to production")
		for _, e := range events {
			if e.Script != "docs-a1b" || e.RepositoryURL != "https://github.com/acme/docs" || e.DashboardURL == "" || e.LogURL == "" {
				t.Errorf("event = %+v", e)
			}
		}
		if events[0].URL != "https://topic.docs-a1b.pages.dev" || events[1].URL != "https://docs.example.com" {
			t.Errorf("addresses %s, %s", events[0].URL, events[1].URL)
		}
		if e := events[1]; e.Keys[0].ID != production.ID || !slices.Equal(ids(e, shipbell.KeyShort), []string{production.ShortID}) {
			t.Errorf("keys = %v", e.Keys)
		}
		minute(t, p)
		wantLines(t, b.take())
	})
}

func TestPagesThatDoNotDeploy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "a"}).Skip(fakecloudflare.SkippedByCommitMessage)
		time.Sleep(time.Second)
		srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "b"}).Cancel()
		time.Sleep(time.Second)
		old := srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "c"})
		time.Sleep(time.Second)
		newer := srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "c"})
		old.Cancel()
		time.Sleep(time.Second)
		failing := srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "d"})
		failing.AdvanceTo(fakecloudflare.StageBuild)
		failing.Fail("npm ERR! missing script: build", "Failed: build command exited with code: 1")
		minute(t, p)
		var finals []shipbell.Event
		for _, e := range b.take() {
			if e.Status.Final() {
				finals = append(finals, e)
			}
		}
		wantLines(t, finals,
			"pages docs skipped to preview: the commit message asks to skip it",
			"pages docs canceled to preview",
			"pages docs canceled to preview: superseded by "+newer.ShortID+" of commit "+newer.Commit[:8],
			"pages docs failure to preview: the stage build failed",
			"pages docs failure to preview: "+finalError(finals, "docs", false),
		)
		if e := finals[4]; !strings.Contains(e.Log, "missing script") || !e.At.Equal(finals[3].At) {
			t.Errorf("failure with log = %+v", e)
		}
	})
}

func TestPagesRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		first := srv.StartPages("docs", fakecloudflare.PagesOptions{Message: "first"})
		first.Finish()
		minute(t, p)
		second := srv.StartPages("docs", fakecloudflare.PagesOptions{Message: "second"})
		second.Finish()
		minute(t, p)
		b.take()
		srv.PagesRollback("docs", first.ID)
		minute(t, p)
		events := b.take()
		wantLines(t, events, "pages docs success to production by rollback")
		if e := events[0]; e.Commit != first.Commit || e.CommitMessage != "first" || !strings.HasPrefix(e.Keys[0].ID, "rollback:"+first.ID+":"+second.ID+":") {
			t.Errorf("event = %+v", e)
		}
		minute(t, p)
		wantLines(t, b.take())
		srv.PagesRollback("docs", second.ID)
		minute(t, p)
		wantLines(t, b.take(), "pages docs success to production by rollback")
		// One that fails does not move production.
		srv.StartPages("docs", fakecloudflare.PagesOptions{}).Fail()
		minute(t, p)
		third := srv.StartPages("docs", fakecloudflare.PagesOptions{})
		third.Finish()
		minute(t, p)
		if got := lines(b.take()); slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, "rollback") }) {
			t.Errorf("events %v", got)
		}
	})
}

func TestPagesWithoutPerPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{PagesProjectsRefusePerPage: true, PagesProjectsPerPage: 10})
		for i := range 35 {
			srv.AddPagesProject(fakecloudflare.PagesProject{Name: fmt.Sprintf("site-%02d", i)})
		}
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		srv.StartPages("site-34", fakecloudflare.PagesOptions{}).Finish()
		minute(t, p)
		wantLines(t, b.take(), "pages site-34 in_progress to production", "pages site-34 success to production")
		// It is remembered, also by the next process.
		before := srv.CallCount()
		once(t, newPoller(srv, b))
		for _, c := range srv.Calls()[before:] {
			if strings.HasSuffix(c.Route, "/pages/projects") && c.Param("per_page") != "" {
				t.Errorf("asked again with per_page: %s", c.Query)
			}
		}
	})
}

func TestOutage(t *testing.T) {
	for _, paged := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			srv := fakecloudflare.New(fakecloudflare.Options{DeploymentsPaged: paged})
			for i := range 4 {
				srv.Deploy(fmt.Sprintf("w%d", i), fakecloudflare.DeployOptions{})
				srv.AddPagesProject(fakecloudflare.PagesProject{Name: fmt.Sprintf("s%d", i)})
			}
			b := newBook()
			once(t, newPoller(srv, b))
			time.Sleep(time.Minute)

			// Forty deployments, one every four minutes and a half; some fail.
			started := time.Now()
			each := func() { time.Sleep(270 * time.Second) }
			want := map[string]shipbell.Status{}
			for range 5 {
				for i := range 4 {
					d := srv.Deploy(fmt.Sprintf("w%d", i), fakecloudflare.DeployOptions{})
					want[d.ID] = shipbell.Success
					each()
					s := srv.StartPages(fmt.Sprintf("s%d", i), fakecloudflare.PagesOptions{})
					want[s.ID] = shipbell.Success
					if i == 1 {
						s.Fail("it broke")
						want[s.ID] = shipbell.Failure
					} else {
						s.Finish()
					}
					each()
				}
			}
			build := srv.StartBuild("w0", fakecloudflare.BuildOptions{}).UUID
			srv.FinishBuild(build, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildFailed, Log: []string{"error: no"}})
			want[build] = shipbell.Failure
			if len(want) != 41 || time.Since(started) < 3*time.Hour-time.Minute {
				t.Fatalf("%d deployments in %s", len(want), time.Since(started))
			}

			p := newPoller(srv, b)
			reports := len(b.reports)
			once(t, p)
			got := map[string]shipbell.Status{}
			for _, e := range b.take() {
				if e.Status.Final() {
					got[e.Keys[0].ID] = e.Status
				}
			}
			for id, status := range want {
				if got[id] != status {
					t.Errorf("%s: %q, want %q", id, got[id], status)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d deployments, want %d", len(got), len(want))
			}
			if r := b.reports[reports]; !r.LateBefore.Equal(time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)) {
				t.Errorf("late before %s", r.LateBefore)
			}
			// Five logs are read in a look; the sixth is told now.
			minute(t, p)
			minute(t, p)
			wantLines(t, b.take(), "pages s1 failure to production: it broke")
		})
	}
}

func TestPagingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{DeploymentsPaged: true})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
		b := newBook()
		once(t, newPoller(srv, b))
		for range 64 {
			time.Sleep(30 * time.Second)
			srv.Deploy("shop", fakecloudflare.DeployOptions{})
			srv.StartPages("docs", fakecloudflare.PagesOptions{}).Finish()
			id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
			srv.FinishBuild(id, fakecloudflare.BuildResult{})
		}
		p := newPoller(srv, b)
		minute(t, p)
		count := map[string]int{}
		for _, e := range b.take() {
			count[fmt.Sprint(e.Type, " ", e.Keys[0].Kind, " ", e.Status)]++
		}
		for _, kind := range []string{"worker deployment success", "pages deployment success", "pages deployment in_progress", "worker build success"} {
			if count[kind] != 64 {
				t.Errorf("%s: %d, want 64", kind, count[kind])
			}
		}
	})
}

func TestListWithoutPagesSaysWhatIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		for range 15 {
			time.Sleep(time.Second)
			srv.Deploy("shop", fakecloudflare.DeployOptions{})
		}
		minute(t, p)
		if n := len(b.take()); n != 10 {
			t.Errorf("%d deployments of the ten that are listed", n)
		}
		if notes := p.Hearing().Notes; len(notes) != 1 || !strings.Contains(notes[0], "of shop only the last 10 deployments were listed") {
			t.Errorf("notes = %q", notes)
		}
	})
}

func TestDeploymentsDuringTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		want := 0
		// A deployment between any two requests of a look is told once.
		for i := range 6 {
			time.Sleep(time.Minute)
			srv.Deploy("shop", fakecloudflare.DeployOptions{})
			want++
			n := 0
			srv.SetFaults(func(fakecloudflare.Call) fakecloudflare.Fault {
				if n++; n == i+1 {
					time.Sleep(time.Millisecond) // no two have the same time
					srv.Deploy("shop", fakecloudflare.DeployOptions{})
					want++
				}
				return fakecloudflare.Fault{}
			})
			once(t, p)
			srv.SetFaults(nil)
		}
		minute(t, p)
		if got := len(b.take()); got != want || b.repeats > 0 {
			t.Errorf("%d deployments told, want %d; %d repeated", got, want, b.repeats)
		}
	})
}

func TestDeletedAndRenamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		srv.Deploy("old", fakecloudflare.DeployOptions{})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		srv.RemoveWorker("old")
		minute(t, p)
		minute(t, p) // lists all Workers
		wantLines(t, b.take())
		if m := b.memory[shipbell.SourcePoll]; strings.Count(m, `"last":`) != 1 {
			t.Errorf("memory = %s", m)
		}
		// A Worker of the same name is another one.
		time.Sleep(time.Second)
		srv.Deploy("old", fakecloudflare.DeployOptions{})
		minute(t, p)
		wantLines(t, b.take(), "worker old success")
	})
}

func TestFilterForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		b := newBook()
		o := cloudflare.PollerOptions{
			Client: newClient(srv), Ledger: b,
			Allow: func(pt shipbell.ProjectType, name string) bool { return pt == shipbell.Worker && name == "shop" },
		}
		p := cloudflare.NewPoller(o)
		once(t, p)
		time.Sleep(time.Second)
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "shop"})
		srv.StartPages("shop", fakecloudflare.PagesOptions{}).Finish()
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		srv.Deploy("api", fakecloudflare.DeployOptions{})
		minute(t, p)
		wantLines(t, b.take(), "worker shop success")
		// What was filtered out is not told when it is let in later.
		o.Allow = nil
		p = cloudflare.NewPoller(o)
		minute(t, p)
		wantLines(t, b.take())
	})
}

func TestLooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddWorker(fakecloudflare.Worker{Name: "shop-staging", Tags: []string{"cf:service=shop", "cf:environment=staging"}})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs", Subdomain: "docs-a1b"})
		p := newPoller(srv, newBook())
		if !p.Looked(shipbell.Worker, []string{"shop"}).IsZero() {
			t.Error("looked before it has")
		}
		at := time.Now()
		once(t, p)
		for _, c := range []struct {
			t     shipbell.ProjectType
			name  string
			known bool
		}{
			{shipbell.Worker, "shop", true},
			{shipbell.Worker, "shop-staging", true},
			{shipbell.Worker, "docs", false},
			{shipbell.Pages, "docs", true},
			{shipbell.Pages, "docs-a1b", true},
			{shipbell.Pages, "shop", false},
		} {
			got := p.Looked(c.t, []string{"nothing", c.name})
			if c.known != got.Equal(at.UTC().Truncate(time.Millisecond)) || !c.known && !got.IsZero() {
				t.Errorf("%s %s: %s", c.t, c.name, got)
			}
		}
		// A look that could not hear of Pages says nothing of them.
		time.Sleep(time.Minute)
		srv.SetFaults(func(c fakecloudflare.Call) fakecloudflare.Fault {
			if strings.Contains(c.Route, "/pages/") {
				return fakecloudflare.Fault{Kind: fakecloudflare.FaultStatus}
			}
			return fakecloudflare.Fault{}
		})
		if _, err := p.Once(t.Context()); err == nil {
			t.Error("no error")
		}
		if got := p.Looked(shipbell.Pages, []string{"docs"}); !got.Equal(at.UTC().Truncate(time.Millisecond)) {
			t.Errorf("looked at Pages at %s", got)
		}
		if got := p.Looked(shipbell.Worker, []string{"shop"}); time.Since(got) > time.Second {
			t.Errorf("looked at Workers at %s", got)
		}
	})
}

func TestDryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		p := cloudflare.NewPoller(cloudflare.PollerOptions{Client: newClient(srv), Ledger: b, DryRun: true})
		r := once(t, p)
		if !r.Baseline || len(r.Events) != 1 || r.Memory == "" {
			t.Errorf("report = %+v", r)
		}
		time.Sleep(time.Second)
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		if r = minute(t, p); r.Baseline || len(r.Events) != 1 {
			t.Errorf("report = %+v", r)
		}
		if len(b.reports) > 0 || len(b.memory) > 0 {
			t.Error("a dry run was recorded")
		}
	})
}

func TestTwoAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const second = "ffffffffffffffffffffffffffffffff"
		one := fakecloudflare.New(fakecloudflare.Options{})
		two := fakecloudflare.New(fakecloudflare.Options{Account: second})
		b := newBook()
		p := cloudflare.NewPoller(cloudflare.PollerOptions{
			Ledger: b, Accounts: []string{one.Account(), second},
			Client: cloudflare.NewClient(cloudflare.ClientOptions{
				Token: outbound.NewSecret(fakecloudflare.DefaultToken),
				HTTP: outbound.New(outbound.Options{Transport: transport{
					one.Account(): one.Client().Transport, second: two.Client().Transport,
				}}),
			}),
		})
		once(t, p)
		time.Sleep(time.Second)
		// The first is broken; the second is heard nevertheless.
		one.SetFaults(func(fakecloudflare.Call) fakecloudflare.Fault {
			return fakecloudflare.Fault{Kind: fakecloudflare.FaultStatus}
		})
		one.Deploy("shop", fakecloudflare.DeployOptions{})
		two.Deploy("api", fakecloudflare.DeployOptions{})
		time.Sleep(time.Minute)
		if _, err := p.Once(t.Context()); err == nil {
			t.Error("no error of the broken account")
		}
		wantLines(t, b.take(), "worker api success")
		if h := p.Hearing(); h.BlindSince.IsZero() || !strings.Contains(h.Reason, one.Account()) {
			t.Errorf("hearing = %+v", h)
		}
		one.SetFaults(nil)
		minute(t, p)
		wantLines(t, b.take(), "worker shop success")
		if h := p.Hearing(); !h.BlindSince.IsZero() || h.Reason != "" {
			t.Errorf("hearing = %+v", h)
		}
	})
}
