package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/shipbell/shipbell/internal/faketelegram"
)

const (
	chats        = 1000
	toEachChat   = 10 // deployments in one turn
	firstChat    = -1_002_000_000_000
	fakeCapacity = 64 // connections that load the Telegram directly
)

// delivery measures how many messages a second reach a thousand chats, against
// what the fake Telegram takes from a client that only sends.
func (b *bench) delivery() error {
	ids := make([]int64, chats)
	for i := range ids {
		ids[i] = firstChat - int64(i)
	}
	telegram, err := b.startTelegram(faketelegram.Options{Unlimited: true}, append(ids, group)...)
	if err != nil {
		return err
	}
	direct := target{urls: []string{telegram.url + "/bot" + botToken + "/sendMessage"}, body: messageBody}
	direct.header = pushTarget().header

	telegram.chats = telegram.chats[:chats] // the group is for the direct load
	d := b.sqlite()
	p, err := b.startShipbell(d, telegram, "TELEGRAM_LIMITS=off")
	if err != nil {
		return err
	}
	var sent atomic.Int64
	telegram.SetFaults(func(c faketelegram.Call) faketelegram.Fault {
		if c.Method == "sendMessage" && c.Chat != group {
			sent.Add(1)
		}
		return faketelegram.Fault{}
	})
	var rates, limits, ratios []float64
	var spent time.Duration
	for turn := range b.turns {
		limit, err := load{target: direct, connections: fakeCapacity}.runN(chats * toEachChat)
		if err != nil {
			return err
		}
		limits = append(limits, limit.perSecond())

		before, start := p.cpu(), time.Now()
		for range toEachChat {
			if err := b.push(p); err != nil {
				return err
			}
		}
		want := int64(turn+1) * chats * toEachChat
		if err := telegram.Wait(b.ctx, func(*faketelegram.Server) bool { return sent.Load() >= want }); err != nil {
			return err
		}
		rates = append(rates, chats*toEachChat/time.Since(start).Seconds())
		// The last marks are not on disk yet; they are part of the cost, and must
		// not disturb the next turn.
		if err := p.settle(b.ctx); err != nil {
			return err
		}
		spent += p.cpu() - before
		ratios = append(ratios, rates[turn]/limits[turn])
		progress("turn %d: %.0f messages/s, ratio %s", turn+1, rates[turn], ratio(ratios[turn]))
	}
	b.add(row{
		what: fmt.Sprintf("messages to %d chats, %d pushes at once", chats, toEachChat), figure: perSecond(median(rates)),
		cpu: spent / time.Duration(b.turns*chats*toEachChat), against: "fake Telegram alone " + perSecond(median(limits)), ratio: ratio(median(ratios)),
	})
	return nil
}

// messageBody appends a message to the group.
func messageBody(b []byte, n int64) []byte {
	return fmt.Appendf(b, `{"chat_id":%d,"text":"New Worker Deployment %d","parse_mode":"HTML"}`, int64(group), n)
}
