// Command bench measures Shipbell on this machine. Every figure stands beside
// a limit or a peer measured in the same run, in turns, so that a machine that
// is slow or busy shows in both.
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
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"text/tabwriter"
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
	rows    []row
}

// row is one line of the table.
type row struct{ what, figure, against, ratio, goal string }

// parts are the measurements, in the order in which they run.
var parts = []struct {
	name string
	run  func(*bench) error
}{
	{"size", (*bench).size},
	{"client", (*bench).client},
	{"latency", (*bench).latency},
	{"ingest", (*bench).ingest},
	{"history", (*bench).history},
}

func main() {
	bare := flag.String("bare", "", "serve the bare handler on this `address` (used by bench itself)")
	only := flag.String("only", "", "measure one `part` only: "+partNames())
	b := &bench{}
	flag.DurationVar(&b.turn, "time", 5*time.Second, "length of one turn of load")
	flag.IntVar(&b.turns, "turns", 5, "turns of each server")
	flag.IntVar(&b.stored, "stored", 1_000_000, "deployments in the large history")
	flag.IntVar(&b.samples, "samples", 300, "pushes for the latency")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./test/bench [flags]\n\nMeasures Shipbell against limits and peers in the same run.\n\nExample: go run ./test/bench -only ingest -time 10s\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *bare != "" {
		exitOn(serveBare(*bare))
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
		if err := p.run(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !ran {
		return fmt.Errorf("there is no part %q; the parts are %s", only, partNames())
	}
	b.table()
	return nil
}

func (b *bench) add(what, figure, against, ratio, goal string) {
	b.rows = append(b.rows, row{what, figure, against, ratio, goal})
}

func (b *bench) table() {
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tFIGURE\tAGAINST\tRATIO\tGOAL")
	for _, r := range b.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.what, r.figure, r.against, r.ratio, r.goal)
	}
	_ = w.Flush()
}

// progress says what is going on, on one line.
func progress(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }
