package simulation

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

const (
	// seedsByDefault take a few seconds.
	seedsByDefault = 2000
	// enough seeds that fail say what is wrong.
	enough = 10
)

// number reads a number from the environment.
func number(t *testing.T, name string) (n uint64, set bool) {
	text := os.Getenv(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n, true
}

// TestSeeds: whatever goes wrong, the promises are kept.
func TestSeeds(t *testing.T) {
	if seed, set := number(t, "SHIPBELL_SEED"); set {
		w := run(t, seed, true)
		t.Logf("the story of seed %d:\n%s", seed, w.trace.story())
		for _, f := range w.failures {
			t.Errorf("seed %d, %s", seed, f)
		}
		return
	}
	seeds, set := number(t, "SHIPBELL_SEEDS")
	if !set {
		seeds = seedsByDefault
	}
	var next, failed atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1); seed <= seeds && failed.Load() < enough; seed = next.Add(1) {
				w := run(t, seed, false)
				for _, f := range w.failures {
					t.Errorf("seed %d, %s", seed, f)
				}
				if len(w.failures) > 0 && failed.Add(1) == 1 {
					t.Logf("replay it with SHIPBELL_SEED=%d go test -run TestSeeds ./test/simulation\n%s", seed, story(t, w))
				}
			}
		})
	}
}

// story tells what happened in a world, with what the replicas logged.
func story(t *testing.T, w *world) string {
	again := run(t, w.seed, true)
	if len(again.failures) == 0 {
		return "when it was run again it did not fail; this is from the first time:\n" + w.trace.story()
	}
	return again.trace.story()
}

// run runs one seed.
func run(t *testing.T, seed uint64, talks bool) (w *world) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("seed %d panicked", seed)
			panic(p)
		}
	}()
	synctest.Test(t, func(*testing.T) {
		w = newWorld(seed, talks)
		w.play()
		w.clear()
		w.pushes.Wait()
		w.settle()
		w.prompt()
		w.handOver()
		w.pushes.Wait()
		w.settle()
		w.mu.Lock()
		w.over = true
		for _, r := range w.slots {
			if r != nil {
				r.end()
			}
		}
		w.mu.Unlock()
		w.processes.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.judge()
	})
	return w
}

// TestReplay: the same seed tells the same story.
func TestReplay(t *testing.T) {
	different := 0
	const seeds = 30
	for seed := range uint64(seeds) {
		if a, b := run(t, seed, false).trace.story(), run(t, seed, false).trace.story(); a != b {
			different++
			t.Logf("seed %d tells two stories:\n%s", seed, firstDifference(a, b))
		}
	}
	if different > 0 {
		t.Errorf("%d of %d seeds tell two stories", different, seeds)
	}
}

// firstDifference shows where two stories part.
func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			from := max(i-5, 0)
			return strings.Join(as[from:min(i+3, len(as))], "\n") + "\n--- or ---\n" + strings.Join(bs[from:min(i+3, len(bs))], "\n")
		}
	}
	return "one of them ends earlier"
}
