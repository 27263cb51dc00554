package dashboard_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/ledger"
)

var (
	bubbleForm  = regexp.MustCompile(`<details class="bubble" data-key="[^"]*"( open)?>`)
	openDetails = regexp.MustCompile(`(?s)<details [^>]*data-key="[^"]*">.*?</details>`)
)

// TestErrorOnce: what is not folded away says why it failed where that is asked, and
// once more in the message that is open.
func TestErrorOnce(t *testing.T) {
	const reason = "exit status 42"
	s := open(t, few, func(o *dashboard.Options) {
		d := shipbell.Deployment{ID: 3, Revision: 2, Observation: shipbell.Observation{
			Type: shipbell.Worker, Project: "checkout", Environment: shipbell.Production, Status: shipbell.Failure, Error: reason,
		}}
		failed := shipbell.Event{ID: "e1", Source: shipbell.SourceExec, Observation: d.Observation}
		main := shipbell.Announcement{Deployment: 3, Channel: "console", Wanted: 2, Shown: 2, Ref: "1", Main: "1"}
		alert := main
		alert.Part, alert.Ref = shipbell.PartAlert, "2"
		o.Ledger = fake{Ledger: o.Ledger, story: ledger.Story{
			Deployment: d, Subject: shipbell.Subject{Deployment: d}, Events: []shipbell.Event{failed},
			Announcements: []shipbell.Announcement{alert, main},
			Attempts:      []shipbell.Attempt{{Channel: "console", Detail: "delivered"}, {Channel: "console", Detail: "message 4711"}},
		}}
	})
	page := s.fragment(t, admin, "/deployments/3")
	found := bubbleForm.FindAllStringSubmatch(page, -1)
	if len(found) != 2 || found[0][1] == "" || found[1][1] != "" {
		t.Fatalf("the first message is to be open, and the alert closed: %q", found)
	}
	if n := strings.Count(openDetails.ReplaceAllString(page, ""), reason); n != 2 {
		t.Errorf("it is said %d times why it failed: %s", n, page)
	}
	if strings.Contains(page, "<bdi>delivered</bdi>") || !strings.Contains(page, "<bdi>message 4711</bdi>") {
		t.Errorf("what came back says the same as its answer: %s", page)
	}
}
