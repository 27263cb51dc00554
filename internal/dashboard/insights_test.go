package dashboard_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/dashboard/dashboardtest"
)

// TestFewDays: where a line has too little to join, words say what there is.
func TestFewDays(t *testing.T) {
	s := open(t, few, nil)
	for project, want := range map[string]string{
		"api-service": "Known of one day alone: 1 min 17 s on 2026-11-25.",
		"checkout":    "How long they took is not known of any day.",
	} {
		if page := s.fragment(t, reader, "/insights?days=7&project="+project); !strings.Contains(page, want) || strings.Contains(page, "<title>Median duration per day</title>") {
			t.Errorf("%s: %q is missing in %s", project, want, page)
		}
	}
}

// TestNothingBefore: of days in which nothing was recorded nothing is known, and that
// is not nought. Where something was, nought is a figure.
func TestNothingBefore(t *testing.T) {
	const nought = "0 in the 7 days before"
	if page := open(t, few, nil).fragment(t, reader, "/insights?days=7"); strings.Contains(page, nought) {
		t.Errorf("growth from nothing: %s", page)
	}
	quiet := func(w *dashboardtest.World, ctx context.Context) error {
		_, err := w.Tell(ctx, 60*24*time.Hour, shipbell.Event{
			Source: shipbell.SourcePoll, Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyDeployment, ID: "d0"}},
			Observation: shipbell.Observation{Type: shipbell.Worker, Project: "mailer", Status: shipbell.Success},
		})
		return errors.Join(err, good(w, ctx))
	}
	if page := open(t, quiet, nil).fragment(t, reader, "/insights?days=7"); !strings.Contains(page, nought) {
		t.Errorf("a quiet week is not known: %s", page)
	}
	page := open(t, history, nil).fragment(t, reader, "/insights?days=7&project=admin-console")
	if strings.Contains(page, nought) || !strings.Contains(page, " in the 7 days before") {
		t.Errorf("what was before is not said: %s", page)
	}
}
