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
	"github.com/shipbell/shipbell/internal/source/cloudflare"
)

func newConsumer(srv *fakecloudflare.Server, b *book) *cloudflare.Consumer {
	return cloudflare.NewConsumer(cloudflare.ConsumerOptions{Client: newClient(srv), Ledger: b, Queue: "builds"})
}

func pullOnce(t *testing.T, c *cloudflare.Consumer) {
	t.Helper()
	if _, err := c.Once(t.Context()); err != nil {
		t.Fatalf("pull: %v", err)
	}
}

func TestQueueUnderstandsAllEncodingsAndSpellings(t *testing.T) {
	for _, encoding := range []fakecloudflare.Encoding{
		fakecloudflare.EncodingBase64JSON, fakecloudflare.EncodingJSON, fakecloudflare.EncodingObject,
		fakecloudflare.EncodingText, fakecloudflare.EncodingBytes,
	} {
		for _, metadata := range []fakecloudflare.MetadataForm{
			fakecloudflare.MetadataObject, fakecloudflare.MetadataNull, fakecloudflare.MetadataString,
		} {
			for _, words := range []fakecloudflare.EventWords{fakecloudflare.WordsOfDocs, fakecloudflare.WordsOfTemplate} {
				t.Run(fmt.Sprintf("%s/%s/%s", encoding, metadata, words), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						srv := fakecloudflare.New(fakecloudflare.Options{})
						srv.AddQueue("builds", fakecloudflare.QueueOptions{})
						srv.Subscribe(fakecloudflare.Subscription{Queue: "builds", Encoding: encoding, Metadata: metadata, Words: words})
						b := newBook()
						c := newConsumer(srv, b)
						run := func(outcome fakecloudflare.BuildOutcome) fakecloudflare.Build {
							id := srv.StartBuild("shop", fakecloudflare.BuildOptions{Author: "Ada", Message: "Fix"}).UUID
							srv.AdvanceBuild(id)
							time.Sleep(time.Second)
							srv.AdvanceBuild(id)
							time.Sleep(time.Second)
							return srv.FinishBuild(id, fakecloudflare.BuildResult{Outcome: outcome, Log: []string{"error: no"}})
						}
						run(fakecloudflare.BuildSucceeded)
						time.Sleep(time.Second)
						failed := run(fakecloudflare.BuildFailed)
						time.Sleep(time.Second)
						run(fakecloudflare.BuildCancelled)
						pullOnce(t, c)
						events := b.take()
						wantLines(t, events,
							"worker shop in_progress", "worker shop success",
							"worker shop in_progress", "worker shop failure: the build failed",
							"worker shop in_progress", "worker shop canceled",
							"worker shop failure: error: no",
						)
						e := events[6]
						if e.Source != shipbell.SourceBuilds || e.Keys[0].ID != failed.UUID || e.Commit != failed.Options.Commit || e.Author != "Ada" ||
							e.Log != "error: no" || !e.At.Equal(events[3].At) || e.RepositoryURL != "https://github.com/acme/shop" || e.LogURL == "" {
							t.Errorf("event = %+v", e)
						}
						if n := len(srv.Acked("builds")); n != 6 {
							t.Errorf("%d messages acknowledged", n)
						}
						pullOnce(t, c)
						wantLines(t, b.take())
					})
				})
			}
		}
	}
}

func TestQueueRecordsBeforeItAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		srv.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
		id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
		srv.FinishBuild(id, fakecloudflare.BuildResult{})
		b := newBook()

		// The ledger fails for longer than the lease lasts, and then the process
		// dies: nothing was acknowledged.
		b.failing = 1000
		c := newConsumer(srv, b)
		stop := runs(t, c)
		time.Sleep(2 * time.Minute)
		stop()
		if len(b.events) != 0 || len(srv.Acked("builds")) != 0 || len(srv.Pending("builds")) != 2 {
			t.Fatalf("%d events, %d acknowledged, %d pending", len(b.events), len(srv.Acked("builds")), len(srv.Pending("builds")))
		}
		// It is stored, and the acknowledgement is lost: it comes again, and is
		// recorded once.
		b.failing = 0
		srv.SetFaults(func(c fakecloudflare.Call) fakecloudflare.Fault {
			if strings.HasSuffix(c.Route, "/ack") {
				return fakecloudflare.Fault{Kind: fakecloudflare.FaultStatus}
			}
			return fakecloudflare.Fault{}
		})
		c = newConsumer(srv, b)
		pullOnce(t, c)
		srv.SetFaults(nil)
		pullOnce(t, c)
		if len(srv.Acked("builds")) != 0 {
			t.Error("acknowledged what is leased")
		}
		time.Sleep(2 * time.Minute)
		pullOnce(t, c)
		if n := len(srv.Acked("builds")); n != 2 || len(srv.Pending("builds")) != 0 {
			t.Errorf("%d acknowledged", n)
		}
		wantLines(t, b.take(), "worker shop in_progress", "worker shop success")
		if b.repeats == 0 {
			t.Error("nothing came again")
		}
	})
}

func TestQueueHoldsABatchWhileTheLedgerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddQueue("builds", fakecloudflare.QueueOptions{MaxRetries: -1}) // a second delivery would be none
		srv.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
		id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
		srv.FinishBuild(id, fakecloudflare.BuildResult{})
		b := newBook()
		b.failing = 3
		stop := runs(t, newConsumer(srv, b))
		time.Sleep(time.Minute)
		stop()
		wantLines(t, b.take(), "worker shop in_progress", "worker shop success")
		if n := len(srv.Acked("builds")); n != 2 {
			t.Errorf("%d acknowledged", n)
		}
	})
}

func TestPoisonIsKeptAndPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		b := newBook()
		c := newConsumer(srv, b)
		for i := range 25 {
			srv.Send("builds", fakecloudflare.QueueMessage{Body: fmt.Sprintf("%d no event %s", i, strings.Repeat("x ", 5000)), Encoding: fakecloudflare.EncodingText})
		}
		id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
		srv.EmitBuild("builds", id, fakecloudflare.BuildEventStarted, fakecloudflare.WordsOfDocs, fakecloudflare.EncodingBase64JSON)
		srv.Send("builds", fakecloudflare.QueueMessage{Body: `{"type":"cf.workersBuilds.worker.build.succeeded","payload":{}}`, Encoding: fakecloudflare.EncodingJSON})
		srv.Send("builds", fakecloudflare.QueueMessage{Body: `{"type":"cf.workers.script.secret.created"}`, Encoding: fakecloudflare.EncodingJSON})
		pullOnce(t, c)
		wantLines(t, b.take(), "worker shop in_progress")
		if n := len(srv.Acked("builds")); n != 28 {
			t.Errorf("%d acknowledged", n)
		}
		c = newConsumer(srv, b)
		pullOnce(t, c)
		h := c.Hearing()
		if len(h.Poison) != 20 || len(h.Notes) != 1 || !strings.Contains(h.Poison[19].Reason, "a build without its id") ||
			!strings.HasPrefix(h.Poison[18].Body, "24 no event") || len(h.Poison[18].Body) > 500 {
			t.Errorf("hearing = %+v", h)
		}
	})
}

func TestQueueOfDeployments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		srv.Subscribe(fakecloudflare.Subscription{Queue: "builds", Source: fakecloudflare.SourceOfDeployments, Encoding: fakecloudflare.EncodingText})
		b := newBook()
		heard := 0
		c := cloudflare.NewConsumer(cloudflare.ConsumerOptions{
			Client: newClient(srv), Ledger: b, Queue: "builds", Heard: func() { heard++ },
			Base: func(_, script string) (string, string, string) { return "shop", "staging", "https://shop.example.com" },
		})
		d := srv.Deploy("shop-staging", fakecloudflare.DeployOptions{})
		srv.PutSecret("shop-staging", "KEY")
		time.Sleep(time.Second)
		srv.Rollback("shop-staging", d.Versions[0].Version, "")
		pullOnce(t, c)
		events := b.take()
		wantLines(t, events, "worker shop success to staging", "worker shop success to staging by rollback")
		if e := events[0]; len(e.Keys) != 1 || e.Keys[0].ID != d.ID || e.Script != "shop-staging" || e.URL != "https://shop.example.com" || heard != 1 {
			t.Errorf("event = %+v, heard %d", e, heard)
		}
	})
}

func TestQueueLateFilterAndBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddQueue("other", fakecloudflare.QueueOptions{})
		srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		srv.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
		b := newBook()
		for range 120 {
			id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
			srv.FinishBuild(id, fakecloudflare.BuildResult{})
			srv.StartBuild("api", fakecloudflare.BuildOptions{})
		}
		time.Sleep(2 * time.Hour)
		id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
		srv.FinishBuild(id, fakecloudflare.BuildResult{})
		c := cloudflare.NewConsumer(cloudflare.ConsumerOptions{
			Client: newClient(srv), Ledger: b, Queue: "builds",
			Allow: func(_ shipbell.ProjectType, name string) bool { return name == "shop" },
		})
		stop := runs(t, c)
		time.Sleep(time.Second) // full batches are followed at once
		stop()
		if n := len(srv.Acked("builds")); n != 242 {
			t.Errorf("%d acknowledged", n)
		}
		if n := len(b.take()); n != 242 {
			t.Errorf("%d events", n)
		}
		if len(b.reports) < 3 || b.reports[0].LateBefore.IsZero() {
			t.Errorf("%d reports, late before %s", len(b.reports), b.reports[0].LateBefore)
		}
	})
}

func TestQueueThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		b := newBook()
		c := newConsumer(srv, b)
		stop := runs(t, c)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		h := c.Hearing()
		if h.BlindSince.IsZero() || !strings.Contains(h.Reason, `no queue "builds"`) || !strings.Contains(h.Hint, "SHIPBELL_BUILDS_QUEUE") {
			t.Errorf("hearing = %+v", h)
		}
		if len(b.bulletins) != 1 || b.bulletins[0].Source != shipbell.SourceBuilds || !strings.HasPrefix(b.bulletins[0].Key, "blind/builds/") {
			t.Errorf("bulletins = %+v", b.bulletins)
		}
		srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if h := c.Hearing(); !h.BlindSince.IsZero() || b.bulletins[0].OverAt.IsZero() {
			t.Errorf("hearing = %+v, bulletins %+v", h, b.bulletins)
		}
		stop()
	})
}

func TestQueueWithoutTheBuildsScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{Tokens: []fakecloudflare.Token{{
			Secret: fakecloudflare.DefaultToken, Scopes: []fakecloudflare.Scope{fakecloudflare.ScopeQueuesWrite, fakecloudflare.ScopeAccount},
		}}})
		srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		srv.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
		id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
		srv.FinishBuild(id, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildFailed})
		b := newBook()
		c := newConsumer(srv, b)
		pullOnce(t, c)
		wantLines(t, b.take(), "worker shop in_progress", "worker shop failure: the build failed")
		before := srv.CallCount()
		pullOnce(t, c)
		if routes := asked(srv, before); !slices.Equal(routes, []string{"POST /accounts/{account}/queues/{queue}/messages/pull"}) {
			t.Errorf("asked %v", routes)
		}
	})
}
