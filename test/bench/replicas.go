package main

import (
	"fmt"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// The goals of three replicas on one PostgreSQL.
const (
	goalAcross     = 0.25 // seconds from a push to a replica that does not deliver, p99
	goalKilled     = 15.0 // seconds until another one delivers after SIGKILL
	goalTerminated = 1.0  // the same after SIGTERM
)

// handOverBound is how long to wait before saying that nobody took over.
const handOverBound = 90 * time.Second

// replicas measures three servers on one PostgreSQL: how long a push to one that
// does not deliver takes to the chat, and how long the chat waits when the one
// that delivers dies.
func (b *bench) replicas() error {
	d, err := b.postgres()
	if err != nil {
		b.add(row{what: "three replicas on PostgreSQL", missing: err.Error()})
		return nil
	}
	telegram, err := b.startTelegram(faketelegram.Options{Unlimited: true})
	if err != nil {
		return err
	}
	r := &replicated{bench: b, database: d, telegram: telegram}
	for range 3 {
		if err := r.start(); err != nil {
			return err
		}
	}
	if err := r.across(); err != nil {
		return err
	}
	for _, end := range []struct {
		signal string
		send   func(*process) error
		rounds int
		bound  float64
	}{
		{"SIGKILL", (*process).kill, 1, goalKilled}, // a wait of seconds each
		{"SIGTERM", (*process).stop, b.turns, goalTerminated},
	} {
		if err := r.handOver(end.signal, end.send, end.rounds, end.bound); err != nil {
			return err
		}
	}
	return nil
}

// replicated is servers on one database with one chat.
type replicated struct {
	*bench
	database database
	telegram fakeTelegram
	servers  []*process
}

func (r *replicated) start() error {
	p, err := r.startShipbell(r.database, r.telegram, "TELEGRAM_LIMITS=off")
	r.servers = append(r.servers, p)
	return err
}

// across pushes to each replica while all are idle. One of them delivers itself,
// which shows in its latency; what counts is the slowest of the three.
func (r *replicated) across() error {
	var slowest, quickest result
	for i, p := range r.servers {
		took, err := r.arrivals(p, r.telegram, r.samples)
		if err != nil {
			return err
		}
		progress("push to replica %d: p50 %s, p99 %s", i+1, ms(took.quantile(0.5)), ms(took.quantile(0.99)))
		if i == 0 || took.quantile(0.99) > slowest.quantile(0.99) {
			slowest = took
		}
		if i == 0 || took.quantile(0.5) < quickest.quantile(0.5) {
			quickest = took
		}
	}
	p99 := slowest.quantile(0.99)
	r.add(row{
		what: "push to one replica, sent by another", figure: "p99 " + ms(p99), p50: slowest.quantile(0.5), p99: p99,
		against: "by itself: p50 " + ms(quickest.quantile(0.5)), ratio: ratio(slowest.quantile(0.5).Seconds() / quickest.quantile(0.5).Seconds()),
		goal: below(goalAcross, p99.Seconds(), " s"),
	})
	return nil
}

// handOver ends each replica once a round, pushes to one that is left, and starts
// another in its place. Who delivers does not change while the one that does
// lives, so one of them was it, and the longest wait is that for its successor.
func (r *replicated) handOver(signal string, end func(*process) error, rounds int, bound float64) error {
	var longest time.Duration
	for i := range rounds * len(r.servers) {
		before := r.telegram.Count(group)
		victim := r.servers[0]
		r.servers = r.servers[1:]
		start := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- end(victim) }()
		if err := r.push(r.servers[0]); err != nil {
			return err
		}
		if err := r.await(before + 1); err != nil {
			return fmt.Errorf("after %s: %w", signal, err)
		}
		took := time.Since(start)
		if err := <-ended; err != nil {
			return err
		}
		progress("%s, %d: the next message after %s", signal, i+1, ms(took))
		longest = max(longest, took)
		if err := r.start(); err != nil {
			return err
		}
	}
	r.add(row{what: "hand-over after " + signal + ", next message", figure: short(longest), goal: below(bound, longest.Seconds(), " s")})
	return nil
}

// await waits until the group has so many messages.
func (r *replicated) await(messages int) error {
	deadline := time.After(handOverBound)
	for r.telegram.Count(group) < messages {
		select {
		case <-deadline:
			return fmt.Errorf("no message within %s", handOverBound)
		case <-r.ctx.Done():
			return r.ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}
