package main

import (
	"errors"
	"slices"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

// latency measures from the start of a push to the arrival of Telegram's
// request, on a server that does nothing else.
func (b *bench) latency() error {
	telegram, err := b.startTelegram(faketelegram.Options{Unlimited: true})
	if err != nil {
		return err
	}
	p, err := b.startShipbell(b.sqlite(), telegram, "TELEGRAM_LIMITS=off")
	if err != nil {
		return err
	}
	took, err := b.arrivals(p, telegram, b.samples)
	if err != nil {
		return err
	}
	share := took.quantile(0.99).Seconds()
	b.add(row{
		what: "push to Telegram's request, idle server", p50: took.quantile(0.5), p99: took.quantile(0.99), figure: "p99 " + ms(took.quantile(0.99)),
		against: "contract: 1000 ms", ratio: ratio(share), goal: below(0.02, share, ""),
	})
	return nil
}

// arrivals pushes n deployments one by one, and returns how long each took until
// its message arrived at the Telegram. Each push finds everything idle again.
func (b *bench) arrivals(p *process, t fakeTelegram, n int) (result, error) {
	arrived := make(chan time.Time, 1)
	t.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
		if c.Method == "sendMessage" {
			arrived <- time.Now()
		}
		return faketelegram.Fault{}
	})
	defer t.SetFaults(nil)
	before := t.Count(group)
	var all result
	for i := range n {
		start := time.Now()
		if err := b.push(p); err != nil {
			return all, err
		}
		select {
		case at := <-arrived:
			all.latencies = append(all.latencies, at.Sub(start))
		case <-time.After(10 * time.Second):
			return all, errors.New("no message within 10 s")
		case <-b.ctx.Done():
			return all, b.ctx.Err()
		}
		// Idle again: the mark of this one is on disk.
		if err := t.Wait(b.ctx, func(f *faketelegram.Server) bool { return f.Count(group) == before+i+1 }); err != nil {
			return all, err
		}
	}
	slices.Sort(all.latencies)
	return all, nil
}

// push pushes one deployment that nobody knows yet.
func (b *bench) push(p *process) error {
	l := load{target: pushTarget(p), connections: 1, first: b.next}
	b.next++
	_, err := l.runN(1)
	return err
}
