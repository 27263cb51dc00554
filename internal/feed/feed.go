// Package feed tells any number of readers what changes in the ledger, as it
// changes.
//
// Its one rule: a reader never waits for another one, and nothing waits for a
// reader. Each goes through the feed at its own pace; one that falls behind is told
// that it did, and asks for what is now. What changed is read once, for all.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

const (
	// every is how long changes are collected before readers are told: at many
	// changes a second each would be woken for every single one.
	every = 50 * time.Millisecond
	// batchSize bounds what is read in one go.
	batchSize = 500
	// net is how often the ledger is asked although nobody said that it changed:
	// what another process wrote is not heard.
	net = 5 * time.Second
	// behind is how many batches a reader may be behind.
	behind = 256
	// reach is how far back a reader can resume, in changes.
	reach = 5000
	// missed bounds what a reader that resumes holds at a time, and catchUps how many
	// read at once: after a restart all of them do.
	missed   = 100
	catchUps = 4
)

// Ledger is what a feed asks of the ledger.
type Ledger interface {
	Changes(ctx context.Context, since shipbell.Cursor, n int) ([]ledger.News, shipbell.Cursor, error)
	Latest(ctx context.Context) (shipbell.Cursor, error)
}

// Options are the parts that a feed works with.
type Options struct {
	Ledger Ledger
	// Encode puts news into the form in which readers pass them on, once for all of
	// them; nil for none.
	Encode func(ledger.News) []byte
	// First is told of every batch before any reader is.
	First func([]ledger.News)
	// Lost is told that changes are missing before the next batch, and waited for until
	// readers are told: what they read anew then is to be what is now.
	Lost func(context.Context)
	Log  *slog.Logger
}

// Event is one change. Its deployment is as short as [shipbell.Deployment.Short]: what
// a slow reader holds up must not be whole ledgers.
type Event struct {
	ledger.News
	Encoded []byte
}

// Batch is what happened since the last one. Readers share it: nobody changes it.
type Batch struct {
	Events []Event
	// Encoded is all events' one after the other, for those who pass on every one; it
	// can be missing where there are events.
	Encoded []byte
	// At is the cursor behind the batch.
	At shipbell.Cursor
	// Lost is set when changes are missing before At: the reader was too slow, or
	// wanted to resume where the feed does not reach back to.
	Lost bool
	// More is set while the reader is told what it missed, and this is not all of it.
	More bool
}

// node is one batch with what follows it. The next is set before ready is closed.
type node struct {
	ready chan struct{}
	batch Batch
	once  sync.Once // encodes the batch
	n     int64
	next  *node
}

// Feed follows the ledger. Make one with New.
type Feed struct {
	Options
	woken   chan struct{}
	reading chan struct{} // one for each reader that reads what it missed

	mu   sync.Mutex
	head *node // empty yet: where the next batch goes
	at   shipbell.Cursor
	up   chan struct{} // closed once at is known
}

// New makes a feed. It knows nothing before Run.
func New(o Options) *Feed {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Encode == nil {
		o.Encode = func(ledger.News) []byte { return nil }
	}
	if o.First == nil {
		o.First = func([]ledger.News) {}
	}
	if o.Lost == nil {
		o.Lost = func(context.Context) {}
	}
	return &Feed{Options: o, woken: make(chan struct{}, 1), reading: make(chan struct{}, catchUps), head: &node{ready: make(chan struct{})}, up: make(chan struct{})}
}

// Wake says that something may have changed. It never blocks.
func (f *Feed) Wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// Run follows the ledger until ctx is done.
func (f *Feed) Run(ctx context.Context) error {
	for !f.start(ctx) {
		if !wait(ctx, nil, time.Second) {
			return ctx.Err()
		}
	}
	for {
		for f.read(ctx) {
		}
		if !wait(ctx, nil, every) || !wait(ctx, f.woken, net) {
			return ctx.Err()
		}
	}
}

// wait waits for a duration, or until it is woken; false when ctx is done.
func wait(ctx context.Context, woken <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-woken:
	case <-timer.C:
	}
	return true
}

func (f *Feed) start(ctx context.Context) bool {
	at, err := f.Ledger.Latest(ctx)
	if err != nil {
		f.failed(ctx, err)
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = at
	close(f.up)
	return true
}

func (f *Feed) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		f.Log.Warn("could not read what changed; trying again", "error", err)
	}
}

// read reads one batch and reports whether there may be more.
func (f *Feed) read(ctx context.Context) bool {
	news, at, err := f.Ledger.Changes(ctx, f.at, batchSize)
	if errors.Is(err, shipbell.ErrNotFound) {
		// The ledger was replaced, or so much happened that it does not reach back.
		if at, err = f.Ledger.Latest(ctx); err == nil {
			f.Lost(ctx)
			f.publish(Batch{At: at, Lost: true})
			return false
		}
	}
	if err != nil {
		f.failed(ctx, err)
		return false
	}
	if at == f.at {
		return false
	}
	f.First(news)
	f.publish(Batch{Events: short(news), At: at})
	return len(news) > 0
}

// short returns events that can be kept in mind, not encoded yet.
func short(news []ledger.News) []Event {
	events := make([]Event, len(news))
	for i, n := range news {
		n.Deployment = n.Deployment.Short()
		events[i].News = n
	}
	return events
}

// encode puts events into the form in which readers pass them on, and returns all one
// after the other.
func (f *Feed) encode(events []Event) (all []byte) {
	for i := range events {
		events[i].Encoded = f.Encode(events[i].News)
		all = append(all, events[i].Encoded...)
	}
	return all
}

func (f *Feed) publish(b Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	full := f.head
	full.batch, f.at = b, b.At
	f.head = &node{ready: make(chan struct{}), n: full.n + 1}
	full.next = f.head
	close(full.ready)
}

// Reader goes through the feed. One goroutine uses it.
type Reader struct {
	feed  *Feed
	node  *node
	first *Batch // what is told before the node, and behind what was missed
	// behind is set while what was missed since then is to be told first.
	behind bool
	since  shipbell.Cursor
}

// Follow returns a reader of what changes from now on.
func (f *Feed) Follow(ctx context.Context) (*Reader, error) {
	select {
	case <-f.up:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &Reader{feed: f, node: f.head, first: &Batch{At: f.at}}, nil
}

// Resume returns a reader of what changed behind the cursor. Where the feed does
// not reach back to it, the first batch says that changes were lost.
func (f *Feed) Resume(ctx context.Context, since shipbell.Cursor) (*Reader, error) {
	r, err := f.Follow(ctx)
	if err != nil || r.first.At == since {
		return r, err
	}
	now := r.first.At
	if int64(now.Opened-since.Opened)+now.Changed-since.Changed > reach {
		r.first.Lost = true
		return r, nil
	}
	r.behind, r.since = true, since
	return r, nil
}

// catchUp returns a part of what a reader missed. What happened since the reader was
// made may be told twice: that says nothing wrong.
func (r *Reader) catchUp(ctx context.Context) (Batch, error) {
	f := r.feed
	if r.late() { // it keeps all that happened since in memory
		r.behind, r.first.Lost = false, true
		return r.take(), nil
	}
	select {
	case f.reading <- struct{}{}:
		defer func() { <-f.reading }()
	case <-ctx.Done():
		return Batch{}, ctx.Err()
	}
	news, at, err := f.Ledger.Changes(ctx, r.since, missed)
	switch {
	case err != nil && ctx.Err() != nil:
		return Batch{}, ctx.Err()
	case err != nil:
		// It does not reach back any more, or cannot be read: who asks for what is now
		// needs nothing of this.
		if !errors.Is(err, shipbell.ErrNotFound) {
			f.failed(ctx, err)
		}
		r.behind, r.first.Lost = false, true
		return r.take(), nil
	case at == r.since:
		r.behind, r.first.At = false, at
		return r.take(), nil
	}
	r.since = at
	b := Batch{Events: short(news), At: at, More: true}
	f.encode(b.Events)
	return b, nil
}

// late reports whether a reader is too far behind.
func (r *Reader) late() bool {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	return r.feed.head.n-r.node.n > behind
}

// take returns what is told before the node.
func (r *Reader) take() Batch {
	b := *r.first
	r.first = nil
	return b
}

// Next returns the next batch, as soon as there is one. The first one comes at once:
// it says where the feed is, and in parts what was missed.
func (r *Reader) Next(ctx context.Context) (Batch, error) {
	switch {
	case r.behind:
		return r.catchUp(ctx)
	case r.first != nil:
		return r.take(), nil
	}
	select {
	case <-r.node.ready:
	case <-ctx.Done():
		return Batch{}, ctx.Err()
	}
	n := r.node
	if at, lost := r.skip(); lost {
		return Batch{At: at, Lost: true}, nil
	}
	r.node = n.next
	// The first who reads it encodes it for all: where nobody reads nothing is.
	n.once.Do(func() { n.batch.Encoded = r.feed.encode(n.batch.Events) })
	return n.batch, nil
}

// skip moves a reader that is too far behind to the end.
func (r *Reader) skip() (at shipbell.Cursor, lost bool) {
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head.n-r.node.n <= behind {
		return at, false
	}
	r.node = f.head
	return f.at, true
}
