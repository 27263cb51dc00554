package cloudflare

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/excerpt"
	"github.com/shipbell/shipbell/internal/outbound"
)

// DefaultPullInterval is how often an empty queue is asked. Pulling is not counted
// by the rate limit of the API.
const DefaultPullInterval = 10 * time.Second

const (
	// batchSize is the largest batch that a pull may ask for.
	batchSize = 100
	// leaseFor is how long pulled messages are ours; recording takes far less.
	leaseFor = time.Minute
	// maxPoison is how many messages that were not understood are kept, and
	// maxPoisonBody how much of each, in bytes.
	maxPoison     = 20
	maxPoisonBody = 500
	// ackTries is how often acknowledging is tried at once. What is not
	// acknowledged comes again, and changes nothing.
	ackTries      = 3
	queuesPerPage = 100
)

// ConsumerOptions are the parts a [Consumer] works with.
type ConsumerOptions struct {
	Client   *Client
	Ledger   Ledger
	Accounts []string // as of [PollerOptions]
	Queue    string   // name or id
	Interval time.Duration
	Allow    func(shipbell.ProjectType, string) bool // as of [PollerOptions]
	// Base returns what the tags of a Worker say of its name, [Poller.Base]; nil
	// where nobody knows.
	Base func(account, script string) (project, environment, url string)
	// Heard is called after something was recorded, so that the poller can look
	// at once for what the event does not say; nil for nobody. It must not block.
	Heard  func()
	DryRun bool             // report, tell and acknowledge nothing
	Now    func() time.Time // nil: the system clock
	Log    *slog.Logger     // nil: none
}

// Consumer pulls build events from a queue. Its methods are safe for concurrent
// use, but for Once and Run, of which one runs at a time.
type Consumer struct {
	o      ConsumerOptions
	wake   chan struct{}
	memory *consumerMemory // nil until it was read
	stored string

	account  string
	queue    string // id; empty until it was found
	failures int
	reason   blindness

	mu      sync.Mutex
	hearing shipbell.Hearing
}

// consumerMemory is what a consumer remembers.
type consumerMemory struct {
	Poison []shipbell.Poison `json:"poison,omitempty"`
	// Logs are those of failed builds that are still to be read.
	Logs []wantedBuild `json:"logs,omitempty"`
	sight
}

// wantedBuild is a failed build whose log is still to be read. Its end is kept,
// because the log must be told of the same moment.
type wantedBuild struct {
	Account string    `json:"account"`
	Script  string    `json:"script"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Tries   int       `json:"tries,omitempty"`
}

// NewConsumer returns a consumer. It asks nothing before Run or Once.
func NewConsumer(o ConsumerOptions) *Consumer {
	o.Interval = cmp.Or(o.Interval, DefaultPullInterval)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Allow == nil {
		o.Allow = func(shipbell.ProjectType, string) bool { return true }
	}
	if o.Base == nil {
		o.Base = func(_, script string) (string, string, string) { return script, "", "" }
	}
	if o.Heard == nil {
		o.Heard = func() {}
	}
	return &Consumer{
		o: o, wake: make(chan struct{}, 1),
		hearing: shipbell.Hearing{Source: shipbell.SourceBuilds, Remaining: -1},
	}
}

func (c *Consumer) now() time.Time { return c.o.Now().UTC().Truncate(time.Millisecond) }

// Run pulls until ctx ends, and then returns nil.
func (c *Consumer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := c.o.Interval
		report, err := c.Once(ctx)
		switch {
		case err != nil:
			c.failures++
			wait = max(backoff(c.failures), limited(err))
		case report.full:
			c.failures, wait = 0, 0
		default:
			c.failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.wake:
			if c.failures > 0 {
				c.pause(ctx, timer)
			}
		}
		timer.Stop()
	}
	return nil
}

// pause waits for the rest of a back-off.
func (c *Consumer) pause(ctx context.Context, timer *time.Timer) {
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Wake makes the consumer pull soon. It does not block.
func (c *Consumer) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Hearing returns how well the queue can be heard, and which messages could not be
// understood.
func (c *Consumer) Hearing() shipbell.Hearing {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hearing
	h.Notes, h.Poison = slices.Clone(h.Notes), slices.Clone(h.Poison)
	return h
}

// Pulled is what one pull came to.
type Pulled struct {
	shipbell.Report
	full bool // there may be more
}

// Once pulls one batch and returns what it reported.
func (c *Consumer) Once(ctx context.Context) (Pulled, error) {
	var pulled Pulled
	if c.memory == nil {
		stored, err := c.o.Ledger.Memory(ctx, shipbell.SourceBuilds)
		if err != nil {
			return pulled, err
		}
		m := &consumerMemory{}
		if stored != "" && json.Unmarshal([]byte(stored), m) != nil {
			m = &consumerMemory{} // nothing in it is worth standing still for
		}
		c.memory, c.stored = m, stored
	}
	at, before := c.now(), c.o.Client.Requests()
	messages, err := c.pull(ctx)
	if ctx.Err() != nil {
		return pulled, nil
	}
	w := witness{source: shipbell.SourceBuilds, ledger: c.o.Ledger, log: c.o.Log, dry: c.o.DryRun}
	c.reason, _ = w.sees(ctx, &c.memory.sight, c.reason, at, err)
	pulled.Source = shipbell.SourceBuilds
	pulled.full = len(messages) >= batchSize
	report := c.read(messages, at)
	if recorded := c.record(ctx, report); recorded != nil {
		return pulled, errors.Join(err, recorded)
	}
	pulled.Report = report
	if len(messages) > 0 {
		if len(report.Events) > 0 {
			c.o.Heard()
		}
		if failed := c.ack(ctx, messages); failed != nil {
			c.o.Log.Warn("messages of the queue could not be acknowledged; they will come again", "error", failed)
		}
	}
	if err == nil {
		pulled.Events = append(pulled.Events, c.complete(ctx)...)
	}
	c.publish(at, err, c.o.Client.Requests()-before)
	return pulled, err
}

// queueMessage is a message as a pull returns it. What its metadata looks like is
// not known; nothing in it is needed.
type queueMessage struct {
	ID        text            `json:"id"`
	LeaseID   text            `json:"lease_id"`
	Body      json.RawMessage `json:"body"`
	Timestamp moment          `json:"timestamp_ms"`
}

// pull leases a batch, after finding the queue where it was not found yet.
func (c *Consumer) pull(ctx context.Context) ([]queueMessage, error) {
	if c.queue == "" {
		if err := c.find(ctx); err != nil {
			return nil, err
		}
	}
	var result struct {
		Messages list[queueMessage] `json:"messages"`
	}
	err := c.o.Client.post(ctx, inAccount(c.account, "queues", c.queue, "messages", "pull"), map[string]any{
		"batch_size": batchSize, "visibility_timeout_ms": leaseFor.Milliseconds(),
	}, &result)
	if errors.Is(err, shipbell.ErrNotFound) {
		c.queue = "" // made anew under the same name, perhaps
	}
	if err != nil {
		return nil, errWhat("pull from queue "+c.o.Queue, err)
	}
	return slices.DeleteFunc(result.Messages, func(m queueMessage) bool { return m.LeaseID == "" }), nil
}

// find looks for the queue in all accounts.
func (c *Consumer) find(ctx context.Context) error {
	accounts, err := Accounts(ctx, c.o.Client, c.o.Accounts)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range accounts {
		id, err := c.o.Client.findQueue(ctx, a.ID, c.o.Queue)
		if err == nil {
			c.account, c.queue = a.ID, id
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// queueForm is the form of the id of a queue.
var queueForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// findQueue returns the id of a queue of which the name or the id is known.
func (c *Client) findQueue(ctx context.Context, account, name string) (string, error) {
	for page := 1; page <= maxPages; page++ {
		var batch list[struct {
			ID   text `json:"queue_id"`
			Name text `json:"queue_name"`
		}]
		info, err := c.get(ctx, inAccount(account, "queues"), pageQuery(page, queuesPerPage), &batch)
		if refused(err) && queueForm.MatchString(name) {
			return name, nil // whoever may not list queues may still pull
		}
		if err != nil {
			return "", errWhat("find queue "+name, err)
		}
		for _, q := range batch {
			if q.ID != "" && (string(q.Name) == name || string(q.ID) == name) {
				return string(q.ID), nil
			}
		}
		if lastPage(info, page, len(batch), queuesPerPage) {
			break
		}
	}
	return "", &SetupError{
		Reason: fmt.Sprintf("account %s has no queue %q", account, name),
		Hint:   "set SHIPBELL_BUILDS_QUEUE to the name or id of a queue with an HTTP pull consumer",
		Err:    shipbell.ErrNotFound,
	}
}

// read maps messages to events and keeps those that it does not understand.
func (c *Consumer) read(messages []queueMessage, at time.Time) shipbell.Report {
	r := shipbell.Report{Source: shipbell.SourceBuilds}
	late := at.Add(-lateAfter)
	for _, m := range messages {
		body, err := readBody(m.Body)
		var s subscribed
		if err == nil {
			s, err = readSubscribed(body, firstTime(m.Timestamp.Time, at))
		}
		if err != nil {
			c.poison(body, err, at)
			continue
		}
		if s.script == "" {
			continue
		}
		for _, e := range s.events(c.site(s.account, s.script)) {
			if !allowed(c.o.Allow, e) {
				continue
			}
			e.ReceivedAt = at
			if e.At.Before(late) {
				r.LateBefore = late
			}
			r.Events = append(r.Events, e)
			if e.Status == shipbell.Failure && s.build != nil {
				c.want(wantedBuild{Account: cmp.Or(s.account, c.account), Script: s.script, ID: string(s.build.UUID), At: e.At})
			}
		}
	}
	slices.SortStableFunc(r.Events, func(a, b shipbell.Event) int { return a.At.Compare(b.At) })
	return r
}

func (c *Consumer) site(account, script string) site {
	account = cmp.Or(account, c.account)
	project, env, url := c.o.Base(account, script)
	return site{account: account, project: project, script: script, env: env, url: url}
}

func (c *Consumer) want(w wantedBuild) {
	if slices.ContainsFunc(c.memory.Logs, func(o wantedBuild) bool { return o.ID == w.ID }) {
		return
	}
	c.memory.Logs = append(c.memory.Logs, w)
	c.memory.Logs = c.memory.Logs[max(0, len(c.memory.Logs)-maxWantedLogs):]
}

func (c *Consumer) poison(body []byte, err error, at time.Time) {
	mask := func(s string) string { return outbound.Redact(excerpt.Mask(s), c.o.Client.token) }
	p := shipbell.Poison{At: at, Reason: mask(cut(oneLine(err.Error()), maxLine)), Body: showBody(body, mask)}
	last := len(c.memory.Poison) - 1
	if last >= 0 && c.memory.Poison[last].Reason == p.Reason && c.memory.Poison[last].Body == p.Body {
		return // the same once more: its acknowledgement was lost
	}
	c.memory.Poison = append(c.memory.Poison, p)
	c.memory.Poison = c.memory.Poison[max(0, len(c.memory.Poison)-maxPoison):]
	c.o.Log.Warn("a message of the queue was not understood", "reason", p.Reason)
}

// record reports and stores memory. It tries again until it has: the messages
// stay leased meanwhile or come again, and each delivery counts against the
// number of retries of the queue.
func (c *Consumer) record(ctx context.Context, r shipbell.Report) error {
	memory, err := json.Marshal(c.memory)
	if err != nil {
		panic("cloudflare: memory that cannot be encoded: " + err.Error()) // texts and times only
	}
	if string(memory) != c.stored {
		r.Memory = string(memory)
	}
	if r.Memory == "{}" && c.stored == "" {
		r.Memory = ""
	}
	if len(r.Events) == 0 && r.Memory == "" || c.o.DryRun {
		return nil
	}
	for failures := 1; ; failures++ {
		err := c.o.Ledger.Report(ctx, r)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		c.o.Log.Error("build events cannot be recorded; they are kept in the queue", "error", err)
		if failures > recordTries {
			return err
		}
		timer := time.NewTimer(backoff(failures))
		c.pause(ctx, timer)
		timer.Stop()
	}
	if r.Memory != "" {
		c.stored = r.Memory
	}
	return nil
}

// recordTries is how often recording a batch is tried again before it is left to
// the queue.
const recordTries = 20

// ack acknowledges what was recorded.
func (c *Consumer) ack(ctx context.Context, messages []queueMessage) error {
	if c.o.DryRun {
		return nil
	}
	type lease struct {
		ID string `json:"lease_id"`
	}
	body := struct {
		Acks    []lease `json:"acks"`
		Retries []lease `json:"retries"`
	}{Retries: []lease{}}
	for _, m := range messages {
		body.Acks = append(body.Acks, lease{string(m.LeaseID)})
	}
	var err error
	for try := range ackTries {
		if try > 0 {
			timer := time.NewTimer(time.Second)
			c.pause(ctx, timer)
			timer.Stop()
		}
		err = c.o.Client.post(ctx, inAccount(c.account, "queues", c.queue, "messages", "ack"), body, nil)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// complete reads the logs of failed builds that were recorded, and records what
// they tell. A token that may not read builds costs only that.
func (c *Consumer) complete(ctx context.Context) []shipbell.Event {
	if len(c.memory.Logs) == 0 || c.o.DryRun {
		return nil
	}
	r := shipbell.Report{Source: shipbell.SourceBuilds}
	var left []wantedBuild
	for i, w := range c.memory.Logs {
		if i >= logsPerLook || ctx.Err() != nil {
			left = append(left, w)
			continue
		}
		e, ok, err := c.failure(ctx, w)
		if ok {
			for _, e := range sealed(e) {
				e.ReceivedAt = c.now()
				r.Events = append(r.Events, e)
			}
			continue
		}
		if w.Tries++; w.Tries < maxLogTries && !refused(err) && !errors.Is(err, shipbell.ErrNotFound) {
			left = append(left, w)
		}
	}
	c.memory.Logs = left
	if err := c.record(ctx, r); err != nil {
		return nil
	}
	return r.Events
}

// failure asks for a failed build, with its log.
func (c *Consumer) failure(ctx context.Context, w wantedBuild) (e shipbell.Event, ok bool, err error) {
	var b build
	if _, err := c.o.Client.get(ctx, inAccount(w.Account, "builds", "builds", w.ID), nil, &b); err != nil {
		return e, false, err
	}
	if b.state() != shipbell.Failure || string(b.UUID) != w.ID {
		return e, false, nil
	}
	b.StoppedOn.Time = w.At
	e = observed{site: c.site(w.Account, w.Script), build: b}.final(shipbell.SourceBuilds)
	lines, err := c.o.Client.buildLog(ctx, w.Account, w.ID)
	if err != nil {
		return e, false, err
	}
	return e, c.o.Client.why(&e, lines), nil
}

func (c *Consumer) publish(at time.Time, err error, requests int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.hearing
	h.Requests, h.Poison = requests, slices.Clone(c.memory.Poison)
	h.BlindSince, h.Reason, h.Hint = c.memory.BlindSince, c.reason.reason, c.reason.hint
	h.Notes = nil
	if n := len(h.Poison); n > 0 {
		h.Notes = append(h.Notes, fmt.Sprintf("%d messages of the queue were not understood, the last %s", n, h.Poison[n-1].At.Format(time.RFC3339)))
	}
	if err == nil {
		h.LastHeard = at
	}
}
