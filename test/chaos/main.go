// Command chaos is the crash test: it kills a real Shipbell server again and
// again, at the worst moments it can find, while build steps push and Telegram
// fails at random. Then it counts.
//
//	go run ./test/chaos                             200 kills, 20,000 pushes
//	go run ./test/chaos -kills 12 -pushes 1500      the short form
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
// At the end all faults stop, every lane has to run empty, the server has to end
// by SIGTERM with 0, and then, from the fake's call log and the ledger:
//
//   - lost: an acknowledged event that is not in the ledger, or an acknowledged
//     deployment without a message in one of the chats. Only an HTTP 200
//     acknowledges. A push that was given up without an answer may be there or
//     not.
//   - wrong text: a message that does not end up with exactly what the events of
//     its deployment come to, that ever claimed what nobody had pushed by then,
//     or that fell back behind a status it had shown.
//   - doubles by a kill: a second message where the first was the last request
//     its lane made before a SIGKILL, and the ledger has no attempt for it: the
//     kill came between Telegram's answer and the commit. Nothing can prevent
//     those; there is at most one for each kill and chat. The window is the
//     widest time between Telegram's answer and the kill; more than a second is
//     a failure.
//   - doubles by a broken connection: Telegram took the first message, and the
//     connection broke or the answer came out garbled before the server could
//     learn of it. They are read off the fake's log, one by one.
//   - doubles unexplained: all others. None is allowed.
//   - early requests: the ones that came before the time a 429 had named was
//     over. A kill before the commit explains one, and so does a request of
//     another topic of the same chat that was on its way already.
//
// The exit code is 0 when nothing is wrong, 1 otherwise; the data directory and
// the server's log are then kept, and their place is printed. The seed decides
// the plan (who pushes what, which faults, where kills aim), not the scheduling
// of processes: the same seed meets the same situations, not the same instant.
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
	kills    int
	stops    int
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
	ok, err := single(ctx, p, out)
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
	f.IntVar(&p.kills, "kills", 200, "how often the server is killed")
	f.IntVar(&p.stops, "stops", -1, "how often it is stopped in order between the kills; -1: once for every 20 kills")
	f.IntVar(&p.pushes, "pushes", 20_000, "how many pushes are acknowledged at least")
	f.IntVar(&p.pushers, "pushers", 16, "how many build steps push at the same time")
	f.Uint64Var(&p.seed, "seed", 0, "seed of the plan; 0: by chance")
	f.StringVar(&p.binary, "binary", "", "server to test; empty: built from this module")
	f.DurationVar(&p.deadline, "deadline", 10*time.Minute, "when the run is given up")
	f.BoolVar(&p.keep, "keep", false, "keep the data directory and the log of a good run, too")
	f.Usage = func() {
		fmt.Fprint(errs, "Kill a Shipbell server again and again under load, and count what was lost or doubled.\n\n")
		fmt.Fprint(errs, "Usage: go run ./test/chaos [flags]\n\n")
		f.PrintDefaults()
		fmt.Fprint(errs, "\nExample, short, with the plan of an earlier run:\n\n  go run ./test/chaos -kills 12 -pushes 1500 -seed 7\n")
	}
	if err := f.Parse(args); err != nil {
		return plan{}, err
	}
	if p.stops < 0 {
		p.stops = (p.kills + 19) / 20
	}
	for p.seed == 0 {
		p.seed = rand.Uint64N(1_000_000)
	}
	if f.NArg() > 0 || p.kills < 1 || p.pushes < 1 || p.pushers < 1 || p.deadline <= 0 {
		fmt.Fprintln(errs, "chaos: kills, pushes, pushers and deadline are positive, and there are no arguments; see -h")
		return plan{}, errors.New("usage")
	}
	return p, nil
}
