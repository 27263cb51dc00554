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

// TestGoldenAnnouncements does so for every other message. People read what the
// plain form says, but for addresses and the indentation of what is quoted.
func TestGoldenAnnouncements(t *testing.T) {
	f := newFake(t, faketelegram.Options{Unlimited: true})
	c := f.channel(id(group))
	var b strings.Builder
	for i, a := range channeltest.Announcements() {
		m := render.Announcement(a.Announcement, a.Subject)
		deliver(t, c, shipbell.Delivery{Message: m})
		posted := f.Messages(group)[i]
		b.WriteString("=== " + a.Name + "\n" + posted.Raw + "\n\n")
		quotes := 0
		for _, e := range posted.Entities {
			if e.Type == faketelegram.ExpandableBlockquote {
				quotes++
			}
		}
		if want := quotations(m); quotes != want {
			t.Errorf("%s: %d quotations, want %d", a.Name, quotes, want)
		}
	}
	channeltest.Golden(t, "announcements.golden", b.String())
}

func quotations(m shipbell.Message) int {
	n := 0
	for i, l := range m.Lines {
		if l.Quote && (i == 0 || !m.Lines[i-1].Quote) {
			n++
		}
	}
	return n
}
