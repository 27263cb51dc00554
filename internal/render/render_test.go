package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/channel/channeltest"
	"github.com/shipbell/shipbell/internal/render"
)

// contract is the message of the contract, to the letter.
const contract = `⚡ New Worker Deployment

Project: api-service
Environment: 🚀 production
Deployment ID: build-abc123
Author: dev@example.com
Branch: feature/add-auth
Commit: abc123d - Add JWT authentication
Time: Jan 15, 2025, 10:30 AM UTC`

func TestContract(t *testing.T) {
	if got := render.Message(shipbell.NewDeployment(channeltest.Contract())).Plain(); got != contract {
		t.Errorf("got:\n%s\nwant:\n%s", got, contract)
	}
}

func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, c := range channeltest.Deployments() {
		b.WriteString("=== " + c.Name + "\n" + render.Message(c.Deployment).Plain() + "\n\n")
	}
	channeltest.Golden(t, "plain.golden", b.String())
}

// TestNoValueMakesALine: whatever a pusher sends, a message has the lines it
// should have and no others.
func TestNoValueMakesALine(t *testing.T) {
	for _, c := range channeltest.Deployments() {
		for _, l := range render.Message(c.Deployment).Lines {
			for _, s := range l.Spans {
				if strings.ContainsAny(s.Text, "\n\r\u2028\u202e\x00\x1b") {
					t.Errorf("%s: %q reaches the message", c.Name, s.Text)
				}
			}
		}
	}
}

// TestTowers: a letter bears as many marks as any script puts on one, and no more.
func TestTowers(t *testing.T) {
	marks := func(n int) string { return strings.Repeat("\u0301\u0489", n/2) }
	for text, want := range map[string]string{
		"x" + marks(600) + "y" + marks(4): "x" + marks(10) + "y" + marks(4),
		"Zoe\u0308":                       "Zoe\u0308",
		"लॉगिन त्रुटि ठीक करें": "लॉगिन त्रुटि ठीक करें",
	} {
		if got := render.Text(text); got != want {
			t.Errorf("%d bytes became %q", len(text), got)
		}
	}
	var d shipbell.Deployment
	d.Type, d.Project, d.Status, d.Log = shipbell.Worker, "p", shipbell.Failure, "ERROR x"+marks(600)
	for _, l := range render.Message(d).Lines {
		for _, s := range l.Spans {
			if strings.Count(s.Text, "\u0301") > 5 {
				t.Errorf("a tower reaches the message: %q", s.Text)
			}
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		300 * time.Millisecond: "1 s",
		34 * time.Second:       "34 s",
		60 * time.Second:       "1 min",
		125 * time.Second:      "2 min 5 s",
		59*time.Minute + 59*time.Second + 600*time.Millisecond: "1 h",
		80 * time.Minute: "1 h 20 min",
		50 * time.Hour:   "50 h",
	} {
		if got := render.Duration(d); got != want {
			t.Errorf("Duration(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	for at, want := range map[string]string{
		"2025-01-15T00:05:00Z":      "Jan 15, 2025, 12:05 AM UTC",
		"2025-12-31T23:59:59-01:00": "Jan 1, 2026, 12:59 AM UTC",
		"2025-06-01T09:05:00Z":      "Jun 1, 2025, 9:05 AM UTC",
	} {
		parsed, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := render.Time(parsed); got != want {
			t.Errorf("Time(%s) = %q, want %q", at, got, want)
		}
	}
}

func TestSubject(t *testing.T) {
	for message, want := range map[string]string{"": "", "\n\n  a  \nb": "a", "a\r\nb": "a", "one": "one"} {
		if got := render.Subject(message); got != want {
			t.Errorf("Subject(%q) = %q, want %q", message, got, want)
		}
	}
}
