package fakeserver

import (
	"context"
	"sync"
)

// News wakes those who wait for a change. The zero value is ready, and safe for
// concurrent use.
type News struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next change; nil while nobody waits
}

// Wait returns as soon as done is true, which it asks at once and after every
// change, with no lock held; or with the cause why the context ended. It does not
// poll, and so works under testing/synctest too.
func (n *News) Wait(ctx context.Context, done func() bool) error {
	for {
		n.mu.Lock()
		if n.next == nil {
			n.next = make(chan struct{})
		}
		next := n.next
		n.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Changed wakes those who wait. It costs next to nothing when nobody does, and
// may be called with the lock held that done takes.
func (n *News) Changed() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}
