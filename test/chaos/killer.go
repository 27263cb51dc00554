package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// moment is what a kill aims at.
type moment string

const (
	atRandom      moment = "at random"
	atFirstStart  moment = "in the first start" // while the file and its schema are made
	inStart       moment = "in a start"
	afterPush     moment = "after a push was written"
	afterAck      moment = "after a push was acknowledged"
	afterTelegram moment = "after an answer of Telegram"
	amidTelegram  moment = "before a slow answer of Telegram"
)

var moments = []moment{atRandom, atFirstStart, inStart, afterPush, afterAck, afterTelegram, amidTelegram}

const (
	// meanLife is the mean of the time that a life lasts beyond its start.
	meanLife = 500 * time.Millisecond
	// startSpan is about twice as long as a start takes on a fast machine.
	startSpan = 40 * time.Millisecond
	// signalBound is how long to wait for a request to strike after; then the
	// kill comes anyway.
	signalBound = 2 * time.Second
)

// killer ends the lives of the server.
type killer struct {
	plan     plan
	server   *server
	telegram *telegram
	load     *load
	r        *rand.Rand

	mu   sync.Mutex
	aims map[moment]int
}

func newKiller(p plan, s *server, t *telegram, l *load) *killer {
	return &killer{
		plan: p, server: s, telegram: t, load: l,
		r: rand.New(rand.NewPCG(p.seed, 1<<32)), aims: make(map[moment]int),
	}
}

// count is how many kills there were.
func (k *killer) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, c := range k.aims {
		n += c
	}
	return n
}

func (k *killer) strike(m moment) error {
	if err := k.server.end(killed); err != nil {
		return err
	}
	k.mu.Lock()
	k.aims[m]++
	k.mu.Unlock()
	k.load.struck.Add(1)
	return nil
}

// upTo is a random time below d.
func (k *killer) upTo(d time.Duration) time.Duration { return time.Duration(k.r.Int64N(int64(d))) }

// exponential is a random time with that mean, at most five times as long.
func (k *killer) exponential(mean time.Duration) time.Duration {
	return min(time.Duration(k.r.ExpFloat64()*float64(mean)), 5*mean)
}

// opening kills the first starts on fresh directories, where the schema is made.
// However far they came, the next start has to get up. The last directory stays,
// with its server running.
func (k *killer) opening(ctx context.Context) error {
	for n := range max(1, k.plan.kills/40) {
		k.server.data = filepath.Join(k.server.dir, fmt.Sprintf("data%d", n))
		for range 1 + k.r.IntN(3) {
			if k.count() >= k.plan.kills {
				break
			}
			if err := k.server.start(); err != nil {
				return err
			}
			if err := k.server.pause(ctx, k.upTo(3*startSpan)); err != nil {
				return err
			}
			if err := k.strike(atFirstStart); err != nil {
				return err
			}
		}
		if n > 0 {
			if err := os.RemoveAll(filepath.Join(k.server.dir, fmt.Sprintf("data%d", n-1))); err != nil {
				return err
			}
		}
		if err := k.server.start(); err != nil {
			return err
		}
		if err := k.server.await(ctx); err != nil {
			return fmt.Errorf("after kills in the first start: %w", err)
		}
		if n+1 < max(1, k.plan.kills/40) {
			if err := k.server.end(stopped); err != nil {
				return err
			}
		}
	}
	return nil
}

// kill kills and stops the running server as often as planned, and leaves it
// running.
func (k *killer) kill(ctx context.Context) error {
	stops := 0
	for {
		due := k.count()*k.plan.stops >= (stops+1)*k.plan.kills
		switch {
		case due && stops < k.plan.stops:
			if err := k.stop(ctx); err != nil {
				return err
			}
			stops++
		case k.count() >= k.plan.kills:
			return nil
		default:
			if err := k.one(ctx); err != nil {
				return err
			}
		}
		if err := k.server.start(); err != nil {
			return err
		}
		if err := k.server.await(ctx); err != nil {
			return fmt.Errorf("after kill %d: %w", k.count(), err)
		}
	}
}

// stop asks the server to end while Telegram is slow to answer: it must wait for
// that answer.
func (k *killer) stop(ctx context.Context) error {
	if err := k.server.pause(ctx, k.exponential(meanLife)); err != nil {
		return err
	}
	if err := aim(ctx, k, k.telegram.slow, mix.Delay); err != nil {
		return err
	}
	return k.server.end(stopped)
}

// one kills once, or several times in a row where starts are aimed at.
func (k *killer) one(ctx context.Context) error {
	if err := k.load.pace(ctx); err != nil {
		return err
	}
	m := []moment{atRandom, inStart, afterPush, afterAck, afterTelegram, afterTelegram, amidTelegram}[k.r.IntN(7)]
	if err := k.server.pause(ctx, k.exponential(meanLife)); err != nil {
		return err
	}
	switch m {
	case inStart:
		if err := k.strike(atRandom); err != nil {
			return err
		}
		for range 1 + k.r.IntN(4) {
			if k.count() >= k.plan.kills {
				return nil
			}
			if err := k.server.start(); err != nil {
				return err
			}
			if err := k.server.pause(ctx, k.upTo(startSpan)); err != nil {
				return err
			}
			if err := k.strike(inStart); err != nil {
				return err
			}
		}
		return nil
	case afterPush:
		if err := k.crowd(ctx, k.load.written, 5*time.Millisecond); err != nil {
			return err
		}
	case afterAck:
		if err := k.crowd(ctx, k.load.answered, time.Millisecond); err != nil {
			return err
		}
	case afterTelegram:
		if err := aim(ctx, k, k.telegram.answers, time.Millisecond); err != nil {
			return err
		}
	case amidTelegram:
		if err := aim(ctx, k, k.telegram.slow, mix.Delay); err != nil {
			return err
		}
	}
	return k.strike(m)
}

// crowd aims while as many pushes as possible are under way.
func (k *killer) crowd(ctx context.Context, signal <-chan struct{}, within time.Duration) error {
	k.load.hurry.Store(true)
	defer k.load.hurry.Store(false)
	if err := k.server.pause(ctx, 4*look); err != nil {
		return err
	}
	return aim(ctx, k, signal, within)
}

// aim waits for a signal and then, half of the times, a little.
func aim[V any](ctx context.Context, k *killer, signal <-chan V, within time.Duration) error {
	if err := until(ctx, k.server, signalBound, signal); err != nil {
		return err
	}
	if k.r.IntN(2) == 0 {
		return nil
	}
	return k.server.pause(ctx, k.upTo(within))
}
