package cloudflare_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// everywhere shows everything in one channel.
type everywhere struct{}

func (everywhere) Channels(shipbell.Deployment) []shipbell.ChannelID {
	return []shipbell.ChannelID{"console"}
}
func (everywhere) Everywhere() []shipbell.ChannelID { return []shipbell.ChannelID{"console"} }

// TestOneDeploymentOfAllSources puts build step, queue and poller together on the
// real ledger.
func TestOneDeploymentOfAllSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddQueue("builds", fakecloudflare.QueueOptions{})
		srv.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
		srv.AddWorker(fakecloudflare.Worker{Name: "shop-staging", Tags: []string{"cf:service=shop", "cf:environment=staging"}})
		l := ledger.New(ledger.Options{Store: memory.New(), Router: everywhere{}, Asked: true})
		p := cloudflare.NewPoller(cloudflare.PollerOptions{Client: newClient(srv), Ledger: l})
		c := cloudflare.NewConsumer(cloudflare.ConsumerOptions{Client: newClient(srv), Ledger: l, Queue: "builds", Base: p.Base, Heard: p.Wake})
		once(t, p)
		time.Sleep(time.Minute)

		build := srv.StartBuild("shop-staging", fakecloudflare.BuildOptions{Author: "Ada"})
		srv.AdvanceBuild(build.UUID)
		srv.AdvanceBuild(build.UUID)
		pushed := shipbell.Key{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: build.UUID}
		_, err := l.Record(t.Context(), shipbell.Event{
			Source: shipbell.SourcePush, ID: "1", Keys: []shipbell.Key{pushed}, At: time.Now().UTC(),
			Observation: shipbell.Observation{Type: shipbell.Worker, Project: "shop", Environment: "staging", Status: shipbell.Announced, Commit: build.Options.Commit},
		})
		if err != nil {
			t.Fatal(err)
		}
		pullOnce(t, c)
		minute(t, p)
		done := srv.FinishBuild(build.UUID, fakecloudflare.BuildResult{Deploys: true})
		pullOnce(t, c)
		minute(t, p)
		minute(t, p)

		var deployments []shipbell.DeploymentID
		for _, id := range []string{build.UUID, done.Version, done.Deployment} {
			story, err := l.Story(t.Context(), shipbell.Key{Type: shipbell.Worker, ID: id})
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			deployments = append(deployments, story.Deployment.ID)
			if d := story.Deployment; d.Status != shipbell.Success || d.Project != "shop" || d.Environment != "staging" || d.Author != "Ada" || d.Took() <= 0 {
				t.Errorf("deployment = %+v", d)
			}
		}
		if len(slices.Compact(deployments)) != 1 {
			t.Errorf("it is %v deployments", deployments)
		}
	})
}

func TestBuildThatIsKnownLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		minute(t, p)
		srv.SetFaults(func(c fakecloudflare.Call) fakecloudflare.Fault {
			if strings.HasSuffix(c.Route, "/builds/builds") {
				return fakecloudflare.Fault{Kind: fakecloudflare.FaultRefuse, Status: 404}
			}
			return fakecloudflare.Fault{}
		})
		id := srv.StartBuild("shop", fakecloudflare.BuildOptions{}).UUID
		time.Sleep(time.Second)
		done := srv.FinishBuild(id, fakecloudflare.BuildResult{Deploys: true})
		minute(t, p)
		for _, e := range b.take() {
			if len(ids(e, shipbell.KeyBuild)) > 0 && len(ids(e, shipbell.KeyVersion)) > 0 {
				t.Errorf("joined before it is known: %v", e.Keys)
			}
		}
		p = newPoller(srv, b) // that is remembered
		minute(t, p)
		srv.SetFaults(nil)
		minute(t, p)
		events := b.take()
		if len(events) != 1 || !slices.Equal(ids(events[0], shipbell.KeyBuild), []string{id}) || !slices.Equal(ids(events[0], shipbell.KeyVersion), []string{done.Version}) {
			t.Errorf("events = %+v", events)
		}
		before := srv.CallCount()
		minute(t, p)
		if slices.Contains(asked(srv, before), "GET /accounts/{account}/builds/builds") {
			t.Error("asked again for what is known")
		}
	})
}

func TestWhatHadNoDeploymentsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour) // the bubble begins where times stop to be plausible
		srv := fakecloudflare.New(fakecloudflare.Options{Now: func() time.Time { return time.Now().Add(-3 * time.Minute) }})
		srv.AddWorker(fakecloudflare.Worker{Name: "shop"})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
		b := newBook()
		p := newPoller(srv, b)
		once(t, p)
		// Cloudflare's clock is behind: this is before the first look.
		time.Sleep(time.Minute)
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		srv.StartPages("docs", fakecloudflare.PagesOptions{}).Finish()
		once(t, p)
		if n := len(b.take()); n != 3 {
			t.Errorf("%d events, want 3", n)
		}
	})
}

// rewrite changes the answers to some requests.
type rewrite struct {
	http.RoundTripper
	change func(path, body string) string
}

func (r rewrite) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(strings.NewReader(r.change(req.URL.Path, string(body))))
	return resp, nil
}

func pollerWith(srv *fakecloudflare.Server, b *book, change func(path, body string) string) *cloudflare.Poller {
	return cloudflare.NewPoller(cloudflare.PollerOptions{Ledger: b, Client: cloudflare.NewClient(cloudflare.ClientOptions{
		Token: outbound.NewSecret(fakecloudflare.DefaultToken),
		HTTP:  outbound.New(outbound.Options{MaxBody: cloudflare.MaxBody, Transport: rewrite{srv.Client().Transport, change}}),
	})})
}

func TestDeletedPagesDeploymentsAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
		var all []*fakecloudflare.PagesDeployment
		for range 4 {
			all = append(all, srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "topic"}))
			all[len(all)-1].Finish()
			time.Sleep(time.Hour)
		}
		b := newBook()
		deleted := 0
		p := pollerWith(srv, b, func(path, body string) string {
			if !strings.Contains(path, "/pages/projects") {
				return body
			}
			var v map[string]any
			if err := json.Unmarshal([]byte(body), &v); err != nil {
				t.Error(err)
			}
			gone := map[string]bool{}
			for _, d := range all[len(all)-deleted:] {
				gone[d.ID] = true
			}
			var left []any
			for _, item := range v["result"].([]any) {
				o := item.(map[string]any)
				if latest, ok := o["latest_deployment"].(map[string]any); ok && gone[latest["id"].(string)] {
					latest["id"] = all[len(all)-deleted-1].ID
					latest["created_on"] = "2000-01-01T00:00:00Z"
				}
				if !gone[o["id"].(string)] {
					left = append(left, o)
				}
			}
			v["result"] = left
			out, _ := json.Marshal(v)
			return string(out)
		})
		once(t, p)
		deleted = 2
		minute(t, p)
		minute(t, p)
		wantLines(t, b.take())
	})
}

func TestAnswersThatAreOdd(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"null results": func(string) string {
			return `{"success":true,"errors":null,"messages":null,"result":null,"result_info":null}`
		},
		"empty lists":    func(string) string { return `{"success":true,"result":[],"result_info":{"total_pages":0}}` },
		"another result": func(string) string { return `{"success":true,"errors":[],"result":{"a":[{"b":null}]}}` },
		"items of nulls": func(string) string {
			return `{"success":true,"result":[null,{},{"id":null,"name":null},7],"result_info":"x"}`
		},
		"unknown fields": func(body string) string {
			return strings.ReplaceAll(body, `"id":`, `"new":{"x":[null]},"id":`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := fakecloudflare.New(fakecloudflare.Options{})
				srv.Deploy("shop", fakecloudflare.DeployOptions{})
				b := newBook()
				odd := false
				p := pollerWith(srv, b, func(path, body string) string {
					if odd && !strings.HasSuffix(path, "/accounts") {
						return change(body)
					}
					return body
				})
				once(t, p)
				odd = true
				for range 3 {
					time.Sleep(time.Minute)
					_, _ = p.Once(t.Context())
				}
				wantLines(t, b.take())
			})
		})
	}
}

func TestMemoryThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := fakecloudflare.New(fakecloudflare.Options{})
		srv.Deploy("shop", fakecloudflare.DeployOptions{})
		b := newBook()
		b.memory[shipbell.SourcePoll] = "{"
		p := newPoller(srv, b)
		stop := runs(t, p)
		time.Sleep(10 * time.Minute)
		stop()
		if h := p.Hearing(); h.BlindSince.IsZero() || h.Reason == "" || h.Hint == "" {
			t.Errorf("hearing = %+v", h)
		}
		if srv.CallCount() > 0 || len(b.reports) > 0 {
			t.Error("it looked as if for the first time")
		}
	})
}
