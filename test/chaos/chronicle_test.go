package main

import (
	"strings"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/faketelegram"
)

// twoReplicas are processes that live to the end: the first holds the lane from 0
// to 10 s, and the second one from then on.
func twoReplicas() *chronicle {
	lease := one.lane.lease()
	return &chronicle{
		lives: []life{{started: at(0)}, {started: at(0), replica: 1}},
		grants: []grant{
			{lease: lease, fence: 1, life: 0, terms: []term{{at(0), at(8000)}, {at(2000), at(10_000)}}},
			{lease: lease, fence: 2, life: 1, terms: []term{{at(10_000), at(20_000)}}},
		},
	}
}

// storedAt is when the ledger got what came of the request.
func (q request) storedAt(ms int) request {
	q.stored = at(ms)
	return q
}

// slowly is a request that Telegram answered only after so long.
func (q request) slowly(ms int) request {
	q.answered = q.Received.Add(time.Duration(ms) * time.Millisecond)
	return q
}

func TestWhyTheLaneForgot(t *testing.T) {
	frozen := func(from, to int) func(*chronicle) {
		return func(c *chronicle) { c.lives[0].frozen = []span{{at(from), at(to)}} }
	}
	away := func(from, to int) func(*chronicle) {
		return func(c *chronicle) { c.outages = []span{{at(from), at(to)}} }
	}
	dead := func(ms int, how ending) func(*chronicle) {
		return func(c *chronicle) { c.lives[0].ended, c.lives[0].how = at(ms), how }
	}
	tests := []struct {
		name   string
		first  request
		events []func(*chronicle)
		why    cause
		window time.Duration
	}{
		{"nothing happened", sent(one, 0, 2000), nil, "", 0},
		{"stored in time", sent(one, 0, 2000).storedAt(2005), []func(*chronicle){frozen(2010, 12_000)}, "", 0},
		{"frozen, stored late", sent(one, 0, 2000).storedAt(12_001), []func(*chronicle){frozen(2010, 12_000)}, byFreeze, 9 * time.Millisecond},
		{"frozen before the answer", sent(one, 0, 2000).slowly(150), []func(*chronicle){frozen(2010, 12_000)}, byFreeze, 0},
		{"frozen too late", sent(one, 0, 2000), []func(*chronicle){frozen(5000, 12_000)}, byFreeze, 2999 * time.Millisecond},
		{"frozen before that", sent(one, 0, 2000), []func(*chronicle){frozen(500, 1500)}, "", 0},
		{"frozen shortly, and not at the end", sent(one, 0, 2000), []func(*chronicle){frozen(2001, 2101)}, byFreeze, 7899 * time.Millisecond},
		{"killed", sent(one, 0, 2000), []func(*chronicle){dead(2003, killed)}, byKill, 2 * time.Millisecond},
		{"ended in order", sent(one, 0, 2000), []func(*chronicle){dead(2003, stopped)}, "", 0},
		{"no database", sent(one, 0, 2000), []func(*chronicle){away(2004, 11_000)}, byOutage, 3 * time.Millisecond},
		{"no database for a while", sent(one, 0, 2000), []func(*chronicle){away(2004, 3000)}, byOutage, 4003 * time.Millisecond},
		{"no database before", sent(one, 0, 2000), []func(*chronicle){away(500, 1900)}, "", 0},
		{"no database, then killed", sent(one, 0, 2000), []func(*chronicle){away(2004, 6000), dead(5000, killed)}, byKill, 3 * time.Millisecond},
	}
	for _, test := range tests {
		c := twoReplicas()
		for _, happens := range test.events {
			happens(c)
		}
		all := []request{test.first, sent(one, 1, 11_000)}
		c.place(all)
		d := findDoubles(all, c)
		if test.why == "" {
			if len(d.unexplained) != 1 {
				t.Errorf("%s: %+v; want it unexplained", test.name, d)
			}
			continue
		}
		if k := d.by[test.why]; k.count != 1 || k.window != test.window || len(d.unexplained) != 0 {
			t.Errorf("%s: %+v; want one by %s, window %s", test.name, d, test.why, test.window)
		}
	}
}

// TestHeld: who holds a lane is what the database says, at the time at which a
// request arrives.
func TestHeld(t *testing.T) {
	tests := []struct {
		name string
		life int
		ms   int
		held bool
	}{
		{"in the first term", 0, 1000, true},
		{"in a renewed one", 0, 9000, true},
		{"after another took over", 0, 10_001, false},
		{"the other one", 1, 10_001, true},
		{"before it took over", 1, 9999, false},
		{"when all is over", 1, 20_002, false},
	}
	for _, test := range tests {
		c, v := twoReplicas(), newVerdict()
		all := []request{sent(one, test.life, test.ms)}
		c.place(all)
		v.checkHeld(all, c)
		if held := v.unheld == 0; held != test.held || len(v.failures) != v.unheld {
			t.Errorf("%s: held is %t", test.name, held)
		}
	}
}

// TestReleased: a lease that was given up is nobody's.
func TestReleased(t *testing.T) {
	c := twoReplicas()
	c.grants[0].terms = append(c.grants[0].terms, term{at(3000), at(0)})
	for ms, held := range map[int]bool{2999: true, 3001: false} {
		all := []request{sent(one, 0, ms)}
		c.place(all)
		if all[0].held != held {
			t.Errorf("after %d ms held is %t", ms, !held)
		}
	}
}

func TestOutside(t *testing.T) {
	spans := []span{{at(50), at(60)}, {at(10), at(20)}, {at(15), at(30)}}
	for _, test := range []struct{ from, to, want int }{
		{0, 100, 70}, {0, 12, 10}, {12, 18, 0}, {25, 40, 10}, {60, 100, 40}, {0, 5, 5}, {70, 60, 0},
	} {
		if got := outside(spans, at(test.from), at(test.to)); got != time.Duration(test.want)*time.Millisecond {
			t.Errorf("from %d to %d: %s, want %d ms", test.from, test.to, got, test.want)
		}
	}
}

// TestKept: a message whose handle a process had, and time enough to store it,
// must be known.
func TestKept(t *testing.T) {
	for _, test := range []struct {
		name    string
		post    request
		happens func(*chronicle)
		unkept  int
	}{
		{"stored", sent(one, 0, 2000).storedAt(2003), func(*chronicle) {}, 0},
		{"not stored", sent(one, 0, 2000), func(*chronicle) {}, 1},
		{"killed", sent(one, 0, 2000), func(c *chronicle) { c.lives[0].ended, c.lives[0].how = at(2004), killed }, 0},
		{"killed late", sent(one, 0, 2000), func(c *chronicle) { c.lives[0].ended, c.lives[0].how = at(9000), killed }, 1},
		{"frozen, then killed", sent(one, 0, 2000), func(c *chronicle) {
			c.lives[0].ended, c.lives[0].how, c.lives[0].frozen = at(14_000), killed, []span{{at(2001), at(13_000)}}
		}, 0},
		{"an outage after the kill", sent(one, 0, 2000), func(c *chronicle) {
			c.lives[0].ended, c.lives[0].how, c.outages = at(2004), killed, []span{{at(30_000), at(31_000)}}
		}, 0},
		{"nobody heard", sent(one, 0, 2000).with(faketelegram.Fault{Kind: faketelegram.FaultReset, Accepted: true}), func(*chronicle) {}, 0},
	} {
		c, v := twoReplicas(), newVerdict()
		test.happens(c)
		v.checkKept([]request{test.post}, c, at(60_000))
		if v.unkept != test.unkept {
			t.Errorf("%s: %d, want %d", test.name, v.unkept, test.unkept)
		}
	}
}

// TestWritten: only who took a lane last writes to it.
func TestWritten(t *testing.T) {
	c, v := twoReplicas(), newVerdict()
	v.checkWritten([]write{{at(9000), 0, one.lane.channel()}, {at(10_500), 1, one.lane.channel()}}, []lane{one.lane}, c)
	if v.unheldWrites != 0 || len(v.failures) != 0 {
		t.Errorf("%s", v.failures)
	}
	v.checkWritten([]write{{at(10_500), 0, one.lane.channel()}}, []lane{one.lane}, c)
	if v.unheldWrites != 1 {
		t.Errorf("%d writes without the lane, want 1", v.unheldWrites)
	}
}

func TestLimits(t *testing.T) {
	limit := func(q request) request {
		q.Accepted, q.Status, q.Description = false, 429, "Too Many Requests: retry after 7"
		return q
	}
	frozen := func(c *chronicle) { c.lives[0].frozen = []span{{at(2010), at(12_000)}} }
	tests := []struct {
		name    string
		happens func(*chronicle)
		all     []request
		forgot  int
		unknown int
	}{
		{"none", nil, []request{sent(one, 0, 10), sent(two, 0, 20)}, 0, 0},
		{"in one hand", nil, []request{sent(one, 0, 10), limit(sent(two, 0, 20))}, 0, 1},
		{"a fault is none", nil, []request{sent(one, 0, 10).with(faketelegram.Fault{Kind: faketelegram.FaultRateLimit, RetryAfter: time.Second})}, 0, 0},
		{"handed over, all stored", nil, []request{sent(one, 0, 2000).storedAt(2003), limit(sent(two, 1, 11_000))}, 0, 1},
		{"handed over, one not stored", frozen, []request{sent(one, 0, 2005), limit(sent(two, 1, 11_000))}, 1, 0},
		{"again", frozen, []request{sent(one, 0, 2005), limit(sent(two, 1, 11_000)), limit(sent(two, 1, 19_000))}, 1, 1},
		{"told to wait", frozen, []request{sent(one, 0, 2005), limit(sent(two, 1, 11_000)), limit(sent(two, 1, 12_000))}, 1, 0},
		{"slow, and refused in a pause", nil, []request{
			limit(sent(one, 0, 1900).slowly(150)),
			sent(topic, 0, 2000).with(faketelegram.Fault{Kind: faketelegram.FaultRateLimit, RetryAfter: time.Second}),
		}, 0, 0},
		{"not counted", frozen, []request{sent(one, 0, 2005).with(faketelegram.Fault{Kind: faketelegram.FaultReset}), limit(sent(two, 1, 11_000))}, 0, 1},
	}
	for _, test := range tests {
		c, v := twoReplicas(), newVerdict()
		if test.happens != nil {
			test.happens(c)
		}
		c.place(test.all)
		v.checkLimits(test.all, c)
		if v.beyond.forgotten != test.forgot || v.beyond.unexplained != test.unknown {
			t.Errorf("%s: %+v; want %d forgotten, %d unexplained", test.name, v.beyond, test.forgot, test.unknown)
		}
	}
}

func TestOrder(t *testing.T) {
	three := place{lane: one.lane, key: shipbell.KeyIdentity{Type: shipbell.Worker, ID: "three"}}
	failed := func(q request) request {
		q.Text = "<b>title</b>\n❌ Failed"
		return q
	}
	tests := []struct {
		name     string
		all      []request
		disorder int
	}{
		{"in order", []request{sent(one, 0, 10), sent(two, 0, 20), sent(three, 0, 30)}, 0},
		{"overtaken", []request{sent(two, 0, 10), sent(one, 0, 20)}, 1},
		{"by one that failed", []request{failed(sent(two, 0, 10)), sent(one, 0, 20)}, 0},
		{"in another chat", []request{sent(two, 0, 10), sent(topic, 0, 20)}, 0},
		{"again", []request{sent(one, 0, 10), sent(two, 0, 20), sent(one, 0, 30)}, 0},
		{"of two that failed", []request{sent(one, 0, 1000), failed(sent(three, 0, 1100)), failed(sent(two, 0, 1200))}, 1},
		{"of two, and nobody knew", []request{sent(one, 0, 10), failed(sent(three, 0, 20)), failed(sent(two, 0, 30))}, 0},
	}
	for _, test := range tests {
		v := newVerdict()
		v.numbers[one.key] = ordinal{id: 1}
		v.numbers[two.key] = ordinal{id: 2, failed: at(500)}
		v.numbers[three.key] = ordinal{id: 3, failed: at(500)}
		v.checkOrder(test.all)
		if v.disorder != test.disorder {
			t.Errorf("%s: %d out of order, want %d: %s", test.name, v.disorder, test.disorder, strings.Join(v.failures, "; "))
		}
	}
}

// TestStrikes: the same seed gives the same plan.
func TestStrikes(t *testing.T) {
	p := plan{replicas: 3, kills: 40, freezes: 20, stops: 8, outages: 10, seed: 7}
	all, again := newStrikes(p), newStrikes(p)
	if len(all) != 78 || len(again) != len(all) {
		t.Fatalf("%d strikes", len(all))
	}
	long := 0
	for i, s := range all {
		if s != again[i] {
			t.Errorf("strike %d is %s, and then %s", i, s, again[i])
		}
		if s.blow == blowFreeze && s.lasts >= beyondLease-time.Second {
			long++
		}
	}
	if long != 10 {
		t.Errorf("%d long freezes, want 10", long)
	}
}
