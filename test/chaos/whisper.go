//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// wakeBound is how long a push may take to be announced while all lanes sleep
	// and nothing is wrong: milliseconds, were the machine idle. Who holds the lane
	// looks by itself only every 30 s.
	wakeBound = 5 * time.Second
	// whisperBound is how long it is waited for at all.
	whisperBound = 2 * time.Minute
)

// whisper pushes to each replica once while all lanes sleep: whoever holds them
// has to hear of it. Under load nobody sleeps, and a lost notification is lost on
// nobody.
func (j *joint) whisper(ctx context.Context, cancel context.CancelCauseFunc) error {
	r := rand.New(rand.NewPCG(j.seed, 1<<35))
	for i, s := range j.cluster.replicas {
		l := newLoad(j.plan, s.address, j.client, cancel)
		l.pause, l.retry = pause, j.load.retry
		said := newScenario(r, j.pushers+i, 0)
		j.load.deployments = append(j.load.deployments, said.deployments...)
		want := j.telegram.fake.Count(0) + len(j.telegram.lanes)
		l.take(ctx, r, said.steps[0])
		since := time.Now()
		for j.telegram.fake.Count(0) < want {
			if err := pause(ctx, look); err != nil {
				return err
			}
			if time.Since(since) > whisperBound {
				return fmt.Errorf("a push to replica %d, while all lanes slept, was not announced within %s", i, whisperBound)
			}
		}
		j.woken = max(j.woken, time.Since(since))
	}
	return drain(ctx, j.health, pause, len(j.telegram.lanes), limitedStuck)
}
