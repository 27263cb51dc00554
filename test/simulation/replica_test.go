package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/dispatch"
	"github.com/shipbell/shipbell/internal/lease"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/clock"
)

// replica is one process. What it does with others goes through [replica.pass]
// and [replica.awake], where it stops when it is dead or stands still.
type replica struct {
	world      *world
	slot       int
	name       string
	keeper     *lease.Keeper
	dispatcher *dispatch.Dispatcher
	ledger     *ledger.Ledger
	clock      clock.Clock
	cancel     context.CancelFunc
	killed     chan struct{}
	ended      chan struct{}

	// The world's lock guards these.
	ready  bool // it takes pushes
	dead   bool
	ending bool
	cut    bool          // off from the database
	still  chan struct{} // closed when it goes on; nil while it runs
	grants map[shipbell.LeaseName]shipbell.Grant
	left   map[shipbell.LeaseName]time.Time // when work by a lease last had to end
	picked map[shipbell.ChannelID]shipbell.Announcement
	open   map[shipbell.ChannelID]*request
	// unwell is when it last could not renew its leases, or went on after it had
	// stood still.
	unwell time.Time

	mu    sync.Mutex
	steps map[string]uint64
}

// dice are for the next step of what is called so.
func (r *replica) dice(what string) *dice {
	r.mu.Lock()
	r.steps[what]++
	n := r.steps[what]
	r.mu.Unlock()
	return newDice(r.world.seed, r.name+": "+what, n)
}

// awake waits while the replica stands still; a dead one returns an error. What
// was held up goes on in an order that is drawn.
func (r *replica) awake(what string) error {
	for {
		r.world.mu.Lock()
		still, dead := r.still, r.dead
		r.world.mu.Unlock()
		switch {
		case dead:
			return errKilled
		case still == nil:
			return nil
		}
		select {
		case <-still:
			time.Sleep(r.dice("goes on: "+what).between(0, time.Millisecond))
		case <-r.killed:
		}
	}
}

// pass is the moment before something leaves the replica. Trouble comes at such
// moments.
func (r *replica) pass(what string) error {
	if err := r.awake(what); err != nil {
		return err
	}
	if r.world.trouble(r, what, r.dice("before "+what)) {
		return r.awake(what)
	}
	return nil
}

// reaches reports whether the replica has a connection to the database.
func (r *replica) reaches() bool { return !r.cut && !r.world.database.down }

// disturb notes why what is under way may not be marked. The caller holds the
// world.
func (r *replica) disturb(why string) {
	for _, q := range r.open {
		q.disturb(why)
	}
}

// holds reports whether the replica takes the lease of a channel for its own. The
// caller holds the world.
func (r *replica) holds(c shipbell.ChannelID) bool {
	g, granted := r.grants[r.world.leaseOf[c]]
	return granted && g.Valid()
}

// doingKey and sentKey are where a context bears what it is for.
type (
	doingKey struct{}
	sentKey  struct{}
)

func withDoing(ctx context.Context, what string) context.Context {
	return context.WithValue(ctx, doingKey{}, what)
}

func doing(ctx context.Context) string {
	what, _ := ctx.Value(doingKey{}).(string)
	return what
}

func sentIn(ctx context.Context) *request {
	q, _ := ctx.Value(sentKey{}).(*request)
	return q
}

// lanes is the ledger as the lanes see it, and knows what they are about.
type lanes struct{ *replica }

// Stale implements [dispatch.Ledger].
func (l lanes) Stale(ctx context.Context, c shipbell.ChannelID) (shipbell.Announcement, shipbell.Subject, error) {
	l.world.mu.Lock()
	delete(l.open, c) // it goes on without
	l.world.mu.Unlock()
	a, s, err := l.ledger.Stale(withDoing(ctx, "lane "+string(c)), c)
	if err == nil {
		l.world.mu.Lock()
		l.picked[c] = a
		l.world.mu.Unlock()
	}
	return a, s, err
}

// Mark implements [dispatch.Ledger].
func (l lanes) Mark(ctx context.Context, a shipbell.Announcement, attempt shipbell.Attempt, lane shipbell.Lane, told []shipbell.Part) error {
	l.world.mu.Lock()
	q := l.open[a.Channel]
	l.world.mu.Unlock()
	ctx = context.WithValue(withDoing(ctx, "lane "+string(a.Channel)), sentKey{}, q)
	err := l.ledger.Mark(ctx, a, attempt, lane, told)
	if errors.Is(err, shipbell.ErrLost) && q != nil {
		l.world.mu.Lock()
		if q.ref != "" && q.answered && !q.marked {
			l.world.fail("%v was posted, and is not kept because the lease was lost", q)
		}
		q.disturb("it lost the lease")
		l.world.mu.Unlock()
	}
	return err
}

// Lane implements [dispatch.Ledger].
func (l lanes) Lane(ctx context.Context, c shipbell.ChannelID) (shipbell.Lane, error) {
	return l.ledger.Lane(withDoing(ctx, "lane "+string(c)), c)
}

// The settings of internal/app.
const (
	grace    = 6 * time.Second
	netEvery = 30 * time.Second
	relisten = time.Second
)

// start starts a process in a slot. The caller holds the world.
func (w *world) start(slot int) {
	w.generation[slot]++
	r := &replica{
		world: w, slot: slot, name: fmt.Sprintf("r%d.%d", slot+1, w.generation[slot]),
		killed: make(chan struct{}), ended: make(chan struct{}), steps: make(map[string]uint64),
		grants: make(map[shipbell.LeaseName]shipbell.Grant), left: make(map[shipbell.LeaseName]time.Time),
		picked: make(map[shipbell.ChannelID]shipbell.Announcement), open: make(map[shipbell.ChannelID]*request),
	}
	w.slots[slot] = r
	w.tell(r.name, "starts")
	var log *slog.Logger
	if w.talks {
		log = slog.New(talk{r: r})
	}
	r.keeper = lease.New(connection{r}, shipbell.Replica(r.name), log)
	r.ledger = ledger.New(ledger.Options{
		Store: connection{r}, Router: w, Now: r.clock.Now, Log: log,
		Wake: func(c shipbell.ChannelID) { r.dispatcher.Wake(c) },
	})
	var channels []dispatch.Channel
	for _, c := range w.channels {
		channels = append(channels, channel{r, c, w.chatOf[c]})
	}
	r.dispatcher = dispatch.New(dispatch.Options{
		Ledger: lanes{r}, Channels: channels, Render: rendered, Grace: grace, While: r.while,
		Now: r.clock.Now, Asleep: netEvery, Log: log,
		NothingDue: func(err error) (time.Time, bool) {
			var none ledger.NothingDue
			ok := errors.As(err, &none)
			return none.Next, ok
		},
		Chance: func(below time.Duration) time.Duration {
			return newDice(w.seed, r.name+" backs off", uint64(time.Since(w.began))).between(0, below)
		},
	})
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	w.processes.Go(func() {
		r.run(ctx)
		w.ended(r)
	})
}

// run is the life of a process.
func (r *replica) run(ctx context.Context) {
	defer close(r.ended)
	_ = r.wait(ctx, r.dice("starts").between(0, time.Second))
	for (connection{r}).readClock(ctx) != nil {
		if r.wait(ctx, relisten) != nil {
			return
		}
	}
	r.world.mu.Lock()
	r.ready = true
	r.world.mu.Unlock()
	var parts sync.WaitGroup
	parts.Go(func() { _ = r.dispatcher.Run(ctx) })
	time.Sleep(apart)
	parts.Go(func() { r.keeper.Run(ctx) })
	parts.Wait()
}

// apart is by how much the parts of one process start and end one after another:
// which goes first when they do so in the same moment cannot be replayed.
const apart = time.Millisecond

// while is the keeper's, and notes the grants.
func (r *replica) while(ended context.Context, name shipbell.LeaseName, run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ended))
	defer cancel()
	context.AfterFunc(ended, func() {
		time.Sleep(r.dice("ends "+string(name)).between(0, apart))
		cancel()
	})
	r.keeper.While(ctx, name, func(ctx context.Context) {
		g, _ := shipbell.GrantOf(ctx)
		r.world.mu.Lock()
		r.grants[name] = g
		r.world.mu.Unlock()
		context.AfterFunc(ctx, func() {
			r.world.mu.Lock()
			defer r.world.mu.Unlock()
			r.left[name] = time.Now()
		})
		run(ctx)
	})
}

// ended takes in that a process is over.
func (w *world) ended(r *replica) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.ready = false
	if w.over || w.slots[r.slot] != r {
		return
	}
	w.slots[r.slot] = nil
	if !r.dead {
		w.tell(r.name, "has ended")
	}
	time.AfterFunc(r.dice("comes back").between(100*time.Millisecond, w.weather.away), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over && w.slots[r.slot] == nil {
			w.start(r.slot)
		}
	})
}

// kill ends a process as kill -9 does. The caller holds the world.
func (r *replica) kill() {
	if r.dead {
		return
	}
	r.world.tell(r.name, "is killed")
	r.disturb("it was killed")
	r.dead = true
	close(r.killed)
	r.cancel()
}

// end ends a process in order. The caller holds the world.
func (r *replica) end() {
	if r.dead || r.ending {
		return
	}
	r.world.tell(r.name, "is asked to end")
	r.ending = true
	r.cancel()
}

// pause makes a process stand still for a while. The caller holds the world.
func (r *replica) pause(length time.Duration) {
	if r.dead || r.still != nil {
		return
	}
	r.world.tell(r.name, "stands still for %s", length)
	r.disturb("it stood still")
	r.still = make(chan struct{})
	time.AfterFunc(length, func() {
		r.world.mu.Lock()
		defer r.world.mu.Unlock()
		r.goOn()
	})
}

// goOn wakes a process that stands still. The caller holds the world.
func (r *replica) goOn() {
	if r.still != nil {
		r.world.tell(r.name, "goes on")
		r.unwell = time.Now()
		close(r.still)
		r.still = nil
	}
}

// cutOff parts a process from the database. The caller holds the world.
func (r *replica) cutOff(length time.Duration) {
	if r.dead || r.cut {
		return
	}
	r.world.tell(r.name, "is cut off from the database for %s", length)
	r.cut = true
	time.AfterFunc(length, func() {
		r.world.mu.Lock()
		defer r.world.mu.Unlock()
		r.mend()
	})
}

// mend gives a process its connection back. The caller holds the world.
func (r *replica) mend() {
	if r.cut {
		r.world.tell(r.name, "reaches the database again")
		r.cut = false
		r.listenAgain()
	}
}

// listenAgain makes a process hear others again: anything may have been said
// meanwhile.
func (r *replica) listenAgain() {
	time.AfterFunc(r.dice("listens again").between(0, relisten), func() {
		if r.awake("listens again") == nil {
			r.dispatcher.WakeAll()
			r.keeper.Nudge()
		}
	})
}
