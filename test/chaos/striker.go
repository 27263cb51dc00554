//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// patience is how long to wait for a request to Telegram to strike at: when who
// held the lanes is gone, another one takes them over before. Then the strike
// comes anyway.
const patience = beyondLease + takeover + signalBound

// striker carries out the plan.
type striker struct {
	cluster  *cluster
	telegram *telegram
	load     *load
	all      []strike
	log      io.Writer // what happened when
	r        *rand.Rand

	mu   sync.Mutex
	done map[blow]map[moment]int
	long int // freezes beyond a lease
}

// strike carries out all strikes, and returns when all is made good.
func (k *striker) strike(ctx context.Context) error {
	for n, s := range k.all {
		if err := k.load.pace(ctx); err != nil {
			return err
		}
		if err := k.work(ctx, s.after); err != nil {
			return err
		}
		if err := k.one(ctx, n, s); err != nil {
			return fmt.Errorf("strike %d, %s: %w", n, s, err)
		}
		k.load.struck.Add(1)
	}
	k.cluster.mending.Wait()
	return context.Cause(ctx)
}

// work lets a lane deliver for a while.
func (k *striker) work(ctx context.Context, d time.Duration) error {
	select {
	case <-k.telegram.answers:
	case <-time.After(patience):
	case <-ctx.Done():
	}
	return pause(ctx, d)
}

// one carries out one strike.
func (k *striker) one(ctx context.Context, n int, s strike) error {
	if s.blow == blowStop || s.blow == blowOutage {
		// One outage at a time; and an orderly end needs the database.
		for k.cluster.isAway() {
			if err := pause(ctx, look); err != nil {
				return err
			}
		}
	}
	if s.moment == atDoor {
		return k.atDoor(ctx, n, s)
	}
	victim, err := k.aim(ctx, s)
	if err != nil {
		return err
	}
	if s.blow == blowOutage {
		k.note(n, s, -1)
		return k.cluster.outage(ctx, s.crash, s.lasts)
	}
	replica, err := k.claim(ctx, victim, s.lasts)
	if err != nil {
		return err
	}
	return k.hit(ctx, n, s, replica)
}

// hit does to a claimed replica what the strike says.
func (k *striker) hit(ctx context.Context, n int, s strike, replica int) error {
	c := k.cluster
	k.note(n, s, replica)
	switch s.blow {
	case blowFreeze:
		if err := c.freeze(replica); err != nil {
			return err
		}
		c.later(ctx, s.lasts, func() error { return c.thaw(replica) })
		return nil
	case blowStop:
		if err := c.stop(replica); err != nil {
			return fmt.Errorf("replica %d: %w", replica, err)
		}
	default:
		if err := c.kill(replica); err != nil {
			return fmt.Errorf("replica %d: %w", replica, err)
		}
	}
	c.set(replica, down)
	again := 0
	if s.moment == inStart {
		again = 1 + k.r.IntN(3)
	}
	spans := make([]time.Duration, again)
	for i := range spans {
		spans[i] = time.Duration(k.r.Int64N(int64(2 * startSpan)))
	}
	c.later(ctx, s.lasts, func() error {
		for _, span := range spans {
			c.mu.Lock()
			err := c.replicas[replica].start()
			c.mu.Unlock()
			if err != nil {
				return err
			}
			if err := pause(ctx, span); err != nil {
				return nil
			}
			if err := c.kill(replica); err != nil {
				return fmt.Errorf("replica %d in a start: %w", replica, err)
			}
		}
		return c.begin(ctx, replica)
	})
	return nil
}

// claim waits for a replica to strike, the wanted one if it is up. What lasts
// leaves another one up.
func (k *striker) claim(ctx context.Context, wanted int, lasts time.Duration) (int, error) {
	fewest := 0
	if lasts > 0 {
		fewest = 1
	}
	for {
		if replica, ok := k.cluster.claim(wanted, fewest); ok {
			return replica, nil
		}
		if err := pause(ctx, look); err != nil {
			return 0, err
		}
	}
}

// aim waits for the moment of the strike, and returns the replica at which it
// comes.
func (k *striker) aim(ctx context.Context, s strike) (victim int, err error) {
	within, patience := time.Millisecond, patience
	var replicas, processes <-chan int
	switch s.moment {
	case afterPush:
		patience = signalBound
		k.load.hurry.Store(true)
		defer k.load.hurry.Store(false)
		replicas, within = k.cluster.proxy.wrote, 5*time.Millisecond
	case afterAck:
		patience = signalBound
		k.load.hurry.Store(true)
		defer k.load.hurry.Store(false)
		replicas = k.cluster.proxy.answered
	case afterTelegram:
		processes, within = k.telegram.answers, 3*time.Millisecond
	case amidTelegram:
		processes, within = k.telegram.slow, k.telegram.mix.Delay/2
	default:
		return s.victim, nil
	}
	victim = s.victim
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-timer.C:
			waiting = false
		case victim = <-replicas:
			waiting = false
		case life := <-processes:
			if replica, ok := k.cluster.isUp(life); ok {
				victim, waiting = replica, false
			}
		}
	}
	if k.r.IntN(2) == 0 {
		return victim, nil
	}
	return victim, pause(ctx, time.Duration(k.r.Int64N(int64(within))))
}

// atDoor freezes a replica while a connection for a request is being made, and
// lets it have that connection only then.
func (k *striker) atDoor(ctx context.Context, n int, s strike) error {
	end := time.Now().Add(2 * patience)
	for time.Now().Before(end) {
		var life int
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case life = <-k.telegram.answers:
		case <-time.After(time.Until(end)):
			continue
		}
		if _, ok := k.cluster.isUp(life); !ok {
			continue
		}
		h := k.telegram.door.expect(life)
		select {
		case <-h.came:
		case <-time.After(signalBound):
		case <-ctx.Done():
		}
		replica, ok := k.cluster.isUp(life)
		if ok {
			replica, ok = k.cluster.claim(replica, 1)
		}
		if ok && k.cluster.replicas[replica].life == life {
			err := k.hit(ctx, n, s, replica)
			k.telegram.door.open(life)
			return err
		}
		if ok {
			k.cluster.set(replica, up)
		}
		k.telegram.door.open(life)
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	// Nobody delivers just now.
	replica, err := k.claim(ctx, s.victim, s.lasts)
	if err != nil {
		return err
	}
	s.moment = atRandom
	return k.hit(ctx, n, s, replica)
}

// note counts a strike, and writes down when it came.
func (k *striker) note(n int, s strike, replica int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done[s.blow] == nil {
		k.done[s.blow] = make(map[moment]int)
	}
	k.done[s.blow][s.moment]++
	if s.blow == blowFreeze && s.lasts >= beyondLease {
		k.long++
	}
	fmt.Fprintf(k.log, "%s strike %d: %s (replica %d)\n", time.Now().Format(clock), n, s, replica)
}
