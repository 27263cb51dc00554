package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/source/push"
)

// deployment is one that the run pushes, with all that was said of it.
type deployment struct {
	key  shipbell.KeyIdentity
	said []*said
}

// said is one event and what became of its pushes. Two pushes with the same body
// are the same event.
type said struct {
	body  []byte
	event shipbell.Event
	// undated bodies leave the time to the server; the event has it only when the
	// ledger was asked.
	undated bool
	begun   time.Time // before its first byte could have left; zero: never sent
	acked   time.Time // when an acknowledgement first came in; zero: none did
}

// step is a group of pushes at the same moment; the same event more than once is
// a repeat under way beside the original.
type step []*said

// scenario is the life of one deployment, or of two of different types with one
// id.
type scenario struct {
	deployments []*deployment
	steps       []step
}

// Texts that want escaping, take more than one UTF-16 unit or run from right to
// left.
var commitMessages = []string{
	"Add JWT authentication", "Fix <b>bold</b> & \"quotes\" in titles", "Ship it 🚀👩‍👩‍👧", "עדכון דף הבית",
	"Überarbeite die Startseite\n\nEs war Zeit.", "a < b && c > d", "", strings.Repeat("long subject ", 40),
}

var projects = []string{"api-service", "website", "billing", "image-resizer", "auth_worker", "docs"}

// projectOf makes a project of its own for every deployment: what a message says
// of the project's history then depends on nothing else, and an alert, which
// names no id, can be told from others.
func projectOf(name string, key shipbell.KeyIdentity) string {
	return name + "/" + string(key.Type) + "/" + key.ID
}

// newScenario makes the nth scenario of a pusher.
func newScenario(r *rand.Rand, pusher, n int) *scenario {
	s := &scenario{}
	id := fmt.Sprintf("build-%d-%d-%08x", pusher, n, r.Uint32())
	types := []shipbell.ProjectType{shipbell.Worker}
	switch r.IntN(10) {
	case 0, 1, 2:
		types[0] = shipbell.Pages
	case 3:
		types = append(types, shipbell.Pages)
	}
	for _, t := range types {
		s.add(r, shipbell.KeyIdentity{Type: t, ID: id})
	}
	if r.IntN(6) == 0 { // the outcome may come before the announcement
		r.Shuffle(len(s.steps), func(i, j int) { s.steps[i], s.steps[j] = s.steps[j], s.steps[i] })
	}
	return s
}

// add plans one deployment.
func (s *scenario) add(r *rand.Rand, key shipbell.KeyIdentity) {
	d := &deployment{key: key}
	s.deployments = append(s.deployments, d)
	started := time.Date(2026, 1, 1+r.IntN(300), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
	body := map[string]any{
		"projectName": projectOf(projects[r.IntN(len(projects))], key), "deploymentId": key.ID, "type": string(key.Type),
		"branch": "feature/" + strconv.Itoa(r.IntN(100)), "commitHash": fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()),
		"commitMessage": commitMessages[r.IntN(len(commitMessages))], "author": "dev@example.com", "isCI": true,
		"environment": []string{"", "production", "staging"}[r.IntN(3)],
	}
	announced := d.says(body, started)
	switch r.IntN(20) {
	case 0:
		announced = d.says(body, time.Time{})
	case 1, 2, 3: // several at once, one of them with a clock that is off
		s.plan(announced, announced, d.says(body, started.Add(time.Second)), announced)
	}
	s.plan(announced)
	for r.IntN(2) == 0 {
		s.plan(announced)
	}
	if r.IntN(6) == 0 {
		s.plan(d.says(body, started.Add(-time.Duration(1+r.IntN(90))*time.Second)))
	}
	if r.IntN(8) == 0 {
		s.plan(d.says(with(body, "status", "in_progress"), started.Add(2*time.Second)))
	}
	if r.IntN(10) < 3 {
		return // its outcome is never told
	}
	took := time.Duration(3+r.IntN(400)) * time.Second
	outcome := d.says(s.outcome(r, body), started.Add(took))
	s.plan(outcome)
	if r.IntN(3) == 0 {
		s.plan(outcome, outcome)
	}
	if r.IntN(12) == 0 { // a retry of the same deployment that ends differently
		s.plan(d.says(s.outcome(r, body), started.Add(took+time.Minute)))
	}
}

func (*scenario) outcome(r *rand.Rand, body map[string]any) map[string]any {
	switch r.IntN(4) {
	case 0:
		return with(body, "status", "failure", "error", "Error: <script> is not a module & never was", "logUrl", "https://ci.example.com/builds/7?a=1&b=2")
	case 1:
		return with(body, "status", "canceled")
	}
	return with(body, "status", "success", "url", "https://app.example.com/", "tag", "v1.2."+strconv.Itoa(r.IntN(100)))
}

func (s *scenario) plan(events ...*said) { s.steps = append(s.steps, events) }

// says makes an event of a body. A zero time leaves it to the server.
func (d *deployment) says(deployment map[string]any, at time.Time) *said {
	if !at.IsZero() {
		deployment = with(deployment, "timestamp", at.Format(time.RFC3339))
	}
	body, err := json.Marshal(map[string]any{"deployment": deployment})
	if err != nil {
		panic(err) // maps of texts and booleans always marshal
	}
	event, err := push.Decode(body, time.Now())
	if err != nil {
		panic("chaos: a body of its own cannot be decoded: " + err.Error())
	}
	for _, known := range d.said {
		if known.event.ID == event.ID {
			return known
		}
	}
	e := &said{body: body, event: event, undated: at.IsZero()}
	d.said = append(d.said, e)
	return e
}

// with copies a body and sets pairs of name and value.
func with(body map[string]any, pairs ...any) map[string]any {
	c := make(map[string]any, len(body)+len(pairs)/2)
	for k, v := range body {
		c[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i].(string)] = pairs[i+1]
	}
	return c
}
