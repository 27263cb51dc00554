package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// logName is where the server's log is.
const logName = "server.log"

// run is one crash test of one server under way.
type run struct {
	plan
	dir      string // everything is below it
	out      io.Writer
	started  time.Time
	telegram *telegram
	server   *server
	client   *http.Client
	load     *load
	killer   *killer
}

// single makes a run with one server and its SQLite file, and reports; ok is
// whether every promise held. An error says that the run could not be finished.
func single(ctx context.Context, p plan, out io.Writer) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "shipbell-chaos-")
	if err != nil {
		return false, err
	}
	r := &run{plan: p, dir: dir, out: out, started: time.Now(), client: newClient(15 * time.Second)}
	defer func() {
		if ok && err == nil && !p.keep {
			_ = os.RemoveAll(dir)
			return
		}
		fmt.Fprintf(out, "kept %s (the server's log: %s)\nagain: %s\n", dir, filepath.Join(dir, logName), r.again())
	}()
	if r.binary == "" {
		if r.binary, err = build(ctx, dir); err != nil {
			return false, err
		}
	}
	r.telegram = newTelegram(p.seed, false)
	if err := r.telegram.listen(); err != nil {
		return false, err
	}
	defer r.telegram.stop()
	if r.server, err = newServer(r.binary, dir, logName, &lives{}); err != nil {
		return false, err
	}
	defer r.server.close()
	r.server.settings = func(life int) []string {
		return append(r.telegram.settings(r.telegram.urlOf(life)), "SHIPBELL_DATA="+r.server.data)
	}
	fmt.Fprintf(out, "chaos: seed %d, %d kills, %d pushes, %d stops in order\n", p.seed, p.kills, p.pushes, p.stops)

	if err := r.storm(ctx); err != nil {
		return false, err
	}
	v, err := r.verify(ctx)
	if err != nil {
		return false, err
	}
	r.report(v)
	return len(v.failures) == 0, nil
}

// again is the command line that repeats the plan.
func (r *run) again() string {
	return fmt.Sprintf("go run ./test/chaos -kills %d -pushes %d -stops %d -pushers %d -seed %d", r.kills, r.pushes, r.stops, r.pushers, r.seed)
}

// storm is the part with kills and faults, and the calm after it: when it
// returns, every lane is empty and the server has ended.
func (r *run) storm(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.load = newLoad(r.plan, r.server.address, r.client, cancel)
	r.load.pause, r.load.strikes = r.server.pause, r.kills
	r.killer = newKiller(r.plan, r.server, r.telegram, r.load)

	var watchers sync.WaitGroup
	watching, unwatch := context.WithCancel(ctx)
	watchers.Go(func() { r.progress(watching) })
	defer watchers.Wait()
	defer unwatch()

	if err := r.killer.opening(ctx); err != nil {
		return err
	}
	if err := r.load.during(ctx, cancel, r.pushers, r.killer.kill); err != nil {
		return err
	}
	r.telegram.calm()
	if err := drain(ctx, r.health, r.server.pause, len(r.telegram.lanes), stuckAfter); err != nil {
		return err
	}
	return r.server.end(stopped)
}

// stuckAfter is how long a lane may stand still without faults. The longest
// back-off that random faults lead to is a few seconds.
const stuckAfter = 30 * time.Second

func (r *run) health(ctx context.Context) (health, error) {
	return askHealth(ctx, r.client, r.server.address)
}

// drain waits until every lane is empty.
func drain(ctx context.Context, ask func(context.Context) (health, error), pause func(context.Context, time.Duration) error, lanes int, stuckAfter time.Duration) error {
	least, since := -1, time.Now()
	for {
		h, err := ask(ctx)
		if err != nil {
			return fmt.Errorf("health after the storm: %w", err)
		}
		for _, l := range h.Lanes {
			if l.Status == "paused" {
				return fmt.Errorf("lane %s is paused, which nothing here asks for: %s", l.Channel, l.Pause.Reason)
			}
		}
		left := h.backlog()
		if left == 0 && len(h.Lanes) == lanes {
			return nil
		}
		if least < 0 || left < least {
			least, since = left, time.Now()
		}
		if time.Since(since) > stuckAfter {
			return fmt.Errorf("a lane is stuck: nothing was delivered for %s, and the backlog is %s", stuckAfter, h)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// progress prints a line every second or so.
func (r *run) progress(ctx context.Context) {
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		backlog := "?" // the server is down just now
		if h, err := r.health(ctx); err == nil {
			backlog = fmt.Sprint(h.backlog())
		}
		fmt.Fprintf(r.out, "%5.0f s  kills %d/%d  acknowledged %d/%d  messages %d  requests to Telegram %d  backlog %s\n",
			time.Since(r.started).Seconds(), r.killer.count(), r.kills, r.load.acknowledged.Load(), r.pushes,
			r.telegram.fake.Count(0), r.telegram.fake.CallCount(), backlog)
	}
}
