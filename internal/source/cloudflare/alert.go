package cloudflare

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// Alert is a notification of Cloudflare's webhook, read.
type Alert struct {
	// Test is set for what Cloudflare sends when a webhook is saved.
	Test bool
	// Type is the type of alert, such as pages_event_alert; it can be missing.
	Type string
	// Text is what it says, on one line.
	Text string
	// Account, Project and Deployment are empty where it does not say.
	Account, Project, Deployment string
	// Events are what it says by itself; none where it names no deployment.
	Events []shipbell.Event
}

// Pages reports whether the alert is about Pages, as far as it says.
func (a Alert) Pages() bool {
	return strings.HasPrefix(a.Type, "pages") || a.Type == "" && strings.Contains(strings.ToLower(a.Text), "pages")
}

// maxDepth and maxFields bound what is looked at of the data of an alert.
const (
	maxDepth  = 6
	maxFields = 200
)

// ReadAlert reads the body of a notification. What the data of a Pages alert looks
// like is not documented, so it is searched for the names of the Pages API, flat
// or nested. What it does not say the poller sees, once it is woken. A body that is
// no JSON object is [shipbell.ErrInvalid].
func ReadAlert(body []byte, received time.Time) (Alert, error) {
	var v struct {
		Name      text            `json:"name"`
		Text      text            `json:"text"`
		Data      json.RawMessage `json:"data"`
		TS        moment          `json:"ts"`
		AccountID text            `json:"account_id"`
		Type      text            `json:"alert_type"`
		Policy    text            `json:"policy_id"`
	}
	var any map[string]json.RawMessage
	if json.Unmarshal(body, &any) != nil || any == nil {
		return Alert{}, fmt.Errorf("notification: %w: a JSON object", shipbell.ErrInvalid)
	}
	if err := json.Unmarshal(unify(body), &v); err != nil {
		return Alert{}, fmt.Errorf("notification: %w: a JSON object", shipbell.ErrInvalid)
	}
	a := Alert{
		Type: strings.ToLower(string(v.Type)), Text: cut(oneLine(string(v.Text)), maxLine), Account: string(v.AccountID),
		Test: v.Text != "" && v.Type == "" && v.Policy == "" && v.Name == "" && v.TS.IsZero() && len(v.Data) == 0,
	}
	if a.Test || !a.Pages() {
		return a, nil
	}
	fields := map[string]string{}
	flatten(fields, "", v.Data, 0)
	said := func(names ...string) string {
		for _, n := range names {
			if fields[n] != "" {
				return fields[n]
			}
		}
		return ""
	}
	a.Project = said("project_name", "project.name", "project")
	a.Deployment = said("deployment_id", "deployment.id", "deployment_uuid", "deployment")
	shortID := said("short_id", "deployment.short_id", "deployment_short_id")
	status := alertStatus(said("event", "event_type", "deployment_event", "deployment_status", "status"))
	if a.Project == "" || a.Deployment == "" && shortID == "" || status == "" {
		return a, nil
	}
	d := pagesDeployment{
		ID: text(a.Deployment), ShortID: text(shortID), ProjectName: text(a.Project),
		Environment: text(said("environment", "deployment.environment")),
		URL:         text(said("url", "deployment.url", "deployment_url")),
	}
	metadata := &d.Trigger.V.Metadata.V
	metadata.Branch = text(said("branch", "deployment.deployment_trigger.metadata.branch", "deployment_trigger.metadata.branch", "branch_name"))
	metadata.CommitHash = text(said("commit_hash", "deployment.deployment_trigger.metadata.commit_hash", "deployment_trigger.metadata.commit_hash"))
	metadata.CommitMessage = text(said("commit_message", "deployment.deployment_trigger.metadata.commit_message", "deployment_trigger.metadata.commit_message"))
	if !deploymentForm.MatchString(a.Deployment) {
		d.ID, a.Deployment = "", ""
	}
	if shortID == "" && d.ID == "" {
		return a, nil
	}
	at := firstTime(parseTime(said("timestamp", "time", "deployment.modified_on")), v.TS.Time, received)
	p := pagesSeen{site: site{account: a.Account, project: a.Project}, d: d, at: at}
	e := p.event(shipbell.SourceAlert, status, at)
	switch status {
	case shipbell.Success:
		e.URL = p.url()
	case shipbell.Failure:
		e.Error = a.Text
	}
	a.Events = sealed(e)
	return a, nil
}

// deploymentForm is what is taken for the id of a deployment.
var deploymentForm = regexp.MustCompile(`^[0-9A-Za-z-]{8,64}$`)

// alertStatus reads which of EVENT_DEPLOYMENT_STARTED, _FAILED and _SUCCESS
// happened.
func alertStatus(word string) shipbell.Status {
	w := strings.ToUpper(word)
	switch {
	case strings.Contains(w, "FAIL"):
		return shipbell.Failure
	case strings.Contains(w, "SUCCE"):
		return shipbell.Success
	case strings.Contains(w, "CANCEL"):
		return shipbell.Canceled
	case strings.Contains(w, "START"), strings.Contains(w, "PROGRESS"):
		return shipbell.InProgress
	}
	return ""
}

// flatten collects the texts of an object by their path. Variables are passed
// over.
func flatten(into map[string]string, path string, raw json.RawMessage, depth int) {
	var fields map[string]json.RawMessage
	if depth > maxDepth || json.Unmarshal(raw, &fields) != nil {
		return
	}
	for name, field := range fields {
		if len(into) >= maxFields || strings.Contains(name, "env_vars") || strings.Contains(name, "environment_variables") {
			continue
		}
		name = path + strings.ToLower(name)
		var t text
		if _ = t.UnmarshalJSON(field); t != "" {
			into[name] = string(t)
			continue
		}
		flatten(into, name+".", field, depth+1)
	}
}
