//go:build unix

package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/pgtest"
)

type chat struct{}

func (c chat) Channels(shipbell.Deployment) []shipbell.ChannelID { return c.Everywhere() }

func (chat) Everywhere() []shipbell.ChannelID {
	return []shipbell.ChannelID{"telegram:-1001234567890"}
}

// BenchmarkRecord records pushes of new deployments from 64 goroutines on two
// processors, on a server that waits for the disk.
func BenchmarkRecord(b *testing.B) {
	server, err := pgtest.Start("", true)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Remove()
	l := ledger.New(ledger.Options{Store: open(b, server.URL()), Router: chat{}})
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Record(context.Background(), ledgertest.Push(fmt.Sprintf("%016x-4567-89ab-cdef", uint64(n.Add(1))*0x9e3779b97f4a7c15))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
