package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/render"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// bubble is a server's parts in fake time: poller, ledger, watch and dispatcher
// on a fake Cloudflare and a fake Telegram with its limits.
type bubble struct {
	*testing.T
	cf     *fakecloudflare.Server
	tg     *faketelegram.Server
	ledger *ledger.Ledger
	poller *cloudflare.Poller
}

func (*bubble) Channels(shipbell.Deployment) []shipbell.ChannelID {
	return []shipbell.ChannelID{shipbell.ChannelID(fmt.Sprintf("telegram:%d", group))}
}
func (b *bubble) Everywhere() []shipbell.ChannelID { return b.Channels(shipbell.Deployment{}) }

// inBubble runs a test on a running server, after setUp and the first look.
func inBubble(t *testing.T, setUp, test func(*bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{T: t, cf: fakecloudflare.New(fakecloudflare.Options{}), tg: faketelegram.New(faketelegram.Options{})}
		b.tg.AddChat(faketelegram.Chat{ID: group, Type: faketelegram.Supergroup})
		setUp(b)
		chats, err := telegram.ParseChats(fmt.Sprint(group))
		if err != nil {
			t.Fatal(err)
		}
		channel := telegram.New(telegram.Config{
			Token: outbound.NewSecret(b.tg.Token()), Chat: chats[0], HTTP: outbound.New(outbound.Options{Transport: b.tg.Client().Transport}),
		})
		var d *dispatch.Dispatcher
		b.ledger = ledger.New(ledger.Options{Store: memory.New(), Router: b, Asked: true, Wake: func(c shipbell.ChannelID) { d.Wake(c) }})
		d = dispatch.New(dispatch.Options{
			Ledger: b.ledger, Channels: []dispatch.Channel{channel}, Render: render.Announcement, Grace: time.Second,
			NothingDue: func(err error) (time.Time, bool) {
				var none ledger.NothingDue
				ok := errors.As(err, &none)
				return none.Next, ok
			},
		})
		b.poller = cloudflare.NewPoller(cloudflare.PollerOptions{
			Ledger: b.ledger,
			Client: cloudflare.NewClient(cloudflare.ClientOptions{
				Token: outbound.NewSecret(fakecloudflare.DefaultToken), BaseURL: "https://api.cloudflare.com/client/v4",
				HTTP: outbound.New(outbound.Options{Transport: b.cf.Client().Transport, MaxBody: cloudflare.MaxBody}),
			}),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{}, 3)
		for _, run := range []func(context.Context) error{d.Run, b.poller.Run, func(ctx context.Context) error {
			for ctx.Err() == nil {
				if _, err := b.ledger.Watch(ctx, b.poller); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
				case <-time.After(15 * time.Second):
				}
			}
			return nil
		}} {
			go func() {
				if err := run(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				ended <- struct{}{}
			}()
		}
		b.pass(2 * time.Minute)
		test(b)
		cancel()
		for range cap(ended) {
			<-ended
		}
	})
}

// pass lets time pass until nobody has anything to do.
func (b *bubble) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// texts are the messages in the chat.
func (b *bubble) texts() []string {
	var texts []string
	for _, m := range b.tg.Messages(group) {
		if !m.Deleted {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// TestAPIDownForThreeHours: 40 deployments happen meanwhile. All are recorded
// afterwards; one message tells of them, and of each failure its own.
func TestAPIDownForThreeHours(t *testing.T) {
	inBubble(t, func(b *bubble) {
		for n := range 20 {
			b.cf.Deploy(fmt.Sprintf("worker-%02d", n), fakecloudflare.DeployOptions{})
		}
		for n := range 5 {
			b.cf.AddPagesProject(fakecloudflare.PagesProject{Name: fmt.Sprintf("site-%d", n)})
		}
	}, func(b *bubble) {
		if texts := b.texts(); len(texts) > 0 {
			b.Fatalf("the first look was not silent: %q", texts)
		}
		down := time.Now()
		b.cf.SetFaults(func(fakecloudflare.Call) fakecloudflare.Fault {
			return fakecloudflare.Fault{Kind: fakecloudflare.FaultStatus, Status: 503}
		})
		for n := range 40 {
			b.pass(3 * time.Minute)
			switch {
			case n%10 == 9:
				p := b.cf.StartPages(fmt.Sprintf("site-%d", n/10), fakecloudflare.PagesOptions{Message: fmt.Sprint("break ", n)})
				p.Fail("✘ [ERROR] Could not resolve \"./auth\"")
			default:
				b.cf.Deploy(fmt.Sprintf("worker-%02d", n%20), fakecloudflare.DeployOptions{Message: fmt.Sprint("change ", n)})
			}
		}
		b.pass(time.Hour)
		texts := b.texts()
		if len(texts) != 1 || !strings.Contains(texts[0], "Cloudflare") {
			b.Fatalf("after three hours of blindness: %q", texts)
		}
		b.cf.SetFaults(nil)
		b.pass(10 * time.Minute)
		texts = b.texts()
		failures := 0
		for _, text := range texts[1:] {
			if strings.Contains(text, "❌ Failed") {
				failures++
			}
		}
		if len(texts) != 6 || failures != 4 {
			b.Fatalf("%d messages, %d of them failures:\n%s", len(texts), failures, strings.Join(texts, "\n---\n"))
		}
		recorded := 0
		for n := range 20 {
			stories, err := b.ledger.Search(b.Context(), fmt.Sprintf("worker-%02d", n), 100)
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range stories {
				if s.Deployment.StartedAt.After(down) {
					recorded++
				}
			}
		}
		if recorded != 36 {
			b.Errorf("%d deployments of Workers were recorded, want 36", recorded)
		}
	})
}

// TestGreenBuildWithoutDeployment: the build says success, and production does
// not move.
func TestGreenBuildWithoutDeployment(t *testing.T) {
	inBubble(t, func(b *bubble) { b.cf.Deploy("api-service", fakecloudflare.DeployOptions{}) }, func(b *bubble) {
		build := b.cf.StartBuild("api-service", fakecloudflare.BuildOptions{Message: "Add JWT authentication"})
		b.cf.AdvanceBuild(build.UUID)
		b.pass(3 * time.Minute)
		b.cf.FinishBuild(build.UUID, fakecloudflare.BuildResult{})
		b.pass(10 * time.Minute)
		texts := b.texts()
		if len(texts) != 2 || !strings.Contains(texts[0], "❌ Not live") || !strings.HasPrefix(texts[1], "🧊 api-service (production) has not moved") {
			b.Fatalf("after a green build without a deployment:\n%s", strings.Join(texts, "\n---\n"))
		}
		build = b.cf.StartBuild("api-service", fakecloudflare.BuildOptions{Message: "Again"})
		b.cf.FinishBuild(build.UUID, fakecloudflare.BuildResult{Deploys: true})
		b.pass(10 * time.Minute)
		texts = b.texts()
		if len(texts) != 4 || !strings.Contains(strings.Join(texts, "\n"), "✅ api-service (production) has moved") {
			b.Errorf("after the next one:\n%s", strings.Join(texts, "\n---\n"))
		}
	})
}
