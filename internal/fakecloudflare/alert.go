package fakecloudflare

import "net/http"

// AlertAuthHeader carries the shared secret of a notification webhook, as it is
// and not as an HMAC.
const AlertAuthHeader = "cf-webhook-auth"

// PagesEvent is what a notification about Pages tells.
type PagesEvent string

// The events that a policy can choose.
const (
	PagesStarted PagesEvent = "EVENT_DEPLOYMENT_STARTED"
	PagesFailed  PagesEvent = "EVENT_DEPLOYMENT_FAILED"
	PagesSuccess PagesEvent = "EVENT_DEPLOYMENT_SUCCESS"
)

// AlertShape is what the data of a notification about Pages looks like. The real
// one is not documented; all of these are guesses that a receiver must survive.
type AlertShape string

// The shapes.
const (
	AlertFlat     AlertShape = ""         // names of the Pages API beside each other
	AlertNested   AlertShape = "nested"   // project and deployment as objects of the Pages API
	AlertTextOnly AlertShape = "text"     // no data, as of alerts whose fields are missing
	AlertMinimal  AlertShape = "no extra" // name, text and ts alone
)

// HelloWorld is the body that Cloudflare sends when a webhook is saved: it has a
// text and nothing else.
func HelloWorld() []byte {
	return encode(object{"text": "Hello World! This is a test message sent from https://cloudflare.com. If you can see this, your webhook is configured properly."})
}

// PagesAlert is the body of a notification about a Pages deployment.
func (s *Server) PagesAlert(p *PagesDeployment, event PagesEvent, shape AlertShape) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := p.d
	verb := map[PagesEvent]string{PagesStarted: "has started", PagesFailed: "has failed", PagesSuccess: "was successful"}[event]
	body := object{
		"name": "Pages deployments",
		"text": "Pages project " + d.project.Name + ": the " + d.environment + " deployment " + verb + ".",
		"ts":   s.now().Unix(),
	}
	if shape == AlertMinimal {
		return encode(body)
	}
	for name, value := range (object{
		"account_id": s.options.Account, "policy_id": idOf("policy", d.project.id), "policy_name": "Pages deployments",
		"alert_type": "pages_event_alert", "alert_correlation_id": idOf("alert", d.id, string(event)),
		"alert_event": "ALERT_STATE_EVENT_START", "data": object{},
	}) {
		body[name] = value
	}
	switch shape {
	case AlertFlat:
		body["data"] = object{
			"project_id": d.project.id, "project_name": d.project.Name, "deployment_id": d.id, "short_id": d.shortID,
			"environment": "ENVIRONMENT_" + map[string]string{"production": "PRODUCTION", "preview": "PREVIEW"}[d.environment],
			"event":       event, "branch": d.options.Branch, "commit_hash": d.options.Commit, "commit_message": d.options.Message,
			"url": d.url(), "timestamp": stamp(d.modified),
		}
	case AlertNested:
		body["data"] = object{
			"event": event, "environment": d.environment, "project": object{"id": d.project.id, "name": d.project.Name},
			"deployment": object{
				"id": d.id, "short_id": d.shortID, "url": d.url(), "environment": d.environment,
				"deployment_trigger": object{"type": d.options.Trigger, "metadata": object{
					"branch": d.options.Branch, "commit_hash": d.options.Commit, "commit_message": d.options.Message,
				}},
				"latest_stage": d.stages[d.latest].json(),
			},
		}
	}
	return encode(body)
}

// SignAlert sets the headers of a notification. An empty secret sends none.
func SignAlert(h http.Header, secret string) {
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Cloudflare-Notifications")
	if secret != "" {
		h.Set(AlertAuthHeader, secret)
	}
}
