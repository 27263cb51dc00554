// Command bench measures Shipbell on this machine. Every figure stands beside
// a limit or a peer measured in the same run, in turns, so that a machine that
// is slow or busy shows in both. docs/performance.md explains the rows.
//
//	go run ./test/bench
//	go run ./test/bench -only ingest -time 10s
//
// The servers are processes of their own and listen on loopback. Load comes
// from this process, which shares the processors with them: absolute figures
// are lower than with a machine for each, ratios are what to look at.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	ctx     context.Context
	dir     string // scratch, removed at the end
	binary  string // shipbell, as it is released
	turn    time.Duration
	turns   int
	stored  int
	samples int
	// next is the number of the next deployment that is pushed, beyond those
	// of every stored history.
	next      int64
	scratched int // names given by scratch
	ends      []func() error
	rows      []row
}

// parts are the measurements, in the order in which they run.
var parts = []struct {
	name string
	run  func(*bench) error
}{
	{"size", (*bench).size},
	{"client", (*bench).client},
	{"latency", (*bench).latency},
	{"machine", (*bench).machine},
	{"ingest", (*bench).ingest},
	{"peers", (*bench).compare},
	{"delivery", (*bench).delivery},
	{"history", (*bench).history},
	{"replicas", (*bench).replicas},
	{"pages", (*bench).pages},
	{"readers", (*bench).readers},
}

func main() {
	limit := flag.String("limit", "", "serve the bare handler on this `address` (used by bench itself)")
	log := flag.String("log", "", "with -limit: serve the log handler, which writes this `file`")
	read := flag.String("readers", "", "read the events of the server with this `URL` (used by bench itself)")
	many := flag.Int("count", streams, "with -readers: how many `streams`")
	only := flag.String("only", "", "measure one `part` only: "+partNames())
	b := &bench{next: 1 << 40}
	flag.DurationVar(&b.turn, "time", 5*time.Second, "length of one turn of load")
	flag.IntVar(&b.turns, "turns", 5, "turns of each server")
	flag.IntVar(&b.stored, "stored", 1_000_000, "deployments in the large history")
	flag.IntVar(&b.samples, "samples", 300, "pushes for a latency")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./test/bench [flags]\n\nMeasures Shipbell against limits and peers in the same run.\n\nExample: go run ./test/bench -only ingest -time 10s\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *limit != "" {
		exitOn(serveLimit(*limit, *log))
		return
	}
	if *read != "" {
		exitOn(serveReaders(*read, *many))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b.ctx = ctx
	exitOn(b.run(*only))
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(only string) (err error) {
	if b.dir, err = os.MkdirTemp("", "shipbell-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	fmt.Printf("%s/%s, %d processors, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if err := b.build(); err != nil {
		return err
	}
	ran := false
	for _, p := range parts {
		if only != "" && p.name != only {
			continue
		}
		ran = true
		fmt.Printf("\n%s\n", p.name)
		if err := errors.Join(p.run(b), b.end()); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !ran {
		return fmt.Errorf("there is no part %q; the parts are %s", only, partNames())
	}
	fmt.Println()
	return writeTable(os.Stdout, b.rows)
}

func (b *bench) add(r row) { b.rows = append(b.rows, r) }

// atEnd has something stopped when the part ends.
func (b *bench) atEnd(stop func() error) { b.ends = append(b.ends, stop) }

// end stops what the part started, the last first.
func (b *bench) end() error {
	var errs []error
	for _, stop := range slices.Backward(b.ends) {
		errs = append(errs, stop())
	}
	b.ends = nil
	return errors.Join(errs...)
}

// scratch names a new file or directory, which goes with the run.
func (b *bench) scratch(name string) string {
	b.scratched++
	return filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, b.scratched))
}

// progress says what is going on, on one line.
func progress(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }
