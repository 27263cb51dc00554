//go:build unix

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/postgres"
)

// joint is one crash test of several replicas under way.
type joint struct {
	plan
	dir      string
	out      io.Writer
	started  time.Time
	telegram *telegram
	cluster  *cluster
	client   *http.Client
	load     *load
	striker  *striker
	drained  time.Duration
	woken    time.Duration // the longest time until sleeping lanes announced a push
	ended    time.Time
}

// giveUp is how long a build step waits for an answer.
const giveUp = 5 * time.Second

// several makes a run with several replicas on one PostgreSQL, and reports; ok is
// whether every promise held. An error says that the run could not be finished.
func several(ctx context.Context, p plan, out io.Writer) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "shipbell-chaos-")
	if err != nil {
		return false, err
	}
	j := &joint{plan: p, dir: dir, out: out, started: time.Now(), client: newClient(giveUp)}
	defer func() {
		if ok && err == nil && !p.keep {
			_ = os.RemoveAll(dir)
			return
		}
		fmt.Fprintf(out, "kept the logs in %s\nagain: %s\n", dir, j.again())
	}()
	if j.binary == "" {
		if j.binary, err = build(ctx, dir); err != nil {
			return false, err
		}
	}
	j.telegram = newTelegram(p.seed, p.limits)
	if j.telegram.door, err = newDoor(); err != nil {
		return false, err
	}
	j.telegram.serve(j.telegram.door)
	defer j.telegram.stop()
	if j.cluster, err = newCluster(p, j.binary, dir, j.telegram); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, j.cluster.close()) }()
	j.announce()
	if err := j.storm(ctx); err != nil {
		return false, err
	}
	v, err := j.verify(ctx)
	if err != nil {
		return false, err
	}
	j.report(v)
	return len(v.failures) == 0, nil
}

// announce prints the plan.
func (j *joint) announce() {
	fmt.Fprintf(j.out, "chaos: seed %d, %d replicas, %d pushes, Telegram %s\n", j.seed, j.replicas, j.pushes, j.limitsInWords())
	for n, s := range newStrikes(j.plan) {
		fmt.Fprintf(j.out, "%4d  after %-6s %s\n", n, round(s.after), s)
	}
}

func (j *joint) limitsInWords() string {
	if j.limits {
		return fmt.Sprintf("with its limits (1 a second to one person, 20 a minute to a group): %d new deployments a minute, and the other pushes repeat", limitedRate)
	}
	return "without limits, so that every deployment can be announced"
}

// again is the command line that repeats the plan.
func (j *joint) again() string {
	return fmt.Sprintf("go run ./test/chaos -replicas %d -limits=%t -kills %d -freezes %d -stops %d -outages %d -pushes %d -pushers %d -seed %d",
		j.replicas, j.limits, j.kills, j.freezes, j.stops, j.outages, j.pushes, j.pushers, j.seed)
}

// storm is the part with strikes and faults, and the calm after it: when it
// returns, every lane is empty and all servers have ended.
func (j *joint) storm(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	j.cluster.wrong = cancel
	defer j.cluster.mending.Wait()
	defer cancel(nil)
	if err := j.opening(ctx); err != nil {
		return err
	}
	events, err := os.Create(filepath.Join(j.dir, "strikes.log"))
	if err != nil {
		return err
	}
	defer events.Close()

	j.load = newLoad(j.plan, j.cluster.proxy.address, j.client, cancel)
	all := newStrikes(j.plan)
	j.load.pause, j.load.strikes = pause, max(len(all), 1)
	j.load.retry, j.load.unhurried = 100*time.Millisecond, 5*unhurried
	if j.limits {
		j.load.rate = limitedRate
	}
	j.striker = &striker{
		cluster: j.cluster, telegram: j.telegram, load: j.load, all: all, log: events,
		r: rand.New(rand.NewPCG(j.seed, 1<<32)), done: make(map[blow]map[moment]int),
	}

	var watchers sync.WaitGroup
	watching, unwatch := context.WithCancel(ctx)
	watchers.Go(func() { j.progress(watching) })
	defer watchers.Wait()
	defer unwatch()
	if err := j.load.during(ctx, cancel, j.pushers, j.striker.strike); err != nil {
		return err
	}
	j.telegram.calm()
	since := time.Now()
	stuck := stuckAfter
	if j.limits {
		stuck = limitedStuck
	}
	if err := drain(ctx, j.health, pause, len(j.telegram.lanes), stuck); err != nil {
		return err
	}
	j.drained = time.Since(since)
	if err := j.whisper(ctx, cancel); err != nil {
		return err
	}
	j.ended = time.Now()
	for i := range j.cluster.replicas {
		if err := j.cluster.stop(i); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
	}
	return nil
}

const (
	// limitedRate is how many deployments a minute a group with a topic can show
	// that takes 20 messages a minute: each has two places there, and is edited when
	// there is room, so that the limit holds all the time.
	limitedRate = 8
	// limitedStuck is how long such a lane may stand still.
	limitedStuck = 90 * time.Second
)

// opening starts all replicas on an empty database at the same time, kills some
// of them while the schema is made, and has the database keep books.
func (j *joint) opening(ctx context.Context) error {
	c := j.cluster
	r := rand.New(rand.NewPCG(j.seed, 1<<34))
	for i, s := range c.replicas {
		if err := s.start(); err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		if err := pause(ctx, time.Duration(r.Int64N(int64(10*startSpan)))); err != nil {
			return err
		}
	}
	if err := pause(ctx, time.Duration(r.Int64N(int64(5*startSpan)))); err != nil {
		return err
	}
	victim := r.IntN(len(c.replicas))
	if err := c.kill(victim); err != nil {
		return fmt.Errorf("kill replica %d in the first start: %w", victim, err)
	}
	if err := c.replicas[victim].start(); err != nil {
		return err
	}
	for i, s := range c.replicas {
		if err := s.await(ctx); err != nil {
			return fmt.Errorf("replica %d, first start: %w", i, err)
		}
	}
	for i := range c.replicas {
		if err := c.stop(i); err != nil {
			return fmt.Errorf("replica %d, after the first start: %w", i, err)
		}
	}
	// The leases of who was killed are over: nobody runs.
	if err := c.database.Exec(ctx, audit+`UPDATE shipbell.leases SET until_ms = 0;`); err != nil {
		return fmt.Errorf("have the database keep books: %w", err)
	}
	for i := range c.replicas {
		if err := c.begin(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (j *joint) health(ctx context.Context) (health, error) {
	return askHealth(ctx, j.client, j.cluster.proxy.address)
}

// progress prints a line every few seconds.
func (j *joint) progress(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		backlog := "?" // the database is away
		if h, err := j.health(ctx); err == nil {
			backlog = fmt.Sprint(h.backlog())
		}
		fmt.Fprintf(j.out, "%5.0f s  strikes %d/%d  acknowledged %d/%d  messages %d  requests to Telegram %d  backlog %s\n",
			time.Since(j.started).Seconds(), j.load.struck.Load(), len(j.striker.all), j.load.acknowledged.Load(), j.pushes,
			j.telegram.fake.Count(0), j.telegram.fake.CallCount(), backlog)
	}
}

// verify compares what was acknowledged with the ledger and with the chats, and
// goes through the call log with what the database wrote down. The servers have
// ended.
func (j *joint) verify(ctx context.Context) (*verdict, error) {
	v := newVerdict(byKill, byFreeze, byOutage)
	url := j.cluster.database.URL()
	store, err := postgres.Open(ctx, postgres.Options{URL: url})
	if err != nil {
		return nil, err
	}
	err = v.checkLedger(ctx, ledger.New(ledger.Options{Store: store}), j.load.deployments, j.telegram)
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	err = v.checkCount(func(table string, into *int) error {
		return db.QueryRowContext(ctx, "SELECT count(*) FROM shipbell."+table).Scan(into)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	b, err := readAudit(ctx, url)
	if err != nil {
		return nil, err
	}
	c := &chronicle{lives: j.cluster.lives.history(), outages: j.cluster.outages, grants: b.grants}
	all := j.telegram.requests()
	c.place(all)
	v.markAudited(all, b.marks)
	v.handovers = len(b.grants) - c.leases()
	v.checkRequests(j.telegram, c, all)
	v.checkHeld(all, c)
	v.checkWritten(b.writes, j.telegram.lanes, c)
	v.checkKept(all, c, j.ended)
	v.checkLimits(all, c)
	v.checkOrder(all)
	if j.woken > wakeBound && !j.limits {
		v.fail("a push to a replica, while all lanes slept, was announced only after %s", round(j.woken))
	}
	return v, nil
}
