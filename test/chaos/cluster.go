//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shipbell/shipbell/internal/pgtest"
)

// condition is how a replica is.
type condition int

const (
	down condition = iota
	up
	frozen
	changing // somebody is at it
)

// cluster is the program under test: several servers on one PostgreSQL behind a
// proxy.
type cluster struct {
	dir      string
	database *pgtest.Server
	replicas []*server
	proxy    *proxy
	door     *door
	lives    *lives
	wrong    context.CancelCauseFunc // ends the run

	mending sync.WaitGroup // what is to be made good

	mu         sync.Mutex
	conditions []condition
	away       bool // PostgreSQL
	outages    []span
}

// newCluster makes PostgreSQL and the servers, and starts none of these.
func newCluster(p plan, binary, dir string, t *telegram) (c *cluster, err error) {
	c = &cluster{dir: dir, door: t.door, lives: &lives{}, conditions: make([]condition, p.replicas)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if c.database, err = pgtest.Start(dir, true); err != nil {
		return nil, err
	}
	var targets []string
	for i := range p.replicas {
		s, err := newServer(binary, dir, fmt.Sprintf("replica%d.log", i), c.lives)
		if err != nil {
			return nil, err
		}
		s.replica = i
		s.within += 2 * longOutage // it waits for the database
		s.settings = func(life int) []string {
			// The name of the application tells in the database which process it was.
			url := fmt.Sprintf("%s&application_name=%d", c.database.URL(), life)
			return append(append(t.settings(fmt.Sprintf("%s/%d", telegramURL, life)), t.door.settings(life)...), "DATABASE_URL="+url)
		}
		s.died = func(err error) { c.wrong(fmt.Errorf("replica %d: %w", i, err)) }
		c.replicas = append(c.replicas, s)
		targets = append(targets, s.address)
	}
	c.proxy, err = newProxy(targets)
	return c, err
}

// close ends everything.
func (c *cluster) close() error {
	if c.proxy != nil {
		c.proxy.stop()
	}
	for _, s := range c.replicas {
		s.close()
	}
	if c.database == nil {
		return nil
	}
	return c.database.Remove()
}

// pause waits, or returns why the run is over.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// claim takes a replica that is up, the wanted one if it is; fewest is how many
// others have to stay up. The caller sets its condition when it is done.
func (c *cluster) claim(wanted, fewest int) (replica int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, one := range c.conditions {
		if one == up {
			n++
		}
	}
	if n <= fewest {
		return 0, false
	}
	for i := range c.conditions {
		if one := (wanted + i) % len(c.conditions); c.conditions[one] == up {
			c.conditions[one] = changing
			return one, true
		}
	}
	return 0, false
}

func (c *cluster) set(replica int, to condition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conditions[replica] = to
}

// isUp reports whether a process is the current one of a replica that is up.
func (c *cluster) isUp(life int) (replica int, ok bool) {
	history := c.lives.history()
	if life < 0 || life >= len(history) {
		return 0, false
	}
	replica = history[life].replica
	c.mu.Lock()
	defer c.mu.Unlock()
	return replica, c.conditions[replica] == up && c.replicas[replica].life == life
}

// later makes something good after a while, or when the run is over.
func (c *cluster) later(ctx context.Context, after time.Duration, mend func() error) {
	c.mending.Go(func() {
		_ = pause(ctx, after)
		if ctx.Err() != nil {
			return
		}
		if err := mend(); err != nil {
			c.wrong(err)
		}
	})
}

// begin starts a replica, and waits until it answers.
func (c *cluster) begin(ctx context.Context, replica int) error {
	s := c.replicas[replica]
	c.mu.Lock()
	err := s.start() // numbers are given one by one
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.await(ctx); err != nil {
		return fmt.Errorf("replica %d: %w", replica, err)
	}
	c.set(replica, up)
	return nil
}

// kill kills a claimed replica.
func (c *cluster) kill(replica int) error { return c.replicas[replica].end(killed) }

// stop has a claimed replica end in order.
func (c *cluster) stop(replica int) error { return c.replicas[replica].end(stopped) }

// stillBound is how long it may take until a process that was sent SIGSTOP
// stands still.
const stillBound = time.Second

// freeze stops a claimed replica, and returns when it stands still.
func (c *cluster) freeze(replica int) error {
	s := c.replicas[replica]
	s.change(func(l *life) { l.frozen = append(l.frozen, span{from: time.Now()}) })
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freeze replica %d: %w", replica, err)
	}
	for end := time.Now().Add(stillBound); !still(s.process.Pid); {
		if time.Now().After(end) {
			return fmt.Errorf("replica %d does not stand still %s after SIGSTOP", replica, stillBound)
		}
		time.Sleep(time.Millisecond)
	}
	c.set(replica, frozen)
	return nil
}

// still reports whether all threads of a process have stopped. Where the system
// does not tell, it waits for as long as that takes.
func still(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		time.Sleep(20 * time.Millisecond)
		return true
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		// The state follows the name of the program, which is in brackets.
		_, rest, _ := strings.Cut(string(text), ") ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return true
}

// thaw lets a frozen replica go on.
func (c *cluster) thaw(replica int) error {
	s := c.replicas[replica]
	s.change(func(l *life) { l.frozen[len(l.frozen)-1].to = time.Now() })
	if err := s.process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("thaw replica %d: %w", replica, err)
	}
	c.set(replica, up)
	return nil
}

// outage ends PostgreSQL, and starts it after a while.
func (c *cluster) outage(ctx context.Context, crash bool, lasts time.Duration) error {
	c.mu.Lock()
	c.away = true
	c.outages = append(c.outages, span{from: time.Now()})
	c.mu.Unlock()
	if err := c.database.Stop(crash); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	c.later(ctx, lasts, func() error {
		if err := c.database.Start(); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.away = false
		c.outages[len(c.outages)-1].to = time.Now()
		return nil
	})
	return nil
}

func (c *cluster) isAway() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}
