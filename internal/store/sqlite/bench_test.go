package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

type chat struct{}

func (chat) Channels(shipbell.Deployment) []shipbell.ChannelID {
	return []shipbell.ChannelID{"telegram:-1001234567890"}
}

// BenchmarkRecord records pushes of new deployments from 64 goroutines a core.
func BenchmarkRecord(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "shipbell.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	l := ledger.New(ledger.Options{Store: s, Router: chat{}})
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Record(context.Background(), ledgertest.Push(fmt.Sprintf("%016x", n.Add(1)*0x9e3779b9))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
