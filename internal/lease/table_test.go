package lease_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

var errAway = errors.New("the store cannot be reached")

// table is a store of leases, on the clock of the test.
type table struct {
	mu       sync.Mutex
	rows     map[shipbell.LeaseName]row
	away     bool
	slow     time.Duration // of each question, before it takes effect; to give up is quick
	back     time.Duration // of each answer, after it took effect
	asked    int
	released []*keeper // who hears that a lease was given up
}

// row is a lease; who gave it up left no time in it.
type row struct {
	holder shipbell.Replica
	fence  int64
	until  time.Time
}

func newTable() *table { return &table{rows: make(map[shipbell.LeaseName]row)} }

// reach waits for as long as it takes to reach the store.
func (t *table) reach(ctx context.Context, slow time.Duration) error {
	t.mu.Lock()
	away := t.away
	t.mu.Unlock()
	if away {
		slow = time.Hour // nobody answers
	}
	select {
	case <-time.After(slow):
		return nil
	case <-ctx.Done():
		return errAway
	}
}

func (t *table) Hold(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) ([]shipbell.Lease, error) {
	t.mu.Lock()
	slow, back := t.slow, t.back
	t.mu.Unlock()
	if err := t.reach(ctx, slow); err != nil {
		return nil, err
	}
	held := t.hold(who, names, ttl)
	select {
	case <-time.After(back):
		return held, nil
	case <-ctx.Done():
		return nil, errAway
	}
}

func (t *table) hold(who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) []shipbell.Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	var held []shipbell.Lease
	for _, name := range names {
		r := t.rows[name]
		if r.holder != who && time.Now().Before(r.until) {
			continue
		}
		if r.holder != who || r.until.IsZero() {
			r.fence++
		}
		r.holder, r.until = who, time.Now().Add(ttl)
		t.rows[name] = r
		held = append(held, shipbell.Lease{Name: name, Holder: who, Fence: r.fence, Until: r.until})
	}
	return held
}

func (t *table) Release(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName) error {
	if err := t.reach(ctx, 0); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		if r := t.rows[name]; r.holder == who {
			r.until = time.Time{}
			t.rows[name] = r
		}
	}
	for _, k := range t.released {
		k.Nudge()
	}
	return nil
}

// set changes how the store answers.
func (t *table) set(change func(*table)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

// holder returns who has a lease by the store's clock.
func (t *table) holder(name shipbell.LeaseName) shipbell.Replica {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.rows[name]; time.Now().Before(r.until) {
		return r.holder
	}
	return ""
}
