package access

import (
	"context"
	"sync"
	"time"
)

const (
	// freeMistakes is how many wrong tokens in a row an address may send before
	// it is slowed down: enough for a build that retries with a stale token.
	freeMistakes = 10
	// forgiveAfter takes one mistake off an address.
	forgiveAfter = 30 * time.Second
	// tarpitDelay is how late a wrong token is answered then.
	tarpitDelay = 2 * time.Second
	// maxHeld bounds the requests that are held; more are turned away.
	maxHeld = 64
	// maxAddresses bounds the memory of addresses.
	maxAddresses = 10_000
)

// tarpit slows addresses down that send wrong tokens again and again. Requests
// with the right token never come here: many clients may share an address, and
// the mistakes of one must not lock the others out.
type tarpit struct {
	mu        sync.Mutex
	addresses map[string]mistakes
	held      int
}

type mistakes struct {
	n    int
	last time.Time
}

func newTarpit() *tarpit { return &tarpit{addresses: make(map[string]mistakes)} }

// hold counts a mistake of an address and returns when it may be answered. It
// reports false when too many are held already.
func (t *tarpit) hold(ctx context.Context, address string) bool {
	if !t.mistake(address, time.Now()) {
		return true
	}
	t.mu.Lock()
	if t.held >= maxHeld {
		t.mu.Unlock()
		return false
	}
	t.held++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.held--
		t.mu.Unlock()
	}()
	timer := time.NewTimer(tarpitDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}

// mistake counts one and reports whether the address has used up its free ones.
func (t *tarpit) mistake(address string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.addresses[address]
	m.n -= min(m.n, int(now.Sub(m.last)/forgiveAfter))
	m.n, m.last = m.n+1, now
	if _, known := t.addresses[address]; !known && len(t.addresses) >= maxAddresses {
		t.forget(now)
	}
	t.addresses[address] = m
	return m.n > freeMistakes
}

// forget drops addresses that were forgiven everything; where all are fresh it
// drops all, because memory that an attacker can fill is worse than a pardon.
func (t *tarpit) forget(now time.Time) {
	for a, m := range t.addresses {
		if now.Sub(m.last) > forgiveAfter*time.Duration(m.n) {
			delete(t.addresses, a)
		}
	}
	if len(t.addresses) >= maxAddresses {
		clear(t.addresses)
	}
}
