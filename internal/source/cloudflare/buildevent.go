package cloudflare

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
)

// subscribed is an event of an event subscription: of a build, of a deployment,
// or of something else that is of no interest.
type subscribed struct {
	account, script string
	build           *build
	deployment      *deployment
	at              time.Time // when it was sent
}

// The types of events. Those of builds are documented at
// https://developers.cloudflare.com/workers/ci-cd/builds/event-subscriptions/.
// Those of scripts are in SDKs and one consumer only; should they come, they are
// understood.
const (
	eventsOfBuilds  = "cf.workersbuilds.worker.build."
	eventsOfScripts = "cf.workers.script."
	eventDeployment = "deployment."
)

// errPoison is a message that cannot be understood.
var errPoison = errors.New("not an event that is known")

// readSubscribed reads an event. Names are in camelCase in the documentation;
// others are taken.
func readSubscribed(body []byte, received time.Time) (subscribed, error) {
	var v struct {
		Type   text `json:"type"`
		Source object[struct {
			WorkerName text `json:"worker_name"`
		}] `json:"source"`
		Payload  json.RawMessage `json:"payload"`
		Metadata object[struct {
			AccountID text   `json:"account_id"`
			Timestamp moment `json:"event_timestamp"`
		}] `json:"metadata"`
	}
	if err := json.Unmarshal(unify(body), &v); err != nil {
		return subscribed{}, fmt.Errorf("%w: no JSON object", errPoison)
	}
	s := subscribed{
		account: string(v.Metadata.V.AccountID),
		script:  string(v.Source.V.WorkerName),
		at:      firstTime(v.Metadata.V.Timestamp.Time, received),
	}
	kind := strings.ToLower(string(v.Type))
	if word, ok := strings.CutPrefix(kind, eventsOfBuilds); ok {
		return s.ofBuild(word, v.Payload)
	}
	word, ok := strings.CutPrefix(kind, eventsOfScripts)
	if !ok {
		return s, fmt.Errorf("%w: type %q", errPoison, cut(oneLine(string(v.Type)), maxLine))
	}
	if !strings.HasPrefix(word, eventDeployment) {
		return s, nil // versions, secrets, routes
	}
	return s.ofDeployment(v.Payload)
}

// ofBuild reads the payload of an event of a build. The outcome counts before the
// type: a canceled build can come as build.failed.
func (s subscribed) ofBuild(word string, payload []byte) (subscribed, error) {
	var b build
	if err := json.Unmarshal(payload, &b); err != nil || b.UUID == "" || s.script == "" {
		return s, fmt.Errorf("%w: a build without its id or its Worker", errPoison)
	}
	if state := buildWord(text(word)); buildWord(b.Outcome) == "" && (state.Final() || buildWord(b.Status) == "") {
		if state == "" {
			return s, fmt.Errorf("%w: build.%s", errPoison, cut(word, maxLine))
		}
		b.Outcome, b.Status = "", text(state)
	}
	s.build = &b
	return s, nil
}

func (s subscribed) ofDeployment(payload []byte) (subscribed, error) {
	var v struct {
		WorkerName text `json:"worker_name"`
		deployment
	}
	if err := json.Unmarshal(payload, &v); err != nil {
		return s, fmt.Errorf("%w: a deployment without a payload", errPoison)
	}
	s.script = string(cmp.Or(v.WorkerName, text(s.script)))
	if v.ID == "" || s.script == "" {
		return s, fmt.Errorf("%w: a deployment without its id or its Worker", errPoison)
	}
	v.CreatedOn.Time = firstTime(v.CreatedOn.Time, s.at)
	s.deployment = &v.deployment
	return s, nil
}

// events maps the event; at is where its Worker is.
func (s subscribed) events(at site) []shipbell.Event {
	switch {
	case s.build != nil:
		return sealed(observed{site: at, build: *s.build, at: s.at}.events(shipbell.SourceBuilds)...)
	case s.deployment != nil && s.deployment.change():
		// Whether the version was live before is not known here, so it is no key:
		// the poller, which sees the same deployment, knows.
		what := seen{site: at, d: *s.deployment}
		if len(s.deployment.Versions) == 1 {
			what.version = string(s.deployment.Versions[0].VersionID)
		}
		if s.deployment.rollback() {
			what.cause = shipbell.CauseRollback
		}
		return sealed(what.event(shipbell.SourceBuilds))
	}
	return nil
}

// readBody undoes the encoding of a message of a queue: a JSON value, a text that
// holds one, or base64 of such a text. Documentation and what has been seen
// differ, and the content type does not tell.
func readBody(raw json.RawMessage) ([]byte, error) {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		if trimmed := strings.TrimSpace(string(raw)); strings.HasPrefix(trimmed, "{") {
			return raw, nil
		}
		return raw, fmt.Errorf("%w: no JSON object", errPoison)
	}
	for range maxLayers {
		s = strings.TrimSpace(s)
		if strings.HasPrefix(s, "{") {
			return []byte(s), nil
		}
		var inner string
		if strings.HasPrefix(s, `"`) && json.Unmarshal([]byte(s), &inner) == nil {
			s = inner
			continue
		}
		decoded, err := decodeBase64(s)
		if err != nil {
			return []byte(s), fmt.Errorf("%w: neither JSON nor base64", errPoison)
		}
		s = string(decoded)
	}
	return []byte(s), fmt.Errorf("%w: wrapped too often", errPoison)
}

// maxLayers is how often a body may be wrapped.
const maxLayers = 4

func decodeBase64(s string) ([]byte, error) {
	if decoded, err := base64.StdEncoding.DecodeString(s); err == nil && s != "" {
		return decoded, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err == nil && len(decoded) == 0 {
		err = errPoison
	}
	return decoded, err
}

// hidden are the fields that are not shown even of a message that is not
// understood: they hold what people entrusted to a build.
var hidden = []string{"environment_variables", "env_vars", "build_token", "token", "secret"}

// showBody returns the start of a message for people, without what may be secret.
func showBody(body []byte, mask func(string) string) string {
	var v any
	if json.Unmarshal(body, &v) == nil {
		if clean, err := json.Marshal(hide(v)); err == nil {
			body = clean
		}
	}
	return cut(oneLine(mask(strings.ToValidUTF8(string(body[:min(len(body), 4*maxPoisonBody)]), "?"))), maxPoisonBody)
}

func hide(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			v[name] = hide(field)
			for _, h := range hidden {
				if strings.Contains(snake(name), h) {
					v[name] = "[redacted]"
				}
			}
		}
	case []any:
		for i := range v {
			v[i] = hide(v[i])
		}
	}
	return v
}
