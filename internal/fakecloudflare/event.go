package fakecloudflare

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The sources of event subscriptions. The one of deployments is in SDKs, but not
// documented, and one third party has parsed its events.
const (
	SourceOfBuilds      = "workersBuilds.worker"
	SourceOfDeployments = "workers.script"
)

// BuildEvent is what happened to a build.
type BuildEvent string

// The documented events.
const (
	BuildEventStarted   BuildEvent = "started"
	BuildEventSucceeded BuildEvent = "succeeded"
	BuildEventFailed    BuildEvent = "failed"
	BuildEventCanceled  BuildEvent = "canceled"
)

// EventWords is how events spell states. Cloudflare contradicts itself.
type EventWords string

// The spellings of events.
const (
	// WordsOfDocs: status running, success, failed, canceled; outcome success,
	// failure, canceled.
	WordsOfDocs EventWords = ""
	// WordsOfTemplate is the README of Cloudflare's own template: the status of
	// what has ended is stopped, and a cancelled build is build.failed with the
	// outcome cancelled.
	WordsOfTemplate EventWords = "template"
)

// Subscription sends events to a queue.
type Subscription struct {
	Queue    string
	Source   string       // SourceOfBuilds if empty
	Worker   string       // only of this one; empty means all, which is how the template describes it
	Events   []BuildEvent // only these; nil means all
	Words    EventWords
	Encoding Encoding
	Metadata MetadataForm
}

type subscription struct {
	Subscription
	id, name string
	created  time.Time
}

// Subscribe has events sent to a queue from now on.
func (s *Server) Subscribe(sub Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribe("events", sub)
}

func (s *Server) subscribe(name string, sub Subscription) *subscription {
	s.knownQueue(sub.Queue)
	sub.Source = cmp.Or(sub.Source, SourceOfBuilds)
	made := &subscription{Subscription: sub, id: s.id("subscription"), name: name, created: s.now()}
	s.subscriptions = append(s.subscriptions, made)
	return made
}

// EmitBuild sends an event of a build, as it is now, to a queue, whatever its
// state: again, late, or in the wrong order. It returns the id of the message.
func (s *Server) EmitBuild(queueName, uuid string, event BuildEvent, words EventWords, encoding Encoding) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	return s.send(s.knownQueue(queueName), QueueMessage{
		Body: s.buildEventJSON(s.knownBuild(uuid), event, words), Encoding: encoding,
	})
}

// BuildEventBody is the body of an event of a build, as JSON.
func (s *Server) BuildEventBody(uuid string, event BuildEvent, words EventWords) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return encode(s.buildEventJSON(s.knownBuild(uuid), event, words))
}

// EmitDeployment sends cf.workers.script.deployment.created of the newest
// deployment of a Worker to a queue. It returns the id of the message.
func (s *Server) EmitDeployment(queueName, worker string, encoding Encoding) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	w := s.known(worker)
	if len(w.deployments) == 0 {
		panic("fakecloudflare: Worker " + worker + " was never deployed")
	}
	return s.send(s.knownQueue(queueName), QueueMessage{
		Body: s.deploymentEventJSON(w, w.deployments[len(w.deployments)-1]), Encoding: encoding,
	})
}

func (s *Server) emitBuild(b *build, event BuildEvent) {
	if event == "" {
		return
	}
	for _, sub := range s.subscriptions {
		if sub.Source == SourceOfBuilds && (sub.Worker == "" || sub.Worker == b.Worker) &&
			(sub.Events == nil || slices.Contains(sub.Events, event)) {
			s.send(s.knownQueue(sub.Queue), QueueMessage{
				Body: s.buildEventJSON(b, event, sub.Words), Encoding: sub.Encoding, Metadata: sub.Metadata,
			})
		}
	}
}

func (s *Server) emitDeployment(w *worker, d *deployment) {
	for _, sub := range s.subscriptions {
		if sub.Source == SourceOfDeployments && (sub.Worker == "" || sub.Worker == w.Name) {
			s.send(s.knownQueue(sub.Queue), QueueMessage{
				Body: s.deploymentEventJSON(w, d), Encoding: sub.Encoding, Metadata: sub.Metadata,
			})
		}
	}
}

// event is the event of a build that has stopped; empty for a skipped one, for
// which no event is documented. That a terminated build is a failed one is a guess.
func (b *build) event() BuildEvent {
	switch b.Outcome {
	case BuildSucceeded:
		return BuildEventSucceeded
	case BuildCancelled:
		return BuildEventCanceled
	case BuildSkipped:
		return ""
	default:
		return BuildEventFailed
	}
}

func (s *Server) buildEventJSON(b *build, event BuildEvent, words EventWords) object {
	name := event
	var status, outcome any
	switch event {
	case BuildEventStarted:
		status = "running"
	case BuildEventSucceeded:
		status, outcome = "success", "success"
	case BuildEventFailed:
		status, outcome = "failed", "failure"
	case BuildEventCanceled:
		status, outcome = "canceled", "canceled"
	}
	if words == WordsOfTemplate && event != BuildEventStarted {
		status = "stopped"
		if event == BuildEventCanceled {
			name, outcome = BuildEventFailed, "cancelled"
		}
	}
	o := b.Options
	trigger := o.Trigger
	if trigger == "push" {
		trigger = "push_event"
	}
	stopped := stampOrNull(b.StoppedOn)
	if event == BuildEventStarted {
		stopped = nil
	}
	return object{
		"type":   "cf." + SourceOfBuilds + ".build." + string(name),
		"source": object{"type": SourceOfBuilds, "workerName": b.Worker},
		"payload": object{
			"buildUuid": b.UUID, "status": status, "buildOutcome": outcome, "createdAt": stamp(b.CreatedOn),
			"initializingAt": stampOrNull(b.InitializingOn), "runningAt": stampOrNull(b.RunningOn), "stoppedAt": stopped,
			"buildTriggerMetadata": object{
				"buildTriggerSource": trigger, "branch": o.Branch, "commitHash": o.Commit, "commitMessage": o.Message,
				"author": o.Author, "buildCommand": o.BuildCommand, "deployCommand": o.DeployCommand, "rootDirectory": "/",
				"repoName": o.Repo, "providerAccountName": o.Owner, "providerType": o.Provider,
			},
		},
		"metadata": s.eventMetadata(),
	}
}

func (s *Server) deploymentEventJSON(w *worker, d *deployment) object {
	versions := []any{}
	for _, share := range d.Versions {
		versions = append(versions, object{"versionId": share.Version, "percentage": share.Percentage})
	}
	return object{
		"type":   "cf." + SourceOfDeployments + ".deployment.created",
		"source": object{"type": SourceOfDeployments, "id": w.Tag},
		"payload": object{
			"workerName": w.Name, "id": d.ID, "strategy": "percentage", "versions": versions,
			"annotations": object{"workers/triggered_by": d.TriggeredBy}, "authorEmail": d.Author, "createdOn": stamp(d.CreatedOn),
		},
		"metadata": s.eventMetadata(),
	}
}

func (s *Server) eventMetadata() object {
	return object{
		"accountId": s.options.Account, "eventSubscriptionId": idOf("subscription", s.options.Account),
		"eventSchemaVersion": 1, "eventTimestamp": stamp(s.now()),
	}
}

func (sub *subscription) json(s *Server) object {
	events := []string{"deployment.created"}
	if sub.Source == SourceOfBuilds {
		events = nil
		for _, event := range []BuildEvent{BuildEventStarted, BuildEventSucceeded, BuildEventFailed, BuildEventCanceled} {
			if sub.Events == nil || slices.Contains(sub.Events, event) {
				events = append(events, "build."+string(event))
			}
		}
	}
	source := object{"type": sub.Source}
	if sub.Worker != "" {
		source["worker_name"] = sub.Worker
	}
	return object{
		"id": sub.id, "name": sub.name, "enabled": true, "events": events, "source": source,
		"destination": object{"type": "queues.queue", "queue_id": s.knownQueue(sub.Queue).id},
		"created_at":  stamp(sub.created), "modified_at": stamp(sub.created),
	}
}

func listSubscriptions(r *request) answer {
	items := []any{}
	for _, sub := range r.server.subscriptions {
		if id := r.query().Get("queue_id"); id == "" || r.server.knownQueue(sub.Queue).id == id {
			items = append(items, sub.json(r.server))
		}
	}
	return paged(r, items, 20, 100, nil)
}

// postSubscription is what wrangler queues subscription create sends.
func postSubscription(r *request) answer {
	var body struct {
		Name   string   `json:"name"`
		Events []string `json:"events"`
		Source struct {
			Type   string `json:"type"`
			Worker string `json:"worker_name"`
		} `json:"source"`
		Destination struct {
			Type  string `json:"type"`
			Queue string `json:"queue_id"`
		} `json:"destination"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	q := r.server.queue(body.Destination.Queue)
	if q == nil || body.Destination.Type != "queues.queue" {
		return notFound(codeQueueNotFound, "Queue does not exist")
	}
	if body.Source.Type != SourceOfBuilds && body.Source.Type != SourceOfDeployments {
		return refuse(http.StatusBadRequest, codeMalformed, "fakecloudflare has the sources %s and %s only", SourceOfBuilds, SourceOfDeployments)
	}
	sub := Subscription{Queue: q.name, Source: body.Source.Type, Worker: body.Source.Worker}
	for _, event := range body.Events {
		sub.Events = append(sub.Events, BuildEvent(strings.TrimPrefix(event, "build.")))
	}
	return &reply{result: r.server.subscribe(body.Name, sub).json(r.server)}
}

func subscriptionOf(r *request) (*subscription, answer) {
	for _, sub := range r.server.subscriptions {
		if sub.id == r.values["subscription"] {
			return sub, nil
		}
	}
	return nil, notFound(codeMalformed, "Subscription not found")
}

func getSubscription(r *request) answer {
	sub, refusal := subscriptionOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: sub.json(r.server)}
}

func deleteSubscription(r *request) answer {
	sub, refusal := subscriptionOf(r)
	if refusal != nil {
		return refusal
	}
	r.server.subscriptions = slices.DeleteFunc(r.server.subscriptions, func(o *subscription) bool { return o == sub })
	return &reply{result: sub.json(r.server)}
}
