package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/access"
	"github.com/shipbell/shipbell/internal/faketelegram"
	"github.com/shipbell/shipbell/internal/ledger"
)

const (
	streams       = 1000 // readers at the same time
	pushesASecond = 1000
	pushingOver   = 64 // connections

	goalWithReaders = 0.8   // of the pushes without readers
	goalAtReader    = 250.0 // milliseconds from a push to its event, p99
)

// followed is one turn of pushes, with or without readers.
type followed struct {
	result
	heard
	cpu     time.Duration // of the server
	reading time.Duration // of the readers' process
}

// readers measures what a thousand readers of the stream of events cost those who
// push, and how soon they hear.
func (b *bench) readers() error {
	d := b.sqlite()
	if err := b.letIn(d); err != nil {
		return err
	}
	telegram, err := b.startTelegram(faketelegram.Options{})
	if err != nil {
		return err
	}
	server, err := b.startShipbell(d, telegram)
	if err != nil {
		return err
	}
	var alone, with []followed
	var ratios []float64
	for turn := range b.turns {
		a, err := b.pushSteadily(server)
		if err != nil {
			return err
		}
		w, err := b.withReaders(server)
		if err != nil {
			return err
		}
		alone, with = append(alone, a), append(with, w)
		ratios = append(ratios, w.perSecond()/a.perSecond())
		progress("turn %d: %s alone, p99 %s; %s with %d readers, p99 %s; event p99 %s, %d lost, %d resets, %d cut", turn+1,
			perSecond(a.perSecond()), short(a.quantile(0.99)), perSecond(w.perSecond()), streams, short(w.quantile(0.99)),
			short(quantileOf(w.Took, 0.99)), w.Lost, w.Resets, w.Cut)
	}
	b.tellFollowed(alone, with, median(ratios))
	b.add(row{what: fmt.Sprintf("memory after %d readers", streams), figure: megabytes(server.resident())})
	return nil
}

// letIn keeps the token of readers in a database.
func (b *bench) letIn(d database) error {
	store, err := d.open(b.ctx)
	if err != nil {
		return err
	}
	return errors.Join(store.Update(b.ctx, func(tx ledger.Tx) error {
		return tx.PutToken(shipbell.Token{ID: "bench", Name: "bench", Scope: shipbell.ScopeRead, Hash: access.HashToken(readToken), MadeAt: time.Now()})
	}), store.Close())
}

// pushSteadily pushes at a constant rate for a turn.
func (b *bench) pushSteadily(server *process) (followed, error) {
	t := pushTarget(server)
	t.body = timedBody
	before := server.cpu()
	r, err := load{target: t, connections: pushingOver, first: b.next, every: time.Second / pushesASecond}.run(b.turn)
	b.next += r.requests + pushingOver
	return followed{result: r, cpu: server.cpu() - before}, err
}

// withReaders does so while readers follow.
func (b *bench) withReaders(server *process) (f followed, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	// What was pushed before is told, so that nobody hears of it who comes now.
	if err := server.settle(b.ctx); err != nil {
		return f, err
	}
	c := exec.CommandContext(b.ctx, self, "-readers", server.url, "-count", strconv.Itoa(streams))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return f, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return f, err
	}
	if err := c.Start(); err != nil {
		return f, err
	}
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
		return f, errors.Join(fmt.Errorf("readers did not start: %q: %w", line, err), c.Wait())
	}
	if f, err = b.pushSteadily(server); err == nil {
		before := server.cpu()
		_, err = fmt.Fprintln(in, f.requests)
		if err == nil {
			err = json.NewDecoder(said).Decode(&f.heard)
		}
		f.cpu += server.cpu() - before
	}
	_, _ = io.Copy(io.Discard, said)
	err = errors.Join(err, in.Close(), c.Wait())
	f.reading = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return f, err
}

// tellFollowed adds the rows of all turns.
func (b *bench) tellFollowed(alone, with []followed, share float64) {
	a, w := together(alone), together(with)
	what := fmt.Sprintf("%d pushes/s", pushesASecond)
	first := row{what: what + ", nobody reads", figure: perSecond(a.perSecond()), p50: a.quantile(0.5), p99: a.quantile(0.99), cpu: a.cpu / time.Duration(a.requests), stored: "yes, fsync"}
	b.add(first)
	b.add(row{
		what: fmt.Sprintf("%s, %d read every event", what, streams), figure: perSecond(w.perSecond()), p50: w.quantile(0.5), p99: w.quantile(0.99),
		cpu: w.cpu / time.Duration(w.requests), against: "nobody reads: " + first.figure, ratio: ratio(share), goal: atLeast(goalWithReaders, share), stored: "yes, fsync",
	})
	p99 := quantileOf(w.Took, 0.99)
	b.add(row{
		what: fmt.Sprintf("push to event at %d readers", streams), figure: "p99 " + short(p99), p50: quantileOf(w.Took, 0.5), p99: p99,
		goal: below(goalAtReader, float64(p99.Microseconds())/1000, " ms"),
	})
	missing := w.requests*streams - w.Events
	b.add(row{
		what: "events lost", figure: fmt.Sprintf("%d of %d", missing, w.requests*streams),
		against: fmt.Sprintf("%d resets, %d streams cut, %d repeated", w.Resets, w.Cut, w.Repeated), goal: atMost(0, float64(missing+w.Lost), ""),
	})
	b.add(row{
		what: "processors that the server uses, with readers", figure: processors(w.cpu, w.took),
		against: "nobody reads: " + processors(a.cpu, a.took) + "; the readers: " + processors(w.reading, w.took),
	})
}

func processors(used, in time.Duration) string {
	return fmt.Sprintf("%.2f", used.Seconds()/in.Seconds())
}

// together adds up turns.
func together(turns []followed) followed {
	var all followed
	for _, f := range turns {
		all.requests, all.took = all.requests+f.requests, all.took+f.took
		all.cpu, all.reading = all.cpu+f.cpu, all.reading+f.reading
		all.latencies, all.Took = append(all.latencies, f.latencies...), append(all.Took, f.Took...)
		all.Events, all.Lost, all.Repeated = all.Events+f.Events, all.Lost+f.Lost, all.Repeated+f.Repeated
		all.Resets, all.Cut = all.Resets+f.Resets, all.Cut+f.Cut
	}
	slices.Sort(all.Took)
	all.result = all.sorted()
	return all
}

// quantileOf returns what a share q of the durations stayed within.
func quantileOf(all []time.Duration, q float64) time.Duration {
	return result{latencies: all}.sorted().quantile(q)
}
