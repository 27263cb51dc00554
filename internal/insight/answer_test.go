package insight_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/insight"
)

// TestFresh: an answer is given again for a minute, to whom asks the same.
func TestFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{}
		i := insight.New(insight.Options{Ledger: h})
		ask := func(q insight.Query, want int) {
			t.Helper()
			r, err := i.Report(t.Context(), q)
			if err != nil || len(h.asked) != want {
				t.Fatalf("%v, asked %d times, want %d", err, len(h.asked), want)
			}
			if age := time.Since(r.At); age < 0 || age >= time.Minute {
				t.Errorf("from %s ago", age)
			}
		}
		ask(insight.Query{}, 1)
		ask(insight.Query{Days: 30, Filter: shipbell.Filter{Environment: shipbell.Production, Author: "x"}}, 1)
		time.Sleep(59 * time.Second)
		ask(insight.Query{}, 1)
		ask(insight.Query{Days: 7}, 2)
		ask(insight.Query{Filter: shipbell.Filter{Project: "a"}}, 3)
		ask(insight.Query{Filter: shipbell.Filter{Type: shipbell.Pages}}, 4)
		time.Sleep(time.Second)
		ask(insight.Query{}, 5)
	})
}

// TestMeanwhile: while one asks anew, the others are given the answer before, and
// once that is too old, or there is none, they wait; the ledger is asked once.
func TestMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{hold: make(chan struct{}), waits: make(chan struct{}, 10)}
		i := insight.New(insight.Options{Ledger: h})
		var answered atomic.Int64
		start := time.Now()
		ask := func(ctx context.Context, want time.Duration) {
			go func() {
				r, err := i.Report(ctx, insight.Query{})
				if err != nil || r.At.Sub(start) != want {
					t.Errorf("from %s, want %s: %v", r.At.Sub(start), want, err)
				}
				answered.Add(1)
			}()
			synctest.Wait()
		}
		expect := func(n int64, reads int) {
			t.Helper()
			synctest.Wait()
			if answered.Load() != n || len(h.asked) != reads {
				t.Fatalf("%d answered by %d readings, want %d by %d", answered.Load(), len(h.asked), n, reads)
			}
		}
		for range 3 {
			ask(t.Context(), 0)
		}
		expect(0, 1)
		h.hold <- struct{}{}
		expect(3, 1)

		time.Sleep(5 * time.Minute)
		ask(t.Context(), 5*time.Minute)
		ask(t.Context(), 0)
		expect(4, 2)
		time.Sleep(5 * time.Minute)
		ask(t.Context(), 5*time.Minute) // what there was is ten minutes old
		expect(4, 2)
		h.hold <- struct{}{}
		expect(6, 2)
	})
}

// TestGoneAway: who goes away while asking leaves it to the next; a reading that
// fails fails for all who waited, and is not kept.
func TestGoneAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{hold: make(chan struct{}), waits: make(chan struct{}, 10)}
		i := insight.New(insight.Options{Ledger: h})
		errs := make(chan error, 10)
		ask := func(ctx context.Context) {
			go func() {
				_, err := i.Report(ctx, insight.Query{})
				errs <- err
			}()
			synctest.Wait()
		}
		impatient, leave := context.WithCancel(t.Context())
		ask(impatient)
		ask(t.Context())
		ask(t.Context())
		leave()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
		synctest.Wait()
		h.err = errors.New("broken")
		h.hold <- struct{}{}
		for range 2 {
			if err := <-errs; !errors.Is(err, h.err) {
				t.Errorf("who waited: %v", err)
			}
		}
		h.err = nil
		ask(t.Context())
		h.hold <- struct{}{}
		if err := <-errs; err != nil || len(h.asked) != 3 {
			t.Errorf("the next: %v, after %d readings", err, len(h.asked))
		}
		waiting, leave := context.WithCancel(t.Context())
		time.Sleep(time.Hour)
		ask(t.Context())
		ask(waiting)
		leave()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who left while waiting: %v", err)
		}
		h.hold <- struct{}{}
		if err := <-errs; err != nil {
			t.Error(err)
		}
	})
}

// TestPanic: a reading that ends without a word leaves nobody waiting.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &dying{&history{}, make(chan struct{}), 1}
		i := insight.New(insight.Options{Ledger: h})
		go func() {
			_, _ = i.Report(t.Context(), insight.Query{})
		}()
		synctest.Wait()
		done := make(chan error)
		go func() {
			_, err := i.Report(t.Context(), insight.Query{})
			done <- err
		}()
		synctest.Wait()
		close(h.die)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// dying is a ledger whose first readers end with their goroutine.
type dying struct {
	*history
	die  chan struct{}
	left int
}

func (d *dying) Briefs(ctx context.Context, f shipbell.Filter, after shipbell.Position, n int) ([]shipbell.Brief, error) {
	if d.left > 0 {
		d.left--
		<-d.die
		runtime.Goexit()
	}
	return d.history.Briefs(ctx, f, after, n)
}

// TestBounds: few read at once, few answers are kept, and the youngest of them.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &history{hold: make(chan struct{}), waits: make(chan struct{}, 200)}
		i := insight.New(insight.Options{Ledger: h})
		query := func(n int) insight.Query { return insight.Query{Filter: shipbell.Filter{Project: fmt.Sprint(n)}} }
		for n := range 100 {
			go func() {
				if _, err := i.Report(t.Context(), query(n)); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if len(h.asked) != 2 {
			t.Errorf("%d read at once", len(h.asked))
		}
		close(h.hold)
		synctest.Wait()
		if kept := i.Kept(); kept != 64 {
			t.Errorf("%d answers are kept", kept)
		}
		time.Sleep(time.Second)
		before := len(h.asked)
		for range 3 {
			if _, err := i.Report(t.Context(), query(1000)); err != nil {
				t.Error(err)
			}
		}
		if len(h.asked) != before+1 || i.Kept() != 64 {
			t.Errorf("asked %d times, %d answers kept", len(h.asked)-before, i.Kept())
		}
		time.Sleep(time.Hour)
		if _, err := i.Report(t.Context(), query(1)); err != nil || i.Kept() != 1 {
			t.Errorf("%v; %d answers are kept although they are old", err, i.Kept())
		}
	})
}

// TestKeptRows: many projects in a few answers count as many answers.
func TestKeptRows(t *testing.T) {
	h := &history{}
	for n := range insight.MaxRows {
		h.briefs = append(h.briefs, shipbell.Brief{ID: shipbell.DeploymentID(n + 1), Project: fmt.Sprint(n), Type: shipbell.Worker, Environment: shipbell.Production, Status: ok, StartedAt: noon})
	}
	i := insight.New(insight.Options{Ledger: h, Now: func() time.Time { return noon }})
	for n := range 20 {
		for at := range h.briefs {
			h.briefs[at].Environment = fmt.Sprint(n)
		}
		if _, err := i.Report(t.Context(), insight.Query{Filter: shipbell.Filter{Environment: fmt.Sprint(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	if kept := i.Kept(); kept != 8 {
		t.Errorf("%d answers are kept", kept)
	}
}
