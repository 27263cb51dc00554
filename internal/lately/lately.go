// Package lately keeps the answer to a question that many ask.
//
// Its one rule: however many ask, it is asked at most once in a while, and who asks
// first does it for all who wait. It starts nothing in the background.
package lately

import (
	"context"
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
}

// Get returns the answer, an error included, if it is younger than the age, and asks
// otherwise, for as long as the patience lasts.
func (a *Answer[V]) Get(ctx context.Context, age, patience time.Duration, ask func(context.Context) (V, error)) (V, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at.IsZero() || time.Since(a.at) >= age {
		// Others wait for this answer too: the end of one request is not its end.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		a.value, a.err = ask(ctx)
		a.at = time.Now()
	}
	return a.value, a.err
}

// Forget has it asked again: somebody changed something, and wants to see it.
func (a *Answer[V]) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Time{}
}
