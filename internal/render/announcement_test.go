package render_test

import (
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/render"
)

func TestGoldenAnnouncements(t *testing.T) {
	var b strings.Builder
	for _, c := range channeltest.Announcements() {
		m := render.Announcement(c.Announcement, c.Subject)
		if m.Empty() {
			t.Errorf("%s tells nothing", c.Name)
		}
		b.WriteString("=== " + c.Name + "\n" + m.Plain() + "\n\n")
	}
	channeltest.Golden(t, "announcements.golden", b.String())
}

func TestNothingToTell(t *testing.T) {
	for _, c := range channeltest.Nothing() {
		if m := render.Announcement(c.Announcement, c.Subject); !m.Empty() {
			t.Errorf("%s tells:\n%s", c.Name, m.Plain())
		}
	}
}

// TestShownAlertsAreNeverEmpty: a message that is there must end up true, so an
// alert that is shown always has words.
func TestShownAlertsAreNeverEmpty(t *testing.T) {
	for _, c := range channeltest.Announcements() {
		if c.Subject.Bulletin != nil {
			continue
		}
		c.Announcement.Part, c.Announcement.Ref = shipbell.PartAlert, "posted"
		if render.Announcement(c.Announcement, c.Subject).Empty() {
			t.Errorf("%s: the shown alert would be left as it is", c.Name)
		}
	}
}

// TestAnnouncedStaysAsItIs: whatever the ledger knows of the history, the words
// of the contract do not change.
func TestAnnouncedStaysAsItIs(t *testing.T) {
	for _, c := range channeltest.Deployments() {
		if c.Deployment.Status != shipbell.Announced {
			continue
		}
		l := shipbell.Lineage{Previous: &c.Deployment, Live: &c.Deployment, Failures: 3}
		got := render.Announcement(shipbell.Announcement{}, shipbell.Subject{Deployment: c.Deployment, Lineage: l}).Plain()
		if want := render.Message(c.Deployment).Plain(); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.Name, got, want)
		}
	}
}

func TestNoValueMakesALineOfAnAnnouncement(t *testing.T) {
	for _, c := range channeltest.Announcements() {
		for _, l := range render.Announcement(c.Announcement, c.Subject).Lines {
			for _, s := range l.Spans {
				if strings.ContainsAny(s.Text, "\n\r\u2028\u202e\u2067\x00\x1b") {
					t.Errorf("%s: %q reaches the message", c.Name, s.Text)
				}
			}
		}
	}
}
