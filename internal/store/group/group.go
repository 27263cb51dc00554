// Package group lets transactions that wait at the same time share one commit.
//
// Its one rule: nobody waits for a timer. Whoever finds nobody committing starts
// it; the busier the store, the larger the groups. It knows no engine.
package group

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// maxBatch bounds how many share a commit, so that the first of them does not
// wait for ever.
const maxBatch = 256

// Options are what an engine does for a queue.
type Options struct {
	// Commit runs fn in one transaction. Keys are those that fn will look for
	// first.
	Commit func(keys []shipbell.KeyIdentity, fn func(ledger.Tx) error) error
	// Blames reports whether an error of Commit that fn did not return is about
	// what one of the group wrote; nil where statements are never carried out
	// later than they are given.
	Blames func(error) bool
	// After is called after each commit with how many shared it; nil for nobody.
	After func(n int)
}

// Queue is where transactions wait. It is safe for concurrent use.
type Queue struct {
	Options

	mu         sync.Mutex
	queue      []*request
	committing bool
	commits    int // groups committed so far
	work       sync.WaitGroup
}

// request is one Update that waits to be committed.
type request struct {
	ctx  context.Context
	keys []shipbell.KeyIdentity
	fn   func(ledger.Tx) error
	err  error
	done chan struct{} // closed when err is final
}

// New makes a queue.
func New(o Options) *Queue { return &Queue{Options: o} }

// Update does what [ledger.Store] asks of it.
func (q *Queue) Update(ctx context.Context, fn func(ledger.Tx) error, keys ...shipbell.Key) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan struct{})}
	for _, k := range keys {
		r.keys = append(r.keys, k.Identity())
	}
	q.mu.Lock()
	q.queue = append(q.queue, r)
	if !q.committing {
		q.committing = true
		q.work.Go(q.commitAll)
	}
	q.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err() // whether it is kept is not known
	}
}

// Wait returns when nobody commits any more.
func (q *Queue) Wait() { q.work.Wait() }

// Waiting returns how many wait to be committed.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}

// Commits returns how many groups were committed.
func (q *Queue) Commits() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.commits
}

// commitAll commits groups until nobody waits.
func (q *Queue) commitAll() {
	for {
		q.gather()
		q.mu.Lock()
		n := min(len(q.queue), maxBatch)
		if n == 0 {
			q.queue, q.committing = nil, false
			q.mu.Unlock()
			return
		}
		group := q.queue[:n:n]
		q.queue = q.queue[n:]
		q.commits++
		q.mu.Unlock()

		q.commit(slices.Clone(group))
		for _, r := range group {
			close(r.done)
		}
		if q.After != nil {
			q.After(n)
		}
	}
}

// gather lets requests that are about to come join the group. It only yields:
// while others can run and do ask for an Update the group grows, and on an idle
// machine nobody is kept waiting. Where the disk is fast, groups would else be
// small, and every commit costs the same however few it serves.
func (q *Queue) gather() {
	for before := 0; ; {
		queued := q.Waiting()
		if queued == before || queued >= maxBatch {
			return
		}
		before = queued
		runtime.Gosched()
	}
}

// commit runs the group in one transaction. When one of its functions fails
// nothing of the group was kept, and each runs again alone, so that nobody pays
// for another's failure. A transaction that cannot begin or commit would fail
// the same way again, after the same wait.
func (q *Queue) commit(group []*request) {
	// Who has left is taken out before: it must not cost the others a thing.
	group = slices.DeleteFunc(group, func(r *request) bool {
		r.err = r.ctx.Err()
		return r.err != nil
	})
	if len(group) == 0 {
		return
	}
	var keys []shipbell.KeyIdentity
	for _, r := range group {
		keys = append(keys, r.keys...)
	}
	fault := false
	err := q.Commit(keys, func(t ledger.Tx) error {
		for _, r := range group {
			if err := r.fn(t); err != nil {
				fault = true
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	alone := len(group) > 1 && (fault || q.Blames != nil && q.Blames(err))
	for _, r := range group {
		r.err = err
		if alone {
			r.err = q.Commit(r.keys, r.fn)
		}
	}
}
