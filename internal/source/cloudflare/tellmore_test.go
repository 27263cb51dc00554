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
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// staging is a Worker as it is in the end: wrangler names its tags and its address
// after it has deployed it.
var staging = fakecloudflare.Worker{Name: "shop-staging", Tags: []string{"cf:service=shop", "cf:environment=staging"}}

// bare is the same before.
var bare = fakecloudflare.Worker{Name: "shop-staging", NoSubdomain: true}

func TestTagsAndAddressComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		b := newBook()
		once(t, newPoller(srv, b))
		time.Sleep(time.Second)
		srv.AddWorker(bare)
		d := srv.Deploy("shop-staging", fakecloudflare.DeployOptions{Message: "Fix the till"})
		minute(t, newPoller(srv, b))
		first := b.take()
		wantLines(t, first, "worker shop-staging success")
		if first[0].URL != "" {
			t.Fatalf("the test is void: %s", first[0].URL)
		}

		tagged := staging
		tagged.NoSubdomain = true
		addressed := staging
		domain := staging
		domain.Domains = []string{"shop.example.com"}
		address := "https://shop-staging.example.workers.dev"
		for i, step := range []struct {
			worker fakecloudflare.Worker
			url    string
		}{{tagged, ""}, {addressed, address}, {domain, "https://shop.example.com"}} {
			srv.AddWorker(step.worker)
			b.dying = 1 // stored, and told by another process that it was
			time.Sleep(time.Minute)
			_, _ = newPoller(srv, b).Once(t.Context())
			events := b.take()
			wantLines(t, events, "worker shop success to staging")
			if t.Failed() {
				return
			}
			if e := events[0]; e.ID == first[0].ID || !e.At.Equal(first[0].At) || !slices.Equal(e.Keys, first[0].Keys) || e.URL != step.url ||
				e.CommitMessage != "Fix the till" || e.Author != fakecloudflare.DefaultEmail || e.VersionID != d.Versions[0].Version {
				t.Errorf("step %d: %+v", i, e)
			}
			reports, before := len(b.reports), srv.CallCount()
			p := newPoller(srv, b)
			minute(t, p)
			if n := srv.CallCount() - before; len(b.reports) != reports || n > 7 { // one of them finds the account
				t.Errorf("step %d: the look after it wrote %d reports with %d requests", i, len(b.reports)-reports, n)
			}
		}
		if b.repeats > 0 {
			t.Errorf("%d repeated", b.repeats)
		}

		// To say less is no news, and after a while nothing is.
		p := newPoller(srv, b)
		srv.AddWorker(bare)
		minute(t, p)
		time.Sleep(10 * time.Minute)
		other := staging
		other.Domains = []string{"other.example.com"}
		srv.AddWorker(other)
		reports := len(b.reports)
		minute(t, p)
		minute(t, p)
		wantLines(t, b.take())
		if len(b.reports) != reports {
			t.Error("idle looks wrote to the ledger")
		}
	})
}

// TestBetterWordCounts has the ledger merge what was told, in both orders, for many
// deployments: their ids are digests, of which either may be the smaller.
func TestBetterWordCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		l := ledger.New(ledger.Options{Store: memory.New(), Router: everywhere{}, Asked: true})
		p := cloudflare.NewPoller(cloudflare.PollerOptions{Client: newClient(srv), Ledger: l})
		once(t, p)
		minute(t, p) // the hourly sweep comes second and asks for no builds
		time.Sleep(time.Minute)
		var keys []string
		for i := range 12 {
			name := fmt.Sprintf("shop%d-staging", i)
			srv.AddWorker(fakecloudflare.Worker{Name: name, NoSubdomain: true})
			if i%2 == 0 {
				keys = append(keys, srv.Deploy(name, fakecloudflare.DeployOptions{}).ID)
				continue
			}
			build := srv.StartBuild(name, fakecloudflare.BuildOptions{}).UUID
			time.Sleep(time.Second)
			keys = append(keys, srv.FinishBuild(build, fakecloudflare.BuildResult{Deploys: true}).Deployment)
		}
		minute(t, p)
		for i := range keys {
			srv.AddWorker(fakecloudflare.Worker{
				Name: fmt.Sprintf("shop%d-staging", i), Tags: []string{fmt.Sprintf("cf:service=shop%d", i), "cf:environment=staging"},
			})
		}
		minute(t, p)
		minute(t, p)
		for i, id := range keys {
			story, err := l.Story(t.Context(), shipbell.Key{Type: shipbell.Worker, ID: id})
			if err != nil {
				t.Fatal(err)
			}
			d := story.Deployment
			if d.Project != fmt.Sprintf("shop%d", i) || d.Environment != "staging" || d.URL != fmt.Sprintf("https://shop%d-staging.example.workers.dev", i) {
				t.Errorf("%d: %s to %q at %q", i, d.Project, d.Environment, d.URL)
			}
			if i%2 == 0 && d.Took() != 0 {
				t.Errorf("%d: it took %s", i, d.Took())
			}
		}
	})
}

func TestMoreIsToldOfWhatTheFilterLetsPassThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		b := newBook()
		p := cloudflare.NewPoller(cloudflare.PollerOptions{Client: newClient(srv), Ledger: b, Allow: func(_ shipbell.ProjectType, name string) bool {
			return name == "shop"
		}})
		once(t, p)
		time.Sleep(time.Second)
		srv.AddWorker(bare)
		srv.Deploy("shop-staging", fakecloudflare.DeployOptions{Message: "Fix the till"})
		minute(t, p)
		wantLines(t, b.take())
		srv.AddWorker(staging)
		minute(t, p)
		events := b.take()
		wantLines(t, events, "worker shop success to staging")
		if len(events) == 1 && events[0].CommitMessage != "Fix the till" {
			t.Errorf("message %q", events[0].CommitMessage)
		}
	})
}

func TestMoreIsToldAfterFaults(t *testing.T) {
	for _, status := range []int{500, 403, 404} {
		synctest.Test(t, func(t *testing.T) {
			srv := fakecloudflare.New(fakecloudflare.Options{})
			b := newBook()
			p := newPoller(srv, b)
			once(t, p)
			time.Sleep(time.Second)
			srv.AddWorker(bare)
			srv.Deploy("shop-staging", fakecloudflare.DeployOptions{})
			minute(t, p)
			b.take()
			srv.AddWorker(staging)
			srv.SetFaults(func(c fakecloudflare.Call) fakecloudflare.Fault {
				if !strings.Contains(c.Path, "/deployments/") {
					return fakecloudflare.Fault{}
				}
				if status == 500 {
					return fakecloudflare.Fault{Kind: fakecloudflare.FaultStatus, Status: status}
				}
				return fakecloudflare.Fault{Kind: fakecloudflare.FaultRefuse, Status: status}
			})
			time.Sleep(time.Minute)
			_, _ = p.Once(t.Context())
			if status != 404 { // what the list says is enough then
				srv.SetFaults(nil)
			}
			minute(t, p)
			minute(t, p)
			events := b.take()
			wantLines(t, events, "worker shop success to staging")
			if len(events) == 1 && events[0].URL == "" {
				t.Error("no address")
			}
		})
	}
}

func TestWhatWasToldIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{Limit: 100_000})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		deploy := func(n int) int {
			for i := range n {
				srv.Deploy(fmt.Sprintf("w%d", i), fakecloudflare.DeployOptions{})
			}
			minute(t, p)
			return strings.Count(b.memory[shipbell.SourcePoll], `"toldAt"`)
		}
		if n := deploy(60); n != 50 {
			t.Errorf("%d deployments are remembered", n)
		}
		time.Sleep(11 * time.Minute)
		if n := deploy(2); n != 2 {
			t.Errorf("%d deployments are remembered after a while", n)
		}
	})
}

func TestUploadedVersionGoesLive(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		v1 := srv.Deploy("shop", fakecloudflare.DeployOptions{}).Versions[0].Version
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		time.Sleep(time.Second)
		live := func(o fakecloudflare.DeployOptions) shipbell.Event {
			t.Helper()
			time.Sleep(time.Second)
			srv.Deploy("shop", o)
			minute(t, p)
			events := b.take()
			if len(events) != 1 {
				t.Fatalf("%d events: %v", len(events), lines(events))
			}
			return events[0]
		}
		check := func(what string, e shipbell.Event, cause shipbell.Cause, commit, message, author string) {
			t.Helper()
			if e.Cause != cause || e.Commit != commit || e.CommitMessage != message || e.Author != author {
				t.Errorf("%s: cause %q, commit %q, message %q, author %q", what, e.Cause, e.Commit, e.CommitMessage, e.Author)
			}
		}

		v2 := srv.UploadVersion("shop", fakecloudflare.VersionOptions{Tag: commit, Message: "Fix the till", Author: "ada@example.com"}).ID
		time.Sleep(time.Hour)
		v3 := srv.UploadVersion("shop", fakecloudflare.VersionOptions{Tag: "v3", Message: "Paint it", Author: "ada@example.com"}).ID
		time.Sleep(time.Hour)
		e := live(fakecloudflare.DeployOptions{Version: v3, Author: "ops@example.com"})
		check("uploaded", e, shipbell.CauseRollout, "", "Paint it", "ada@example.com")
		if e.Tag != "v3" {
			t.Errorf("tag %q", e.Tag)
		}
		// An older one was never live, and is older nevertheless.
		e = live(fakecloudflare.DeployOptions{Version: v2, Author: "ops@example.com", Message: "too bright"})
		check("older", e, shipbell.CauseRollback, "", "too bright", "ops@example.com")
		// The history has it before v2, and it is newer nevertheless.
		e = live(fakecloudflare.DeployOptions{Version: v3})
		check("forward", e, shipbell.CauseRollout, "", "Paint it", "ada@example.com")
		e = live(fakecloudflare.DeployOptions{Version: v1})
		check("back", e, shipbell.CauseRollback, "", "", fakecloudflare.DefaultEmail)
		e = live(fakecloudflare.DeployOptions{})
		check("deployed at once", e, "", "", "", fakecloudflare.DefaultEmail)

		// Some of the traffic first, then all.
		v5 := srv.UploadVersion("shop", fakecloudflare.VersionOptions{Tag: commit, Message: "Fix the till", Author: "ada@example.com"}).ID
		live(fakecloudflare.DeployOptions{Percentages: []fakecloudflare.Share{{Version: v5, Percentage: 10}, {Version: v1, Percentage: 90}}})
		e = live(fakecloudflare.DeployOptions{Version: v5, Author: "ops@example.com"})
		check("all of it", e, shipbell.CauseRollout, commit, "Fix the till", "ada@example.com")

		// A build that only uploads tells the commit.
		build := srv.StartBuild("shop", fakecloudflare.BuildOptions{Author: "Eve", Message: "Sell it", DeployCommand: "npx wrangler versions upload"})
		built := srv.FinishBuild(build.UUID, fakecloudflare.BuildResult{Uploads: true}).Version
		minute(t, p)
		minute(t, p)
		b.take()
		e = live(fakecloudflare.DeployOptions{Version: built, Author: "ops@example.com"})
		check("built", e, shipbell.CauseRollout, build.Options.Commit, "Sell it", "Eve")
		e = live(fakecloudflare.DeployOptions{Version: v5, Author: "ops@example.com"})
		e = live(fakecloudflare.DeployOptions{Version: built, Author: "ops@example.com"})
		check("built and again", e, shipbell.CauseRollout, build.Options.Commit, "Sell it", "Eve")
		live(fakecloudflare.DeployOptions{})
		e = live(fakecloudflare.DeployOptions{Version: built, Author: "ops@example.com"})
		check("built and put back", e, shipbell.CauseRollback, build.Options.Commit, "Sell it", "ops@example.com")

		// A secret makes a version too, of what is live.
		waiting := srv.UploadVersion("shop", fakecloudflare.VersionOptions{Message: "Mend it"}).ID
		time.Sleep(time.Hour)
		srv.PutSecret("shop", "API_KEY")
		e = live(fakecloudflare.DeployOptions{Version: waiting})
		check("after a secret", e, shipbell.CauseRollout, "", "Mend it", fakecloudflare.DefaultEmail)

		// At once after a build that only uploads.
		build = srv.StartBuild("shop", fakecloudflare.BuildOptions{Author: "Eve", Message: "Buy it", DeployCommand: "npx wrangler versions upload"})
		built = srv.FinishBuild(build.UUID, fakecloudflare.BuildResult{Uploads: true}).Version
		time.Sleep(time.Second)
		srv.Deploy("shop", fakecloudflare.DeployOptions{Version: built})
		minute(t, p)
		events := slices.DeleteFunc(b.take(), func(e shipbell.Event) bool { return len(ids(e, shipbell.KeyDeployment)) == 0 })
		wantLines(t, events, "worker shop success by rollout")
	})
}
