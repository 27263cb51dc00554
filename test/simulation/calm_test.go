package simulation

import (
	"context"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
)

// The promises about time, when nothing goes wrong.
const (
	takenAfterKill = 15 * time.Second
	takenAfterEnd  = time.Second
	// endsWithin bounds how long a process that is asked to end takes to give up
	// a lease: a request under way has the grace.
	endsWithin = grace + time.Second
	// look is how often the simulation looks.
	look = 50 * time.Millisecond
)

// settle waits until everything is current, as long as that may take when
// nothing goes wrong any more.
func (w *world) settle() {
	limit := time.Now().Add(w.settlesWithin())
	for {
		w.mu.Lock()
		stale := w.stale()
		if stale == 0 {
			w.tell("world", "everything is current")
			w.mu.Unlock()
			return
		}
		if time.Now().After(limit) {
			w.fail("%d announcements are not current yet", stale)
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		time.Sleep(5 * look)
	}
}

// settlesWithin is how long it may take: until a lane goes on that was told to
// wait, a lease is free and a lane that was not woken looks, and then two
// requests for each announcement as fast as the group's limit allows what can
// wait, which is 5 in 20 s.
func (w *world) settlesWithin() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parked time.Duration
	for _, c := range w.channels {
		parked = max(parked, w.lane(c).ParkedUntil.Sub(w.database.now()))
	}
	const request = 20 * time.Second / 5
	return parked + takenAfterKill + netEvery + time.Duration(2*w.stale()+2)*request
}

// stale counts the announcements that are not current. The caller holds the
// world.
func (w *world) stale() (n int) {
	w.read(func(tx ledger.Tx) error {
		lanes, err := tx.Lanes()
		for _, l := range lanes {
			n += l.Backlog
		}
		return err
	})
	return n
}

func (w *world) lane(c shipbell.ChannelID) (l shipbell.Lane) {
	w.read(func(tx ledger.Tx) (err error) {
		l, err = tx.Lane(c)
		return err
	})
	return l
}

// read looks into the database. The caller holds the world.
func (w *world) read(fn func(ledger.Tx) error) {
	if err := w.database.store.View(context.Background(), fn); err != nil {
		w.fail("read: %s", err)
	}
}

// until waits for a state of the world, and reports whether it came in time.
func (w *world) until(within time.Duration, state func() bool) bool {
	for limit := time.Now().Add(within); ; time.Sleep(look) {
		w.mu.Lock()
		there := state()
		w.mu.Unlock()
		if there || time.Now().After(limit) {
			return there
		}
	}
}

// prompt looks whether what is heard now is told now. The second event comes when
// a lane that has told the first one is about to look for more: no wake is lost
// when no notification is.
func (w *world) prompt() {
	const forgotten, within = 25 * time.Second, 15 * time.Second
	d := newDice(w.seed, "prompt", 0)
	if d.chance(0.5) {
		return
	}
	time.Sleep(forgotten) // the limits
	for _, id := range []string{"prompt", "as prompt"} {
		w.script.outcome[id] = shipbell.Success
		w.pushUntilTaken(event(id, shipbell.SourcePush, shipbell.Success), id)
		if !w.until(within, func() bool { return w.stale() == 0 }) {
			w.mu.Lock()
			w.fail("%d announcements are not current after %s", w.stale(), within)
			w.mu.Unlock()
		}
		time.Sleep(d.between(900*time.Millisecond, 1100*time.Millisecond))
	}
}

// handOver ends who holds a lease, in order or not, while there is something to
// do, and looks when another has taken over.
func (w *world) handOver() {
	d := newDice(w.seed, "hand over", 0)
	name := w.leaseOf[w.channels[d.below(len(w.channels))]]
	if !w.until(time.Minute, func() bool {
		all := w.running()
		return len(all) == len(w.slots) && !slices.ContainsFunc(all, func(r *replica) bool { return r.ending }) && w.database.holder(name) != ""
	}) {
		w.mu.Lock()
		w.fail("nobody holds %s, or not everybody is back", name)
		w.mu.Unlock()
		return
	}
	for _, status := range []shipbell.Status{shipbell.Announced, shipbell.Success} {
		w.mu.Lock()
		w.push(event("last", shipbell.SourcePush, status))
		w.mu.Unlock()
		time.Sleep(d.between(0, 3*time.Second))
	}
	w.script.outcome["last"] = shipbell.Success

	w.mu.Lock()
	old := w.database.holder(name)
	var r *replica
	for _, r = range w.running() {
		if shipbell.Replica(r.name) == old {
			break
		}
	}
	kill := d.chance(0.5)
	if kill {
		r.kill()
	} else {
		r.end()
	}
	w.mu.Unlock()
	began := time.Since(w.began)
	within := takenAfterKill
	if !kill {
		within = endsWithin + takenAfterEnd
	}
	taken := w.until(within, func() bool {
		now := w.database.holder(name)
		return now != "" && now != old
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	released, next := w.database.released[name], w.database.taken[name]
	switch {
	case !taken:
		w.fail("%s was not taken within %s after %s had ended (killed: %t)", name, within, old, kill)
	case !kill && (released < began || next-released > takenAfterEnd):
		w.fail("%s was taken %s after it was given up", name, next-released)
	}
}
