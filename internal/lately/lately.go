// Package lately keeps the answer to a question that many ask.
//
// Its one rule: however many ask, it is asked at most once in a while, and who asks
// first does it for all who wait. It starts nothing in the background. Who waits
// longer than the one who asked, and in vain, may ask again.
package lately

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Answer is the last answer to one question. Its zero value has none. It is safe for
// concurrent use.
type Answer[V any] struct {
	mu    sync.Mutex
	at    time.Time
	value V
	err   error
	// waited is for how long at most it was waited for in vain; zero where it came.
	waited time.Duration
	// good is the last answer that was no error, and goodAt when it came.
	good   V
	goodAt time.Time
	// asking is closed when who asks knows; nil while nobody does.
	asking chan struct{}
	// forgotten has what is being asked be asked again.
	forgotten bool
}

// Get returns the answer, an error included, if it is younger than the age, and asks
// otherwise, or waits for who asks, for as long as the patience lasts.
func (a *Answer[V]) Get(ctx context.Context, age, patience time.Duration, ask func(context.Context) (V, error)) (V, error) {
	// Others wait for this answer too: the end of one request is not its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.answers(age, patience) {
		if a.asking == nil {
			return a.find(ctx, patience, ask)
		}
		asking := a.asking
		a.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
		}
		a.mu.Lock()
		if ctx.Err() != nil && !a.answers(age, patience) {
			var none V
			return none, ctx.Err()
		}
	}
	return a.value, a.err
}

// Glance is Get for who shall not wait long: where there is no answer in time, or an
// error, it returns the last one that was none, and whether that is younger than the
// limit.
func (a *Answer[V]) Glance(ctx context.Context, age, limit, patience time.Duration, ask func(context.Context) (V, error)) (v V, known bool) {
	if v, err := a.Get(ctx, age, patience, ask); err == nil {
		return v, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.goodAt.IsZero() || time.Since(a.goodAt) >= limit {
		return v, false
	}
	return a.good, true
}

// Forget has it asked again: somebody changed something, and wants to see it.
func (a *Answer[V]) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.goodAt, a.forgotten = time.Time{}, time.Time{}, true
}

// answers reports whether there is an answer for who has so much patience.
func (a *Answer[V]) answers(age, patience time.Duration) bool {
	return !a.at.IsZero() && time.Since(a.at) < age && (a.waited == 0 || a.waited >= patience)
}

// find asks, without the lock.
func (a *Answer[V]) find(ctx context.Context, patience time.Duration, ask func(context.Context) (V, error)) (value V, err error) {
	a.asking, a.forgotten = make(chan struct{}), false
	asked := false
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		close(a.asking)
		a.asking = nil
		if !asked || a.forgotten { // asking panicked, or what was asked is not so any more
			return
		}
		a.at, a.value, a.err, a.waited = time.Now(), value, err, 0
		switch {
		case err == nil:
			a.good, a.goodAt = value, a.at
		case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
			a.waited = patience
		}
	}()
	value, err = ask(ctx)
	asked = true
	return value, err
}
