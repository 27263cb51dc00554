package lease_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/lease"
)

const lane shipbell.LeaseName = "lane"

// keeper is a replica that wants one lease, and what it has of it.
type keeper struct {
	*lease.Keeper
	t    *testing.T
	stop func() // as at the end of a process; it does not wait
	done chan struct{}

	mu sync.Mutex
	// grant is the one by which it works, zero while it does not.
	grant  shipbell.Grant
	turns  int
	linger time.Duration // how long its work goes on when it should end
	ended  time.Time     // when its work last ended
}

// start starts one with a name.
func start(t *testing.T, store lease.Store, name shipbell.Replica) *keeper {
	ctx, cancel := context.WithCancel(t.Context())
	k := &keeper{Keeper: lease.New(store, name, nil), t: t, stop: cancel, done: make(chan struct{})}
	var parts sync.WaitGroup
	parts.Go(func() { k.Run(ctx) })
	parts.Go(func() { k.While(ctx, lane, k.work) })
	go func() {
		parts.Wait()
		close(k.done)
	}()
	return k
}

func (k *keeper) work(ctx context.Context) {
	g, ok := shipbell.GrantOf(ctx)
	if !ok {
		k.t.Error("works without a grant")
	}
	k.mu.Lock()
	k.grant, k.turns = g, k.turns+1
	k.mu.Unlock()
	<-ctx.Done()
	k.mu.Lock()
	linger := k.linger
	k.mu.Unlock()
	time.Sleep(linger)
	k.mu.Lock()
	k.grant, k.ended = shipbell.Grant{}, time.Now()
	k.mu.Unlock()
}

// fence is that of the grant by which it works, 0 while it does not.
func (k *keeper) fence() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.grant.Fence
}

func (k *keeper) wantFence(fence int64) {
	k.t.Helper()
	if got := k.fence(); got != fence {
		k.t.Errorf("works by fence %d, want %d", got, fence)
	}
}

// pass lets time go by until nobody has anything to do.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// glance is how often a test looks that looks often. It meets no timer, so that
// nobody is at anything then.
const glance = 10*time.Millisecond + time.Nanosecond

// end ends replicas, and waits for them.
func end(all ...*keeper) {
	for _, k := range all {
		k.stop()
		<-k.done
	}
}

func TestRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		synctest.Wait()
		b := start(t, store, "b")
		pass(time.Hour)
		a.wantFence(1)
		b.wantFence(0)
		if !a.Held()[lane] || b.Held()[lane] || len(b.Held()) != 1 {
			t.Errorf("held: %v and %v", a.Held(), b.Held())
		}
		if a.turns != 1 {
			t.Errorf("it took %d turns", a.turns)
		}
		end(a, b)
	})
}

// TestHandsOverAtOnce: who ends gives the lease up, and who waits has it without
// waiting for it to be over. It does not take it back with a question that was
// under way, as long as one is.
func TestHandsOverAtOnce(t *testing.T) {
	for _, slow := range []time.Duration{0, 100 * time.Millisecond, time.Second} {
		t.Run(slow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newTable()
				a := start(t, store, "a")
				synctest.Wait()
				b := start(t, store, "b")
				store.set(func(s *table) { s.released, s.slow = []*keeper{a, b}, slow })
				pass(time.Minute)
				a.Nudge()
				pass(slow / 2) // a question is under way
				a.stop()
				pass(4*slow + time.Millisecond)
				a.wantFence(0)
				b.wantFence(2)
				<-a.done
				end(b)
			})
		})
	}
}

// TestGivesUpWhatItDidNotKnowOf: the answer that a lease was taken was under way
// when nobody wanted it any more.
func TestGivesUpWhatItDidNotKnowOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		store.slow = time.Second
		a := start(t, store, "a")
		pass(time.Millisecond)
		end(a)
		if holder := store.holder(lane); holder != "" {
			t.Errorf("%s holds it still", holder)
		}
		if a.turns != 0 {
			t.Error("it was used")
		}
	})
}

// TestEndsAfterItsWork: a lease is held, and renewed, until the work by it is
// over, and Run is not over before.
func TestEndsAfterItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		synctest.Wait()
		b := start(t, store, "b")
		a.mu.Lock()
		a.linger = time.Minute
		a.mu.Unlock()
		a.stop()
		pass(59 * time.Second)
		b.wantFence(0)
		if holder := store.holder(lane); holder != "a" {
			t.Errorf("%q holds it, want a, which is still at it", holder)
		}
		select {
		case <-a.done:
			t.Error("it has ended")
		default:
		}
		pass(time.Second + lease.Every)
		<-a.done
		b.wantFence(2)
		end(b)
	})
}

// TestGivesUpBeforeAnotherTakesOver: without the store the holder stops in time,
// whenever that went away, and both are never at it.
func TestGivesUpBeforeAnotherTakesOver(t *testing.T) {
	for after := time.Duration(0); after < lease.Every; after += 250 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			theirs := newTable()
			cut := &cutOff{table: theirs}
			a := start(t, cut, "a")
			synctest.Wait()
			b := start(t, theirs, "b")
			pass(time.Minute + after)
			cut.set(true)
			gone := time.Now()
			for b.fence() == 0 {
				valid := a.valid()
				if valid && theirs.holder(lane) != "a" {
					t.Fatal("it takes the lease for its own, and it is not")
				}
				time.Sleep(glance)
				if time.Since(gone) > 15*time.Second {
					t.Fatal("nobody has taken over")
				}
			}
			a.wantFence(0)
			if !a.ended.Before(time.Now()) {
				t.Error("the first was still at it when the second began")
			}
			cut.set(false)
			pass(time.Minute)
			a.wantFence(0)
			b.wantFence(2)
			end(a, b)
		})
	}
}

// valid reports whether it takes the lease for its own.
func (k *keeper) valid() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.grant.Valid != nil && k.grant.Valid()
}

// cutOff is a store that one replica cannot reach for a while.
type cutOff struct {
	*table
	mu  sync.Mutex
	off bool
}

func (c *cutOff) set(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

func (c *cutOff) Hold(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) ([]shipbell.Lease, error) {
	c.mu.Lock()
	off := c.off
	c.mu.Unlock()
	if off {
		<-ctx.Done()
		return nil, errAway
	}
	return c.table.Hold(ctx, who, names, ttl)
}

// TestGoesOnAfterAnOutage: when nobody could reach the store, and nobody took
// over, the same replica goes on.
func TestGoesOnAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		pass(time.Minute)
		store.set(func(s *table) { s.away = true })
		pass(time.Minute)
		a.wantFence(0)
		store.set(func(s *table) { s.away = false })
		pass(10 * time.Second)
		a.wantFence(1)
		if a.turns != 2 {
			t.Errorf("%d turns, want two", a.turns)
		}
		if !a.valid() {
			t.Error("works by a grant that is over")
		}
		end(a)
	})
}

// TestSlowAnswer costs nothing but time: what is held is counted from the question
// and not from the answer.
func TestSlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		pass(time.Minute)
		store.set(func(s *table) { s.back = 3900 * time.Millisecond })
		pass(time.Minute)
		a.wantFence(1)
		store.set(func(s *table) { s.away = true })
		for a.valid() {
			if store.holder(lane) != "a" {
				t.Fatal("it takes the lease for its own, and it is not")
			}
			time.Sleep(glance)
		}
		end(a)
	})
}

// TestTakenByAnother: a lease that another holds is lost at the next question.
func TestTakenByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		pass(time.Minute)
		store.set(func(s *table) {
			s.rows[lane] = row{holder: "b", fence: 7, until: time.Now().Add(lease.TTL)}
		})
		pass(lease.Every)
		a.wantFence(0)
		pass(lease.TTL + lease.Every)
		a.wantFence(8)
		end(a)
	})
}

// TestLostAndTakenAgain between two questions: the work by the old fence ends,
// and begins anew by the new one.
func TestLostAndTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		pass(time.Minute)
		store.set(func(s *table) { s.rows[lane] = row{holder: "b", fence: 7, until: time.Now()} })
		pass(3 * lease.Every)
		a.wantFence(8)
		if a.turns != 2 {
			t.Errorf("%d turns, want two", a.turns)
		}
		end(a)
	})
}

// TestBusyWithAnEarlierGrant: work that does not end at once does not meet itself.
func TestBusyWithAnEarlierGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		a.mu.Lock()
		a.linger = 30 * time.Second
		a.mu.Unlock()
		pass(time.Minute)
		store.set(func(s *table) { s.rows[lane] = row{holder: "b", fence: 7, until: time.Now()} })
		pass(20 * time.Second)
		a.wantFence(1)
		if a.valid() {
			t.Error("the old grant is valid again")
		}
		pass(15 * time.Second)
		a.wantFence(8)
		if !a.valid() {
			t.Error("the new grant is over")
		}
		end(a)
	})
}

// TestAsksRarely: a keeper without anything to hold asks nobody.
func TestAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		a := start(t, store, "a")
		pass(time.Minute)
		if most := int(time.Minute/lease.Every) + 2; store.asked > most {
			t.Errorf("asked %d times within a minute, want at most %d", store.asked, most)
		}
		end(a)
		asked := store.asked
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			a.Run(ctx)
		}()
		pass(time.Minute)
		cancel()
		<-ended
		if store.asked != asked {
			t.Error("asked for nothing")
		}
	})
}
