package simulation

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// world is all that a seed makes.
type world struct {
	seed  uint64
	talks bool // replicas' logs go into the trace
	began time.Time
	trace trace

	// mu guards everything below, and is held while anything happens between a
	// replica and the rest. Nobody lets time pass with it.
	mu         sync.Mutex
	weather    weather
	database   *database
	chats      []*chat
	channels   []shipbell.ChannelID
	chatOf     map[shipbell.ChannelID]*chat
	leaseOf    map[shipbell.ChannelID]shipbell.LeaseName
	slots      []*replica
	generation []int
	sent       []*request
	failures   []string
	// off is how far a replica was from the database's clock, at most.
	off time.Duration
	// calm says that the chaos is over, and over that everything is.
	calm, over bool

	script    script
	processes sync.WaitGroup
	pushes    sync.WaitGroup
}

// weather is how bad it is.
type weather struct {
	database, chat quality
	errors, scolds float64 // of the chats
	deaf           float64 // notifications that get lost
	trouble        float64 // with a replica, at each moment that counts
	away           time.Duration
}

const (
	maxSkew = 10 * time.Minute
	maxRate = 0.04 // less than what the keeper's margin is for
)

// newWorld draws the world of a seed. What can go wrong does not in every one:
// each kind of trouble must also be seen alone.
func newWorld(seed uint64, talks bool) *world {
	d := newDice(seed, "world", 0)
	storm := d.chance(0.2)
	sometimes := func(most float64) float64 {
		switch {
		case storm:
			return most
		case d.chance(0.4):
			return 0
		}
		return most * float64(d.below(1000)) / 1000
	}
	w := &world{seed: seed, talks: talks, began: time.Now(),
		chatOf: make(map[shipbell.ChannelID]*chat), leaseOf: make(map[shipbell.ChannelID]shipbell.LeaseName)}
	w.weather = weather{
		database: quality{loss: sometimes(0.2), slow: sometimes(0.2), most: d.between(quickMost, 3*time.Second), late: 3 * time.Second},
		chat:     quality{loss: sometimes(0.3), slow: sometimes(0.4), most: d.between(quickMost, 9*time.Second)},
		errors:   sometimes(0.2),
		scolds:   sometimes(0.1),
		deaf:     sometimes(0.6),
		trouble:  sometimes(0.02),
		away:     d.between(time.Second, 20*time.Second),
	}
	w.database = &database{
		world: w, store: memory.New(), leases: make(map[shipbell.LeaseName]row),
		released: make(map[shipbell.LeaseName]time.Duration), taken: make(map[shipbell.LeaseName]time.Duration),
		offset: d.between(-maxSkew, maxSkew), rate: sometimes(maxRate),
	}
	if d.chance(0.5) {
		w.database.rate = -w.database.rate
	}
	w.addChat("group", shipbell.Limit{N: 1, Per: time.Second}, shipbell.Limit{N: 6, Per: 20 * time.Second})
	w.addChannel("group:1", 0)
	if d.chance(0.5) {
		w.addChannel("group:2", 0)
	}
	if d.chance(0.5) {
		w.addChat("private", shipbell.Limit{N: 1, Per: time.Second})
		w.addChannel("private", 1)
	}
	n := 2 + d.below(3)
	w.slots, w.generation = make([]*replica, n), make([]int, n)
	w.script = newScript(d)
	return w
}

func (w *world) addChat(name string, limits ...shipbell.Limit) {
	w.chats = append(w.chats, &chat{world: w, budget: shipbell.Budget{Name: name, Limits: limits}, messages: make(map[shipbell.MessageRef]*message)})
}

func (w *world) addChannel(id shipbell.ChannelID, chat int) {
	w.channels = append(w.channels, id)
	w.chatOf[id] = w.chats[chat]
	w.leaseOf[id] = dispatch.LeaseOf(w.chats[chat].budget.Name)
}

// Channels routes every deployment everywhere.
func (w *world) Channels(shipbell.Deployment) []shipbell.ChannelID { return w.channels }

// Everywhere routes every bulletin everywhere.
func (w *world) Everywhere() []shipbell.ChannelID { return w.channels }

// rendered says as much as can be told true from false.
func rendered(a shipbell.Announcement, s shipbell.Subject) shipbell.Message {
	d := s.Deployment
	if a.Part == shipbell.PartAlert && a.Ref == "" && d.Status != shipbell.Failure {
		return shipbell.Message{}
	}
	text := d.ShownID + " " + string(d.Status)
	if a.Part != shipbell.PartMain {
		text = "alert: " + text
	}
	return shipbell.Message{Lines: []shipbell.Line{{Spans: []shipbell.Span{{Text: text}}}}}
}

// running are the processes that live.
func (w *world) running() []*replica {
	var all []*replica
	for _, r := range w.slots {
		if r != nil && r.ready && !r.dead {
			all = append(all, r)
		}
	}
	return all
}

// check holds what must be true at every moment: who takes a lease for its own
// has it by the database's clock.
func (w *world) check() {
	for _, r := range w.running() {
		for name, g := range r.grants {
			if !g.Valid() {
				continue
			}
			l := w.database.leases[name]
			if now := w.database.now().UnixMilli(); l.holder != shipbell.Replica(r.name) || l.fence != g.Fence || l.until <= now {
				w.fail("%s takes %s for its own by fence %d, but %q has it by fence %d, for %d ms", r.name, name, g.Fence, l.holder, l.fence, l.until-now)
			}
		}
	}
}

const maxFailures = 5

// fail notes what must not be. The caller holds the world.
func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.tell("FAILED", "%s", text)
	if len(w.failures) < maxFailures {
		w.failures = append(w.failures, fmt.Sprintf("after %s: %s", time.Since(w.began), text))
	}
}

// trouble is what may happen to a replica at a moment that counts: there, or a
// little later. It reports whether anything does.
func (w *world) trouble(r *replica, what string, d *dice) bool {
	w.mu.Lock()
	p := w.weather.trouble
	if strings.HasPrefix(what, "deliver") {
		p *= 10
	}
	spared := w.calm || !d.chance(p)
	w.mu.Unlock()
	if spared {
		return false
	}
	length := d.between(100*time.Millisecond, 5*time.Second)
	if d.chance(0.5) {
		length = d.between(5*time.Second, 30*time.Second)
	}
	kind := d.below(10)
	strike := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case w.calm:
		case kind < 2:
			r.kill()
		case kind < 4:
			r.end()
		case kind < 7:
			r.pause(length)
		default:
			r.cutOff(length)
		}
	}
	if d.chance(0.5) {
		time.Sleep(d.between(0, apart)) // what others do in this very moment comes before
		strike()
	} else {
		time.AfterFunc(d.between(0, 4*time.Second), strike)
	}
	return true
}

// clear ends all trouble, and waits until nobody waits for an answer that was
// lost before.
func (w *world) clear() {
	defer time.Sleep(storePatience + time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell("world", "from here on nothing goes wrong")
	w.calm = true
	w.weather = weather{away: w.weather.away}
	w.reach(true)
	for _, c := range w.chats {
		c.down = false
	}
	for _, r := range w.slots {
		if r != nil {
			r.goOn()
			r.mend()
		}
	}
}

// reach says whether anybody reaches the database. The caller holds the world.
func (w *world) reach(up bool) {
	if w.database.down == !up {
		return
	}
	w.database.down = !up
	w.tell("world", "the database can be reached: %t", up)
	for _, r := range w.running() {
		if up {
			r.listenAgain()
		}
	}
}
