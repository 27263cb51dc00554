package cloudflare_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/fakecloudflare"
	"github.com/shipbell/shipbell/internal/source/cloudflare"
)

func TestAlertAboutPages(t *testing.T) {
	srv := fakecloudflare.New(fakecloudflare.Options{})
	srv.AddPagesProject(fakecloudflare.PagesProject{Name: "docs"})
	d := srv.StartPages("docs", fakecloudflare.PagesOptions{Branch: "topic", Message: "Fix"})
	received := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, event := range []struct {
		name   fakecloudflare.PagesEvent
		status shipbell.Status
	}{
		{fakecloudflare.PagesStarted, shipbell.InProgress},
		{fakecloudflare.PagesFailed, shipbell.Failure},
		{fakecloudflare.PagesSuccess, shipbell.Success},
	} {
		for _, shape := range []fakecloudflare.AlertShape{fakecloudflare.AlertFlat, fakecloudflare.AlertNested} {
			a, err := cloudflare.ReadAlert(srv.PagesAlert(d, event.name, shape), received)
			if err != nil || a.Test || !a.Pages() || len(a.Events) != 1 {
				t.Errorf("%s %q: %+v, %v", event.name, shape, a, err)
				continue
			}
			e := a.Events[0]
			if err := e.Validate(); err != nil {
				t.Error(err)
			}
			if e.Status != event.status || e.Project != "docs" || e.Environment != shipbell.Preview || e.Branch != "topic" ||
				e.Commit != d.Commit || e.CommitMessage != "Fix" || e.Source != shipbell.SourceAlert || e.Keys[0].ID != d.ID ||
				!slices.Equal(ids(e, shipbell.KeyShort), []string{d.ShortID}) || e.DashboardURL == "" {
				t.Errorf("%s %q: %+v", event.name, shape, e)
			}
			again, _ := cloudflare.ReadAlert(srv.PagesAlert(d, event.name, shape), received.Add(time.Hour))
			if shape == fakecloudflare.AlertFlat && again.Events[0].ID != e.ID {
				t.Errorf("%s: sent again it has another id", event.name)
			}
		}
		for _, shape := range []fakecloudflare.AlertShape{fakecloudflare.AlertTextOnly, fakecloudflare.AlertMinimal} {
			a, err := cloudflare.ReadAlert(srv.PagesAlert(d, event.name, shape), received)
			if err != nil || a.Test || !a.Pages() || len(a.Events) != 0 || !strings.Contains(a.Text, "docs") {
				t.Errorf("%s %q: %+v, %v", event.name, shape, a, err)
			}
		}
	}
}

func TestOtherAlerts(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		test bool
		err  error
	}{
		"hello":         {body: string(fakecloudflare.HelloWorld()), test: true},
		"usage":         {body: `{"name":"x","text":"Workers usage","alert_type":"workers_alert","data":{"project_name":"docs","deployment_id":"12345678"},"ts":1}`},
		"data of text":  {body: `{"text":"Pages","alert_type":"pages_event_alert","data":"docs"}`},
		"data of nulls": {body: `{"text":null,"alert_type":"pages_event_alert","data":{"project":null,"deployment":[1]},"account_id":null}`},
		"no object":     {body: `[]`, err: shipbell.ErrInvalid},
		"null":          {body: `null`, err: shipbell.ErrInvalid},
		"no JSON":       {body: `hello`, err: shipbell.ErrInvalid},
	} {
		a, err := cloudflare.ReadAlert([]byte(test.body), time.Now())
		if !errors.Is(err, test.err) || a.Test != test.test || len(a.Events) > 0 {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}
