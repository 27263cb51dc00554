package fakecloudflare

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The limits of queues (https://developers.cloudflare.com/queues/platform/limits).
const (
	defaultBatchSize         = 5
	maxBatchSize             = 100
	defaultVisibilityTimeout = 30 * time.Second
	maxVisibilityTimeout     = 12 * time.Hour
	defaultMaxRetries        = 3
)

// QueueOptions describe a queue with an HTTP pull consumer.
type QueueOptions struct {
	MaxRetries int // deliveries after the first; 0 means 3, negative none
	// NoConsumer leaves the queue as it is before someone has run wrangler queues
	// consumer http add: nobody can pull from it.
	NoConsumer bool
}

// Encoding is how a message appears in the answer to a pull. The documentation
// says that json is base64; clients have seen plain JSON as well. In which content
// type event subscriptions send is not known.
type Encoding string

// The encodings.
const (
	EncodingBase64JSON Encoding = ""            // content type json, base64
	EncodingJSON       Encoding = "json"        // content type json, the text itself
	EncodingObject     Encoding = "json object" // content type json, a JSON value, not a string
	EncodingText       Encoding = "text"        // content type text, the text itself
	EncodingBytes      Encoding = "bytes"       // content type bytes, base64
)

// MetadataForm is what the metadata of a message looks like. The schema does not
// say.
type MetadataForm string

// The forms of metadata.
const (
	MetadataObject MetadataForm = ""
	MetadataNull   MetadataForm = "null"
	MetadataString MetadataForm = "string" // the object as a JSON text
)

// QueueMessage is a message to send. Body may be a string or bytes, which are
// taken as they are, or anything else, which is made JSON.
type QueueMessage struct {
	Body     any
	Encoding Encoding
	Metadata MetadataForm
	Delay    time.Duration // nobody gets it before
}

// QueuedMessage is a message as tests see it.
type QueuedMessage struct {
	ID       string
	Body     string // before encoding
	Sent     time.Time
	Attempts int  // deliveries so far
	Leased   bool // someone has it now
}

// queue is a queue and its messages. It is guarded by Server.mu.
type queue struct {
	id, name   string
	created    time.Time
	maxRetries int
	pull       bool       // it has an HTTP pull consumer
	messages   []*message // oldest first
	acked      []*message
	dropped    []*message
}

type message struct {
	id        string
	body      []byte
	encoding  Encoding
	metadata  MetadataForm
	sent      time.Time
	attempts  int
	lease     string
	visibleAt time.Time // leased or delayed until then
}

func (m *message) describe(now time.Time) QueuedMessage {
	return QueuedMessage{
		ID: m.id, Body: string(m.body), Sent: m.sent, Attempts: m.attempts,
		Leased: m.lease != "" && m.visibleAt.After(now),
	}
}

// AddQueue makes a queue and returns its id.
func (s *Server) AddQueue(name string, o QueueOptions) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addQueue(name, o).id
}

func (s *Server) addQueue(name string, o QueueOptions) *queue {
	q := &queue{id: s.id("queue"), name: name, created: s.now(), maxRetries: o.MaxRetries, pull: !o.NoConsumer}
	switch {
	case q.maxRetries == 0:
		q.maxRetries = defaultMaxRetries
	case q.maxRetries < 0:
		q.maxRetries = 0
	}
	s.queues = append(s.queues, q)
	s.news.Changed()
	return q
}

// queue finds a queue by its name or its id; nil if there is none.
func (s *Server) queue(nameOrID string) *queue {
	for _, q := range s.queues {
		if q.name == nameOrID || q.id == nameOrID {
			return q
		}
	}
	return nil
}

func (s *Server) knownQueue(nameOrID string) *queue {
	q := s.queue(nameOrID)
	if q == nil {
		panic(fmt.Sprintf("fakecloudflare: queue %q was not added", nameOrID))
	}
	return q
}

// Send puts a message into a queue and returns its id.
func (s *Server) Send(queueName string, m QueueMessage) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Changed()
	return s.send(s.knownQueue(queueName), m)
}

func (s *Server) send(q *queue, m QueueMessage) string {
	var body []byte
	switch v := m.Body.(type) {
	case string:
		body = []byte(v)
	case []byte:
		body = slices.Clone(v)
	default:
		body = encode(v)
	}
	if m.Encoding == EncodingObject && !json.Valid(body) {
		panic("fakecloudflare: the body of a message with EncodingObject must be JSON")
	}
	now := s.now()
	sent := &message{
		id: s.id("message"), body: body, encoding: m.Encoding, metadata: m.Metadata, sent: now,
		visibleAt: now.Add(m.Delay),
	}
	q.messages = append(q.messages, sent)
	return sent.id
}

// Pending returns the messages of a queue that are neither acknowledged nor
// dropped, oldest first.
func (s *Server) Pending(queueName string) []QueuedMessage {
	return s.messages(queueName, func(q *queue) []*message { return q.messages })
}

// Acked returns the messages that were acknowledged, in that order.
func (s *Server) Acked(queueName string) []QueuedMessage {
	return s.messages(queueName, func(q *queue) []*message { return q.acked })
}

// Dropped returns the messages that were delivered as often as max_retries allows
// and are gone, in that order.
func (s *Server) Dropped(queueName string) []QueuedMessage {
	return s.messages(queueName, func(q *queue) []*message { return q.dropped })
}

func (s *Server) messages(queueName string, which func(*queue) []*message) []QueuedMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.knownQueue(queueName)
	now := s.now()
	s.drop(q, now)
	var described []QueuedMessage
	for _, m := range which(q) {
		described = append(described, m.describe(now))
	}
	return described
}

// drop takes out what was delivered too often and is not leased any more.
func (s *Server) drop(q *queue, now time.Time) {
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		if m.attempts <= q.maxRetries || m.visibleAt.After(now) {
			return false
		}
		q.dropped = append(q.dropped, m)
		return true
	})
}

func (q *queue) consumers() []any {
	if !q.pull {
		return []any{}
	}
	return []any{q.consumerJSON()}
}

func (q *queue) consumerJSON() object {
	return object{
		"consumer_id": idOf("consumer", q.id), "queue_name": q.name, "type": "http_pull", "created_on": stamp(q.created),
		"settings": object{
			"batch_size": maxBatchSize, "max_retries": q.maxRetries, "visibility_timeout_ms": defaultVisibilityTimeout.Milliseconds(),
		},
	}
}

func (q *queue) json() object {
	consumers := q.consumers()
	return object{
		"queue_id": q.id, "queue_name": q.name, "created_on": stamp(q.created), "modified_on": stamp(q.created),
		"producers": []any{}, "producers_total_count": 0, "consumers_total_count": len(consumers), "consumers": consumers,
		"settings": object{"delivery_delay": 0, "delivery_paused": false, "message_retention_period": 345600},
	}
}

func listQueues(r *request) answer {
	items := []any{}
	for _, q := range r.server.queues {
		if name := r.query().Get("name"); name == "" || name == q.name {
			items = append(items, q.json())
		}
	}
	return paged(r, items, 100, 100, nil)
}

// queueOf is the queue that {queue}, an id, stands for.
func queueOf(r *request) (*queue, answer) {
	if q := r.server.queue(r.values["queue"]); q != nil && q.id == r.values["queue"] {
		return q, nil
	}
	code := codeQueueNotFound
	if strings.Contains(r.route.path, "/messages") {
		code = codeMessagesNotFound
	}
	return nil, notFound(code, "Queue does not exist")
}

func getQueue(r *request) answer {
	q, refusal := queueOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: q.json()}
}

// postQueue is what wrangler queues create sends.
func postQueue(r *request) answer {
	var body struct {
		Name string `json:"queue_name"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	if body.Name == "" {
		return refuse(http.StatusBadRequest, codeMalformed, "A queue needs a name")
	}
	if q := r.server.queue(body.Name); q != nil {
		return refuse(http.StatusConflict, codeQueueExists, "Queue name is already taken.")
	}
	return &reply{result: r.server.addQueue(body.Name, QueueOptions{NoConsumer: true}).json()}
}

func listConsumers(r *request) answer {
	q, refusal := queueOf(r)
	if refusal != nil {
		return refusal
	}
	return &reply{result: q.consumers()}
}

// postConsumer is what wrangler queues consumer http add sends. A queue has one
// consumer.
func postConsumer(r *request) answer {
	q, refusal := queueOf(r)
	if refusal != nil {
		return refusal
	}
	var body struct {
		Type     string `json:"type"`
		Settings struct {
			MaxRetries *int `json:"max_retries"`
		} `json:"settings"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	if body.Type != "http_pull" {
		return refuse(http.StatusBadRequest, codeMalformed, "fakecloudflare has http_pull consumers only")
	}
	if q.pull {
		return refuse(http.StatusBadRequest, codeConsumerExists, "workers.api.error.consumer_exists")
	}
	q.pull = true
	if body.Settings.MaxRetries != nil {
		q.maxRetries = *body.Settings.MaxRetries
	}
	return &reply{result: q.consumerJSON()}
}

// pushMessage sends a message over HTTP. Its body is a text with content_type
// text, anything with json.
func pushMessage(r *request) answer {
	q, refusal := queueOf(r)
	if refusal != nil {
		return refusal
	}
	var body struct {
		Body        json.RawMessage `json:"body"`
		ContentType string          `json:"content_type"`
		Delay       int             `json:"delay_seconds"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	m := QueueMessage{Body: []byte(body.Body), Delay: time.Duration(body.Delay) * time.Second}
	var text string
	if body.ContentType == "text" && json.Unmarshal(body.Body, &text) == nil {
		m.Body, m.Encoding = text, EncodingText
	}
	r.server.send(q, m)
	return &reply{}
}

// pullMessages leases up to batch_size messages. It answers at once, an empty
// queue too.
func pullMessages(r *request) answer {
	q, refusal := queueOf(r)
	if refusal != nil {
		return refusal
	}
	var body struct {
		BatchSize         *int   `json:"batch_size"`
		VisibilityTimeout *int64 `json:"visibility_timeout_ms"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	n, timeout := defaultBatchSize, defaultVisibilityTimeout
	if body.BatchSize != nil {
		n = *body.BatchSize
	}
	if body.VisibilityTimeout != nil {
		timeout = time.Duration(*body.VisibilityTimeout) * time.Millisecond
	}
	if !q.pull { // 405 is what one guide says
		return refuse(http.StatusMethodNotAllowed, codeMalformed, "HTTP pull is not enabled for this queue")
	}
	if n < 1 || n > maxBatchSize {
		return refuse(http.StatusBadRequest, codeMessagesInvalid, "batch_size must be from 1 to %d", maxBatchSize)
	}
	if timeout < 0 || timeout > maxVisibilityTimeout {
		return refuse(http.StatusBadRequest, codeMessagesInvalid, "visibility_timeout_ms must be from 0 to %d", maxVisibilityTimeout.Milliseconds())
	}
	r.server.drop(q, r.now)
	messages := []any{}
	backlog := len(q.messages)
	for _, m := range q.messages {
		if len(messages) == n {
			break
		}
		if m.visibleAt.After(r.now) {
			continue
		}
		m.attempts++
		m.lease, m.visibleAt = r.server.id("lease"), r.now.Add(timeout)
		messages = append(messages, m.json())
	}
	return &reply{result: object{
		"message_backlog_count": backlog, "messages": messages,
		"metadata": object{"metrics": object{"backlog_count": backlog}},
	}}
}

func (m *message) json() object {
	var body any
	contentType := "json"
	switch m.encoding {
	case EncodingObject:
		body = json.RawMessage(m.body)
	case EncodingJSON:
		body = string(m.body)
	case EncodingText:
		body, contentType = string(m.body), "text"
	case EncodingBytes:
		body, contentType = base64.StdEncoding.EncodeToString(m.body), "bytes"
	default:
		body = base64.StdEncoding.EncodeToString(m.body)
	}
	details := object{"CF-Content-Type": contentType, "CF-sourceMessageSource": "dash"}
	var metadata any = details
	switch m.metadata {
	case MetadataNull:
		metadata = nil
	case MetadataString:
		metadata = string(encode(details))
	}
	return object{
		"id": m.id, "lease_id": m.lease, "body": body, "attempts": m.attempts, "timestamp_ms": m.sent.UnixMilli(),
		"metadata": metadata,
	}
}

// ackMessages acknowledges leases or gives them back. A lease that is over still
// counts as long as nobody else has taken the message; then it gets a warning.
func ackMessages(r *request) answer {
	q, refusal := queueOf(r)
	if refusal != nil {
		return refusal
	}
	var body struct {
		Acks []struct {
			Lease string `json:"lease_id"`
		} `json:"acks"`
		Retries []struct {
			Lease string  `json:"lease_id"`
			Delay float64 `json:"delay_seconds"`
		} `json:"retries"`
	}
	if refusal := r.decode(&body); refusal != nil {
		return refusal
	}
	acked, retried, warnings := 0, 0, object{}
	for _, a := range body.Acks {
		i := q.leased(a.Lease)
		if i < 0 {
			warnings[a.Lease] = "lease not found"
			continue
		}
		q.acked = append(q.acked, q.messages[i])
		q.messages = slices.Delete(q.messages, i, i+1)
		acked++
	}
	for _, a := range body.Retries {
		i := q.leased(a.Lease)
		if i < 0 {
			warnings[a.Lease] = "lease not found"
			continue
		}
		m := q.messages[i]
		m.lease, m.visibleAt = "", r.now.Add(time.Duration(a.Delay*float64(time.Second)))
		retried++
		if m.attempts > q.maxRetries {
			m.visibleAt = r.now // it will not be delivered again
		}
	}
	r.server.drop(q, r.now)
	return &reply{result: object{"ackCount": acked, "retryCount": retried, "warnings": warnings}}
}

// leased is the index of the message with that lease, or -1.
func (q *queue) leased(lease string) int {
	if lease == "" {
		return -1
	}
	return slices.IndexFunc(q.messages, func(m *message) bool { return m.lease == lease })
}
