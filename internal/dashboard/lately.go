package dashboard

import (
	"context"
	"sync"
	"time"
)

const (
	// latelyFor is how long what all pages ask is not asked again.
	latelyFor = time.Second
	// askTimeout bounds how long it is waited for.
	askTimeout = 5 * time.Second
)

// lately is the answer to a question that many visitors have.
type lately[V any] struct {
	mu    sync.Mutex
	at    time.Time
	value V
	err   error
}

// get returns the answer, asked again where it is not of late.
func (l *lately[V]) get(ctx context.Context, ask func(context.Context) (V, error)) (V, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.IsZero() || time.Since(l.at) >= latelyFor {
		// Others wait for this answer too: the end of one request is not its end.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		l.value, l.err = ask(ctx)
		l.at = time.Now()
	}
	return l.value, l.err
}

// forget has it asked again: somebody changed something, and wants to see it.
func (l *lately[V]) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = time.Time{}
}
