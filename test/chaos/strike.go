package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// blow is what a strike does to replicas.
type blow string

const (
	blowKill   blow = "kill"   // SIGKILL, and a start after a while
	blowFreeze blow = "freeze" // SIGSTOP, and SIGCONT after a while
	blowStop   blow = "stop"   // SIGTERM, and a start after a while
	blowOutage blow = "outage" // PostgreSQL ends, and starts after a while
)

// atDoor is a moment that only replicas have.
const atDoor moment = "when a request was about to leave"

// strike is one thing that goes wrong.
type strike struct {
	blow   blow
	moment moment
	// victim is a replica, from 0; where the moment names one, that one is struck.
	victim int
	// after is how long to wait before, and lasts how long it is until it is made
	// good.
	after, lasts time.Duration
	// crash: PostgreSQL ends as if the power failed, and has to recover.
	crash bool
}

// String says it as the plan has it.
func (s strike) String() string {
	switch {
	case s.blow == blowOutage && s.crash:
		return fmt.Sprintf("crash of PostgreSQL %s, for %s", s.moment, round(s.lasts))
	case s.blow == blowOutage:
		return fmt.Sprintf("stop of PostgreSQL %s, for %s", s.moment, round(s.lasts))
	case s.moment == atRandom || s.moment == inStart:
		return fmt.Sprintf("%s replica %d %s, for %s", s.blow, s.victim, s.moment, round(s.lasts))
	}
	return fmt.Sprintf("%s a replica %s, for %s", s.blow, s.moment, round(s.lasts))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// The lengths of what is wrong.
const (
	// beyondLease is the shortest freeze by which a lease is lost, whenever it was
	// renewed; takeover is how long the next holder may need to take it.
	beyondLease = 10 * time.Second
	takeover    = 3 * time.Second
	// longOutage is the longest time without a database.
	longOutage = 20 * time.Second
)

// newStrikes plans all strikes of a run.
func newStrikes(p plan) []strike {
	r := rand.New(rand.NewPCG(p.seed, 1<<33))
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(r.Int64N(int64(most-least)))
	}
	one := func(of ...moment) moment { return of[r.IntN(len(of))] }
	var all []strike
	for range p.kills {
		s := strike{blow: blowKill, moment: one(atRandom, inStart, afterPush, afterAck, afterTelegram, afterTelegram, amidTelegram, amidTelegram)}
		switch r.IntN(8) {
		case 0, 1, 2, 3: // at once
		case 4, 5, 6:
			s.lasts = between(100*time.Millisecond, 5*time.Second)
		default:
			s.lasts = between(beyondLease, beyondLease+5*time.Second)
		}
		all = append(all, s)
	}
	first := r.IntN(6)
	for n := range p.freezes {
		// Every other one is so long that the leases are lost.
		s := strike{blow: blowFreeze, moment: one(atRandom, afterTelegram, amidTelegram), lasts: between(100*time.Millisecond, 3*time.Second)}
		if n%2 == 0 {
			s.moment = []moment{amidTelegram, atDoor, afterTelegram, amidTelegram, atDoor, atRandom}[(first+n/2)%6]
			s.lasts = between(beyondLease, beyondLease+takeover)
			if s.moment == atDoor {
				// Long enough for nearly all leases; a request gives itself 10 s.
				s.lasts = between(beyondLease-700*time.Millisecond, beyondLease+takeover)
			}
		}
		all = append(all, s)
	}
	for range p.stops {
		s := strike{blow: blowStop, moment: one(amidTelegram, afterTelegram, atRandom)}
		if r.IntN(2) == 0 {
			s.lasts = between(100*time.Millisecond, 5*time.Second)
		}
		all = append(all, s)
	}
	for n := range p.outages {
		s := strike{blow: blowOutage, crash: n%2 == 0, moment: one(atRandom, amidTelegram, afterPush), lasts: between(300*time.Millisecond, 4*time.Second)}
		if n%4 == 3 { // the leases are lost, and a request may give up
			s.lasts = between(beyondLease, longOutage)
		}
		all = append(all, s)
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := range all {
		all[i].victim = r.IntN(p.replicas)
		all[i].after = min(time.Duration(r.ExpFloat64()*float64(p.pause())), 5*p.pause())
	}
	return all
}
