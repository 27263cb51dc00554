package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	var out strings.Builder
	err := writeTable(&out, []row{
		{what: "64 connections: server", figure: "900/s", p50: 250 * time.Microsecond, p99: 12 * time.Second, cpu: 1500 * time.Microsecond, against: "limit 1000/s", ratio: ratio(0.9), goal: atLeast(1, 0.9), stored: "yes"},
		{what: "memory", figure: megabytes(1_500_000), goal: below(2, 1.5, " MB")},
		{what: "a peer", figure: "5/s", stored: "yes", missing: "it cannot be fetched"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
WHAT                    FIGURE  P50     P99      CPU     AGAINST       RATIO  GOAL         STORED BEFORE IT ANSWERS
64 connections: server  900/s   250 µs  12.00 s  1.5 ms  limit 1000/s  0.90   ≥ 1 MISSED   yes
memory                  1.5 MB                                                < 2 MB kept
a peer                  -                                                                  not measured: it cannot be fetched
`, "\n")
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestRatio(t *testing.T) {
	for f, want := range map[float64]string{0.0042: "0.004", 0.305: "0.30", 1: "1.00", 9.876: "9.88", 42.4: "42"} {
		if got := ratio(f); got != want {
			t.Errorf("ratio(%v) = %s, want %s", f, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	r := result{latencies: []time.Duration{1, 2, 3, 4}}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := r.quantile(q); got != want {
			t.Errorf("quantile(%v) = %d, want %d", q, got, want)
		}
	}
	if (result{}).quantile(0.5) != 0 {
		t.Error("no latencies have a quantile")
	}
}
