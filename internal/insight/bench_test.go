package insight_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/insight"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

// BenchmarkReport reads 100,000 deployments of 200 projects, of 60 days, from
// SQLite.
func BenchmarkReport(b *testing.B) {
	const n, projects = 100_000, 200
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "shipbell.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	l := ledger.New(ledger.Options{Store: s})
	for from := 0; from < n; from += 5000 {
		if err := s.Update(b.Context(), func(tx ledger.Tx) error { return fill(tx, from, 5000, n, projects) }); err != nil {
			b.Fatal(err)
		}
	}
	for {
		left, err := l.Enlist(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if left == 0 {
			break
		}
	}
	for name, q := range map[string]insight.Query{
		"all":     {Days: 30},
		"project": {Days: 30, Filter: shipbell.Filter{Type: shipbell.Worker, Project: "p7"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			read := 0
			for b.Loop() {
				r, err := insight.New(insight.Options{Ledger: l, Now: func() time.Time { return noon }}).Report(context.Background(), q)
				if err != nil {
					b.Fatal(err)
				}
				read += r.Total.Now.Deployments + r.Total.Before.Deployments
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func fill(tx ledger.Tx, from, n, of, projects int) error {
	for i := from; i < from+n; i++ {
		status, at := shipbell.Success, noon.Add(-59*24*time.Hour+time.Duration(i)*(59*24*time.Hour/time.Duration(of)))
		if i%11 == 0 {
			status = shipbell.Failure
		}
		e := shipbell.Event{
			Source: shipbell.SourcePush, ID: shipbell.EventID(fmt.Sprint(i)), At: at, ReceivedAt: at,
			Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: fmt.Sprint("build-", i)}},
			Observation: shipbell.Observation{
				Type: shipbell.Worker, Project: fmt.Sprint("p", i%projects), Status: status,
				CommitTime: at.Add(-time.Duration(i%5000) * time.Minute).Format(time.RFC3339),
			},
		}
		d := shipbell.NewDeployment(e)
		d.StartedAt = d.FinishedAt.Add(-time.Duration(30+i%300) * time.Second)
		id, err := tx.Open(d)
		if err == nil {
			err = tx.AddEvent(id, e)
		}
		if err != nil {
			return err
		}
		d.ID = id
		if err := tx.Save(d); err != nil {
			return err
		}
	}
	return nil
}
