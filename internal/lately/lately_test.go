package lately_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell/internal/lately"
)

func TestAskedOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer lately.Answer[int]
		asked, away := 0, errors.New("away")
		get := func() (int, error) {
			gone, leave := context.WithCancel(t.Context())
			leave() // who asks may have left
			return answer.Get(gone, time.Minute, time.Second, func(ctx context.Context) (int, error) {
				asked++
				if _, bounded := ctx.Deadline(); ctx.Err() != nil || !bounded {
					t.Errorf("asked with a context that is over, or without a bound: %v", ctx.Err())
				}
				return asked, away
			})
		}
		for range 3 {
			if n, err := get(); n != 1 || !errors.Is(err, away) {
				t.Errorf("got %d, %v", n, err)
			}
		}
		time.Sleep(time.Minute) // of the bubble's clock
		if n, _ := get(); n != 2 {
			t.Errorf("after a while %d", n)
		}
		answer.Forget()
		if n, _ := get(); n != 3 {
			t.Errorf("forgotten, and still %d", n)
		}
	})
}

// TestGlance: who shall not wait long is told what was known, and does not keep those
// from asking who can wait longer.
func TestGlance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const age, limit, brief, long = time.Second, time.Minute, 200 * time.Millisecond, 5 * time.Second
		var answer lately.Answer[int]
		asked, takes := 0, time.Duration(0)
		ask := func(ctx context.Context) (int, error) {
			asked++
			n := asked
			select {
			case <-time.After(takes):
				return n, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		glance := func(what string, n int, known bool, within time.Duration) {
			t.Helper()
			began := time.Now()
			if got, ok := answer.Glance(t.Context(), age, limit, brief, ask); got != n || ok != known || time.Since(began) != within {
				t.Errorf("%s: %d, %v after %v", what, got, ok, time.Since(began))
			}
		}
		takes = time.Second
		glance("nothing is known", 0, false, brief)
		glance("it is not asked again at once", 0, false, 0)
		if n, err := answer.Get(t.Context(), age, long, ask); n != 2 || err != nil {
			t.Errorf("with patience: %d, %v", n, err)
		}
		glance("what others found out", 2, true, 0)
		time.Sleep(age) // of the bubble's clock
		glance("the last answer", 2, true, brief)

		// While somebody with patience asks, others wait no longer than they want to.
		time.Sleep(age)
		takes = long + time.Second
		done := make(chan error)
		go func() {
			_, err := answer.Get(t.Context(), age, long, ask)
			done <- err
		}()
		synctest.Wait()
		before := asked
		glance("while others ask", 2, true, brief)
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) || asked != before {
			t.Errorf("asked %d times more: %v", asked-before, err)
		}
		if _, err := answer.Get(t.Context(), age, long, ask); !errors.Is(err, context.DeadlineExceeded) || asked != before {
			t.Errorf("asked again by who has no more patience: %v", err)
		}
		time.Sleep(limit)
		glance("too old to be told", 0, false, brief)
	})
}

// TestForgetMeanwhile: what was asked before the change does not tell of it.
func TestForgetMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer lately.Answer[int]
		var n atomic.Int64
		get := func() int {
			v, _ := answer.Get(t.Context(), time.Minute, time.Hour, func(context.Context) (int, error) {
				v := int(n.Load())
				time.Sleep(time.Second) // of the bubble's clock
				return v, nil
			})
			return v
		}
		go get()
		synctest.Wait()
		n.Store(1)
		answer.Forget()
		if v := get(); v != 1 {
			t.Errorf("who changed it sees %d", v)
		}
	})
}

// TestPanicking: who dies while asking keeps nobody waiting.
func TestPanicking(t *testing.T) {
	var answer lately.Answer[int]
	func() {
		defer func() { _ = recover() }()
		_, _ = answer.Get(t.Context(), time.Minute, time.Minute, func(context.Context) (int, error) { panic("away") })
	}()
	if n, err := answer.Get(t.Context(), time.Minute, time.Minute, func(context.Context) (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
