package lately_test

import (
	"context"
	"errors"
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
