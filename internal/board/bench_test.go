package board_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/board"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
)

// BenchmarkCards asks for the cards of 500 projects in three environments, while
// nothing changes and after each change.
func BenchmarkCards(b *testing.B) {
	l := ledger.New(ledger.Options{Store: memory.New(), Router: nowhere{}})
	board := board.New(board.Options{Ledger: l})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = board.Run(ctx) }()
	defer func() { cancel(); <-done }()
	<-board.Ready()
	change := func(i int) {
		n := i % 1500
		board.Apply([]ledger.News{{Deployment: shipbell.Deployment{
			ID: shipbell.DeploymentID(i + 1), StartedAt: start, FinishedAt: start,
			Observation: shipbell.Observation{Type: shipbell.Worker, Project: fmt.Sprint("project-", n/3), Environment: fmt.Sprint("environment-", n%3), Status: shipbell.Success, Commit: "c"},
		}}})
	}
	for i := range 1500 {
		change(i)
	}
	b.Run("same", func(b *testing.B) {
		for b.Loop() {
			board.Cards()
		}
	})
	b.Run("changed", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			change(1500 + i)
			board.Cards()
		}
	})
}
