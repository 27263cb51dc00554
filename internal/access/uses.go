package access

import (
	"sync"
	"time"

	"github.com/shipbell/shipbell"
)

// usedEvery is how often it is stored that a token was used.
const usedEvery = time.Minute

// uses are the uses of tokens that are not stored yet.
type uses struct {
	mu      sync.Mutex
	noted   map[shipbell.TokenID]time.Time
	pending map[shipbell.TokenID]time.Time
	wake    chan struct{}
}

func newUses() uses {
	return uses{
		noted: make(map[shipbell.TokenID]time.Time), pending: make(map[shipbell.TokenID]time.Time),
		wake: make(chan struct{}, 1),
	}
}

// note keeps in mind that a token was used, unless that is known to the minute.
// It never waits for the store.
func (u *uses) note(t shipbell.Token, now time.Time) {
	if now.Sub(t.LastUsed) < usedEvery {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Sub(u.noted[t.ID]) < usedEvery {
		return
	}
	u.noted[t.ID], u.pending[t.ID] = now, now
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// keep takes back a use that was not stored.
func (u *uses) keep(id shipbell.TokenID, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pending[id] = at
}

func (u *uses) take() map[shipbell.TokenID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = make(map[shipbell.TokenID]time.Time)
	return taken
}
