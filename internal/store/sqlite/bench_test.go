//go:build unix

package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/ledger/ledgertest"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

type chat struct{}

func (c chat) Channels(shipbell.Deployment) []shipbell.ChannelID { return c.Everywhere() }

func (chat) Everywhere() []shipbell.ChannelID {
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
	before := cpu(b)
	defer func() { b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op") }()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Record(context.Background(), ledgertest.Push(fmt.Sprintf("%016x-4567-89ab-cdef", uint64(n.Add(1))*0x9e3779b97f4a7c15))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// cpu is the processor time that the process has used: unlike the time on the
// wall it does not depend on what else the machine does.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStory reads what is known of the newest deployment of a project with a
// long history, as every message and every page of a deployment does.
func BenchmarkStory(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "shipbell.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	l := ledger.New(ledger.Options{Store: s, Router: chat{}})
	var last shipbell.DeploymentID
	for n := range 400 {
		e := ledgertest.Push(fmt.Sprint("build-", n))
		e.At = e.At.Add(time.Duration(n) * time.Hour)
		e.Status = shipbell.Success
		r, err := l.Record(b.Context(), e)
		if err != nil {
			b.Fatal(err)
		}
		last = r.Deployment
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Deployment(b.Context(), last); err != nil {
			b.Fatal(err)
		}
	}
}
