package lease

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
)

// once grants everything the first time, and then does not answer.
type once struct{ asked bool }

func (o *once) Hold(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) ([]shipbell.Lease, error) {
	if o.asked {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	o.asked = true
	return []shipbell.Lease{{Name: names[0], Holder: who, Fence: 1, Until: time.Now().Add(ttl)}}, nil
}

func (*once) Release(context.Context, shipbell.Replica, []shipbell.LeaseName) error { return nil }

// TestStoodStill: a process that stood still until its lease was over does not
// take it for its own when it goes on, also before any of its timers has.
func TestStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(&once{}, "a", nil)
		ctx, cancel := context.WithCancel(t.Context())
		granted := make(chan shipbell.Grant, 1)
		var parts sync.WaitGroup
		parts.Go(func() { k.Run(ctx) })
		parts.Go(func() {
			k.While(ctx, "lane", func(ctx context.Context) {
				g, _ := shipbell.GrantOf(ctx)
				granted <- g
				<-ctx.Done()
			})
		})
		g := <-granted
		k.mu.Lock()
		h := k.claims["lane"].held
		k.mu.Unlock()
		end := time.Until(*h.deadline.Load())
		time.Sleep(end - time.Nanosecond)
		if !g.Valid() {
			t.Error("it is over too early")
		}
		// The timer goes off in this moment and waits for the lock.
		k.mu.Lock()
		time.Sleep(time.Nanosecond)
		if h.over.Err() != nil {
			t.Error("the timer was not held up")
		}
		if g.Valid() {
			t.Error("it takes the lease for its own")
		}
		k.mu.Unlock()
		synctest.Wait()
		if h.over.Err() == nil {
			t.Error("the work was not told")
		}
		cancel()
		parts.Wait()
	})
}

// TestLostBeforeItBegan: a grant that was lost on its way to who waits for it is
// not worked by, whatever has been granted since: nothing could be done by it.
func TestLostBeforeItBegan(t *testing.T) {
	h := &holding{lease: shipbell.Lease{Name: "lane", Fence: 1}}
	h.over, h.lost = context.WithCancel(t.Context())
	h.lost()
	h.during(t.Context(), func(context.Context) { t.Error("it is worked by") })
}
