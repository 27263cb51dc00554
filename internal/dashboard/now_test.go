package dashboard_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/dashboard"
	"github.com/shipbell/shipbell/internal/dashboard/dashboardtest"
)

var (
	heading = regexp.MustCompile(`<h1[^>]*>.*<span>([^<]*)</span></h1>`)
	tileWay = regexp.MustCompile(`<b>(\d+)</b> <span>Under way</span>`)
	cardOf  = regexp.MustCompile(`<article class="card[^>]*data-key="worker/([^/"]*)`)
)

// TestUnderWayIsCounted by cards, as all that is counted, whatever else a card says: so
// many are found by the state.
func TestUnderWayIsCounted(t *testing.T) {
	tell := func(w *dashboardtest.World, ctx context.Context) error {
		for i, told := range []struct {
			project, id string
			status      shipbell.Status
		}{
			{"checkout", "1", shipbell.Failure}, {"checkout", "2", shipbell.InProgress},
			{"checkout", "6", shipbell.InProgress}, {"mailer", "3", shipbell.InProgress}, {"mailer", "4", shipbell.Queued}, {"edge", "5", shipbell.Success},
		} {
			_, err := w.Tell(ctx, time.Duration(10-i)*time.Minute, shipbell.Event{
				Source: shipbell.SourceExec, Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: told.id}},
				Observation: shipbell.Observation{Type: shipbell.Worker, Project: told.project, Status: told.status},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	s := open(t, tell, nil)
	page := s.fragment(t, reader, "/")
	if n := tileWay.FindStringSubmatch(page); n == nil || n[1] != "2" {
		t.Errorf("under way: %q", n)
	}
	var found []string
	for _, m := range cardOf.FindAllStringSubmatch(s.fragment(t, reader, "/?state=under_way"), -1) {
		found = append(found, m[1])
	}
	if got := strings.Join(found, " "); got != "checkout mailer" {
		t.Errorf("found %q", got)
	}
}

// TestGoingOutOnAFailingCard: that nothing goes out is said where nothing does.
func TestGoingOutOnAFailingCard(t *testing.T) {
	s := open(t, func(w *dashboardtest.World, ctx context.Context) error {
		for i, status := range []shipbell.Status{shipbell.Failure, shipbell.InProgress, shipbell.InProgress} {
			_, err := w.Tell(ctx, time.Duration(10-i)*time.Minute, shipbell.Event{
				Source: shipbell.SourceExec, Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: strconv.Itoa(i)}},
				Observation: shipbell.Observation{Type: shipbell.Worker, Project: "checkout", Status: status},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if page := s.fragment(t, reader, "/"); strings.Contains(page, "Nothing is going out.") || strings.Count(page, `class="going`) != 2 {
		t.Errorf("two go out on a card that is failing: %s", page)
	}
}

// TestHeadline says first what needs somebody, messages that do not arrive too.
func TestHeadline(t *testing.T) {
	deaf := []shipbell.Hearing{{Source: shipbell.SourcePoll, BlindSince: dashboardtest.Start}}
	for _, test := range []struct {
		name     string
		history  func(*dashboardtest.World, context.Context) error
		hearings []shipbell.Hearing
		want     string
	}{
		{"few", few, nil, "1 failing and 1 channel paused"},
		{"few and deaf", few, deaf, "1 failing, 1 channel paused and 1 source not heard"},
		{"good", good, nil, "Everything is live"},
		{"good and deaf", good, deaf, "1 source not heard"},
		{"twelve of one project", going("edge", 12), nil, "One project is deploying"},
		{"twelve of two projects", going("edge", 6, "mailer", 6), nil, "2 projects are deploying"},
	} {
		s := open(t, test.history, func(o *dashboard.Options) {
			o.Hearings = func() []shipbell.Hearing { return test.hearings }
		})
		page := s.fragment(t, reader, "/")
		got := heading.FindStringSubmatch(page)
		if got == nil || got[1] != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if quiet := strings.Contains(page, "Nothing is going out."); quiet != strings.HasPrefix(test.name, "good") {
			t.Errorf("%s: that nothing is going out is said: %v", test.name, quiet)
		}
	}
}

// TestGroupsCountAll cards, those on other pages too.
func TestGroupsCountAll(t *testing.T) {
	s := open(t, many(300), nil)
	page := s.fragment(t, reader, "/?page=2")
	if !strings.Contains(page, `Live <span class="n">288</span>`) || strings.Contains(page, "Nothing is going out.") {
		t.Errorf("the page counts %q", regexp.MustCompile(`<h2[^>]*>[^<]*<span class="n">[^<]*`).FindAllString(page, -1))
	}
}

// going returns a world in which as many deployments of projects go out.
func going(projects ...any) func(*dashboardtest.World, context.Context) error {
	return func(w *dashboardtest.World, ctx context.Context) error {
		for i := 0; i < len(projects); i += 2 {
			for n := range projects[i+1].(int) {
				_, err := w.Tell(ctx, time.Duration(n+1)*time.Minute, shipbell.Event{
					Source: shipbell.SourceExec, Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: fmt.Sprint(i, n)}},
					Observation: shipbell.Observation{Type: shipbell.Worker, Project: projects[i].(string), Status: shipbell.InProgress},
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// good is a world in which all is well.
func good(w *dashboardtest.World, ctx context.Context) error {
	_, err := w.Tell(ctx, time.Hour, shipbell.Event{
		Source: shipbell.SourcePoll, Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyDeployment, ID: "d1"}},
		Observation: shipbell.Observation{Type: shipbell.Worker, Project: "edge", Status: shipbell.Success},
	})
	return err
}
