package demo

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// TestFleet: the made-up company has all that a dashboard is for.
func TestFleet(t *testing.T) {
	store := memory.New()
	until := time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC)
	f := &fleet{dice: rand.New(rand.NewPCG(1, 2))}
	if err := f.fill(t.Context(), store, until); err != nil {
		t.Fatal(err)
	}
	l := ledger.New(ledger.Options{Store: store, Now: func() time.Time { return until }})
	list, err := l.List(t.Context(), shipbell.Filter{}, shipbell.Position{}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	statuses, frozen := make(map[shipbell.Status]int), 0
	for _, d := range list.Deployments {
		statuses[d.Status]++
		if d.Frozen() {
			frozen++
		}
		if d.StartedAt.After(until) || d.FinishedAt.After(until) {
			t.Errorf("%s is in the future", d.ShownID)
		}
	}
	if frozen != 1 || statuses[shipbell.Failure] < 5 || statuses[shipbell.Success] < 200 || statuses[shipbell.InProgress] != 1 {
		t.Errorf("%d frozen, %v", frozen, statuses)
	}
}
