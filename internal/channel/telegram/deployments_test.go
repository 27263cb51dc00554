package telegram_test

import (
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/channel/telegram"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/outbound"
	"github.com/shipbell/shipbell/internal/render"
)

// TestGoldenDeployments keeps the HTML of every deployment of the shared list,
// as Telegram received and accepted it, and the text that people read.
func TestGoldenDeployments(t *testing.T) {
	fake := faketelegram.New(faketelegram.Options{Unlimited: true})
	fake.AddChat(faketelegram.Chat{ID: -1, Type: faketelegram.Group})
	chats, err := telegram.ParseChats("-1")
	if err != nil {
		t.Fatal(err)
	}
	c := telegram.New(telegram.Config{
		Token: outbound.NewSecret(fake.Token()), Chat: chats[0],
		HTTP: outbound.New(outbound.Options{Transport: fake.Client().Transport}),
	})
	var b strings.Builder
	for i, d := range channeltest.Deployments() {
		m := render.Message(d.Deployment)
		if _, err := c.Deliver(t.Context(), shipbell.Delivery{Message: m}); err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		posted := fake.Messages(-1)[i]
		b.WriteString("=== " + d.Name + "\n" + posted.Raw + "\n\n")
		if d.Name == "contract" && posted.Text != m.Plain() {
			t.Errorf("people read:\n%s\nwant:\n%s", posted.Text, m.Plain())
		}
	}
	channeltest.Golden(t, "deployments.golden", b.String())
	if v := fake.Violations(); len(v) > 0 {
		t.Errorf("violations: %s", v)
	}
}
