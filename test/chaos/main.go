// Command chaos is the crash test: it kills real Shipbell servers again and
// again, at the worst moments it can find, while build steps push and Telegram
// fails at random. Then it counts.
//
//	go run ./test/chaos                             one server: 200 kills, 20,000 pushes
//	go run ./test/chaos -kills 12 -pushes 1500      the short form
//	go run ./test/chaos -replicas 3                 three on one PostgreSQL: 40 kills, 50,000 pushes
//	go run ./test/chaos -replicas 3 -limits         the same with Telegram's limits
//	go run ./test/chaos -seed 7                     the plan of an earlier run
//
// The server is the built binary with its SQLite file, the pushes are HTTP
// requests, and Telegram is [faketelegram.Server] in this process, so that it
// outlives every kill. A kill is SIGKILL, and the server starts again at once on
// the same data. Kills come at random moments, during start-up and migration,
// just after a push was written or acknowledged, just after Telegram answered and
// while Telegram is slow to answer. Between them a few SIGTERMs ask for an orderly
// end, which has to wait for such an answer, and so excuses no double.
//
// With -replicas there are several servers behind a proxy that hands pushes to
// them in turn, and a real PostgreSQL that waits for the disk. Four things are
// done to them, as the plan says that is printed first:
//
//   - kill: SIGKILL, and a start at once or after a while
//   - stop: SIGTERM, which has to hand the lanes over
//   - freeze: SIGSTOP, and SIGCONT after a while; every other one is longer than a
//     lease. Some come while Telegram is slow to answer, so that the next holder
//     posts again. Some come when a request is about to leave: replicas reach
//     Telegram through a SOCKS proxy here, which lets them have the connection only
//     when they are frozen
//   - outage: PostgreSQL ends in order or crashes, and starts after a while
//
// Everybody can be announced only without Telegram's limits. With -limits they
// hold, 20 messages a minute in a group: then there are as many deployments as a
// group can show, and all other pushes repeat.
//
// At the end all faults stop, every lane has to run empty, the servers have to
// end by SIGTERM with 0, and then, from the fake's call log and the ledger:
//
//   - lost: an acknowledged event that is not in the ledger, or an acknowledged
//     deployment without a message in one of the chats. Only an HTTP 200
//     acknowledges. A push that was given up without an answer may be there or
//     not.
//   - wrong text: a message that does not end up with exactly what the events of
//     its deployment come to, that ever claimed what nobody had pushed by then,
//     or that fell back behind a status it had shown.
//   - out of order: a first post before that of an older deployment in the same
//     chat, unless it tells of a failure and the older one was not known to have
//     failed.
//   - doubles by a kill: a second message where the first was the last request
//     its lane made before a SIGKILL, and the ledger has no attempt for it: the
//     kill came between Telegram's answer and the commit. Nothing can prevent
//     those; there is at most one for each kill and chat. The window is the
//     widest time between Telegram's answer and the kill; more than a second is
//     a failure.
//   - doubles by a freeze or an outage: the same, where the replica stood still or
//     the database was away until another one had taken the lane. The window
//     counts the time in which the answer could have been stored. Whenever the
//     ledger heard of both messages in the end, one has to be removed.
//   - doubles by a broken connection: Telegram took the first message, and the
//     connection broke or the answer came out garbled before the server could
//     learn of it. They are read off the fake's log, one by one.
//   - doubles unexplained: all others. None is allowed.
//   - requests without the lane: those that arrived from a replica while the lane
//     was not its own. The database writes down who held what until when. None is
//     allowed: a replica that was frozen sends nothing more. Nor does it write to
//     the lane.
//   - slowest announcement from sleep: at the very end each replica gets a push
//     while all lanes sleep; more than five seconds is a failure.
//   - messages of which a process kept silent: those whose handle it had, and time
//     enough to store it.
//   - early requests: the ones that came before the time a 429 had named was
//     over. A kill before the commit explains one, and so does a request of
//     another topic of the same chat that was on its way already.
//   - requests beyond the limits: 429s that are no fault of the plan. One is
//     allowed after each request that nobody could store: the next holder cannot
//     count it.
//
// The exit code is 0 when nothing is wrong, 1 otherwise; the data directory and
// the servers' logs are then kept, and their place is printed. The seed decides
// the plan (who pushes what, which faults, where and when to strike), not the
// scheduling of processes: the same seed meets the same situations, not the same
// instant.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// plan is what a run has to do.
type plan struct {
	replicas int
	limits   bool
	kills    int
	freezes  int
	stops    int
	outages  int
	pushes   int
	pushers  int
	seed     uint64
	binary   string
	deadline time.Duration
	keep     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command returns 0 when every promise held, 1 when one did not or the run could
// not be made, and 2 for flags that make no sense.
func command(ctx context.Context, args []string, out, errs io.Writer) int {
	p, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.deadline, fmt.Errorf("the run did not end within %s (-deadline)", p.deadline))
	defer cancel()
	run := single
	if p.replicas > 1 {
		run = several
	}
	ok, err := run(ctx, p, out)
	if err != nil {
		fmt.Fprintln(errs, "chaos:", err)
	}
	if err != nil || !ok {
		return 1
	}
	return 0
}

func parse(args []string, errs io.Writer) (plan, error) {
	var p plan
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(errs)
	f.IntVar(&p.replicas, "replicas", 1, "how many servers there are; more than one share a PostgreSQL")
	f.BoolVar(&p.limits, "limits", false, "give Telegram its limits; replicas only")
	f.IntVar(&p.kills, "kills", -1, "how often a server is killed; -1: 200, or with replicas 40, or 24 with limits")
	f.IntVar(&p.freezes, "freezes", -1, "how often a replica is frozen and let go on, half of them for longer than its leases; -1: half of the kills")
	f.IntVar(&p.stops, "stops", -1, "how often a server is stopped in order between the kills; -1: once for every 20 kills, or 5 with replicas")
	f.IntVar(&p.outages, "outages", -1, "how often PostgreSQL is stopped or crashes; -1: once for every 4 kills")
	f.IntVar(&p.pushes, "pushes", -1, "how many pushes are acknowledged at least; -1: 20,000, or 50,000 with replicas")
	f.IntVar(&p.pushers, "pushers", 16, "how many build steps push at the same time")
	f.Uint64Var(&p.seed, "seed", 0, "seed of the plan; 0: by chance")
	f.StringVar(&p.binary, "binary", "", "server to test; empty: built from this module")
	f.DurationVar(&p.deadline, "deadline", 0, "when the run is given up; 0: after 10 minutes, or 40 with replicas")
	f.BoolVar(&p.keep, "keep", false, "keep the data directory and the log of a good run, too")
	f.Usage = func() {
		fmt.Fprint(errs, "Kill Shipbell servers again and again under load, and count what was lost or doubled.\n\n")
		fmt.Fprint(errs, "Usage: go run ./test/chaos [flags]\n\n")
		f.PrintDefaults()
		fmt.Fprint(errs, "\nExample, short, with the plan of an earlier run:\n\n  go run ./test/chaos -kills 12 -pushes 1500 -seed 7\n")
	}
	if err := f.Parse(args); err != nil {
		return plan{}, err
	}
	p.complete()
	for p.seed == 0 {
		p.seed = rand.Uint64N(1_000_000)
	}
	if f.NArg() > 0 || p.replicas < 1 || p.limits && p.replicas == 1 || p.kills < 1 || p.pushes < 1 || p.pushers < 1 || p.deadline <= 0 {
		fmt.Fprintln(errs, "chaos: replicas, kills, pushes, pushers and deadline are positive, limits are for replicas, and there are no arguments; see -h")
		return plan{}, errors.New("usage")
	}
	return p, nil
}

// complete fills in what was not said.
func (p *plan) complete() {
	or := func(n *int, alone, shared int) {
		switch {
		case *n < 0 && p.replicas > 1:
			*n = shared
		case *n < 0:
			*n = alone
		}
	}
	shared := 40
	if p.limits {
		shared = 24 // all takes longer
	}
	or(&p.kills, 200, shared)
	or(&p.freezes, 0, (p.kills+1)/2)
	or(&p.stops, (p.kills+19)/20, (p.kills+4)/5)
	or(&p.outages, 0, (p.kills+3)/4)
	or(&p.pushes, 20_000, 50_000)
	if p.deadline == 0 {
		p.deadline = 10 * time.Minute
		if p.replicas > 1 {
			p.deadline = 40 * time.Minute
		}
	}
}

// forMessages is how long a lane may need for what follows of one push.
const forMessages = 6 * time.Millisecond

// pause is the mean time between two strikes in which lanes can deliver: as much
// as is pushed meanwhile.
func (p plan) pause() time.Duration {
	return forMessages * time.Duration(p.pushes/max(p.kills+p.freezes+p.stops+p.outages, 1))
}
