package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// database is the one of all replicas: the ledger's store in memory, leases as
// internal/store/postgres keeps them, a clock of its own, and notifications that
// get lost. The world is held during each of its steps, so that a transaction is
// over in a moment, and what locks the rows of a real one has nothing to do here.
type database struct {
	*world
	store  *memory.Store
	leases map[shipbell.LeaseName]row
	// offset and rate are how its clock differs from that of the replicas.
	offset time.Duration
	rate   float64
	// down says that nobody can reach it.
	down bool
	// released and taken are when the leases last were.
	released, taken map[shipbell.LeaseName]time.Duration
}

// row is one of the table of leases.
type row struct {
	holder shipbell.Replica
	fence  int64
	until  int64 // in unix milliseconds; 0 when it was given up
}

// now is the time of the database.
func (db *database) now() time.Time {
	passed := time.Since(db.began)
	return db.began.Add(passed + db.offset + time.Duration(float64(passed)*db.rate)).Round(0)
}

// hold is the statement of the same name in internal/store/postgres.
func (db *database) hold(who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) []shipbell.Lease {
	now := db.now().UnixMilli()
	var held []shipbell.Lease
	for _, name := range slices.Sorted(slices.Values(names)) {
		old, known := db.leases[name]
		if known && old.holder != who && old.until > now {
			continue
		}
		next := row{who, old.fence, now + ttl.Milliseconds()}
		if !known || old.holder != who || old.until == 0 {
			db.judgeLoss(name, old)
			next.fence++
			db.taken[name] = time.Since(db.began)
			db.tell(string(who), "takes %s with fence %d", name, next.fence)
		}
		db.leases[name] = next
		held = append(held, shipbell.Lease{Name: name, Holder: who, Fence: next.fence, Until: time.UnixMilli(next.until).UTC()})
	}
	return held
}

// release is the statement of the same name in internal/store/postgres.
func (db *database) release(who shipbell.Replica, names []shipbell.LeaseName) {
	for _, name := range names {
		old := db.leases[name]
		if old.holder != who {
			continue
		}
		old.until = 0
		db.leases[name] = old
		db.released[name] = time.Since(db.began)
		db.tell(string(who), "gives up %s", name)
		db.notify("a lease was given up", func(r *replica) { r.keeper.Nudge() })
	}
}

// holder returns who holds a lease by the database's clock; empty for nobody.
func (db *database) holder(name shipbell.LeaseName) shipbell.Replica {
	if l := db.leases[name]; l.until > db.now().UnixMilli() {
		return l.holder
	}
	return ""
}

// update runs fn as one transaction. Now and then a transaction has to begin
// anew.
func (db *database) update(r *replica, sent *request, again bool, fn func(ledger.Tx) error) error {
	t := &tx{db: db, r: r}
	if again {
		_ = db.store.Update(context.Background(), func(inner ledger.Tx) error {
			t.Tx = inner
			_ = fn(t)
			return errNetwork
		})
		t = &tx{db: db, r: r}
	}
	err := db.store.Update(context.Background(), func(inner ledger.Tx) error {
		t.Tx = inner
		return fn(t)
	})
	if err != nil {
		return err
	}
	for _, c := range slices.Sorted(maps.Keys(t.woken)) {
		db.notify(string(c)+" is stale", func(r *replica) { r.dispatcher.Wake(c) })
	}
	if sent != nil {
		sent.stored = true
	}
	if sent != nil && !sent.marked {
		sent.marked, sent.counted, sent.markedAt = sent.answered, t.lane, time.Now()
	}
	for _, c := range t.lanes {
		if holder := db.leases[db.leaseOf[c]].holder; holder != shipbell.Replica(r.name) {
			db.fail("%s stored the lane of %s, which is %s's", r.name, c, holder)
		}
	}
	return nil
}

// notify tells every replica that listens.
func (db *database) notify(what string, heard func(*replica)) {
	for _, r := range db.running() {
		d := r.dice("hears that " + what)
		if !r.reaches() || d.chance(db.weather.deaf) {
			continue
		}
		after, name := d.between(quickLeast, quickMost), fmt.Sprintf("hears %d", d.next())
		time.AfterFunc(after, func() {
			if r.awake(name) == nil {
				heard(r)
			}
		})
	}
}

// tx adds to a transaction what only several replicas need.
type tx struct {
	ledger.Tx
	db    *database
	r     *replica
	woken map[shipbell.ChannelID]bool
	lane  bool
	lanes []shipbell.ChannelID
}

// Fence implements [ledger.Tx].
func (t *tx) Fence(l shipbell.Lease) error {
	if t.db.leases[l.Name].fence != l.Fence {
		return shipbell.ErrLost
	}
	return nil
}

func (t *tx) wake(c shipbell.ChannelID) {
	if t.woken == nil {
		t.woken = make(map[shipbell.ChannelID]bool)
	}
	t.woken[c] = true
}

// Announce implements [ledger.Tx].
func (t *tx) Announce(id shipbell.DeploymentID, want shipbell.Revision, channels []shipbell.ChannelID) error {
	for _, c := range channels {
		t.wake(c)
	}
	return t.Tx.Announce(id, want, channels)
}

// PutAnnouncement implements [ledger.Tx].
func (t *tx) PutAnnouncement(a shipbell.Announcement) error {
	if a.Stale() && a.DueAt.IsZero() {
		t.wake(a.Channel)
	}
	return t.Tx.PutAnnouncement(a)
}

// PutLane implements [ledger.Tx].
func (t *tx) PutLane(l shipbell.Lane) error {
	t.lane, t.lanes = true, append(t.lanes, l.Channel)
	return t.Tx.PutLane(l)
}

const (
	// storePatience is what internal/store/postgres gives a transaction: a
	// statement's time-out and more.
	storePatience = 13 * time.Second
	// holdPatience is what the lease keeper gives a question.
	holdPatience = 4 * time.Second
)

// connection is a replica's way to the database. It implements [ledger.Store]
// and the lease keeper's.
type connection struct{ *replica }

// failing notes that a request of the database fails, or will. It matters to what
// is under way when it was to renew the leases, or to mark it by a replica that
// does not have long any more. The caller holds the world.
func (c connection) failing(ctx context.Context, what string) {
	switch q := sentIn(ctx); {
	case what == hold:
		c.disturb("it could not renew its leases")
		c.unwell = time.Now()
	case q != nil && (c.ending || !c.holds(q.channel)):
		q.disturb("it could not be marked in time")
	}
}

// ask makes one request of the database.
func (c connection) ask(ctx context.Context, what string, late bool, effect func(d *dice)) error {
	if err := c.pass(what); err != nil {
		return err
	}
	d := c.dice(what)
	c.world.mu.Lock()
	p := c.world.weather.database.passage(d)
	if p.fate != arrives || p.there+p.back >= holdPatience {
		c.failing(ctx, what)
	}
	c.world.mu.Unlock()
	if !late {
		p.late = -1
	}
	err := c.exchange(ctx, what, p, storePatience, func() bool {
		c.world.mu.Lock()
		defer c.world.mu.Unlock()
		if !c.reaches() {
			return false
		}
		c.world.check()
		effect(d)
		c.world.check()
		return true
	})
	if err != nil {
		c.world.mu.Lock()
		c.failing(ctx, what)
		c.hears(what, err)
		c.world.mu.Unlock()
	}
	return err
}

// Update implements [ledger.Store].
func (c connection) Update(ctx context.Context, fn func(ledger.Tx) error, _ ...shipbell.Key) error {
	result := new(error) // read only when it is the answer
	err := c.ask(ctx, doing(ctx)+", update", true, func(d *dice) {
		*result = c.world.database.update(c.replica, sentIn(ctx), d.chance(0.1), fn)
	})
	if err != nil {
		return err
	}
	return *result
}

// View implements [ledger.Store]. Nobody leaves before the answer: what fn fills
// is its caller's.
func (c connection) View(ctx context.Context, fn func(ledger.Tx) error) error {
	var result error
	err := c.ask(context.WithoutCancel(ctx), doing(ctx)+", view", false, func(*dice) {
		result = c.world.database.store.View(context.Background(), fn)
	})
	if err != nil {
		return err
	}
	return result
}

// Check implements [ledger.Store].
func (connection) Check(context.Context) error { return nil }

// Close implements [ledger.Store].
func (connection) Close() error { return nil }

// hold is what [connection.Hold] does.
const hold = "hold"

// Hold implements the lease keeper's store.
func (c connection) Hold(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName, ttl time.Duration) ([]shipbell.Lease, error) {
	sent := time.Now()
	type answer struct {
		leases []shipbell.Lease
		now    time.Time
	}
	a := new(answer)
	err := c.ask(ctx, hold, true, func(*dice) {
		a.leases, a.now = c.world.database.hold(who, names, ttl), c.world.database.now()
	})
	if err != nil {
		return nil, err
	}
	c.clock.Read(sent, time.Now(), a.now)
	return a.leases, nil
}

// Release implements the lease keeper's store.
func (c connection) Release(ctx context.Context, who shipbell.Replica, names []shipbell.LeaseName) error {
	return c.ask(ctx, "release "+string(names[0]), true, func(*dice) { c.world.database.release(who, names) })
}

// readClock asks for the time.
func (c connection) readClock(ctx context.Context) error {
	sent := time.Now()
	now := new(time.Time)
	if err := c.ask(ctx, "read the clock", true, func(*dice) { *now = c.world.database.now() }); err != nil {
		return err
	}
	c.clock.Read(sent, time.Now(), *now)
	return nil
}
