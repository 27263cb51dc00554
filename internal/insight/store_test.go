package insight

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/shipbell/shipbell"
	"github.com/shipbell/shipbell/internal/ledger"
	"github.com/shipbell/shipbell/internal/store/memory"
	"github.com/shipbell/shipbell/internal/store/sqlite"
)

type nowhere struct{}

func (nowhere) Channels(shipbell.Deployment) []shipbell.ChannelID { return nil }
func (nowhere) Everywhere() []shipbell.ChannelID                  { return nil }

// fill stores n deployments of 50 projects, evenly over 180 days, and brings the
// lists up to date.
func fill(t testing.TB, s ledger.Store, n int) *ledger.Ledger {
	t.Helper()
	statuses := []shipbell.Status{shipbell.Success, shipbell.Success, shipbell.Failure, shipbell.Success, shipbell.Canceled, shipbell.InProgress}
	for from := 0; from < n; from += 1000 {
		err := s.Update(t.Context(), func(tx ledger.Tx) error {
			for i := from; i < min(from+1000, n); i++ {
				at := noon.Add(-time.Duration(i) * (180 * day / time.Duration(n))).Truncate(time.Millisecond)
				e := shipbell.Event{
					Source: shipbell.SourcePush, ID: shipbell.EventID(fmt.Sprint("e", i)), At: at, ReceivedAt: at,
					Keys: []shipbell.Key{{Type: shipbell.Worker, Kind: shipbell.KeyPushed, ID: fmt.Sprint("d", i)}},
					Observation: shipbell.Observation{
						Type: shipbell.Worker, Project: fmt.Sprint("project-", i%50), Environment: shipbell.Production, Status: shipbell.InProgress,
						CommitTime: at.Add(-time.Duration(i%5000) * time.Minute).Format(time.RFC3339),
					},
				}
				id, err := tx.Open(shipbell.NewDeployment(e))
				if err := errors.Join(err, tx.AddEvent(id, e)); err != nil {
					return err
				}
				d, err := tx.Deployment(id)
				if err != nil {
					return err
				}
				e.ID, e.Status, e.At = e.ID+"-end", statuses[i%7%len(statuses)], at.Add(time.Duration(10+i%97)*time.Second)
				if err := tx.Save(shipbell.Apply(d, e)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	l := ledger.New(ledger.Options{Store: s, Router: nowhere{}})
	for {
		left, err := l.Enlist(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return l
		}
	}
}

func open(t testing.TB) ledger.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "shipbell.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestStores: what was recorded is what is summed up, from memory and from a file.
func TestStores(t *testing.T) {
	var reports []Report
	for _, s := range []ledger.Store{memory.New(), open(t)} {
		i := New(Options{Ledger: fill(t, s, 2000), Now: func() time.Time { return noon }})
		i.pageSize = 300
		r, err := i.Report(t.Context(), Query{Days: 90})
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
	}
	if !reflect.DeepEqual(reports[0], reports[1]) {
		t.Errorf("from memory %s\nfrom a file %s", show(reports[0].Total), show(reports[1].Total))
	}
	if total := reports[0].Total; total.Deployments+total.WithoutOutcome < 900 || total.LeadTime.Known == 0 || total.RecoveryTime.Recovered == 0 || len(reports[0].Projects) != 50 {
		t.Errorf("%s", show(total))
	}
}

// BenchmarkReport sums up 90 days, and reads the 90 before them, of 100,000
// deployments in a file.
func BenchmarkReport(b *testing.B) {
	const n = 100_000
	i := New(Options{Ledger: fill(b, open(b), n), Now: func() time.Time { return noon }})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.compute(b.Context(), window{environment: shipbell.Production, days: 90}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
