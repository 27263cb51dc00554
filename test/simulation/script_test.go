package simulation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
)

// script is what happens whatever the replicas do.
type script struct {
	length  time.Duration
	scenes  []scene
	outcome map[string]shipbell.Status // of each deployment, in the end
}

// scene is one thing that happens.
type scene struct {
	at  time.Duration
	act func(*world)
}

// newScript draws one: deployments come and end, and the database and the chats
// go away.
func newScript(d *dice) script {
	s := script{length: d.between(15*time.Second, 45*time.Second), outcome: make(map[string]shipbell.Status)}
	fickle := 0 // how often Cloudflare takes back what it said, at most
	if d.chance(0.2) {
		fickle = 8
	}
	for i := range 2 + d.below(5) {
		s.addDeployment(d, fmt.Sprintf("d%d", i+1), d.between(0, s.length*3/4), fickle)
	}
	for range d.below(3) {
		from := d.between(0, s.length)
		s.add(from, func(w *world) { w.reach(false) })
		s.add(from+d.between(100*time.Millisecond, 20*time.Second), func(w *world) { w.reach(true) })
	}
	for range d.below(2) {
		from, which := d.between(0, s.length), d.below(2)
		down := func(down bool) func(*world) {
			return func(w *world) { w.chats[which%len(w.chats)].down = down }
		}
		s.add(from, down(true))
		s.add(from+d.between(100*time.Millisecond, 15*time.Second), down(false))
	}
	slices.SortStableFunc(s.scenes, func(a, b scene) int { return cmp.Compare(a.at, b.at) })
	return s
}

func (s *script) add(at time.Duration, act func(*world)) { s.scenes = append(s.scenes, scene{at, act}) }

// addDeployment adds what is heard of one. Its build step may be wrong about how
// it ends: Cloudflare's word goes before, and of its words the last. The clocks of
// build steps are wrong.
func (s *script) addDeployment(d *dice, id string, at time.Duration, fickle int) {
	says := func(source shipbell.Source, status shipbell.Status) {
		e, wrong := event(id, source, status), d.between(-maxSkew, maxSkew)
		if source == shipbell.SourcePoll {
			e.ID += shipbell.EventID(fmt.Sprintf(" at %s", at))
			wrong = 0
		}
		s.add(at, func(w *world) {
			e.At = time.Now().Add(wrong).UTC().Truncate(time.Millisecond)
			w.push(e)
		})
		at += d.between(2*time.Millisecond, 8*time.Second) // their order is told by the millisecond
	}
	for _, status := range []shipbell.Status{shipbell.Announced, shipbell.Queued, shipbell.InProgress} {
		if d.chance(0.7) {
			says(shipbell.SourcePush, status)
		}
	}
	status := func() shipbell.Status {
		return []shipbell.Status{shipbell.Success, shipbell.Failure}[d.below(2)]
	}
	s.outcome[id] = status()
	says(shipbell.SourcePush, s.outcome[id])
	words := d.below(1 + fickle)
	if d.chance(0.3) {
		words++
	}
	for range words {
		s.outcome[id] = status()
		says(shipbell.SourcePoll, s.outcome[id])
	}
}

// event is one word of a deployment.
func event(id string, source shipbell.Source, status shipbell.Status) shipbell.Event {
	return shipbell.Event{
		Source: source, ID: shipbell.EventID(id + " " + string(status)), At: time.Now().UTC(),
		Keys:        []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: id}},
		Observation: shipbell.Observation{Type: shipbell.Worker, Project: "project of " + id, Environment: shipbell.Production, Status: status},
	}
}

// push records an event, through one replica after another until one has
// acknowledged it. Some are recorded more often. The caller holds the world.
func (w *world) push(e shipbell.Event) {
	name := fmt.Sprintf("%s by %s", e.ID, e.Source)
	d := newDice(w.seed, name, 0)
	w.pushes.Go(func() { w.pushUntilTaken(e, name) })
	if d.chance(0.2) {
		again := d.between(0, 20*time.Second)
		if d.chance(0.5) {
			again = d.between(0, time.Millisecond)
		}
		w.pushes.Go(func() {
			time.Sleep(again)
			w.pushUntilTaken(e, name+" again")
		})
	}
}

const (
	pushPatience = 5 * time.Second // of a build step
	pushAgain    = 2 * time.Second
)

func (w *world) pushUntilTaken(e shipbell.Event, name string) {
	for try := range uint64(1000) {
		d := newDice(w.seed, name, try+1)
		w.mu.Lock()
		all := w.running()
		w.mu.Unlock()
		if len(all) > 0 {
			r := all[d.below(len(all))]
			what := fmt.Sprintf("record %s, try %d", name, try+1)
			taken := make(chan error, 1)
			w.pushes.Go(func() {
				_, err := r.ledger.Record(withDoing(context.Background(), what), e)
				taken <- err
			})
			select {
			case err := <-taken:
				if err == nil {
					w.tell(r.name, "acknowledged %s", name)
					return
				}
			case <-time.After(pushPatience):
			}
		}
		time.Sleep(d.between(pushAgain/2, pushAgain))
	}
}

// play lets everything happen.
func (w *world) play() {
	w.mu.Lock()
	for slot := range w.slots {
		w.start(slot)
	}
	w.mu.Unlock()
	for _, s := range w.script.scenes {
		time.Sleep(time.Until(w.began.Add(s.at)))
		w.mu.Lock()
		s.act(w)
		w.mu.Unlock()
	}
	time.Sleep(max(time.Until(w.began.Add(w.script.length)), apart))
}
