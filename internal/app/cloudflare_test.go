package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell/internal/config"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
)

// startAsking starts a server that asks a fake Cloudflare, after its first look.
func startAsking(t *testing.T, cf *fakecloudflare.Server, change ...func(*config.Settings)) *server {
	t.Helper()
	api, stop, err := cf.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s := start(t, append([]func(*config.Settings){func(c *config.Settings) {
		c.Cloudflare = config.Cloudflare{Token: fakecloudflare.DefaultToken, API: api, Interval: 50 * time.Millisecond}
	}}, change...)...)
	s.until("the first look", func() bool {
		_, body := s.request("GET", "/health?verbose", "", "")
		return strings.Contains(body, `"source":"poll","status":"ok"`)
	})
	return s
}

// until waits for something that no fake can wait for.
func (s *server) until(what string, done func() bool) {
	s.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			s.Fatalf("waited for %s in vain; the log:\n%s", what, s.log)
		}
		if code, _ := s.request("GET", "/health", "", ""); code != 200 {
			s.Fatalf("health is %d", code)
		}
	}
}

// shows waits until the chat shows as many messages as there are texts, each
// with its text in it.
func (s *server) shows(texts ...string) {
	s.Helper()
	got := ""
	s.until(fmt.Sprint(texts), func() bool {
		got = ""
		n, fits := 0, true
		for _, m := range s.fake.Messages(group) {
			if m.Deleted {
				continue
			}
			got += m.Text + "\n---\n"
			fits = fits && n < len(texts) && strings.Contains(m.Text, texts[n])
			n++
		}
		return fits && n == len(texts)
	})
}

func TestPushAndPollAreOneMessage(t *testing.T) {
	cf := fakecloudflare.New(fakecloudflare.Options{})
	cf.Deploy("api-service", fakecloudflare.DeployOptions{})
	s := startAsking(t, cf)
	s.push(contract())
	s.shows("Deployment ID: build-abc123")
	cf.Deploy("api-service", fakecloudflare.DeployOptions{Author: "dev@example.com"})
	s.shows("✅ Deployed")
	if text := s.fake.Messages(group)[0].Text; !strings.Contains(text, "Deployment ID: build-abc123") {
		t.Errorf("the message now reads:\n%s", text)
	}
	// One that nobody pushed.
	cf.Deploy("web", fakecloudflare.DeployOptions{})
	s.shows("✅ Deployed", "Project: web")
	if strings.Contains(s.log.String(), fakecloudflare.DefaultToken) {
		t.Error("the token is in the log")
	}
}

// contract is the request of the contract, of a moment ago.
func contract() string {
	return fmt.Sprintf(`{"deployment":{"type":"worker","projectName":"api-service","deploymentId":"build-abc123","timestamp":%q}}`,
		time.Now().Add(-2*time.Second).UTC().Format(time.RFC3339Nano))
}

func TestBuildEventsAndTheirLog(t *testing.T) {
	cf := fakecloudflare.New(fakecloudflare.Options{})
	cf.Deploy("api-service", fakecloudflare.DeployOptions{})
	cf.AddQueue("builds", fakecloudflare.QueueOptions{})
	cf.Subscribe(fakecloudflare.Subscription{Queue: "builds"})
	s := startAsking(t, cf, func(c *config.Settings) { c.Cloudflare.Queue = "builds" })
	b := cf.StartBuild("api-service", fakecloudflare.BuildOptions{Message: "Add JWT authentication", Author: "dev@example.com"})
	cf.AdvanceBuild(b.UUID)
	cf.AdvanceBuild(b.UUID)
	s.shows("Add JWT authentication")
	cf.FinishBuild(b.UUID, fakecloudflare.BuildResult{Outcome: fakecloudflare.BuildFailed, Log: []string{
		"Executing user build command: npm run build", "✘ [ERROR] Could not resolve \"./auth\"", "", "    src/index.ts:3:22:", "Failed: error occurred while running build command",
	}})
	s.shows("❌ Failed", "Could not resolve")
	alert := s.fake.Messages(group)[1]
	if alert.ReplyTo != s.fake.Messages(group)[0].ID {
		t.Errorf("the alert answers message %d:\n%s", alert.ReplyTo, alert.Text)
	}
	b = cf.StartBuild("api-service", fakecloudflare.BuildOptions{Message: "Mend it"})
	cf.FinishBuild(b.UUID, fakecloudflare.BuildResult{Deploys: true})
	s.shows("❌ Failed", "Could not resolve", "✅ Deployed")
	if code, body := s.request("GET", "/health?verbose", "", ""); code != 200 || !strings.Contains(body, `"source":"builds","status":"ok"`) {
		t.Errorf("%d %s", code, body)
	}
	if n := len(cf.Pending("builds")); n != 0 {
		t.Errorf("%d events are still in the queue", n)
	}
}
