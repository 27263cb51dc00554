package console_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/channel/console"
	"github.com/shipbell/shipbell/internal/render"
)

func TestGolden(t *testing.T) {
	var out strings.Builder
	c := console.New(&out)
	for i, d := range channeltest.Deployments() {
		ref := shipbell.MessageRef("")
		if i%2 == 1 {
			ref = "printed"
		}
		if _, err := c.Deliver(t.Context(), shipbell.Delivery{Message: render.Message(d.Deployment), Ref: ref}); err != nil {
			t.Fatal(err)
		}
	}
	channeltest.Golden(t, "console.golden", out.String())
}

// TestGoldenAnnouncements keeps replies, quotations and a removal as they are
// printed.
func TestGoldenAnnouncements(t *testing.T) {
	var out strings.Builder
	c := console.New(&out)
	for _, a := range channeltest.Announcements() {
		d := shipbell.Delivery{
			Message: render.Announcement(a.Announcement, a.Subject), Ref: a.Announcement.Ref,
			ReplyTo: a.Announcement.Main, Remove: a.Announcement.Part.Obsolete(),
		}
		if _, err := c.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	channeltest.Golden(t, "announcements.golden", out.String())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestBrokenOutputIsTemporary(t *testing.T) {
	_, err := console.New(broken{}).Deliver(t.Context(), shipbell.Delivery{})
	var de *shipbell.DeliveryError
	if !errors.As(err, &de) || de.Fault != shipbell.FaultTemporary {
		t.Errorf("got %v, want a temporary fault", err)
	}
}
