package fakeserver

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestNews: waiters ask at once and after every change, and no oftener.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var news News
		var mu sync.Mutex // stands for the lock of a fake
		clock := NewClock()
		begin := clock.Now()
		news.Changed() // nobody waits
		go func() {
			for range 5 {
				time.Sleep(time.Hour)
				mu.Lock()
				clock.Advance(time.Minute)
				news.Changed()
				mu.Unlock()
			}
		}()
		after := func(d time.Duration, asked *int) func() bool {
			return func() bool {
				mu.Lock()
				defer mu.Unlock()
				*asked++
				return !clock.Now().Before(begin.Add(d))
			}
		}
		var wg sync.WaitGroup
		for minutes := range 4 {
			wg.Go(func() {
				asked := 0
				if err := news.Wait(t.Context(), after(time.Duration(minutes)*time.Minute, &asked)); err != nil {
					t.Error(err)
				}
				if asked != minutes+1 {
					t.Errorf("asked %d times for %d changes", asked, minutes)
				}
			})
		}
		wg.Wait()
		gone := errors.New("gone")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 24*time.Hour, gone)
		defer cancel()
		asked := 0
		if err := news.Wait(ctx, after(time.Hour, &asked)); !errors.Is(err, gone) {
			t.Errorf("wait for what never happens: %v, want %v", err, gone)
		}
	})
}
