package main

import (
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

var (
	epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one   = place{lane: lane{-1, 0}, key: shipbell.KeyIdentity{Type: shipbell.Worker, ID: "one"}}
	two   = place{lane: lane{-1, 0}, key: shipbell.KeyIdentity{Type: shipbell.Worker, ID: "two"}}
	topic = place{lane: lane{-1, 7}, key: one.key}
)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

// sent is a post that Telegram took after some milliseconds and answered one
// later.
func sent(p place, life, ms int) request {
	return request{
		Call:    faketelegram.Call{Method: "sendMessage", Chat: p.lane.chat, Thread: p.lane.thread, Received: at(ms), Done: true, Accepted: true, Status: 200},
		arrival: arrival{life: life, answered: at(ms + 1)},
		place:   p,
	}
}

func (q request) with(f faketelegram.Fault) request {
	q.Fault, q.Accepted = f, f.Accepted
	switch f.Kind {
	case faketelegram.FaultRateLimit:
		q.Status = 429
	case faketelegram.FaultReset:
		q.Status = 0
	}
	return q
}

// refused is a request in the pause of its chat.
func (q request) refused() request {
	q.Accepted, q.Status = false, 429
	return q
}

// twoLives end after a second and after two, the first as told.
func twoLives(how ending) *chronicle {
	return &chronicle{lives: []life{{started: at(0), ended: at(1000), how: how}, {started: at(1001), ended: at(2000), how: stopped}}}
}

func TestFindDoubles(t *testing.T) {
	broken := faketelegram.Fault{Kind: faketelegram.FaultReset, Accepted: true}
	tests := []struct {
		name       string
		how        ending
		all        []request
		attempts   map[place][]time.Time
		kill       int
		connection int
		unknown    int
		window     time.Duration
	}{
		{"none", killed, []request{sent(one, 0, 990), sent(two, 1, 1100)}, nil, 0, 0, 0, 0},
		{"killed before the commit", killed, []request{sent(one, 0, 990), sent(one, 1, 1100)}, nil, 1, 0, 0, 9 * time.Millisecond},
		{"killed before the answer", killed, []request{sent(one, 0, 1000), sent(one, 1, 1100)}, nil, 1, 0, 0, 0},
		{"killed after the commit", killed, []request{sent(one, 0, 990), sent(one, 1, 1100)}, map[place][]time.Time{one: {at(989)}}, 0, 0, 1, 0},
		{"killed after another request", killed, []request{sent(one, 0, 980), sent(two, 0, 990), sent(one, 1, 1100)}, nil, 0, 0, 1, 0},
		{"killed while another lane went on", killed, []request{sent(one, 0, 980), sent(topic, 0, 990), sent(one, 1, 1100)}, nil, 1, 0, 0, 19 * time.Millisecond},
		{"ended in order", stopped, []request{sent(one, 0, 990), sent(one, 1, 1100)}, nil, 0, 0, 1, 0},
		{"in one life", killed, []request{sent(one, 0, 10), sent(one, 0, 20)}, nil, 0, 0, 1, 0},
		{"connection broken", killed, []request{sent(one, 0, 10).with(broken), sent(one, 0, 900)}, nil, 0, 1, 0, 0},
		{"three times", killed, []request{sent(one, 0, 10).with(broken), sent(one, 0, 990), sent(one, 1, 1100)}, nil, 1, 1, 0, 9 * time.Millisecond},
		{"refused first", killed, []request{sent(one, 0, 10).refused(), sent(one, 0, 20)}, nil, 0, 0, 0, 0},
		{"in two chats", killed, []request{sent(one, 0, 10), sent(topic, 0, 20)}, nil, 0, 0, 0, 0},
	}
	for _, test := range tests {
		c := twoLives(test.how)
		c.place(test.all)
		markStored(test.all, test.attempts)
		d := findDoubles(test.all, c)
		if k := d.by[byKill]; k.count != test.kill || d.byConnection != test.connection || len(d.unexplained) != test.unknown || k.window != test.window {
			t.Errorf("%s: %+v; want %d by kill, %d by connection, %d unexplained, window %s",
				test.name, d, test.kill, test.connection, test.unknown, test.window)
		}
	}
}

func TestFindEarly(t *testing.T) {
	limit := faketelegram.Fault{Kind: faketelegram.FaultRateLimit, RetryAfter: time.Second}
	committed := map[place][]time.Time{one: {at(500)}}
	tests := []struct {
		name     string
		how      ending
		all      []request
		attempts map[place][]time.Time
		kill     int
		flight   int
		unknown  int
	}{
		{"waited", killed, []request{sent(one, 0, 500).with(limit), sent(one, 1, 1500)}, nil, 0, 0, 0},
		{"other chat", killed, []request{sent(one, 0, 500).with(limit), sent(place{lane: lane{-2, 0}, key: one.key}, 0, 600)}, nil, 0, 0, 0},
		{"same life", killed, []request{sent(one, 0, 500).with(limit), sent(two, 0, 600).refused()}, nil, 0, 0, 1},
		{"killed before the commit", killed, []request{sent(one, 0, 500).with(limit), sent(one, 1, 1100).refused()}, nil, 1, 0, 0},
		{"killed after the commit", killed, []request{sent(one, 0, 500).with(limit), sent(one, 1, 1100).refused()}, committed, 0, 0, 1},
		{"topic after the commit", killed, []request{sent(one, 0, 500).with(limit), sent(topic, 1, 1100).refused()}, committed, 0, 0, 1},
		{"ended in order", stopped, []request{sent(one, 0, 500).with(limit), sent(one, 1, 1100).refused()}, nil, 0, 0, 1},
		{"topic under way", killed, []request{sent(topic, 0, 490), sent(one, 0, 500).with(limit), sent(topic, 0, 502).refused()}, nil, 0, 1, 0},
		{"topic again", killed, []request{sent(one, 0, 500).with(limit), sent(topic, 0, 502).refused(), sent(topic, 0, 600).refused()}, nil, 0, 1, 1},
		{"second time by kills", killed, []request{sent(one, 0, 500).with(limit), sent(one, 1, 1100).refused(), sent(one, 1, 1200).refused()}, nil, 1, 0, 1},
	}
	for _, test := range tests {
		c := twoLives(test.how)
		c.place(test.all)
		markStored(test.all, test.attempts)
		e := findEarly(test.all, c)
		if e.forgotten != test.kill || e.inFlight != test.flight || len(e.unexplained) != test.unknown {
			t.Errorf("%s: %+v; want %d by kill, %d under way, %d unexplained", test.name, e, test.kill, test.flight, test.unknown)
		}
	}
}

// TestStrays: an alert of which the ledger knows nothing is there only where
// nobody could learn of it.
func TestStrays(t *testing.T) {
	broken := faketelegram.Fault{Kind: faketelegram.FaultReset, Accepted: true}
	for _, test := range []struct {
		name  string
		how   ending
		all   []request
		wrong int
	}{
		{"connection broken", killed, []request{sent(one, 0, 10).with(broken), sent(two, 0, 20)}, 0},
		{"killed", killed, []request{sent(one, 0, 990), sent(two, 1, 1100)}, 0},
		{"ended in order", stopped, []request{sent(one, 0, 990), sent(two, 1, 1100)}, 1},
		{"not the last", killed, []request{sent(one, 0, 980), sent(two, 0, 990)}, 1},
	} {
		c, v := twoLives(test.how), newVerdict()
		v.strays[one] = true
		c.place(test.all)
		v.checkStrays(newTelegram(1, false), c, test.all)
		if v.wrong != test.wrong || len(v.failures) != test.wrong {
			t.Errorf("%s: %d wrong, want %d", test.name, v.wrong, test.wrong)
		}
	}
}
